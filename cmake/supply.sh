# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tests/run, examples/run and tests/conformance/run: installs what building needs, and builds presets. Sets `root`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# ocellus_packages PACKAGE...: installs those Debian packages that are missing. Elsewhere than on Debian the user brings them, and CMake says what it misses.
ocellus_packages() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
  local missing=() package sudo=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Packages are missing, and neither root nor sudo is at hand to install them: ${missing[*]}" >&2
      return 1
    fi
    sudo=(sudo)
  fi
  echo "Installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: ${missing[*]} (the whole log: $log)" >&2
    return 1
  fi
  rm -f "$log"
}

ocellus_build_packages() {
  ocellus_packages g++ cmake ninja-build ccache python3-pip ca-certificates libeigen3-dev nlohmann-json3-dev libtiff-dev libpng-dev "$@"
}

# Precompiled headers and copies of this project in other folders share compiled files.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

# ocellus_build PRESET TARGET...: configures (once) and builds; on failure shows the end of the log. `all` is a target.
ocellus_build() {
  local preset=$1 build=$root/build-$1 log target=()
  shift
  log=$build/build.log
  mkdir -p "$build"
  local launcher=()
  [ "${ocellus_launcher:-}" != none ] && command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  local one
  for one in "$@"; do target+=(--target "$one"); done
  echo "Building $preset ($*)"
  if ! { (cd "$root" && cmake --preset "$preset" "${launcher[@]}") && cmake --build "$build" "${target[@]}" -- -k 0; } >"$log" 2>&1; then
    grep -nE "error|Error|FAILED" "$log" | head -n 40 >&2
    tail -n 20 "$log" >&2
    echo "The build failed; the whole log: $log" >&2
    return 1
  fi
}
