// For the release page: its wasm module in two (tools/split), under names made of what they hold, and the page told of them.
// What the first seconds of a visit run is seen in visits, which take a browser; without one the module stays in one part.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open, serve } from "../tests/browser/harness.mjs";

// Texts that only functions of the rest use.
const TEXTS = ["src/api/schema/descriptions.txt"];
// First visits, which greet with a pod, and later ones.
const VISITS = [
  { firstVisit: true },
  { firstVisit: true, viewport: { width: 390, height: 844 }, hasTouch: true },
  {},
  { colorScheme: "dark" },
];
const WORK = "target/split";

const split = (...args) => {
  const cargo = ["run", "--quiet", "--manifest-path", "tools/split/Cargo.toml", "--target-dir", WORK, "--"];
  return execFileSync("cargo", [...cargo, ...args], { encoding: "utf8" });
};
const hash = (path, kind, form) => createHash(kind).update(readFileSync(path)).digest(form);

// The page in `dir` with `first` instead of the module `whole`, and a note to itself.
function put(dir, whole, first, note, content) {
  const page = join(dir, "index.html");
  const named = `podarium-${hash(first, "sha256", "hex").slice(0, 16)}_bg.wasm`;
  const integrity = new RegExp(`(href="\\./${whole}"[^>]*integrity=")[^"]*`);
  const html = readFileSync(page, "utf8");
  if (!integrity.test(html)) throw new Error("index.html: no integrity of the module");
  const changed = html
    .replace(integrity, (_, before) => `${before}sha384-${hash(first, "sha384", "base64")}`)
    .replaceAll(whole, named)
    .replace("</head>", `<meta name="podarium-${note}" content="${content}"></head>`);
  writeFileSync(page, changed);
  rmSync(join(dir, whole));
  renameSync(first, join(dir, named));
}

// Visits a page that marks what it runs, until a pod runs where there is one; gives the files of marks.
async function visit(dir, browser) {
  const server = await serve(dir);
  const files = [];
  for (const [i, options] of VISITS.entries()) {
    const { page, context, errors } = await open(browser, server.url, options);
    await page.addInitScript(() => addEventListener("TrunkApplicationStarted", (event) => (globalThis.podariumExports = event.detail.wasm)));
    await page.goto(server.url);
    await page.waitForFunction(() => document.querySelector(".terminal .xterm-rows")?.textContent.includes("$"));
    if (options.firstVisit) await page.waitForFunction(() => document.body.textContent.includes("Running"));
    await page.waitForTimeout(1500);
    if (errors.length) throw new Error(errors.join("\n"));
    const marks = await page.evaluate(() => {
      const [base, count] = document.querySelector('meta[name="podarium-marks"]').content.split(" ").map(Number);
      return [...new Uint8Array(globalThis.podariumExports.memory.buffer, base, count)];
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
  let browser;
  try {
    browser = await launch();
  } catch (error) {
    console.warn(`The module stays in one part: ${error.message}`);
    return;
  }
  const [whole] = readdirSync(dir).filter((name) => name.endsWith("_bg.wasm"));
  const module = join(dir, whole);
  const marked = join(WORK, "page");
  const first = join(WORK, "first.wasm");
  rmSync(marked, { recursive: true, force: true });
  cpSync(dir, marked, { recursive: true });
  put(marked, whole, first, "marks", split("mark", module, first).trim());
  seal(marked);
  const marks = await visit(marked, browser).finally(() => browser.close());
  const rest = join(WORK, "rest.wasm");
  split("parts", module, first, rest, ...marks, "--", ...TEXTS);
  const named = `podarium-${hash(rest, "sha256", "hex").slice(0, 16)}_rest.wasm`;
  renameSync(rest, join(dir, named));
  put(dir, whole, first, "rest", named);
}
