// The source text's story in a real browser, by typing and clicking; any console error, exception or foreign request fails it.
//   node tests/browser/run.mjs DIST        DIST: the built page
//   README_SHOT=1                          also renews docs/podarium.png and the pictures of docs/gallery
//   ONLY=REGEX                             only the scenarios whose names match
//   ONLY='five thousand pods'              5000 pods on 100 nodes, with figures; PODS=n for another number. Takes minutes,
//                                          so it never runs without ONLY; of a page built for release
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { launch, open, serve } from "./harness.mjs";
import { gallery } from "./gallery.mjs";
import { load } from "./load.mjs";
import { time } from "./time.mjs";
import { many } from "./many.mjs";
import stage from "./stage.mjs";

const out = "tests/browser/out";
mkdirSync(out, { recursive: true });
const server = await serve(process.argv[2] ?? "dist");
const browser = await launch();
const began = Date.now();
const log = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`);

const region = (page, name) => page.getByRole("region", { name, exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });
// The terminal's visible text, wrapped lines joined as they are shown.
const screen = (page) =>
  page.evaluate(() => [...document.querySelectorAll(".terminal .xterm-rows > div")].map((d) => d.textContent.trimEnd()).join("\n"));

async function until(what, condition, timeout = 30_000) {
  const end = Date.now() + timeout;
  let last;
  while (Date.now() < end) {
    last = await condition();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function shows(page, pattern, timeout) {
  try {
    return await until(String(pattern), async () => (await screen(page)).match(pattern), timeout);
  } catch (error) {
    throw new Error(`${error.message}; the terminal shows:\n${await screen(page)}`);
  }
}

// Types a command when the prompt is there and gives what it printed (the screen is cleared before it).
async function run(page, command, pattern, timeout) {
  await page.locator(".terminal textarea").focus();
  await page.keyboard.press("Control+l");
  await page.keyboard.type(`${command}\n`, { delay: 2 });
  return pattern ? shows(page, pattern, timeout) : undefined;
}

// `before(page)`: what comes before the visit. `expected`: console messages that the test asks for.
async function withPage(name, { before, ...options }, body, expected = /^$/) {
  if (process.env.ONLY && !name.match(process.env.ONLY)) return;
  const { page, context, errors } = await open(browser, server.url, options);
  try {
    await before?.(page);
    await page.goto(server.url);
    // Panes that a narrow page hides are there all the same.
    await page.locator(".terminal .xterm-rows").waitFor({ state: "attached" });
    await body(page);
    assert.deepEqual(errors.filter((error) => !expected.test(error)), [], `${name}: errors`);
    log(`ok  ${name}`);
  } catch (error) {
    await page.screenshot({ path: `${out}/failed.png` });
    console.error(errors);
    throw error;
  } finally {
    await context.close();
  }
}

const PROMPT = /[$#] ?$/m;

const type = (page, text) => page.locator(".terminal textarea").focus().then(() => page.keyboard.type(text, { delay: 2 }));

// A file in the editor, and applied at once.
async function apply(page, name, text) {
  await button(page, "New file").click();
  await page.getByLabel("Name of the file").fill(name);
  await page.keyboard.press("Enter");
  await page.locator(".cm-content").click();
  await page.keyboard.insertText(text);
  await button(page, "Apply").click();
}

// Words of one picture that run into each other, and words that leave it, as the browser measures them.
const collisions = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("svg.pod-scene, svg.time-scene")].flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      // Less than the line's height: letters may stand close above each other.
      const words = [...svg.querySelectorAll("text")].map((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        return { said: text.textContent, left: left + 1, right: right - 1, top: top + 3, bottom: bottom - 3 };
      }).filter((w) => w.right > w.left);
      const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      const out = words.filter((w) => w.left < frame.left || w.right > frame.right || w.bottom > frame.bottom + 1);
      return [
        ...out.map((w) => `"${w.said}" leaves the picture`),
        ...words.flatMap((a, i) => words.slice(i + 1).filter((b) => meet(a, b)).map((b) => `"${a.said}" and "${b.said}"`)),
      ];
    }),
  );

// Two containers that want one port; probes and a shared volume beside.
const CLASH = `apiVersion: v1
kind: Pod
metadata:
  name: clash
spec:
  volumes:
  - name: html
    emptyDir: {}
  containers:
  - name: kubia
    image: luksa/kubia:1.0
    ports:
    - name: http
      containerPort: 8080
    volumeMounts:
    - name: html
      mountPath: /data
    readinessProbe:
      httpGet:
        path: /
        port: 8080
  - name: second
    image: luksa/kubia:1.0
    ports:
    - containerPort: 8443
    volumeMounts:
    - name: html
      mountPath: /srv
      readOnly: true
`;

await withPage("the story", {}, async (page) => {
  await shows(page, PROMPT);
  const ready = await page.evaluate(() => performance.now());
  log(`from navigation to the first prompt: ${Math.round(ready)} ms`);
  for (const name of ["Editor", "Terminal", "Cluster", "Pod", "Timeline", "Clock"]) {
    assert.equal(await region(page, name).count(), 1, `one region named ${name}`);
  }

  // One manifest with the button, the other with the keyboard.
  await page.getByRole("tab", { name: "kubia-http.yaml", exact: true }).click();
  await button(page, "Apply").click();
  await shows(page, /pod\/kubia-http created/);
  await page.getByRole("tab", { name: "kubia-ssl.yaml", exact: true }).click();
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+Enter");
  await shows(page, /pod\/kubia-ssl created/);

  await button(page, "Speed 10×").click();
  await until("both pods to run", async () => (await region(page, "Cluster").locator(".pods > .tile.running").count()) === 2, 60_000);
  await button(page, "Speed 1×").click();
  await run(page, "kubectl get pod", /kubia-http +1\/1 +Running[^]*kubia-ssl +2\/2 +Running/);

  // The opened pod: one frame, the ports that really listen.
  await button(page, "Pod kubia-ssl: Running").click();
  const pod = region(page, "Pod");
  await until("8443 and 8080 to be drawn as open", async () => (await pod.locator(".port.open").count()) >= 2);
  await pod.getByText("8443", { exact: true }).waitFor();

  const row = await run(page, "kubectl get pod kubia-http -o wide", /kubia-http .*?(10\.244\.\d+\.\d+)/);
  await run(page, "kubectl exec -it kubia-ssl -c envoy -- bash", /[#$] ?$/m);
  await run(page, `curl http://${row[1]}:8080`, /Hey there, this is kubia-http\. Your IP is ::ffff:10\.244\.\d+\.\d+\./);
  await page.screenshot({ path: `${out}/wide-light.png` });
  await run(page, "exit", PROMPT);
  await run(page, "kubectl logs kubia-http -n default", /Kubia server starting[^]*Received request/);
  await region(page, "Timeline").locator(".span.phase.running").waitFor();

  // Light and dark, by the button.
  await button(page, "Light or dark").click();
  await page.screenshot({ path: `${out}/wide-dark.png` });
  await button(page, "Light or dark").click();

  // Pause holds the clock; a step moves it.
  await button(page, "Pause").click();
  const time = () => region(page, "Clock").locator("output").textContent();
  const held = await time();
  await page.waitForTimeout(400);
  assert.equal(await time(), held, "the clock stands while paused");
  await page.getByRole("button", { name: /^Step to the next event/ }).click();
  await until("the clock to move by a step", async () => (await time()) !== held);
  await button(page, "Play").click();
  await until("the clock to run", async () => (await time()) !== held);
  assert.deepEqual(await collisions(page), [], "words in the pictures");

  await button(page, "Speed 60×").click();
  assert.equal(await button(page, "Speed 60×").getAttribute("aria-pressed"), "true");
  await run(page, "kubectl delete pod kubia-ssl", /pod "kubia-ssl" deleted/, 60_000);
  await run(page, "kubectl delete pod --all", /pod "kubia-http" deleted/, 60_000);
  await until("no pods", async () => (await region(page, "Cluster").locator(".pods > .tile").count()) === 0);

  // A new laboratory: time begins again, files stay.
  await run(page, "echo kept > kept.txt", PROMPT);
  await button(page, "Pause").click();
  await button(page, "Reset").click();
  await until("the first prompt again", async () => /^~ \$ ?$/.test((await screen(page)).trim()));
  assert.equal(await time(), "00:00.0");
  await region(page, "Pod").getByText("No pods yet").waitFor();
  await page.getByRole("tab", { name: "kept.txt", exact: true }).waitFor();
  await button(page, "Apply kubia-ssl.yaml").click();
  await shows(page, /pod\/kubia-ssl created/);

  // Another shape of cluster, which a reload remembers.
  await page.getByTitle("Number and size of nodes").click();
  await page.getByLabel("worker nodes").fill("4");
  await page.getByLabel("memory of a node, Gi").fill("2");
  await button(page, "New cluster").click();
  await button(page, "Play").click();
  const reshaped = async () => {
    await run(page, "kubectl get node podarium-worker4 -o jsonpath='{.status.capacity.cpu} {.status.capacity.memory}'", /4 2097152Ki/);
  };
  await reshaped();
  await page.reload();
  await shows(page, PROMPT);
  await reshaped();
});

await withPage("a clash, its reason, and the line to change", {}, async (page) => {
  await shows(page, PROMPT);
  await apply(page, "clash.yaml", CLASH);
  await shows(page, /pod\/clash created/);
  await button(page, "Speed 10×").click();
  const pod = region(page, "Pod");
  await pod.getByText("kubia has 8080, so second can't bind it").waitFor({ timeout: 60_000 });
  await pod.locator("path.clash").waitFor();
  await button(page, "Pause").click();
  for (const width of [1440, 1280, 1100, 1000, 820, 700, 390, 344]) {
    await page.setViewportSize({ width, height: 900 });
    for (const name of width < 700 ? ["Time", "See"] : [""]) {
      if (name) await button(page, name).click();
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60)))));
      assert.deepEqual(await collisions(page), [], `words in the pictures at ${width} pixels`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await pod.getByRole("button", { name: "spec.containers[1].ports" }).click();
  await page.locator(".cm-activeLine", { hasText: "ports:" }).waitFor();
  await run(page, "kubectl get pod", /clash +1\/2/);
  if (process.env.README_SHOT) {
    mkdirSync("docs", { recursive: true });
    await page.screenshot({ path: "docs/podarium.png" });
  }

  // The terminal is busy: what Apply says stands under its button.
  await button(page, "Play").click();
  await button(page, "Speed 1×").click();
  await run(page, "kubectl get pod -w", /clash/);
  await button(page, "Apply").click();
  const notes = page.getByRole("log", { name: "Notes" });
  await notes.getByText(/^pod\/clash (unchanged|configured)$/).waitFor();
  await notes.getByText("exit code 0").waitFor();
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.insertText("bogus: 1\n");
  await page.keyboard.press("Control+Enter");
  await notes.getByText("exit code 1").waitFor();
  await notes.getByText('unknown field "bogus"').waitFor();
  await page.screenshot({ path: `${out}/notes.png` });
  await notes.getByRole("button", { name: "Copy" }).click();
  await notes.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await notes.locator(".notice").count(), 0);
  await type(page, "");
  await page.keyboard.press("Control+c");

  // The node's plug is pulled: the API finds out late, and only what is known is claimed.
  const [, node] = (await pod.locator(".about").textContent()).match(/on (\S+)/);
  await button(page, `Stop ${node}`).click();
  const cluster = region(page, "Cluster");
  await cluster.getByText("stopped; the API says Ready").waitFor();
  await pod.getByText("Unknown (the API says").waitFor();
  await pod.getByText(`${node} is stopped, which nothing tells the API`).waitFor();
  await button(page, "Speed 60×").click();
  await cluster.getByText("stopped; the API says NotReady").waitFor();
  await button(page, "Speed 1×").click();
  await pod.getByText(`${node} no longer reports, so the API still shows Running, the last that its kubelet wrote`).waitFor();
  await region(page, "Timeline").locator(".span.phase.unknown").waitFor();
  assert.deepEqual(await collisions(page), [], "words in the pictures of a lost node");
  await page.screenshot({ path: `${out}/lost.png` });
  await run(page, "kubectl get pod clash", /clash +[01]\/2/);
  await button(page, `Start ${node}`).click();
  await button(page, "Speed 10×").click();
  await button(page, `Stop ${node}`).waitFor();
  await pod.locator(".port.open").first().waitFor();
  await cluster.locator(".node .about.off").waitFor({ state: "detached" });
});

await withPage("keyboard and quiet", { reducedMotion: "reduce" }, async (page) => {
  await shows(page, PROMPT);
  // Tab goes through the page in the order of what is seen; each stop can be seen.
  await page.locator(".logo").click();
  const stops = [];
  for (let i = 0; i < 13; i++) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      const seen = at.matches(".cm-content, textarea") || style.outlineStyle !== "none" || style.boxShadow !== "none";
      return `${at.getAttribute("aria-label") ?? at.textContent.replace("Ctrl ↵", "").trim()}${seen ? "" : " (focus not seen)"}`;
    }));
    if (stops.at(-1).startsWith("Text of")) break;
  }
  assert.deepEqual(stops, [
    "Internet on", "3 nodes", "Commands", "Help", "Light or dark", "kubia-http.yaml", "kubia-ssl.yaml", "New file", "Examples", "Rename file", "Delete file", "Apply", "Text of kubia-http.yaml",
  ]);
  const around = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("F6");
    around.push(await page.evaluate(() => document.activeElement.closest("section")?.getAttribute("aria-label")));
  }
  assert.deepEqual(around, ["Terminal", "Cluster", "Pod", "Clock", "Timeline", "Editor"]);
  // Escape, then Tab, leaves the editor.
  await page.locator(".cm-content").click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => document.activeElement.className), "cm-content");

  await type(page, "kubectl apply -f kubia-http.yaml\n");
  await button(page, "Speed 10×").click();
  await region(page, "Pod").locator(".port.open").waitFor({ timeout: 60_000 });
  await button(page, "Speed 1×").click();
  const row = await run(page, "kubectl get pod kubia-http -o wide", /kubia-http .*?(10\.244\.\d+\.\d+)/);
  await run(page, `kubectl exec kubia-http -- curl -s ${row[1]}:8080`, /Hey there/);
  await region(page, "Pod").locator(".mote").waitFor();
  const moving = await page.evaluate(() => document.getAnimations().map((a) => `${a.animationName} of ${a.effect.target?.className.baseVal ?? a.effect.target?.className}`));
  assert.deepEqual(moving, [], "nothing moves by itself");
});

await withPage("many pods, many containers, long names", {}, async (page) => {
  await shows(page, PROMPT);
  const containers = Array.from({ length: 10 }, (_, i) =>
    `  - name: a-container-with-a-long-name-${i}\n    image: busybox\n    command: [sh, -c, "nc -lk -p ${7000 + i} -e true || sleep 1000"]\n` +
    `    ports:\n    - {containerPort: ${7000 + i}, name: port-${i}}\n`).join("");
  const name = "a-pod-whose-name-goes-on-and-on-until-it-is-sixty-characters";
  await apply(page, "long.yaml", `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n${containers}`);
  await shows(page, /created/);
  await run(page, "for i in $(seq 60); do kubectl run p$i --image=busybox -- sleep 1000; done", /pod\/p60 created/);
  await button(page, "Speed 10×").click();
  const cluster = region(page, "Cluster");
  await until("61 pods to run", async () => (await cluster.locator(".pods > .tile.running").count()) === 61, 60_000);
  await button(page, `Pod ${name}: Running`).click();
  await region(page, "Pod").locator(".card").nth(9).waitFor();
  await button(page, "Pause").click();
  for (const width of [1440, 1000, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForTimeout(150);
    assert.deepEqual(await collisions(page), [], `words in the pictures at ${width} pixels`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `nothing is wider than ${width} pixels`);
    await page.screenshot({ path: `${out}/many-${width}.png` });
  }
});

await withPage("the policy holds", {}, async (page) => {
  const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
  const scripts = policy.split(";").find((rule) => rule.trim().startsWith("script-src"));
  assert.match(policy, /^default-src 'none';/);
  assert.doesNotMatch(scripts, /unsafe-inline|'unsafe-eval'|inline-scripts|https?:|\*/);
  const foreign = await page.evaluate(() => performance.getEntriesByType("resource").map((r) => r.name).filter((n) => new URL(n).origin !== location.origin));
  assert.deepEqual(foreign, []);
  // Eval, and a script that someone smuggled in, don't run.
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.smuggled = true";
    document.body.append(script);
    return globalThis.smuggled ?? false;
  });
  assert.equal(ran, false);
}, /Content Security Policy/);

// Without the program, and without JavaScript, the page says so. Errors are what is asked for here.
{
  const { page, context } = await open(browser, server.url);
  await page.route("**/*.wasm", (route) => route.abort());
  await page.goto(server.url);
  await page.getByText("The program could not be loaded").waitFor();
  await button(page, "Reload").waitFor();
  await context.close();
  const bare = await open(browser, server.url, { javaScriptEnabled: false });
  await bare.page.goto(server.url);
  assert.match(await bare.page.locator("body").innerText(), /please allow JavaScript/);
  assert.equal(await bare.page.getByText("Starting the laboratory").isVisible(), false);
  await bare.context.close();
  log("ok  no program, no JavaScript");
}

await withPage("marks, files and what stays after a reload", {}, async (page) => {
  await shows(page, PROMPT);
  await button(page, "New file").click();
  await page.getByLabel("Name of the file").fill("mine.yaml");
  await page.keyboard.press("Enter");
  await page.locator(".cm-content").click();
  await page.keyboard.insertText("apiVersion: v1\nkind: Pod\nmetadata:\n  name: mïne\nspec:\n  containres: []\n");
  await page.locator(".cm-lintRange-error").first().waitFor();
  await run(page, "cat mine.yaml", /containres/);
  await run(page, "echo hello > note.txt; ls", /note\.txt/);
  await page.getByRole("tab", { name: "note.txt", exact: true }).click();
  await page.locator(".cm-content", { hasText: "hello" }).waitFor();
  await button(page, "Delete file").click();
  await region(page, "Editor").getByRole("button", { name: "Undo", exact: true }).click();
  await page.getByRole("tab", { name: "note.txt", exact: true }).waitFor();
  await page.waitForTimeout(600);
  await page.reload();
  await page.getByRole("tab", { name: "mine.yaml", exact: true }).click();
  await page.locator(".cm-content", { hasText: "mïne" }).waitFor();
});

await withPage("an example, chosen by keys and applied", {}, async (page) => {
  await shows(page, PROMPT);
  await button(page, "Examples").focus();
  await page.keyboard.press("Enter");
  const offered = page.getByRole("listbox", { name: "Commands" }).getByRole("option");
  assert.ok((await offered.count()) > 10, "examples are offered");
  await page.getByRole("combobox", { name: "Command" }).pressSequentially("same port");
  await page.screenshot({ path: `${out}/examples.png` });
  await page.keyboard.press("Enter");
  await page.locator(".cm-content:focus", { hasText: "name: port-clash" }).waitFor();
  await page.keyboard.press("Control+Enter");
  await shows(page, /pod\/port-clash created/);
  await region(page, "Pod").getByText("Address already in use").first().waitFor({ timeout: 30_000 });
  // Once more it is only opened; beside a changed one it is a new file.
  await page.locator(".cm-content").press("Control+End");
  await page.keyboard.type("# mine");
  await button(page, "Examples").click();
  await offered.filter({ hasText: "same port" }).click();
  await page.getByRole("tab", { name: "port-clash-2.yaml", exact: true }).waitFor();
});

await withPage("a big paste, an endless loop and a flood leave the page responsive", {}, async (page) => {
  await shows(page, PROMPT);
  await page.locator(".cm-content").click();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", `# big\n${"x: y\n".repeat(1_000_000)}`);
    document.querySelector(".cm-content").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await page.getByText("too large to be checked while typing").waitFor();
  await run(page, "while true; do echo flood; done");
  await page.waitForTimeout(1500);
  const asked = Date.now();
  await button(page, "Pause").click();
  assert.ok(Date.now() - asked < 2000, "the page answers within two seconds");
  await button(page, "Play").click();
  await page.locator(".terminal textarea").focus();
  await page.keyboard.press("Control+c");
  await run(page, "echo calm again", /^calm again/m);
});

await withPage("storage may be refused", {
  // As in a frame without the right to storage.
}, async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", { get() { throw new DOMException("refused", "SecurityError"); } });
  });
  await page.reload();
  await shows(page, PROMPT);
  await page.locator(".cm-content").click();
  await page.keyboard.type("# typed");
  await page.getByText("storage is refused or full").waitFor();
});

await withPage("on a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark" }, async (page) => {
  await button(page, "Type").click();
  await shows(page, PROMPT);
  await button(page, "Edit").click();
  await page.getByRole("tab", { name: "kubia-ssl.yaml", exact: true }).click();
  await button(page, "Apply").click();
  await button(page, "Time").click();
  await button(page, "Speed 10×").click();
  await region(page, "Timeline").locator(".span.phase.running").waitFor({ timeout: 60_000 });
  await page.screenshot({ path: `${out}/phone-time.png` });
  await button(page, "See").click();
  await region(page, "Pod").locator(".port.open").first().waitFor();
  await page.screenshot({ path: `${out}/phone-see.png` });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "nothing is wider than the phone");
});

for (const [name, width] of [["medium", 1000], ["1280", 1280]]) {
  await withPage(`at ${width} pixels`, { viewport: { width, height: 760 } }, async (page) => {
    await shows(page, PROMPT).catch(async () => {
      await button(page, "Type").click();
      await shows(page, PROMPT);
    });
    await page.screenshot({ path: `${out}/${name}.png` });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, "nothing is wider than the window");
  });
}

await load({ withPage, region, run, shows, until, PROMPT });
await time({ withPage, region, button, until, shows, run, apply, collisions, out, PROMPT });
await many({ withPage, region, button, until, shows, run, log, out, PROMPT });
await stage({ withPage, shows, run, apply, button, region, until, collisions, PROMPT, out });

await gallery({ withPage, region, run, apply, button, shows, PROMPT });

await browser.close();
server.close();
log("the browser test is green");
