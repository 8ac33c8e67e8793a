#!/usr/bin/env bash
# A share made by discless, held against those who read one: sha256sum, hashdeep, ssh-keygen, a real Samba server; and
# on file systems made for it, shared blocks and a full disk.
#
#     tests/peers_share.sh [DISCLESS]
set -u
cd "$(dirname "$0")/.."
discless=$(realpath "${1:-target/release/discless}")
sample=$PWD/testdata/sample
work=$(mktemp -d); chmod 755 "$work"
mounts=() smbd=
tidy() {
  [ -z "$smbd" ] || { kill "$smbd"; wait "$smbd"; } 2> /dev/null
  for mount in "${mounts[@]}"; do umount "$mount"; done
  rm -rf "$work"
}
trap tidy EXIT
bad=0
ok() { echo "ok       $*"; }
wrong() { echo "WRONG    $*"; bad=$((bad + 1)); }
expect() { # CODE WHAT COMMAND...
  local code=$1 what=$2; shift 2
  "$@" > "$work/out" 2>&1; local got=$?
  if [ $got = "$code" ]; then ok "$what"; else wrong "$what: exit $got, not $code"; cat "$work/out"; fi
}
here() { command -v "$1" > /dev/null || { echo "SKIPPED: $1 is not here"; return 1; }; }

# Three media: the sample, and two with a large file in common.
head -c 3000000 /dev/urandom > "$work/common.bin"
for name in one two; do
  mkdir "$work/$name"; cp "$work/common.bin" "$work/$name/large.bin"; echo $name > "$work/$name/name.txt"
  (cd "$work/$name" && tar cf "../$name.tar" .) && (cd "$work" && sha256sum $name.tar > $name.tar.sha256)
done
lab=$work/lab
expect 0 "init" "$discless" share init "$lab"
expect 0 "add three media" "$discless" share add "$lab" "$sample/lab-tools.iso" "$work/one.tar" "$work/two.tar"
expect 0 "check" "$discless" share check "$lab" --full

# Digests, as others read them.
(cd "$lab/Unidentified/lab-tools" && expect 0 "sha256sum -c of a product's list" sha256sum -c --quiet .discless/SHA256SUMS)
"$discless" share export "$lab" --format=sha256sums > "$work/SUMS"
(cd "$lab" && expect 0 "sha256sum -c of the share" sha256sum -c --quiet "$work/SUMS")
"$discless" share export "$lab" --format=sidecars -o "$work/sidecars" > /dev/null
(cd "$work/sidecars" && find . -name '*.sha256' -print0 | while IFS= read -r -d '' side; do
   (cd "$lab/${side%/*}" && sha256sum -c --quiet "$work/sidecars/$side") || exit 1; done) && ok "sha256sum -c of every sidecar" || wrong "sidecars"
if here hashdeep; then
  "$discless" share export "$lab" --format=hashdeep > "$work/deep"
  # Ours lie beside the products; the audit is of the products.
  audit() { (cd "$lab" && find . -path '*/.discless' -prune -o -type f -print0 | xargs -0 hashdeep -c sha256 -l -a -k "$work/deep" -v); }
  expect 0 "hashdeep -a" audit
  cp "$lab/Unidentified/one/name.txt" "$work/kept"; echo other > "$lab/Unidentified/one/name.txt"
  if audit > /dev/null 2>&1; then wrong "hashdeep -a sees a change"; else ok "hashdeep -a sees a change"; fi
  expect 1 "and so does check" "$discless" share check "$lab"
  cat "$work/kept" > "$lab/Unidentified/one/name.txt"
  expect 0 "and sees it taken back" "$discless" share check "$lab"
fi
"$discless" share export "$lab" --format=pulp-manifest > "$work/PULP_MANIFEST"
python3 - "$lab" "$work/PULP_MANIFEST" << 'PY' && ok "PULP_MANIFEST" || wrong "PULP_MANIFEST"
import csv, hashlib, os, sys
rows = list(csv.reader(open(sys.argv[2])))
for name, digest, size in rows:
    data = open(os.path.join(sys.argv[1], name), "rb").read()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, int(size)), name
assert len(rows) == 9, len(rows)
PY

# Signatures.
if here ssh-keygen; then
  for kind in ed25519 ecdsa; do
    ssh-keygen -q -t $kind -N '' -C lab@example -f "$work/$kind"
    echo "lab@example namespaces=\"discless-share\" $(cat "$work/$kind.pub")" > "$work/allowed"
    expect 0 "sign, $kind" "$discless" share sign "$lab" --key "$work/$kind"
    verify() { ssh-keygen -Y verify -n discless-share -f "$work/allowed" -I lab@example -s "$1.sig" < "$1"; }
    expect 0 "ssh-keygen verifies a manifest" verify "$lab/Unidentified/one/.discless/manifest.json"
    expect 0 "ssh-keygen verifies the index" verify "$lab/.discless/index.json"
    expect 0 "check --signature by allowed signers" "$discless" share check "$lab" --signature --key "$work/allowed"
  done
  for kind in rsa encrypted; do
    case $kind in rsa) ssh-keygen -q -t rsa -N '' -f "$work/rsa" ;; *) ssh-keygen -q -t ed25519 -N pass -f "$work/encrypted" ;; esac
    expect 2 "sign with an $kind key" "$discless" share sign "$lab" --key "$work/$kind"
  done
  manifest=$lab/Unidentified/one/.discless/manifest.json; rm -f "$manifest.sig"
  expect 0 "ssh-keygen signs with an RSA key" ssh-keygen -Y sign -n discless-share -f "$work/rsa" "$manifest"
  expect 0 "check takes it" "$discless" share check "$lab" --key "$work/ecdsa.pub" --key "$work/rsa.pub"
  rm "$manifest.sig"; ssh-keygen -q -Y sign -n file -f "$work/ecdsa" "$manifest" 2> /dev/null
  expect 3 "one made for files does not count" "$discless" share check "$lab" --key "$work/ecdsa.pub"
fi

# Samba, from the stanza that discless prints; smbd stays in the foreground and in our group.
if here smbd && here smbclient && [ "$(id -u)" = 0 ]; then
  user=disclesslab
  port=$(python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])')
  mkdir "$work"/{run,state,cache,private,locks,ncalrpc,got}
  made=
  id $user > /dev/null 2>&1 || { useradd -M -s /usr/sbin/nologin $user && made=1; }
  { printf '[global]\n  server role = standalone server\n  interfaces = 127.0.0.1/8\n  bind interfaces only = yes\n  disable netbios = yes\n'
    printf '  server min protocol = SMB2_10\n  load printers = no\n  printcap name = /dev/null\n  disable spoolss = yes\n'
    printf '  pid directory = %s\n  lock directory = %s\n  state directory = %s\n' "$work/run" "$work/locks" "$work/state"
    printf '  cache directory = %s\n  private dir = %s\n  ncalrpc dir = %s\n  log file = %s\n' "$work/cache" "$work/private" "$work/ncalrpc" "$work/log"
    "$discless" share export "$lab" --samba --user $user; } > "$work/smb.conf"
  printf 'pw\npw\n' | smbpasswd -c "$work/smb.conf" -s -a $user > /dev/null 2>&1
  testparm -s "$work/smb.conf" > "$work/testparm" 2>&1 && ! grep -qi 'unknown\|ignoring' "$work/testparm" && ok "testparm takes the stanza" || { wrong "testparm"; cat "$work/testparm"; }
  ln -s /etc/hostname "$lab/Unidentified/one/out"
  smbd -F -s "$work/smb.conf" -p "$port" < /dev/null > "$work/smbd" 2>&1 & smbd=$!
  client() { smbclient -p "$port" //127.0.0.1/lab "$@"; }
  for _ in $(seq 100); do client -U "$user%pw" -c ls > /dev/null 2>&1 && break; sleep .1; done
  (cd "$work/got" && client -U "$user%pw" -c 'prompt OFF; recurse ON; mget *' > /dev/null 2>&1)
  (cd "$work/got" && expect 0 "digests over SMB" sha256sum -c --quiet "$work/SUMS")
  [ ! -e "$work/got/Unidentified/one/out" ] && ok "a link is not followed" || wrong "a link is followed"
  expect 1 "no guest" client -N -c ls
  expect 1 "no wrong password" client -U "$user%other" -c ls
  client -U "$user%pw" -c 'mkdir w' 2>&1 | grep -q 'DENIED\|WRITE_PROTECTED' && ok "no writing" || wrong "writing is not refused"
  expect 0 "encrypted" client -U "$user%pw" --client-protection=encrypt -c ls
  rm "$lab/Unidentified/one/out"
  [ -z "$made" ] || userdel $user
else
  echo "SKIPPED: Samba was not asked"
fi

# Shared blocks and a full disk, on file systems in files.
if [ "$(id -u)" = 0 ] && here mkfs.xfs; then
  truncate -s 400M "$work/xfs.img"; mkdir "$work/xfs"
  if mkfs.xfs -q -m reflink=1 "$work/xfs.img" && mount -o loop "$work/xfs.img" "$work/xfs" 2> /dev/null; then
    mounts+=("$work/xfs")
    expect 0 "init on XFS" "$discless" share init "$work/xfs/lab"
    expect 0 "add on XFS" "$discless" share add "$work/xfs/lab" "$work/one.tar"
    sync; before=$(df --output=used -B1 "$work/xfs" | tail -1)
    expect 0 "add what shares 3 MB" "$discless" share add "$work/xfs/lab" "$work/two.tar"
    grep -q 'stored once' "$work/out" && ok "it says so" || wrong "savings are not told"
    # XFS gives blocks back in its own time.
    for _ in $(seq 50); do
      sync; after=$(df --output=used -B1 "$work/xfs" | tail -1)
      [ $((after - before)) -lt 1500000 ] && break
      sleep .2
    done
    [ $((after - before)) -lt 1500000 ] && ok "3 MB took $((after - before)) bytes" || wrong "3 MB took $((after - before)) bytes"
    expect 0 "check on XFS" "$discless" share check "$work/xfs/lab" --full
    printf x | dd of="$work/xfs/lab/Unidentified/two/large.bin" bs=1 seek=9 conv=notrunc status=none
    expect 1 "one changes" "$discless" share check "$work/xfs/lab" --full Unidentified/two
    expect 0 "and the other does not" "$discless" share check "$work/xfs/lab" --full Unidentified/one
  else
    echo "SKIPPED: XFS cannot be mounted here"
  fi
fi
mkdir "$work/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=5m tmpfs "$work/small" 2> /dev/null; then
  mounts+=("$work/small")
  expect 0 "init on a small disk" "$discless" share init "$work/small/lab"
  expect 0 "add to it" "$discless" share add "$work/small/lab" "$work/one.tar"
  expect 2 "no room for more" "$discless" share add "$work/small/lab" "$work/two.tar"
  expect 0 "what was there is as it was" "$discless" share check "$work/small/lab" --full
  [ -z "$(ls -A "$work/small/lab/.discless/staging")" ] && ok "nothing is left of it" || wrong "a full disk keeps rubbish"
  rm -rf "$work/small/lab"; head -c 1500000 /dev/zero > "$work/small/ballast"
  expect 0 "init again" "$discless" share init "$work/small/lab"
  # A stream tells its size only when it is unpacked: the disk fills up while it is written.
  (cd "$work" && cat common.bin common.bin > big && gzip -k big && sha256sum big.gz > big.gz.sha256)
  expect 2 "the disk fills up" "$discless" share add "$work/small/lab" "$work/big.gz"
  [ -z "$(ls -A "$work/small/lab/.discless/staging")" ] && ok "and is as it was" || wrong "a full disk keeps rubbish"
else
  echo "SKIPPED: no small disk can be mounted here"
fi
[ $bad = 0 ] && echo "all as the peers have it" || { echo "$bad wrong"; exit 1; }
