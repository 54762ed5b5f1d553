#!/usr/bin/env bash
# Installs what is missing and says so; silent and quick when all is there.
# Arguments: any of `rust` (toolchain), `page` (wasm target, Trunk, wasm-bindgen, npm packages, JavaScript bundles),
# `browser` (Chromium, for the browser test).
. "$(dirname "$0")/common.sh"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else die "this needs root: $*"; fi
}

# debian PACKAGE…: from the distribution, where there is apt-get.
debian() {
  command -v apt-get >/dev/null || die "please install: $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

rust() {
  command -v rustup >/dev/null || command -v cargo >/dev/null || die "Rust is missing: install rustup, then run this again"
  command -v rustup >/dev/null || return 0
  if ! rustup toolchain list | grep -q "^$TOOLCHAIN"; then
    step "installing Rust $TOOLCHAIN" rustup toolchain install "$TOOLCHAIN" --profile minimal -c clippy -c rustfmt
  fi
}

# Optimising a build tool costs minutes and saves seconds.
cargo_tool() {
  CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
    cargo install --quiet --root "$TOOLS" --target-dir "$TOOLS/target" "$@"
}

has_version() { [ -x "$TOOLS/bin/$1" ] && [ "$("$TOOLS/bin/$1" --version 2>/dev/null | awk '{ print $2 }')" = "$2" ]; }

page() {
  if command -v rustup >/dev/null; then
    rustup target list --installed --toolchain "$TOOLCHAIN" | grep -q '^wasm32-unknown-unknown$' ||
      step "adding Rust's wasm32 target" rustup target add --toolchain "$TOOLCHAIN" wasm32-unknown-unknown
  fi
  has_version wasm-bindgen "$BINDGEN_VERSION" ||
    step "building wasm-bindgen $BINDGEN_VERSION (once, about a minute)" \
      cargo_tool wasm-bindgen-cli --version "$BINDGEN_VERSION"
  has_version trunk "$TRUNK_VERSION" ||
    step "building Trunk $TRUNK_VERSION (once, about two minutes)" \
      cargo_tool trunk --version "$TRUNK_VERSION" --locked --no-default-features
  command -v npm >/dev/null || step "installing Node.js" debian nodejs npm
  cmp -s package-lock.json node_modules/.podarium-lock || step "installing the npm packages" npm_packages
  node scripts/bundle.mjs
}

npm_packages() {
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.podarium-lock
}

browser() {
  [ -n "${CHROMIUM:-}" ] && return 0
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && return 0
  done
  step "installing Chromium" debian chromium
}

for part in "$@"; do "$part"; done
