#!/bin/bash
# Makes the media that the benchmarks read:
#
#     benches/media.sh DIR [mixed] [big] [small] [windows-like] [million]
#
#   mixed.iso         4 GiB   ISO 9660 level 3 with Rock Ridge: one file of 2 GiB, 164 of about 11 MiB,
#                             20,000 small ones (219 MB); random data
#   big.iso           2 GiB   ISO 9660 level 3: one file, which begins at a multiple of 4,096 bytes
#   small.iso         0.3 GB  ISO 9660 with Rock Ridge: the 20,000 small files of mixed.iso and nothing else
#   windows-like.iso  6 GB    UDF bridge as Microsoft's media are: README.TXT alone on the ISO side,
#                             El Torito for BIOS and UEFI, install.wim of 5 GiB, 900 small files, most of them PE
#   million.iso       0.3 GB  ISO 9660 with Rock Ridge: 1,000,000 files in 1,000 directories
#
# What exists is left alone; a medium is made under another name and renamed when it is whole. All data
# come from one seeded AES-CTR stream, so two runs give the same files. Needs xorriso, genisoimage,
# openssl, python3 and about 18 GB of disk while it runs (14 GB afterwards).
set -euo pipefail

usage() { echo "usage: benches/media.sh DIR [mixed] [big] [small] [windows-like] [million]" >&2; exit 2; }
[ $# -ge 1 ] || usage
dir=$1; shift
[ $# -gt 0 ] || set -- million mixed big small windows-like
here=$(cd "$(dirname "$0")" && pwd)
for tool in xorriso genisoimage openssl python3; do
  command -v "$tool" >/dev/null || { echo "media.sh: $tool is missing" >&2; exit 2; }
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
export SOURCE_DATE_EPOCH=1700000000 TZ=UTC LC_ALL=C.UTF-8

# stream SEED: endless random bytes, the same ones for the same seed.
stream() {
  openssl enc -aes-256-ctr -nosalt -K "$(printf '%064x' "$1")" -iv "$(printf '%032x' 0)" -in /dev/zero 2>/dev/null || true
}
# fill SEED BYTES FILE
fill() { mkdir -p "$(dirname "$3")"; (stream "$1" || true) | head -c "$2" > "$3"; }
dated() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

make_mixed() {
  local tree=$dir/.mixed.tree out=$dir/.mixed.part
  rm -rf "$tree" "$out"; mkdir "$tree"
  fill 1 2147483648 "$tree/big/two-gibibytes.bin"
  stream 2 | python3 "$here/tree.py" mixed "$tree"
  dated "$tree"
  # A file alone is `-iso-level 3` at its plainest; the volume date is fixed by SOURCE_DATE_EPOCH.
  xorriso -as mkisofs -quiet -iso-level 3 -R -V BENCH_MIXED -no-pad -o "$out" "$tree"
  rm -rf "$tree"; mv "$out" "$dir/mixed.iso"
}

# A small file before the large one moves it by a sector, where it would not lie on a block of 4,096 bytes.
make_big() {
  local tree=$dir/.big.tree out=$dir/.big.part first
  rm -rf "$tree" "$out"; mkdir "$tree"
  fill 1 2147483648 "$tree/two-gibibytes.bin"
  for try in 1 2; do
    dated "$tree"
    xorriso -as mkisofs -quiet -iso-level 3 -V BENCH_BIG -no-pad -o "$out" "$tree"
    first=$(xorriso -indev "$out" -find / -name two-gibibytes.bin -exec report_lba 2> /dev/null |
      awk -F, '/File data lba/ { print $2 + 0; exit }')
    [ $((first % 2)) -ne 0 ] || break
    [ "$try" = 1 ] || { echo "media.sh: big.iso does not lie even" >&2; exit 1; }
    fill 4 2048 "$tree/a.bin"
  done
  rm -rf "$tree"; mv "$out" "$dir/big.iso"
}

make_small() {
  local tree=$dir/.small.tree out=$dir/.small.part
  rm -rf "$tree" "$out"; mkdir "$tree"
  stream 2 | python3 "$here/tree.py" mixed "$tree"
  find "$tree" -type f -size +1M -delete
  find "$tree" -type d -empty -delete
  dated "$tree"
  xorriso -as mkisofs -quiet -R -V BENCH_SMALL -no-pad -o "$out" "$tree"
  rm -rf "$tree"; mv "$out" "$dir/small.iso"
}

make_windows-like() {
  local tree=$dir/.windows.tree out=$dir/.windows.part hide=()
  rm -rf "$tree" "$out"; mkdir "$tree"
  stream 3 | python3 "$here/tree.py" windows "$tree"
  dated "$tree"
  for entry in "$tree"/*; do
    [ "${entry##*/}" = README.TXT ] || hide+=(-hide "$entry")
  done
  # -hide only: -hide-joliet also takes an entry off the UDF side (genisoimage 1.1.11).
  genisoimage -quiet -no-pad -D -iso-level 3 -udf -allow-limited-size -V BENCH_WINDOWS "${hide[@]}" \
    -b boot/etfsboot.com -no-emul-boot -boot-load-size 8 \
    -eltorito-alt-boot -b efi/microsoft/boot/efisys.bin -no-emul-boot \
    -o "$out" "$tree"
  rm -rf "$tree"; mv "$out" "$dir/windows-like.iso"
}

make_million() {
  python3 "$here/million.py" "$dir/.million.part"
  mv "$dir/.million.part" "$dir/million.iso"
}

for name; do
  case $name in mixed | big | small | windows-like | million) ;; *) usage ;; esac
  if [ -e "$dir/$name.iso" ]; then
    echo "$dir/$name.iso is there"
    continue
  fi
  from=$SECONDS
  "make_$name"
  echo "$dir/$name.iso made in $((SECONDS - from)) s: $(stat -c %s "$dir/$name.iso") bytes"
done
