// For the release page: its wasm module in two (tools/split), under names made of what they hold, and the page told of them.
// What the first seconds of a visit run is seen in visits, which take a browser; without one the module stays in one part.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open, serve } from "../tests/browser/harness.mjs";

// As the linker wrote it, before wasm-bindgen.
const LINKED = join(process.env.CARGO_TARGET_DIR ?? "target", "wasm32-unknown-unknown/page/podarium.wasm");
// First visits, which greet with a pod, and later ones. `slow`: on a machine so many times slower.
const VISITS = [
  { firstVisit: true },
  { firstVisit: true, viewport: { width: 390, height: 844 }, hasTouch: true },
  { firstVisit: true, slow: 6 },
  {},
  { colorScheme: "dark", slow: 4 },
];
const WORK = "target/split";

const split = (...args) => {
  const cargo = ["run", "--quiet", "--manifest-path", "tools/split/Cargo.toml", "--target-dir", WORK, "--"];
  return execFileSync("cargo", [...cargo, ...args], { encoding: "utf8" });
};
const hash = (path, kind, form) => createHash(kind).update(readFileSync(path)).digest(form);

// The page in `dir` with the module `first` instead of `whole`, and notes to itself.
function put(dir, whole, first, notes) {
  const page = join(dir, "index.html");
  const named = `podarium-${hash(first, "sha256", "hex").slice(0, 16)}_bg.wasm`;
  const integrity = new RegExp(`(href="\\./${whole}"[^>]*integrity=")[^"]*`);
  const html = readFileSync(page, "utf8");
  if (!integrity.test(html)) throw new Error("index.html: no integrity of the module");
  const metas = Object.entries(notes).map(([name, content]) => `<meta name="podarium-${name}" content="${content}">`);
  const changed = html
    .replace(integrity, (_, before) => `${before}sha384-${hash(first, "sha384", "base64")}`)
    .replaceAll(whole, named)
    .replace("</head>", `${metas.join("")}</head>`);
  writeFileSync(page, changed);
  rmSync(join(dir, whole));
  renameSync(first, join(dir, named));
}

// Visits a page that marks what it runs, until a pod runs where there is one; gives the files of marks.
async function visit(dir, browser) {
  const server = await serve(dir);
  const files = [];
  for (const [i, { slow = 1, ...options }] of VISITS.entries()) {
    const { page, context, errors } = await open(browser, server.url, options);
    const session = await context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: slow });
    await page.addInitScript(() => addEventListener("TrunkApplicationStarted", (event) => (globalThis.podariumExports = event.detail.wasm)));
    await page.goto(server.url);
    await page.waitForFunction(() => document.querySelector(".terminal .xterm-rows")?.textContent.includes("$"));
    if (options.firstVisit) await page.waitForFunction(() => document.body.textContent.includes("Running"));
    for (let at = 0; at < 20; at++) await page.mouse.move(40 * at, 40 * at);
    await page.keyboard.type("k");
    await page.waitForTimeout(1500);
    if (errors.length) throw new Error(errors.join("\n"));
    const marks = await page.evaluate(() => {
      const count = Number(document.querySelector('meta[name="podarium-marks"]').content);
      return [...new Uint8Array(globalThis.podariumExports.marks.buffer, 0, count)];
    });
    files.push(`${WORK}/marks-${i}`);
    writeFileSync(files[i], Buffer.from(marks));
    await context.close();
  }
  server.close();
  return files;
}

// `seal(dir)` makes a page fit to be looked at.
export async function splitPage(dir, seal) {
  const [whole] = readdirSync(dir).filter((name) => name.endsWith("_bg.wasm"));
  const module = join(dir, whole);
  const first = join(WORK, "first.wasm");
  mkdirSync(WORK, { recursive: true });
  let browser;
  try {
    browser = await launch();
  } catch (error) {
    console.warn(`The module stays in one part: ${error.message}`);
    split("strip", module, first);
    return put(dir, whole, first, {});
  }
  const marked = join(WORK, "page");
  rmSync(marked, { recursive: true, force: true });
  cpSync(dir, marked, { recursive: true });
  put(marked, whole, first, { marks: split("mark", module, first).trim() });
  seal(marked);
  const marks = await visit(marked, browser).finally(() => browser.close());
  const rest = join(WORK, "rest.wasm");
  split("parts", module, LINKED, first, rest, ...marks);
  const named = `podarium-${hash(rest, "sha256", "hex").slice(0, 16)}_rest.wasm`;
  renameSync(rest, join(dir, named));
  put(dir, whole, first, { rest: named });
}
