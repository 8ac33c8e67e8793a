#!/bin/bash
# The peer test of `discless serve`: real clients, and what they get compared with what lies in the image.
#
#     tests/peers_serve.sh BIN
#
# Makes an image (Joliet and Rock Ridge, odd names, a file of many MiB, a package in it), serves it on a free port, and asks
#
#   curl      every file: SHA-256 as of the source tree; a download that goes on where it stopped; a range; no write verb
#   wget      the whole tree
#   cadaver   a WebDAV listing and a download; a write that is refused
#   chromium  the page, light, dark and as on a telephone, as pictures in target/serve-*.png to look at
#
# Each is left out, and said to be, where it is not installed. Needs xorriso and curl.
set -u
[ $# -eq 1 ] || { echo "usage: tests/peers_serve.sh BIN" >&2; exit 2; }
bin=$(command -v "$1") || { echo "peers_serve.sh: $1: no such program" >&2; exit 2; }
bin=$(realpath "$bin")
shots=$(realpath "$(dirname "$0")/..")/target
for tool in xorriso curl; do
  command -v $tool > /dev/null || { echo "SKIPPED: $tool is not installed; nothing was served"; exit 0; }
done
export LC_ALL=C.UTF-8 TZ=UTC
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill $server 2> /dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
bad=0
check() { if [ "$2" = "$3" ]; then echo "agree    $1: $3"; else echo "DIFFERS  $1: expected $2, found $3"; bad=1; fi; }

mkdir -p tree/sources "tree/Support & Tools" tree/empty
head -c 20000000 /dev/urandom > tree/sources/install.wim
for n in $(seq 1 200); do head -c $((n * 37)) /dev/urandom > "tree/sources/part-$n.cab"; done
printf 'first\n' > "tree/Support & Tools/été #1 100% +x.txt"
printf '<script>alert(1)</script>' > tree/page.html
: > tree/empty.bin
xorriso -as mkisofs -quiet -V PEERS -J -R -o made.iso tree 2> /dev/null || exit 2
(cd tree && find . -type f -print0 | sort -z | xargs -0 sha256sum) > want
sha256sum made.iso > SHA256SUMS

"$bin" serve made.iso --listen 127.0.0.1:0 > url 2> log &
server=$!
for _ in $(seq 100); do [ -s url ] && break; sleep 0.1; done
url=$(cat url)
[ -n "$url" ] || { cat log; exit 1; }
url=${url%/}

# Addresses as the server itself writes them.
links() { curl -sf "$1?json" | python3 -c 'import json,sys
for e in json.load(sys.stdin)["entries"]: print(e["kind"], e["href"])'; }
walk() { links "$url$1" | while read -r kind href; do
  if [ "$kind" = dir ]; then walk "$href"; else echo "$href"; fi; done; }
walk / > hrefs
decode() { python3 -c 'import sys,urllib.parse
for line in sys.stdin: print(urllib.parse.unquote(line.rstrip("\n")))'; }
while read -r href; do
  printf '%s  .%s\n' "$(curl -sf "$url$href" | sha256sum | cut -d' ' -f1)" "$(echo "$href" | decode)"
done < hrefs | LC_ALL=C sort -k2 > got
LC_ALL=C sort -k2 want > sorted
check "curl: every file" "$(wc -l < want) $(sha256sum < sorted)" "$(wc -l < got) $(sha256sum < got)"
head -c 5000000 tree/sources/install.wim > part
curl -sf -C - -o part "$url/sources/install.wim"
check "curl -C -: goes on" "$(sha256sum < tree/sources/install.wim)" "$(sha256sum < part)"
check "curl -r" "$(tail -c +1000001 tree/sources/install.wim | head -c 5 | sha256sum)" \
  "$(curl -sf -r 1000000-1000004 "$url/sources/install.wim" | sha256sum)"
check "?sha256" "install.wim: OK" "$(cd tree/sources && curl -sf "$url/sources/install.wim?sha256" | sha256sum -c)"
for verb in PUT DELETE MKCOL LOCK PROPPATCH; do
  check "$verb" 405 "$(curl -s -o /dev/null -w '%{http_code}' -X $verb "$url/x")"
done
check "traversal" 400 "$(curl -s -o /dev/null -w '%{http_code}' --path-as-is "$url/..%2f..%2fetc/passwd")"

if command -v wget > /dev/null; then
  mkdir mirror
  wget -q -r -np -nH -e robots=off --reject-regex '\?' -P mirror "$url/" 2> /dev/null
  (cd mirror && find . -name 'index.html*' -delete; find . -type f -print0 | sort -z | xargs -0 sha256sum) > mirrored
  check "wget -r" "$(LC_ALL=C sort -k2 want | sha256sum)" "$(LC_ALL=C sort -k2 mirrored | sha256sum)"
else
  echo "SKIPPED: wget is not installed"
fi
if command -v cadaver > /dev/null; then
  printf 'cd sources\nls\nget part-7.cab got.cab\nput want x\nquit\n' | HOME=$work timeout 60 cadaver "$url/" > said 2>&1
  check "cadaver: get" "$(sha256sum < tree/sources/part-7.cab)" "$(sha256sum < got.cab)"
  check "cadaver: ls" 200 "$(grep -c 'part-[0-9]*\.cab *[0-9]' said)"
  check "cadaver: put" refused "$(grep -q 'Uploading.*405\|failed:' said && echo refused)"
else
  echo "SKIPPED: cadaver is not installed"
fi
if command -v chromium > /dev/null; then
  shot() { timeout 60 chromium --headless=new --no-sandbox --hide-scrollbars --virtual-time-budget=4000 \
    --user-data-dir="$work/chromium" --window-size="$2" $3 --screenshot="$shots/serve-$1.png" "$url$4" > /dev/null 2>&1; }
  mkdir -p "$shots"
  shot light 1200,1600 "" / ; shot dark 1200,1600 --blink-settings=preferredColorScheme=0 / ; shot phone 500,1400 "" /
  shot file 1200,700 "" '/sources/install.wim?info'
  for shot in light dark phone file; do
    check "chromium: $shot" yes "$([ -s "$shots/serve-$shot.png" ] && echo yes)"
  done
else
  echo "SKIPPED: chromium is not installed; nobody looked at the page"
fi
kill -INT $server
wait $server
check "Ctrl-C" 130 $?
server=
exit $bad
