# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by examples/run.

# fetch_examplefly: prints the folder that holds the ExampleFly images (three fields of Drosophila Kc167 cells, three channels; BSD-3, Broad Institute) and plate.csv,
# a plate table with each field cut in four sites. They come out of the source package of CellProfiler on PyPI, by name, version and SHA-256, once.
fetch_examplefly() {
  local folder=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/ocellus/examplefly
  if [ ! -e "$folder/plate.csv" ]; then
    local name=cellprofiler version=4.2.6 sha256=37e2a35dccff456afda96a4442dff2d23809c8ee271607a347e386aeb4af2628 work archive
    mkdir -p "$(dirname "$folder")"
    work=$(mktemp -d "$folder.XXXXXX")
    echo "Fetching the example images (20.8 MB, once): the source package of CellProfiler $version, with pip" >&2
    printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$sha256" >"$work/requirement.txt"
    if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary "$name" --require-hashes --dest "$work" --requirement "$work/requirement.txt" >"$work/log" 2>&1; then
      tail -n 5 "$work/log" >&2
      echo "The example images could not be fetched: pip download $name==$version failed. Images of your own need no download: examples/run --images DIR --plate CSV" >&2
      rm -rf "$work"
      return 1
    fi
    archive=$(find "$work" -maxdepth 1 -iname "$name-$version.tar.gz")
    if ! sha256sum --quiet --check - <<<"$sha256  $archive"; then
      rm -rf "$work"
      return 1
    fi
    mkdir "$work/images"
    tar -xzf "$archive" -C "$work/images" --strip-components=6 --wildcards '*/ExampleFly/images/*.TIF'
    tar -xzf "$archive" -C "$work/images" --strip-components=1 --wildcards 'CellProfiler-*/LICENSE'
    {
      echo "plate,well,site,treatment,dose,control,left,top,width,height,dna,green,red"
      local field site control=negative
      for field in 002 076 218; do
        for site in 1 2 3 4; do
          echo "ExampleFly,POS$field,$site,field $field,,$control,$((site % 2 == 0 ? 500 : 0)),$((site > 2 ? 503 : 0)),500,503,01_POS${field}_D.TIF,01_POS${field}_F.TIF,01_POS${field}_R.TIF"
        done
        control=none
      done
    } >"$work/images/plate.csv"
    rm -rf "$folder"
    mv "$work/images" "$folder"
    rm -rf "$work"
    echo "They are in $folder" >&2
  fi
  echo "$folder"
}
