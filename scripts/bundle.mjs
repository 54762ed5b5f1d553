// Bundles www/'s two JavaScript bindings with their npm packages into www/bundle/, which wasm-bindgen copies into the
// page. A file is written only when it changed: a newer one would make cargo build the crate again.
import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const write = (path, text) => {
  let old;
  try {
    old = readFileSync(path, "utf8");
  } catch {
    old = undefined; // not there yet
  }
  if (old !== text) writeFileSync(path, text);
};

mkdirSync("www/bundle", { recursive: true });
const result = await build({
  entryPoints: { editor: "www/editor.js", terminal: "www/terminal.js" },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  outdir: "www/bundle",
  write: false,
  logLevel: "warning",
});
for (const file of result.outputFiles) write(file.path, file.text);
write("www/bundle/xterm.css", readFileSync("node_modules/@xterm/xterm/css/xterm.css", "utf8"));
