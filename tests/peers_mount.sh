#!/usr/bin/env bash
# `discless mount` and the programs people use on directories: ls, find, cp, sha256sum, over every format that the
# fixtures have, an image that is cut short, and a mount that is in use. Needs /dev/fuse and the right to mount.
# Usage: tests/peers_mount.sh BINARY
set -euo pipefail
bin=$(realpath "$1")
if [ ! -e /dev/fuse ]; then
    echo "SKIPPED: /dev/fuse is not there; nothing was mounted"
    exit 0
fi
command -v fusermount3 >/dev/null || apt-get install -y -q fuse3 >/dev/null
command -v xorriso >/dev/null || apt-get install -y -q xorriso >/dev/null
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
mounted=
trap '[ -z "$mounted" ] || { kill "$mounted" 2>/dev/null; wait "$mounted" 2>/dev/null; } || :; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "peers_mount: $*" >&2; exit 1; }
mkdir at

# $@: arguments. It can be read when the line with its size has come.
start() {
    rm -f said errors
    : > said
    "$bin" mount "$@" at > said 2> errors &
    mounted=$!
    for _ in $(seq 200); do
        grep -q '^mounted ' said && return 0
        kill -0 "$mounted" 2>/dev/null || { mounted=; return 1; }
        sleep 0.05
    done
    fail "$*: it does not say that it is mounted"
}
stop() {
    kill -INT "$mounted"
    wait "$mounted" || fail "it ended with $?: $(cat errors)"
    mounted=
    [ -z "$(ls -A at)" ] || fail "something is left in the directory"
    ! grep -q "$work/at" /proc/self/mounts || fail "it is still mounted"
}
digests() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum); }
shape() { (cd "$1" && find . -mindepth 1 -printf '%y %P -> %l\n' | sort); }

mkdir tree tree/sub tree/many
for n in $(seq 1 2000); do head -c $((n % 37 * 500)) /dev/urandom > "tree/many/file $n.bin"; done
head -c 50000000 /dev/urandom > tree/large.bin
ln -s ../large.bin tree/sub/link.bin
: > tree/empty.txt
xorriso -as mkisofs -quiet -R -J -joliet-long -V LAB_TOOLS -o media.iso tree 2>/dev/null

if ! start media.iso; then
    grep -Eq 'no permission to mount|fusermount3' errors || fail "$(cat errors)"
    echo "SKIPPED: nothing can be mounted here: $(head -1 errors)"
    exit 0
fi
ls -lR at > listing
[ "$(grep -c '^-' listing)" = 2002 ] || fail "ls -lR shows $(grep -c '^-' listing) files"
[ "$(readlink at/sub/link.bin)" = ../large.bin ] || fail "the link"
cmp at/sub/link.bin tree/large.bin || fail "through the link"
cp -r at copied
chmod -R u+w copied
diff <(digests tree) <(digests copied) >/dev/null || fail "cp -r copies other bytes"
diff <(shape tree) <(shape copied) || fail "cp -r copies another tree"
diff <(digests tree) <(digests at) >/dev/null || fail "sha256sum over the mount"
[ "$(find at -name '*7.bin' -size +10k | wc -l)" = "$(find tree -name '*7.bin' -size +10k | wc -l)" ] || fail "find"
for write in 'touch at/x' 'rm -f at/empty.txt' 'mkdir at/x' 'chmod 600 at/empty.txt' 'mv at/empty.txt at/x'; do
    LC_ALL=C $write 2>refusal && fail "$write worked"
    grep -q 'Read-only file system' refusal || fail "$write: $(cat refusal)"
done
df at | grep -q media.iso || fail "df does not name it"
stop
echo "ls, cp, find, sha256sum, links: right; five ways to write: refused"

formats=0 files=0
for source in "$here"/../testdata/*/*/input.*; do
    case $source in */hostile-* | */truncated-* | *.gz | */not_medium/* | */authenticode/* | */signature/*) continue ;; esac
    rm -rf out
    "$bin" extract -q --link never "$source" -o out >/dev/null 2>&1 || continue
    start "$source" || fail "$source: $(cat errors)"
    diff <(digests out) <(digests at) >/dev/null || fail "$source: $(diff <(digests out) <(digests at) | head -3)"
    diff <(shape out) <(shape at) >/dev/null || fail "$source: $(diff <(shape out) <(shape at) | head -3)"
    formats=$((formats + 1)) files=$((files + $(find at -type f | wc -l)))
    stop
done
[ "$formats" -gt 60 ] || fail "only $formats fixtures could be compared"
echo "the same as extract: $files files of $formats media, in every format with a fixture"

# Inside others: by path, as folders, several at once, and a directory.
cp "$here/../testdata/zip/"*/input.zip . 2>/dev/null || :
mkdir nested && cp "$here/../testdata/cab/mszip/input.cab" nested/x.cab && cp tree/empty.txt nested/
xorriso -as mkisofs -quiet -R -o nested.iso nested 2>/dev/null
rm -rf out && "$bin" extract -q nested/x.cab -o out > /dev/null
for how in "nested.iso!/x.cab" "nested/x.cab"; do
    start "$how"
    diff <(digests out) <(digests at) || fail "$how"
    stop
done
start -r nested.iso
diff <(digests out) <(digests at/x.cab.contents) || fail "-r"
stop
start media.iso nested.iso nested
[ "$(find at -mindepth 1 -maxdepth 1 | wc -l)" = 3 ] || fail "three sources"
cmp at/nested/x.cab nested/x.cab && cmp at/nested.iso/x.cab nested/x.cab || fail "a directory as a source"
stop
echo "members by path, packages as folders, several sources, a directory: right"

head -c $(($(stat -c %s media.iso) - 10000000)) media.iso > cut.iso
start cut.iso
good=0 bad=0
while IFS= read -r -d '' file; do
    if LC_ALL=C sha256sum "at/$file" > sum 2> refusal; then
        [ "$(cut -c1-64 sum)" = "$(sha256sum < "tree/$file" | cut -c1-64)" ] || fail "cut short: $file has other bytes"
        good=$((good + 1))
    else
        grep -q 'Input/output error' refusal || fail "$file: $(cat refusal)"
        bad=$((bad + 1))
    fi
done < <(cd at && find . -type f -print0)
[ "$bad" -gt 0 ] && [ "$good" -gt 0 ] || fail "cut short: $good good, $bad bad"
stop
[ "$(grep -c '^error: ' errors)" -ge 1 ] || fail "nobody says why"
[ "$(grep '^error: ' errors | sort | uniq -d | wc -l)" = 0 ] || fail "the same complaint twice"
echo "cut short: $good files right, $bad are I/O errors, each with its reason"

start media.iso
exec 7< at/large.bin
stop 2>/dev/null || fail "in use: it does not end"
exec 7<&-
grep -q 'still in use' errors || fail "it does not say that it was in use"
start media.iso
fusermount3 -u at 2>/dev/null || umount at
wait "$mounted" || fail "unmounted by others it ends with $?"
mounted=
start media.iso
kill -KILL "$mounted"
wait "$mounted" 2>/dev/null || :
mounted=
start media.iso && fail "mounted over a dead mount"
grep -q 'fusermount3 -u' errors || fail "a dead mount: $(cat errors)"
fusermount3 -u at
echo "in use, unmounted by others, killed: each is left clean or says what to do"

# What it costs: the copy of many files against that of the extracted tree, and one large file.
start media.iso
now() { date +%s%N; }
took() { local from; from=$(now); "$@" > /dev/null; echo $((($(now) - from) / 1000000)); }
rm -rf out copied && "$bin" extract -q media.iso -o out > /dev/null
best_mount=999999 best_plain=999999
for _ in 1 2 3; do
    rm -rf copied; t=$(took cp -r at copied); [ "$t" -ge "$best_mount" ] || best_mount=$t
    rm -rf copied; t=$(took cp -r out copied); [ "$t" -ge "$best_plain" ] || best_plain=$t
done
stop
start media.iso
first=$(took cat at/large.bin)
again=$(took cat at/large.bin)
stop
echo "cp -r of 2002 files, 68 MB: $best_mount ms from the mount, $best_plain ms from the extracted tree"
echo "50 MB in one file: $((50000 / (first + 1))) MB/s first, $((50000 / (again + 1))) MB/s cached"
echo "all passed"
