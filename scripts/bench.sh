#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust
step "benchmarks" cargo bench
