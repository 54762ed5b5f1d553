// The opened pod as a file: its pictures one below the other, with the styles that they have on the page.
const STYLES = [
  "fill", "fill-rule", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "font-family", "font-size", "font-weight",
  "text-anchor", "opacity", "paint-order", "white-space", "transform",
];

function still(svg) {
  const copy = svg.cloneNode(true);
  const from = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(from[i]);
    node.setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    for (const name of ["role", "tabindex"]) node.removeAttribute(name);
  });
  return copy;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// `kind`: "svg" or "png". False if there is nothing to save.
export function savePicture(name, kind) {
  const pictures = [...document.querySelectorAll("svg.pod-scene, svg.phase-scene")];
  if (!pictures.length) return false;
  const size = (svg, side) => Number(svg.getAttribute(side)) || 0;
  const width = Math.max(...pictures.map((svg) => size(svg, "width"))) + 24;
  let y = 12;
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const svg of pictures) {
    const copy = still(svg);
    copy.setAttribute("x", "12");
    copy.setAttribute("y", String(y));
    y += size(svg, "height") + 12;
    root.append(copy);
  }
  root.setAttribute("width", String(width));
  root.setAttribute("height", String(y));
  root.setAttribute("style", `background:${getComputedStyle(document.body).backgroundColor}`);
  const text = new XMLSerializer().serializeToString(root);
  if (kind === "svg") {
    save(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
    return true;
  }
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width * 2, y * 2];
    const context = canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && save(blob, `${name}.png`), "image/png");
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  return true;
}
