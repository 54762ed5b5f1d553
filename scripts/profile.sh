#!/usr/bin/env bash
# Writes www/later.txt anew: which functions the first seconds of a visit don't run.
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page browser
PODARIUM_PROFILE=1 trunk build --release --cargo-profile page --dist target/page-profile
node scripts/profile.mjs target/page-profile target/wasm-bindgen/release/podarium_bg.wasm
