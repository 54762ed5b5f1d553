#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page browser
step "building the release page in dist/" trunk build --release --cargo-profile page --dist dist
node scripts/sizes.mjs dist
