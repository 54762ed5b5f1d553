# Sourced by every script here: where things are, and how to say what takes long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/podarium/tools"
export PATH="$TOOLS/bin:$PATH"

TRUNK_VERSION=0.21.14
# Trunk runs the wasm-bindgen it finds on PATH; it must be the version the crate was resolved to.
BINDGEN_VERSION="$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)"
TOOLCHAIN="$(awk -F '"' '/^channel/ { print $2 }' rust-toolchain.toml)"
export TRUNK_SKIP_VERSION_CHECK=true

say() { printf '\033[1mpodarium:\033[0m %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# step NAME COMMAND…: says what runs and, when done, how long it took.
step() {
  local name="$1" began=$SECONDS
  shift
  say "$name"
  "$@"
  say "$name: $((SECONDS - began)) s"
}
