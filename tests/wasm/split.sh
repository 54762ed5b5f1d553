#!/usr/bin/env bash
# A module split wherever its blocks happen to be marked gives the same bytes: tools/split changes nothing but places. After
# compare.sh.
. "$(dirname "$0")/../../scripts/common.sh"
split() { cargo run --quiet --manifest-path tools/split/Cargo.toml --target-dir target/split -- "$@"; }
whole=target/headless/headless_bg.wasm
out=target/headless-split
rm -rf $out && cp -r target/headless $out
count=$(split mark $whole $out/marked.wasm)
# Runs of blocks, up to thirty, that did run and did not, always the same ones: all kinds of regions and of ways out of them.
node -e 'let seed = 1; const next = () => (seed = (seed * 48271) % 2147483647);
  const marks = Buffer.alloc(+process.argv[1]);
  for (let at = 0, ran = 0; at < marks.length; ran = 1 - ran) marks.fill(ran, at, Math.min((at += 1 + (next() % 30)), marks.length));
  process.stdout.write(marks)' "$count" > $out/marks
split parts $whole - $out/headless_bg.wasm $out/rest.wasm $out/marks
exec node tests/wasm/compare.mjs $out/headless.js target/debug/podarium $out/rest.wasm
