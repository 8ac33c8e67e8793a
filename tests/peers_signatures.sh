#!/usr/bin/env bash
# Compares what discless says of signatures with gpgv, minisign, signify and ssh-keygen: over testdata/signature,
# and over the lists of packages that apt keeps, if this is Debian.
#
#     tests/peers_signatures.sh [DISCLESS]
set -u
cd "$(dirname "$0")/.."
discless=$(realpath "${1:-target/release/discless}")
root=$PWD
for tool in gpg gpgv minisign signify-openbsd ssh-keygen; do
  command -v $tool > /dev/null || { echo "SKIPPED: $tool is not here; no signature was compared with a peer"; exit 0; }
done
work=$(mktemp -d)
mkdir "$work/recipe"
export TESTDATA=$root/testdata
cd "$work/recipe"
. "$TESTDATA/kit/lib.sh"
. "$TESTDATA/kit/sign.sh"
set +e
trap 'gpgconf --kill all 2>/dev/null; rm -rf "$sign_home" "$work"' EXIT
rm -r beside
same=0 differ=0 bad=0

# ours ARGUMENTS: one word for what discless says of the signatures.
ours() {
  "$discless" verify --json "$@" 2> /dev/null | python3 -c '
import json, sys
try:
    sources = json.load(sys.stdin)["sources"]
except (ValueError, KeyError):
    sources = []
found = {check["result"] for source in sources for check in source["checks"] if check["what"] == "signature"}
print("bad" if "damaged" in found else "good" if "ok" in found else "weak" if "weak" in found else "none")'
}

# compare NAME PEER OURS EXPECTED
compare() {
  if [ "$3" != "$4" ]; then echo "WRONG    $1: discless says $3, not $4"; bad=$((bad + 1))
  elif [ "$2" = "$3" ]; then same=$((same + 1))
  else differ=$((differ + 1)); fi
}

for folder in "$TESTDATA"/signature/*/; do
  case $folder in
    */minisign/) tool=minisign ;; */signify/) tool=signify ;; */ssh-*/) tool=ssh ;; */published/) continue ;; *) tool=gpgv ;;
  esac
  ln -sfn "${folder}beside" beside
  while read -r _ target signature key mark expected _; do
    peer=$(${tool}_says "$target" "$signature" "$key")
    if [ "$signature" = - ]; then
      found=$(ours beside/file.bin --no-sidecars --sums "beside/$target" --key "beside/$key")
    else
      found=$(ours "beside/$target" --no-sidecars --signature "beside/$signature" --key "beside/$key")
    fi
    [ "$mark" = '!=' ] || expected=$peer
    compare "$folder$target $signature $key" "$peer" "$found" "$expected"
  done < "${folder}expected"
done
echo "fixtures: $same the same, $differ differ as written down, $bad wrong"

# A list of packages is text that is signed in the clear: taken apart, it is a text and a signature in text mode.
ring=/usr/share/keyrings/debian-archive-keyring.gpg
lists=0
for list in /var/lib/apt/lists/*InRelease; do
  [ -e "$list" ] && [ -e "$ring" ] || continue
  awk '/^-----BEGIN PGP SIGNATURE/ { exit } body { sub(/^- /, ""); printf "%s%s", (n++ ? "\n" : ""), $0 } /^$/ { body = 1 }' "$list" > text
  sed -n '/^-----BEGIN PGP SIGNATURE/,$p' "$list" > text.asc
  want=$(gpgv --status-fd 1 --keyring "$ring" "$list" 2> /dev/null | grep -c 'GOODSIG')
  found=$("$discless" verify --json text --no-sidecars --signature text.asc --key "$ring" 2> /dev/null | grep -c '"signer"')
  sed 's/^Origin: .*/Origin: nobody/' text > changed
  broken=$(ours changed --no-sidecars --signature text.asc --key "$ring")
  echo "$(basename "$list"): gpgv $want good, discless $found good; changed: $broken"
  [ "$want" -gt 0 ] && [ "$want" = "$found" ] && [ "$broken" = bad ] || bad=$((bad + 1))
  lists=$((lists + 1))
done
[ $lists -gt 0 ] || echo "SKIPPED: no list of packages with its keyring is here; nothing of Debian was compared"
[ $bad -eq 0 ]
