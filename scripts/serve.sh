#!/usr/bin/env bash
. "$(dirname "$0")/common.sh"
scripts/setup.sh rust page
port="${PORT:-8080}"
say "building the page; it will be at http://127.0.0.1:$port/ (Ctrl-C ends)"
# No auto-reload: its injected script would need a hole in the page's Content-Security-Policy.
exec trunk serve --address 127.0.0.1 --port "$port" --no-autoreload=true --dist target/page-serve ${RELEASE:+--release --cargo-profile page}
