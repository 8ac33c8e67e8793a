#!/bin/bash
# The peer test: do 7zz, bsdtar and xorriso see in an image what discless sees, and the same bytes?
#
#     tests/peers.sh BIN [FILTER...]         discless against the peers, fixtures and real media
#     tests/peers.sh --expected [FILTER...]  the fixtures' own `expected` against the peers, without discless
#
# BIN is asked for `list --json` and `extract -o DIR --json`. FILTER is a part of an image's name. One line
# an image and peer:
#
#     agree                  the same members, sizes, links and SHA-256 digests
#     differs (documented)   peers-differences.tsv (image pattern, peer, reason) says why
#     DIFFERS                nobody said why: this fails the test
#     cannot read            the peer refuses the image or shows nothing of it
#
# Names are compared without `;1`, in any case; boot images (`[BOOT]/…`) and special files are left out. Of
# `hostile-` and `truncated-` images the peers only give their lists, as some of them write where they should not.
# Needs python3; a peer that is not installed is left out, loudly. Real media: those of Debian's
# grub-rescue-pc, ipxe and memtest86+, and the ISO and UDF images of ../shared/corpus.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
[ $# -ge 1 ] || { echo "usage: tests/peers.sh BIN|--expected [FILTER...]" >&2; exit 2; }
bin=$1; shift
if [ "$bin" != --expected ]; then
  bin=$(command -v "$bin") || { echo "peers.sh: $1: no such program" >&2; exit 2; }
  bin=$(realpath "$bin")
fi
command -v python3 > /dev/null || { echo "peers.sh: python3 is missing" >&2; exit 2; }
export LC_ALL=C.UTF-8 TZ=UTC

peers=()
for peer in 7zz bsdtar xorriso; do
  if command -v $peer > /dev/null; then peers+=($peer); else echo "SKIPPED: $peer is not installed"; fi
done
[ ${#peers[@]} -gt 0 ] || { echo "SKIPPED: no peer is installed; nothing was compared"; exit 0; }

work=$(mktemp -d)
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
ulimit -v 4000000 2> /dev/null

list=$work/images
: > "$list"
for input in "$root"/testdata/{iso9660,udf}/*/input.*; do
  [ -e "$input" ] && printf '%s\t%s\n' "$(basename "$(dirname "$(dirname "$input")")")/$(basename "$(dirname "$input")")" "$input" >> "$list"
done
if [ "$bin" != --expected ]; then
  for medium in /usr/lib/grub-rescue/grub-rescue-cdrom.iso /usr/lib/ipxe/ipxe.iso /usr/lib/memtest86+/*.iso; do
    if [ -e "$medium" ]; then printf 'debian/%s\t%s\n' "$(basename "$medium")" "$medium" >> "$list"
    else echo "SKIPPED: $medium is not installed"; fi
  done
  corpus=
  for at in "$root/../shared/corpus" "$root/../../shared/corpus"; do [ -e "$at/PUBLIC.tar.xz" ] && corpus=$at; done
  if [ -z "$corpus" ]; then
    echo "SKIPPED: ../shared/corpus is not there; its images were not compared"
  else
    public=$root/target/corpus
    if [ ! -d "$public/PUBLIC" ]; then
      mkdir -p "$public"
      tar -xJf "$corpus/PUBLIC.tar.xz" -C "$public"
    fi
    find "$public"/PUBLIC/{iso,udf,winiso,linux,exch} -type f \( -iname '*.iso' -o -iname '*.udf' -o -iname '*.img' \) 2> /dev/null | sort |
      while read -r image; do printf 'corpus/%s\t%s\n' "${image#"$public"/PUBLIC/}" "$image"; done >> "$list"
  fi
fi

python3 "$here/peers_compare.py" "$work" "$bin" "$here/peers-differences.tsv" "${peers[*]}" "$@" < "$list"
