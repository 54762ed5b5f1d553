#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page
began=$SECONDS
step "format" cargo fmt --check
step "clippy, native" cargo clippy --quiet --all-targets -- -D warnings
step "clippy, wasm32" cargo clippy --quiet --target wasm32-unknown-unknown -- -D warnings
step "native tests" cargo test --quiet
say "all green in $((SECONDS - began)) s"
