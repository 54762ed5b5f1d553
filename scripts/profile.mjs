// profile.mjs DIST MODULE: looks at a page that marks what it runs, as first and later visitors do, and writes www/later.txt:
// rules for all that stayed unmarked until a pod ran.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { launch, open, serve } from "../tests/browser/harness.mjs";

const [dist, module] = process.argv.slice(2);
const server = await serve(dist);
const browser = await launch();
const visits = [
  { firstVisit: true },
  { firstVisit: true, viewport: { width: 390, height: 844 }, hasTouch: true },
  {},
  { colorScheme: "dark" },
];
mkdirSync("target/profile", { recursive: true });
const marks = [];
for (const [i, visit] of visits.entries()) {
  const { page, context, errors } = await open(browser, server.url, visit);
  await page.addInitScript(() => addEventListener("TrunkApplicationStarted", (event) => (globalThis.podariumExports = event.detail.wasm)));
  await page.goto(server.url);
  await page.waitForFunction(() => document.querySelector(".terminal .xterm-rows")?.textContent.includes("$"));
  if (visit.firstVisit) await page.waitForFunction(() => document.body.textContent.includes("Running"));
  await page.waitForTimeout(1000);
  if (errors.length) throw new Error(errors.join("\n"));
  const bytes = await page.evaluate(() => {
    const [base, count] = document.querySelector('meta[name="podarium-marks"]').content.split(" ").map(Number);
    return [...new Uint8Array(globalThis.podariumExports.memory.buffer, base, count)];
  });
  console.log(`visit ${i + 1}: ${bytes.filter(Boolean).length} of ${bytes.length} functions`);
  marks.push(`target/profile/${i + 1}`);
  writeFileSync(marks.at(-1), Buffer.from(bytes));
  await context.close();
}
await browser.close();
server.close();
const rules = execFileSync("target/split/debug/split", ["rules", module, ...marks], { encoding: "utf8", maxBuffer: 1 << 26 });
writeFileSync("www/later.txt", rules);
console.log(`www/later.txt: ${rules.split("\n").length - 1} rules, ${rules.length} bytes`);
