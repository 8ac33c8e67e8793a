#!/bin/sh
# Blocks shared with the medium: files that discless takes out of an image on XFS (blocks of 2 and 4 KiB) and btrfs are
# those that 7zz takes out, in every way of verifying, and take hardly any room. Needs root, to mount file systems in files.
# Usage: tests/peers_reflink.sh BINARY
set -eu
bin=$(realpath "$1")
[ "$(id -u)" = 0 ] || { echo "SKIPPED: mounting a file system needs root"; exit 0; }
for tool in mkfs.xfs mkfs.btrfs xorriso 7zz; do
    command -v $tool >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 0; }
done
work=$(mktemp -d)
there=$work/there
trap 'umount "$there" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$there" "$work/tree" "$work/tree/small"
head -c 40000000 /dev/urandom >"$work/tree/large.bin"
head -c 1000001 /dev/urandom >"$work/tree/odd.bin"
for i in $(seq 400); do head -c $((i * 37 + 100)) /dev/urandom >"$work/tree/small/$i.bin"; done
: >"$work/tree/empty"
xorriso -as mkisofs -quiet -R -o "$work/medium.iso" "$work/tree" 2>/dev/null
7zz x -y -bd "-o$work/want" "$work/medium.iso" >/dev/null
digests() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
digests "$work/want" >"$work/want.sums"
sum=$(sha256sum "$work/medium.iso" | cut -d' ' -f1)
room() { sync; df -k --output=used "$there" | tail -1; }
differ=0
for kind in xfs-2048 xfs-4096 btrfs; do
    truncate -s 1G "$work/image"
    case $kind in
        xfs-*) mkfs.xfs -q -f -b size="${kind#xfs-}" -m reflink=1 "$work/image" ;;
        btrfs) mkfs.btrfs -q -f "$work/image" ;;
    esac
    if ! mount -o loop "$work/image" "$there" 2>/dev/null; then
        echo "SKIPPED: $kind cannot be mounted here"
        rm -f "$work/image"
        continue
    fi
    cp "$work/medium.iso" "$there/"
    for how in plain sha256 manifest both; do
        case $how in
            plain) set -- ;;
            sha256) set -- --sha256 "$sum" ;;
            manifest) set -- --manifest "$work/manifest" --overwrite=always ;;
            both) set -- --sha256 "$sum" --manifest "$work/manifest" --overwrite=always ;;
        esac
        before=$(room)
        "$bin" extract --json "$there/medium.iso" -o "$there/x" "$@" >"$work/said"
        taken=$(($(room) - before))
        shared=$(sed -n 's/.*"shared_bytes": *\([0-9]*\).*/\1/p' "$work/said")
        digests "$there/x" >"$work/got.sums"
        if ! cmp -s "$work/want.sums" "$work/got.sums"; then
            echo "differ: $kind, $how: the files"
            differ=$((differ + 1))
        fi
        # Files of 45 MB: what is not shared are ends of files, and files that begin within a block.
        case $kind:$how in
            xfs-2048:*) most=6000 least=40000000 ;;
            *) most=999999 least=0 ;;
        esac
        if [ "$taken" -gt "$most" ] || [ "${shared:-0}" -lt "$least" ]; then
            echo "differ: $kind, $how: $taken KiB of room taken, ${shared:-no} bytes shared"
            differ=$((differ + 1))
        fi
        echo "$kind, $how: $taken KiB of room, $shared bytes shared"
        rm -rf "$there/x" "$work/manifest"
    done
    umount "$there"
    rm -f "$work/image"
done
[ "$differ" -eq 0 ] && echo "shared blocks: all the same as 7zz"
