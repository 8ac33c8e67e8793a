#!/bin/sh
# Implanted digests: discless says of an image what checkisomd5 says, over images made here and the boot discs of Debian's packages.
# Usage: tests/peers_deep.sh BINARY
set -eu
bin=$(realpath "$1")
if ! command -v implantisomd5 >/dev/null || ! command -v xorriso >/dev/null; then
    apt-get install -y -q isomd5sum xorriso >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir tree
head -c 3000000 /dev/urandom > tree/large.bin
seq 1 20000 > tree/numbers.txt
xorriso -as mkisofs -quiet -V OWN -o plain.iso tree 2>/dev/null
cp plain.iso good.iso && implantisomd5 good.iso >/dev/null
cp good.iso flipped.iso && printf '\377' | dd of=flipped.iso bs=1 seek=1500000 conv=notrunc status=none
cp good.iso tail.iso && printf '\377' | dd of=tail.iso bs=1 seek=$(($(stat -c %s tail.iso) - 3000)) conv=notrunc status=none
cp good.iso field.iso && printf '0' | dd of=field.iso bs=1 seek=$((32768 + 883 + 14)) conv=notrunc status=none
head -c 2000000 good.iso > cut.iso
same=0 differ=0
for iso in plain good flipped tail field cut; do
    if checkisomd5 "$iso.iso" >/dev/null 2>&1; then peer=pass; else peer=fail; fi
    code=0
    "$bin" verify --deep --no-sidecars -qq "$iso.iso" || code=$?
    # No digest in the image: checkisomd5 fails, discless says that nothing vouched for it.
    case $iso:$peer:$code in
        plain:fail:3 | *:pass:0 | *:fail:1) same=$((same + 1)) ;;
        *) echo "differ: $iso: checkisomd5 $peer, discless exit $code"; differ=$((differ + 1)) ;;
    esac
done
echo "implanted digests: $same the same as checkisomd5, $differ differ"
[ "$differ" -eq 0 ]
