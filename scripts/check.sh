#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page
began=$SECONDS
step "format" cargo fmt --check
step "clippy, native" cargo clippy --quiet --all-targets -- -D warnings
split=(--manifest-path tools/split/Cargo.toml)
step "format, tools/split" cargo fmt "${split[@]}" --check
step "clippy, tools/split" cargo clippy --quiet "${split[@]}" --target-dir target/split -- -D warnings
step "clippy, wasm32" cargo clippy --quiet --target wasm32-unknown-unknown -- -D warnings
step "native tests" cargo test --quiet
say "all green in $((SECONDS - began)) s"
