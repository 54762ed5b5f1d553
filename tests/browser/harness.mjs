// A static server on a free port and a Chromium that looks at it. The page is served under a sub-path: it must work from
// any.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

export async function serve(root, base = "/any/path/") {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = path.startsWith(base) ? join(root, normalize(path.slice(base.length)) || "index.html") : "";
    if (file && existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!file || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    response.end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}${base}`, close: () => server.close() };
}

export async function launch() {
  const names = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = process.env.CHROMIUM || names.find((name) => existsSync(name));
  if (!executablePath) throw new Error("no Chromium: scripts/setup.sh browser installs it");
  return chromium.launch({
    executablePath,
    args: [
      // As root, and in many containers, Chromium's own sandbox can't start.
      ...(process.getuid?.() === 0 || process.env.CI ? ["--no-sandbox"] : []),
      "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}

// A page whose every error fails the test: console errors, exceptions, requests to anyone else.
// `firstVisit`: the page greets with a pod that it makes by itself; else somebody has been here before.
export async function open(browser, url, { firstVisit = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (!firstVisit) {
    await context.addInitScript(() => {
      try {
        const key = "podarium.settings";
        if (!localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify({ version: 1, visited: true }));
      } catch {
        // Storage is refused: then every visit is the first.
      }
    });
  }
  const errors = [];
  await context.route("**", (route) => {
    const at = route.request().url();
    if (new URL(at).origin === new URL(url).origin || at.startsWith("data:")) return route.continue();
    errors.push(`request to ${at}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => errors.push(`exception: ${error.message}`));
  return { page, context, errors };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// No rule that axe-core knows is broken; by evaluation, as the page's policy lets no script in.
export async function accessible(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const said = found.violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.html.slice(0, 160)} ${n.failureSummary?.split("\n")[1] ?? ""}`).join("\n")}`);
  assert.deepEqual(said, [], `axe-core, ${where}`);
}
