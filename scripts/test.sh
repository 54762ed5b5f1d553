#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
began=$SECONDS
scripts/setup.sh rust page browser
step "native tests" cargo test --quiet
step "native and wasm give the same bytes" tests/wasm/compare.sh
step "split at random, it gives the same bytes" tests/wasm/split.sh
step "building the page" trunk build --release --cargo-profile page --dist dist
node scripts/sizes.mjs dist
step "the page in a browser" node tests/browser/run.mjs dist
say "all green in $((SECONDS - began)) s"
