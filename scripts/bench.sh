#!/usr/bin/env bash
# bench.sh [NAME…]: the benches of benches/pods.rs, natively and in wasm under Node.js.
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page
module() {
  cargo build --quiet --release --example headless --target wasm32-unknown-unknown
  wasm-bindgen --target nodejs --out-dir target/bench-wasm --no-typescript \
    target/wasm32-unknown-unknown/release/examples/headless.wasm
  echo "{ \"type\": \"commonjs\" }" > target/bench-wasm/package.json
}
step "wasm module, for speed" module
step "benchmarks" cargo bench --bench pods -- --wasm="$PWD/target/bench-wasm/headless.js" "$@"
