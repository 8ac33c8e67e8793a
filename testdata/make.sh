#!/bin/bash
# Makes the fixtures again from their recipes and says whether they came out as they are committed:
#
#     testdata/make.sh [--write] [FILTER...]
#
# FILTER is a part of FORMAT/CASE. Without --write nothing in testdata is touched: each recipe runs in
# a folder of its own below $TMPDIR, and its line says `same`, `differs` or `failed`. With --write the results
# replace what is there. An input above 64 KiB is kept packed, by `gzip -9n`.
set -u
export TESTDATA
TESTDATA=$(cd "$(dirname "$0")" && pwd)
write=no
[ "${1:-}" = --write ] && { write=yes; shift; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
most=65536
bad=0

wanted() {
  [ $# -gt 1 ] || return 0
  local name=$1 f; shift
  for f; do case $name in *"$f"*) return 0 ;; esac; done
  return 1
}

for recipe in "$TESTDATA"/*/*/recipe; do
  folder=${recipe%/recipe}
  name=${folder#"$TESTDATA"/}
  wanted "$name" "$@" || continue
  at=$work/$name
  mkdir -p "$at"
  if ! (cd "$at" && sh "$recipe") > "$work/out" 2>&1; then
    echo "failed   $name"; sed 's/^/         /' "$work/out"; bad=1; continue
  fi
  input=$(cd "$at" && ls input.* 2>/dev/null)
  if [ "$(echo "$input" | wc -w)" != 1 ] || [ ! -e "$at/expected" ]; then
    echo "failed   $name: it must leave one input.* and expected, and left: $(cd "$at" && echo *)"; bad=1; continue
  fi
  if [ "$(stat -c %s "$at/$input")" -gt $most ]; then
    gzip -9n "$at/$input"; input=$input.gz
  fi
  size=$(stat -c %s "$at/$input")
  [ "$size" -le $most ] || { echo "failed   $name: $size bytes packed"; bad=1; continue; }
  if [ $write = yes ]; then
    rm -f "$folder"/input.*
    cp "$at/$input" "$at/expected" "$folder/"
    chmod 644 "$folder/$input" "$folder/expected"
    rm -rf "$folder/beside"
    [ -d "$at/beside" ] && cp -r "$at/beside" "$folder/"
    echo "written  $name ($size)"
  elif cmp -s "$at/$input" "$folder/$input" && cmp -s "$at/expected" "$folder/expected"; then
    echo "same     $name ($size)"
  else
    echo "differs  $name ($size)"
  fi
  rm -rf "$at"
done
exit $bad
