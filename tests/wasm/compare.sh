#!/usr/bin/env bash
# The same seed and commands give the same bytes, natively and in wasm.
. "$(dirname "$0")/../../scripts/common.sh"
cargo build --quiet --bin podarium
# Unoptimised: it is built in a third of the time, and the bytes are the same.
cargo build --quiet --example headless --target wasm32-unknown-unknown
wasm-bindgen --target nodejs --out-dir target/headless --no-typescript \
  target/wasm32-unknown-unknown/debug/examples/headless.wasm
echo "{ \"type\": \"commonjs\" }" > target/headless/package.json
exec node tests/wasm/compare.mjs target/headless/headless.js target/debug/podarium
