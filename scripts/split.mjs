// For the release page: the wasm module in two (tools/split, by the rules of www/later.txt), under
// names made of what they hold, and the page told of them. `PODARIUM_PROFILE`: one module instead, which marks what it runs.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const stage = process.env.TRUNK_STAGING_DIR;
const page = join(stage, "index.html");
let html = readFileSync(page, "utf8");
const [whole] = readdirSync(stage).filter((name) => name.endsWith("_bg.wasm"));
const hash = (path, kind, form) => createHash(kind).update(readFileSync(path)).digest(form);
const split = (...args) =>
  execFileSync(
    "cargo",
    ["run", "--quiet", "--manifest-path", "tools/split/Cargo.toml", "--target-dir", "target/split", "--", ...args],
    { encoding: "utf8" },
  );
// A file of the page under a name of its own; gives that name.
const name = (path, kind) => {
  const named = `podarium-${hash(path, "sha256", "hex").slice(0, 16)}${kind}.wasm`;
  renameSync(path, join(stage, named));
  return named;
};
const meta = (content) => {
  html = html.replace("</head>", `<meta name="podarium-${content[0]}" content="${content[1]}"></head>`);
};

if (process.env.TRUNK_PROFILE === "release") {
  const input = join(stage, whole);
  const first = join(stage, "first.wasm");
  if (process.env.PODARIUM_PROFILE) {
    meta(["marks", split("instrument", input, first).trim()]);
  } else {
    const rest = join(stage, "rest.wasm");
    split("parts", input, "www/later.txt", first, rest, "src/api/schema/descriptions.txt");
    meta(["rest", name(rest, "_rest")]);
  }
  const integrity = `sha384-${hash(first, "sha384", "base64")}`;
  const named = name(first, "_bg");
  const old = new RegExp(`(href="\\./${whole}"[^>]*integrity=")[^"]*`);
  if (!old.test(html)) throw new Error("index.html: no integrity of the module");
  html = html.replace(old, (_, before) => before + integrity).replaceAll(whole, named);
  rmSync(input);
  writeFileSync(page, html);
}
