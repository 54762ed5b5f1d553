// Trunk's post-build step: after the module was split, allows exactly the inline scripts that Trunk wrote, by their hashes, in the page's
// Content-Security-Policy.
import "./split.mjs";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = join(process.env.TRUNK_STAGING_DIR, "index.html");
const html = readFileSync(path, "utf8");
const hashes = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g)].map(
  ([, text]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
);
if (!html.includes("'inline-scripts'")) throw new Error("index.html: the policy has no place for the hashes");
writeFileSync(path, html.replace("'inline-scripts'", hashes.join(" ")));
