// Prints what a visitor downloads: each file of the built page, raw and with brotli.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const root = process.argv[2] ?? "dist";
const files = (dir) =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
const brotli = (bytes) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;

let raw = 0;
let packed = 0;
let later = 0;
for (const path of files(root).sort()) {
  const bytes = readFileSync(path);
  const small = brotli(bytes);
  raw += bytes.length;
  packed += small;
  if (path.endsWith("_rest.wasm")) later += small;
  console.log(`${String(bytes.length).padStart(10)} ${String(small).padStart(9)}  ${relative(root, path)}`);
}
console.log(`${String(raw).padStart(10)} ${String(packed).padStart(9)}  in all (bytes: raw, brotli)`);
console.log(`${"".padStart(10)} ${String(packed - later).padStart(9)}  until the page is of use`);
