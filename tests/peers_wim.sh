#!/bin/bash
# The peer test of Windows media: a disc like Microsoft's, made here, against wimlib-imagex.
#
#     tests/peers_wim.sh BIN
#
# Makes an ISO that is UDF and ISO 9660 at once, with `sources/install.wim` (LZX, two images that share files), `boot.wim`,
# `ei.cfg` and a file with a made product key, and holds discless to what is asked of such media:
#
#   inspect  product, editions with how they are installed, platform, build and channel; under 4 MiB read; no key shown
#            (its time is printed and decides nothing: machines differ)
#   verify   as many resources as wimlib counts, of both images, from within the disc, all with their SHA-1
#   extract  each image as `wimlib-imagex apply` gives it: the same tree, links and SHA-1; equal contents linked once
#
# The fixtures of testdata/wim against wimlib-imagex and 7zz: tests/peers_packages.py. Needs wimlib-imagex, genisoimage, python3.
set -u
[ $# -eq 1 ] || { echo "usage: tests/peers_wim.sh BIN" >&2; exit 2; }
bin=$(command -v "$1") || { echo "peers_wim.sh: $1: no such program" >&2; exit 2; }
bin=$(realpath "$bin")
for tool in wimlib-imagex genisoimage python3; do
  command -v $tool > /dev/null || { echo "SKIPPED: $tool is not installed; no Windows disc was made"; exit 0; }
done
export LC_ALL=C.UTF-8 TZ=UTC
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
bad=0
check() { if [ "$2" = "$3" ]; then echo "agree    $1: $3"; else echo "DIFFERS  $1: expected $2, found $3"; bad=1; fi; }

# Two trees: the second has a desktop more. Real programs and texts of this machine, made code, links and copies.
python3 - <<'PY'
import hashlib, os, random
chance = random.Random(4)
def put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f: f.write(data)
real = [p for p in ("/bin/bash", "/usr/bin/python3", "/usr/bin/openssl", "/bin/ls", "/etc/services") if os.path.exists(p)]
for tree, desktop in (("core", 0), ("full", 1)):
    for n, path in enumerate(real):
        with open(path, "rb") as f: put(f"{tree}/Windows/System32/real{n}.exe", f.read(6_000_000))
    for n in range(300):
        words = b" ".join(b"%d" % (chance.randrange(4000) if n > 20 else n) for _ in range(n * 40))
        put(f"{tree}/Windows/System32/en-US/module{n:03}.dll.mui", words)
    put(f"{tree}/Windows/noise.bin", hashlib.shake_128(b"noise").digest(3_000_000))
    put(f"{tree}/Windows/zeros.bin", bytes(5_000_000))
    put(f"{tree}/Windows/empty.dat", b"")
    put(f"{tree}/Users/Default/a copy.exe", open(f"{tree}/Windows/System32/real0.exe", "rb").read())
    os.makedirs(f"{tree}/Program Files/none", exist_ok=True)
    os.makedirs(f"{tree}/Windows/WinSxS/amd64_x")
    os.link(f"{tree}/Windows/System32/real0.exe", f"{tree}/Windows/WinSxS/amd64_x/real0.exe")
    os.symlink("Users/Default", f"{tree}/Documents")
    if desktop: put(f"{tree}/Windows/explorer.exe", hashlib.shake_128(b"explorer").digest(400_000))
PY
mkdir -p disc/sources disc/boot disc/efi/boot
say() { wimlib-imagex "$@" > said 2>&1 || { echo "FAILED   wimlib-imagex $1"; cat said; exit 1; }; }
say capture core disc/sources/install.wim "Windows Server 2022 SERVERSTANDARDCORE" --compress=LZX --check
say append full disc/sources/install.wim "Windows Server 2022 SERVERSTANDARD"
describe() { # FILE INDEX DISPLAYNAME EDITIONID INSTALLATIONTYPE
  say info "$1" "$2" --image-property DISPLAYNAME="$3" --image-property WINDOWS/ARCH=9 --image-property WINDOWS/EDITIONID="$4" \
    --image-property WINDOWS/INSTALLATIONTYPE="$5" --image-property WINDOWS/PRODUCTTYPE=ServerNT \
    --image-property WINDOWS/VERSION/MAJOR=10 --image-property WINDOWS/VERSION/MINOR=0 --image-property WINDOWS/VERSION/BUILD=20348 \
    --image-property WINDOWS/VERSION/SPBUILD=169 --image-property WINDOWS/LANGUAGES/LANGUAGE=en-US --image-property WINDOWS/LANGUAGES/DEFAULT=en-US
}
describe disc/sources/install.wim 1 "Windows Server 2022 Standard" ServerStandard "Server Core"
describe disc/sources/install.wim 2 "Windows Server 2022 Standard (Desktop Experience)" ServerStandard Server
mkdir pe && cp core/Windows/System32/module* core/Windows/System32/real3.exe pe/ 2> /dev/null
say capture pe disc/sources/boot.wim "Microsoft Windows Setup (x64)" --compress=LZX --boot
describe disc/sources/boot.wim 1 "Microsoft Windows Setup (x64)" WindowsPE WindowsPE
printf '[EditionID]\r\n\r\n[Channel]\r\nVolume\r\n[VL]\r\n1\r\n' > disc/sources/ei.cfg
printf '[PID]\r\nValue=AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\r\n' > disc/sources/pid.txt
head -c 4096 /dev/zero > disc/boot/etfsboot.com
genisoimage -quiet -udf -iso-level 3 -V SSS_X64FRE_EN-US_DV9 -b boot/etfsboot.com -no-emul-boot -boot-load-size 8 -o made.iso disc || exit 1

# What it is.
"$bin" inspect --json made.iso > inspect.json || { echo "DIFFERS  inspect: exit $?"; bad=1; }
get() { python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); s = d["sources"][0]; print(eval(sys.argv[2]))' "$1" "$2"; }
check "product" "Windows Server 2022" "$(get inspect.json 's["product"]["value"]')"
check "platform" x64 "$(get inspect.json 's["platform"]["value"]')"
check "build" 20348.169 "$(get inspect.json 's["build"]["value"]')"
check "channel" Volume "$(get inspect.json 's["channel"]')"
check "languages" en-US "$(get inspect.json '",".join(s["languages"])')"
check "editions" "1 ServerStandard Server Core x64 10.0.20348.169|2 ServerStandard Server x64 10.0.20348.169" \
  "$(get inspect.json '"|".join(" ".join([str(e["index"]), e["id"], e["installation"], e["platform"], e["build"]]) for e in s["editions"])')"
check "under 4 MiB read" True "$(get inspect.json 's["read_bytes"] < 4 << 20')"
check "the key is reported" True "$(get inspect.json 'any(a["id"] == "product-key" for a in s["advice"])')"
check "the key is not shown" 0 "$( ("$bin" inspect -v made.iso; cat inspect.json) | grep -c BBBBB)"
check "Core and Desktop are told apart" 2 "$("$bin" inspect made.iso | grep -cE 'ServerStandard, (Core|Desktop), x64')"
python3 - "$bin" <<'PY'
import subprocess, sys, time
def once():
    begin = time.monotonic()
    subprocess.run([sys.argv[1], "inspect", "--json", "made.iso"], stdout=subprocess.DEVNULL)
    return time.monotonic() - begin
print(f"time     inspect: {min(once() for _ in range(5)) * 1000:.0f} ms, the best of five (100 ms are wanted)")
PY

# Whether it is whole: the resources of both images, those of files and of metadata.
resources=$(wimlib-imagex info disc/sources/install.wim --blobs | grep -c '^Hash')
"$bin" verify --deep --json --no-sidecars 'made.iso!/sources/install.wim' > verify.json
check "resources of install.wim" "$resources ok" "$(get verify.json '[str(c["count"]) + " " + c["result"] for c in s["checks"] if c["what"] == "resources"][0]')"
check "its integrity table" ok "$(get verify.json '[c["result"] for c in s["checks"] if c["what"] == "integrity"][0]')"
"$bin" verify --deep --json --no-sidecars made.iso > verify.json
check "the same from the disc" "sources/install.wim $resources ok" \
  "$(get verify.json '[" ".join([c["subject"], str(c["count"]), c["result"]]) for c in s["checks"] if c["what"] == "resources" and "install" in c["subject"]][0]')"
cp disc/sources/install.wim bent.wim
python3 - <<'PY'
with open("bent.wim", "r+b") as f:
    f.seek(1_000_000); byte = f.read(1)[0]; f.seek(1_000_000); f.write(bytes([byte ^ 1]))
PY
"$bin" verify --deep --json --no-sidecars bent.wim > bent.json; code=$?
check "a bent byte" "1 1" "$code $(get bent.json '[len(c["failed"]) for c in s["checks"] if c["what"] == "resources"][0]')"
named=$(get bent.json '[c["failed"][0] for c in s["checks"] if c["what"] == "resources"][0].split()[0]')
check "its SHA-1 is one of the table" 1 "$(wimlib-imagex info bent.wim --blobs | grep -ic "$named")"

# Its files: kind, SHA-1 or target, and which names are one file.
tree() {
  python3 - "$1" <<'PY'
import hashlib, os, sys
first, out = {}, []
for base, dirs, files in sorted(os.walk(sys.argv[1])):
    for name in sorted(dirs + files):
        path = os.path.join(base, name); shown = os.path.relpath(path, sys.argv[1])
        if os.path.islink(path): out.append(f"l {os.readlink(path)} {shown}")
        elif os.path.isdir(path): out.append(f"d - {shown}")
        else: out.append(f"f {hashlib.sha1(open(path, 'rb').read()).hexdigest()} {int(os.stat(path).st_mtime)} {shown}")
print("\n".join(sorted(out)))
PY
}
# The same without times: names of one file have one time, so with --link=auto those of equal contents may differ.
timeless() { sed -E 's/^(f [0-9a-f]+) [0-9]+/\1/' "$1" | sort; }
sum() { sha1sum | cut -c1-12; }
for image in 1 2; do
  say apply disc/sources/install.wim $image theirs$image
  tree theirs$image > theirs
  for link in names never auto; do
    "$bin" extract -q --link=$link 'made.iso!/sources/install.wim' $image -o ours > said || { echo "DIFFERS  extract: exit $?"; bad=1; }
    tree ours/$image > ours.txt
    shown=cat; [ $link = auto ] && shown=timeless
    check "image $image, --link=$link" "$($shown theirs | sum) of $(wc -l < theirs)" "$($shown ours.txt | sum) of $(wc -l < ours.txt)"
    names=$(stat -c %h ours/$image/Windows/System32/real0.exe)
    case $link in auto) check "names of one content" 3 "$names" ;; names) check "names of one file" 2 "$names" ;; never) check "copies" 1 "$names" ;; esac
    rm -rf ours
  done
done
"$bin" extract -qq disc/sources/boot.wim '1/real3.exe' -o ours && check "the number of the only image" 1 "$(find ours -type f | wc -l)"

# A set: the first part leads to the others, and the others to the first.
say split disc/sources/install.wim part.swm 4
"$bin" extract -qq part.swm 2 -o ours.swm && tree ours.swm/2 > ours.txt && check "a split set" "$(timeless theirs | sum)" "$(timeless ours.txt | sum)"
"$bin" list part2.swm > said 2>&1
check "a further part" "2 1" "$? $(grep -c 'hint: .*part.swm' said)"
[ $bad = 0 ] && echo "all agree"
exit $bad
