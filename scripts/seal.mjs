// Trunk's post-build step. The release page's module is split; then exactly the inline scripts that Trunk wrote are allowed, by
// their hashes, in the page's Content-Security-Policy.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { splitPage } from "./split.mjs";

function seal(dir) {
  const path = join(dir, "index.html");
  const html = readFileSync(path, "utf8");
  const hashes = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g)].map(
    ([, text]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  );
  if (!html.includes("'inline-scripts'")) throw new Error("index.html: the policy has no place for the hashes");
  writeFileSync(path, html.replace("'inline-scripts'", hashes.join(" ")));
}

if (process.env.TRUNK_PROFILE === "release") await splitPage(process.env.TRUNK_STAGING_DIR, seal);
seal(process.env.TRUNK_STAGING_DIR);
