// The source text's story in a real browser, by typing and clicking; any console error, exception or foreign request fails it.
//   node tests/browser/run.mjs DIST        DIST: the built page
//   README_SHOT=1                          also renews docs/podarium.png
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { launch, open, serve } from "./harness.mjs";

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

async function withPage(name, options, body) {
  const { page, context, errors } = await open(browser, server.url, options);
  try {
    await page.goto(server.url);
    // Panes that a narrow page hides are there all the same.
    await page.locator(".terminal .xterm-rows").waitFor({ state: "attached" });
    await body(page);
    assert.deepEqual(errors, [], `${name}: errors`);
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
  await until("both pods to run", async () => (await region(page, "Cluster").locator(".tile.running").count()) === 2, 60_000);
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
  if (process.env.README_SHOT) {
    mkdirSync("docs", { recursive: true });
    await page.screenshot({ path: "docs/podarium.png" });
  }
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
  await button(page, "Step to the next event").click();
  await until("the clock to move by a step", async () => (await time()) !== held);
  await button(page, "Play").click();

  await button(page, "Speed 60×").click();
  await run(page, "kubectl delete pod kubia-ssl", /pod "kubia-ssl" deleted/, 60_000);
  await run(page, "kubectl delete pod --all", /pod "kubia-http" deleted/, 60_000);
  await until("no pods", async () => (await region(page, "Cluster").locator(".tile").count()) === 0);
});

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
  await button(page, "Undo").click();
  await page.getByRole("tab", { name: "note.txt", exact: true }).waitFor();
  await page.waitForTimeout(600);
  await page.reload();
  await page.getByRole("tab", { name: "mine.yaml", exact: true }).click();
  await page.locator(".cm-content", { hasText: "mïne" }).waitFor();
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

await browser.close();
server.close();
log("the browser test is green");
