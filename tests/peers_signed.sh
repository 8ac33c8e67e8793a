#!/usr/bin/env bash
# Signed files against osslsigncode, both with the same roots and today's clock:
#
#     tests/peers_signed.sh [DISCLESS] [FILE...]
#
# Without FILEs: testdata/authenticode, what Debian's shim-signed and grub-efi-amd64-signed install, and target/corpus where it is
# unpacked. A line for each file: `agree`, `known` where tests/peers-signed.tsv has the difference, or `DIFFER`. The last makes it fail.
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
discless=${1:-$here/target/release/discless}
[ $# -gt 0 ] && shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v osslsigncode > /dev/null || [ ! -e /usr/lib/shim/shimx64.efi.signed ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -y -q osslsigncode
    # Without their scripts: nothing here is to boot from them.
    (cd "$work" && for package in shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed; do
        apt-get download -q $package && dpkg-deb -x "$package"_*.deb "$work/debian"
    done)
fi

# The roots that discless has by itself, and those of the system.
for der in "$here"/src/facts/roots/*.der; do openssl x509 -inform der -in "$der"; done > "$work/microsoft.pem"
cat "$work/microsoft.pem" /etc/ssl/certs/ca-certificates.crt > "$work/all.pem"

files=("$@")
if [ ${#files[@]} = 0 ]; then
    files=("$here"/testdata/authenticode/*/input.*)
    while IFS= read -r file; do files+=("$file"); done < <(
        find "$work/debian" /usr/lib/shim /usr/lib/grub /boot/efi -name '*.efi*' -type f 2> /dev/null
        [ -d "$here/target/corpus" ] && python3 - "$here" <<'PY'
import json, os, sys
media = os.path.join(sys.argv[1], "target/corpus")
facts = os.path.join(os.environ.get("DISCLESS_CORPUS", os.path.join(sys.argv[1], "../shared/corpus")), "expect/signed-facts.jsonl")
if os.path.exists(facts):
    for line in open(facts):
        path = os.path.join(media, json.loads(line)["file"])
        if os.path.exists(path):
            print(path)
PY
    )
fi

agree=0 known=0 differ=0
for file in "${files[@]}"; do
    case $file in
        */testdata/authenticode/*) name=$(basename "$(dirname "$file")"); ca=$(dirname "$file")/beside/roots.pem ;;
        *) name=$(basename "$file"); ca=/etc/ssl/certs/ca-certificates.crt ;;
    esac
    cat "$ca" "$work/microsoft.pem" > "$work/roots.pem"
    osslsigncode verify -in "$file" -CAfile "$work/roots.pem" -TSA-CAfile "$work/roots.pem" -ignore-cdp -ignore-crl > "$work/theirs" 2>&1
    "$discless" verify --json --no-sidecars --roots "$ca" "$file" > "$work/ours" 2> /dev/null
    said=$(python3 - "$work" <<'PY'
import json, re, sys
theirs = open(sys.argv[1] + "/theirs", errors="replace").read()
# Of an installer file it also shows the digest without that of the names: a line that has no partner.
pairs = re.findall(r"^Current (message digest|DigitalSignature) *: *(\S+)\s*\nCalculated \1 *: *(\S+)", theirs, re.M)
result = "ok" if re.search(r"^Succeeded", theirs, re.M) else "failed"
changed = any(a != b for _, a, b in pairs)
try:
    checks = json.load(open(sys.argv[1] + "/ours"))["sources"][0]
    mine = [check for check in checks["checks"] if check["what"] == "authenticode"]
    ours = "ok" if checks["verdict"] == "verified" else "failed"
    differs = any("not what was signed" in check.get("note", "") or " differs" in check.get("note", "") for check in mine)
    refused = any(check["result"] == "damaged" for check in mine)
except Exception:
    ours, differs, refused = "failed", False, True
# A digest that osslsigncode finds changed has to be damage here; one that it finds whole must not be called changed.
digest = "same" if (changed and refused) or (not changed and (not differs or not pairs)) else "other"
print(result, ours, digest)
PY
    )
    read -r result ours digest <<< "$said"
    if [ "$result" = "$ours" ] && [ "$digest" = same ]; then
        agree=$((agree + 1)); echo "agree    $name ($ours)"
    elif [ "$digest" = same ] && grep -q "^$name	$result	$ours	" "$here/tests/peers-signed.tsv"; then
        known=$((known + 1)); echo "known    $name: osslsigncode $result, discless $ours"
    else
        differ=$((differ + 1)); echo "DIFFER   $name: osslsigncode $result, discless $ours, digests $digest"
    fi
done
echo "$agree agree, $known known differences, $differ others"
[ $differ = 0 ]
