#!/usr/bin/env bash
# From downloads to a lab, as a new user would: three different media go to a share, which is checked, catches a file
# that was flipped, and is served by Samba; the same media are served by discless itself without being extracted, over
# SMB, WebDAV and HTTP, and mounted. Every way the bytes have to be those of the share's own list.
#
#     tests/lab.sh DISCLESS        (built with the feature smb; Samba and the mount need root)
set -u
cd "$(dirname "$0")/.."
discless=$(realpath "${1:?usage: tests/lab.sh DISCLESS}")
sample=$PWD/testdata/sample/lab-tools.iso
work=$(mktemp -d); chmod 755 "$work"
running=() mounted= made= user=disclesslab
tidy() {
  [ -z "$mounted" ] || umount "$mounted" 2> /dev/null
  for pid in ${running[@]+"${running[@]}"}; do kill "$pid" 2> /dev/null; wait "$pid" 2> /dev/null; done
  [ -z "$made" ] || userdel $user
  rm -rf "$work"
}
trap tidy EXIT
bad=0
say() { if [ "$1" = 0 ]; then echo "ok       $2"; else echo "WRONG    $2"; bad=$((bad + 1)); fi; }
expect() { # CODE WHAT COMMAND...
  local code=$1 what=$2; shift 2
  "$@" > "$work/out" 2>&1; local got=$?
  [ $got = "$code" ]; say $? "$what (exit $got)"
  [ $got = "$code" ] || cat "$work/out"
}
here() { command -v "$1" > /dev/null || { echo "SKIPPED: $1 is not here"; return 1; }; }
free() { python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])'; }

# Three media: an ISO image, a UDF bridge with 600 files, a cabinet; each with its list beside it.
mkdir "$work/downloads" "$work/tree" "$work/tree/setup"
cp "$sample" "$work/downloads/lab-tools.iso"
for i in $(seq 600); do head -c $((i * 131)) /dev/urandom > "$work/tree/setup/file $i.bin"; done
head -c 30000000 /dev/urandom > "$work/tree/install.img"
here genisoimage && genisoimage -quiet -udf -J -joliet-long -V SERVER_MEDIUM -o "$work/downloads/server.iso" "$work/tree" 2> /dev/null
here gcab && (cd "$work/tree/setup" && gcab -c -z "$work/downloads/drivers.cab" file\ [1-9]*.bin)
(cd "$work/downloads" && for file in *; do sha256sum "$file" > "$file.sha256"; done)
[ "$(find "$work/downloads" -type f | wc -l)" = 6 ] || { echo "SKIPPED: three media could not be made"; exit 0; }

lab=$work/lab
expect 0 "a share is made" "$discless" share init "$lab"
expect 0 "three media are added" "$discless" share add "$lab" "$work"/downloads/{lab-tools.iso,server.iso,drivers.cab}
expect 0 "adding them again changes nothing" "$discless" share add "$lab" "$work"/downloads/{lab-tools.iso,server.iso,drivers.cab}
expect 0 "all is as it was added" "$discless" share check "$lab" --full
"$discless" share export "$lab" --format=sha256sums > "$work/SUMS"
(cd "$lab" && sha256sum -c --quiet "$work/SUMS"); say $? "sha256sum agrees with all $(wc -l < "$work/SUMS") digests"
victim=$(find "$lab" -name 'install.img')
byte=$(dd if="$victim" bs=1 skip=1000000 count=1 status=none | od -An -tu1)
flip() { printf "\\$(printf %o "$1")" | dd of="$victim" bs=1 seek=1000000 conv=notrunc status=none; }
touch -r "$victim" "$work/time"
flip $((byte ^ 1)); touch -r "$work/time" "$victim"
expect 1 "one flipped bit is caught" "$discless" share check "$lab" --full
grep -q install.img "$work/out"; say $? "and named"
flip "$byte"; touch -r "$work/time" "$victim"
expect 0 "and the bit flipped back is, too" "$discless" share check "$lab" --full

# What every other way has to give: the digests of each medium's files, by their paths in it.
folder() { dirname "$(find "$lab" -name "$1" -not -path '*/.discless/*' | head -1)"; }
declare -A want=([lab-tools.iso]=$(folder README.TXT) [server.iso]=$(folder install.img) [drivers.cab]=$(folder 'file 1.bin' | grep -v setup || true))
[ -n "${want[drivers.cab]}" ] || want[drivers.cab]=$(find "$lab" -name 'file 1.bin' -not -path '*/setup/*' -printf '%h\n' | head -1)
digests() { (cd "$1" && find . -name .discless -prune -o -type f -exec sha256sum {} + | sort -k2); }
same() { cmp -s <(digests "$1") <(digests "$2"); say $? "$3: $(digests "$2" | wc -l) files, each with its digest"; }

# Samba, by the stanza that discless prints.
if here smbd && here smbclient && [ "$(id -u)" = 0 ]; then
  port=$(free)
  mkdir "$work"/{run,state,cache,private,locks,ncalrpc,samba}
  id $user > /dev/null 2>&1 || { useradd -M -s /usr/sbin/nologin $user && made=1; }
  { printf '[global]\n  server role = standalone server\n  interfaces = 127.0.0.1/8\n  bind interfaces only = yes\n  disable netbios = yes\n'
    printf '  server min protocol = SMB2_10\n  load printers = no\n  printcap name = /dev/null\n  disable spoolss = yes\n'
    printf '  pid directory = %s\n  lock directory = %s\n  state directory = %s\n' "$work/run" "$work/locks" "$work/state"
    printf '  cache directory = %s\n  private dir = %s\n  ncalrpc dir = %s\n  log file = %s\n' "$work/cache" "$work/private" "$work/ncalrpc" "$work/log"
    "$discless" share export "$lab" --samba --user $user; } > "$work/smb.conf"
  printf 'pw\npw\n' | smbpasswd -c "$work/smb.conf" -s -a $user > /dev/null 2>&1
  smbd -F -s "$work/smb.conf" -p "$port" < /dev/null > "$work/smbd" 2>&1 & running+=($!)
  for _ in $(seq 100); do smbclient -p "$port" //127.0.0.1/lab -U "$user%pw" -c ls > /dev/null 2>&1 && break; sleep .1; done
  (cd "$work/samba" && smbclient -p "$port" //127.0.0.1/lab -U "$user%pw" -c 'prompt OFF; recurse ON; mget *' > /dev/null 2>&1)
  (cd "$work/samba" && sha256sum -c --quiet "$work/SUMS"); say $? "the share over Samba"
else
  echo "SKIPPED: Samba was not asked"
fi

# discless itself, straight out of each medium.
printf 'right-password-7\n' > "$work/pw"
for medium in lab-tools.iso server.iso drivers.cab; do
  source=$work/downloads/$medium
  "$discless" serve "$source" --listen 127.0.0.1:0 > "$work/url" 2> "$work/said" & pid=$!
  running+=($pid)
  for _ in $(seq 100); do grep -q http: "$work/url" && break; sleep .1; done
  url=$(grep -o 'http://[^ ]*' "$work/url" | head -1)
  rm -rf "$work/http" "$work/dav"; mkdir "$work/http" "$work/dav"
  python3 - "$url" "$work/http" GET "$work/dav" << 'PY'
# Every file by HTTP as the listing for scripts names them, and as WebDAV names them.
import json, os, sys, urllib.parse, urllib.request, xml.etree.ElementTree as xml
url, http, _, dav = sys.argv[1:]
def take(href, root):
    path = os.path.join(root, urllib.parse.unquote(urllib.parse.urlsplit(href).path).lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with urllib.request.urlopen(urllib.parse.urljoin(url, href)) as answer, open(path, "wb") as file:
        file.write(answer.read())
def listing(href):
    with urllib.request.urlopen(urllib.parse.urljoin(url, href) + "?json") as answer:
        for entry in json.load(answer)["entries"]:
            if entry["kind"] == "dir": listing(entry["href"])
            else: take(entry["href"], http)
def propfind(href):
    request = urllib.request.Request(urllib.parse.urljoin(url, href), method="PROPFIND", headers={"Depth": "1"})
    with urllib.request.urlopen(request) as answer:
        for response in xml.parse(answer).iter("{DAV:}response"):
            at = urllib.parse.urlsplit(response.find("{DAV:}href").text).path
            if at.rstrip("/") == urllib.parse.urlsplit(href).path.rstrip("/"): continue
            if response.find(".//{DAV:}collection") is not None: propfind(at)
            else: take(at, dav)
listing("/"); propfind("/")
PY
  same "${want[$medium]}" "$work/http" "$medium over HTTP"
  same "${want[$medium]}" "$work/dav" "$medium over WebDAV"
  kill -INT $pid; wait $pid 2> /dev/null
  if here smbclient && "$discless" serve --help | grep -q -- --smb; then
    "$discless" serve --no-verify --listen 127.0.0.1:0 --smb=0 --user lab --password-file "$work/pw" "$source" > "$work/url" 2>&1 & pid=$!
    running+=($pid)
    for _ in $(seq 100); do
      port=$(sed -n 's|^smb://127.0.0.1:\([0-9]*\)/media$|\1|p' "$work/url")
      [ -z "$port" ] && kill -0 $pid 2> /dev/null || break
      sleep .1
    done
    if [ -n "$port" ]; then
      rm -rf "$work/smb"; mkdir "$work/smb"
      (cd "$work/smb" && smbclient //127.0.0.1/media -p "$port" -s /dev/null -U 'lab%right-password-7' -m SMB3 -c 'prompt OFF; recurse ON; mget *' > /dev/null 2>&1)
      same "${want[$medium]}" "$work/smb" "$medium over our own SMB"
      kill -INT $pid; wait $pid 2> /dev/null
    else
      grep -q 'built without' "$work/url"; say $? "SKIPPED: $(head -1 "$work/url")"
    fi
  fi
  if [ -e /dev/fuse ] && [ "$(id -u)" = 0 ]; then
    mkdir -p "$work/mnt"; mounted=$work/mnt
    "$discless" mount "$source" "$work/mnt" > "$work/said" 2>&1 & pid=$!
    running+=($pid)
    for _ in $(seq 100); do mountpoint -q "$work/mnt" && break; sleep .1; done
    same "${want[$medium]}" "$work/mnt" "$medium mounted"
    kill -INT $pid; wait $pid 2> /dev/null
    mounted=
  else
    echo "SKIPPED: nothing can be mounted here"
  fi
done
[ $bad = 0 ] && echo "every way gives the same bytes" || { echo "$bad wrong"; exit 1; }
