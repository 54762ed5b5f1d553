// What a person takes away as a file.

function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveJson(name, text) {
  save(name, "application/json", text);
}

const LOOK = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "paint-order"];

// The picture in `host` as a file of its own: the style sheet's look becomes each shape's.
export function savePicture(host, name) {
  const picture = host.querySelector("svg");
  if (!picture) return;
  const copy = picture.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const copies = copy.querySelectorAll("*");
  picture.querySelectorAll("*").forEach((shape, i) => {
    const style = getComputedStyle(shape);
    for (const property of LOOK) {
      const value = style.getPropertyValue(property);
      if (value) copies[i].style.setProperty(property, value);
    }
    copies[i].removeAttribute("class");
  });
  const paper = getComputedStyle(host).backgroundColor;
  const ground = getComputedStyle(host.closest(".pane") ?? host).backgroundColor;
  copy.style.background = paper === "rgba(0, 0, 0, 0)" ? ground : paper;
  save(name, "image/svg+xml", new XMLSerializer().serializeToString(copy));
}
