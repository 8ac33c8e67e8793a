#!/bin/bash
# How fast one large stored file comes over HTTP: `discless serve` straight out of an image, nginx from the extracted file.
#
#     benches/serve/nginx.sh BIN [MIB]
#
# Rounds are interleaved, because machines are never quiet; the page cache is warm for both. Prints MiB/s of each round, the
# medians and their ratio. Needs nginx, xorriso, curl.
set -eu
bin=$(realpath "$1")
mib=${2:-1024}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/serve.XXXX")
trap 'kill $(cat "$work"/pids 2> /dev/null) 2> /dev/null; rm -rf "$work"' EXIT
cd "$work"
chmod 755 .
mkdir tree tmp
openssl rand -out tree/big.bin $((mib << 20))
xorriso -as mkisofs -quiet -V BENCH -iso-level 3 -R -o bench.iso tree 2> /dev/null
free() { python3 -c 'import socket;s=socket.socket();s.bind(("127.0.0.1",0));print(s.getsockname()[1])'; }
port=$(free)
cat > nginx.conf <<CONF
daemon off; pid $work/nginx.pid; error_log $work/error.log; worker_processes 2;
events {}
http { access_log off; sendfile ${SENDFILE:-on}; client_body_temp_path $work/tmp; proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp;
  uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp; server { listen 127.0.0.1:$port; root $work/tree; } }
CONF
nginx -c "$work/nginx.conf" > /dev/null 2>&1 & echo $! >> pids
"$bin" serve bench.iso --no-verify --listen 127.0.0.1:0 > url 2> log & echo $! >> pids
for _ in $(seq 100); do [ -s url ] && break; sleep 0.1; done
ours=$(cat url)big.bin
theirs=http://127.0.0.1:$port/big.bin
cat bench.iso tree/big.bin > /dev/null
[ "$(curl -s "$ours" | sha256sum)" = "$(sha256sum < tree/big.bin)" ] || { echo "other bytes came"; exit 1; }
speed() { curl -s -o /dev/null -w '%{speed_download}\n' "$1" | awk '{printf "%.0f\n", $1 / 1048576}'; }
for round in 1 2 3 4 5; do
  a=$(speed "$ours"); b=$(speed "$theirs")
  echo "$a" >> a; echo "$b" >> b
  echo "round $round: discless $a MiB/s, nginx $b MiB/s"
done
a=$(sort -n a | sed -n 3p); b=$(sort -n b | sed -n 3p)
awk -v a="$a" -v b="$b" 'BEGIN { printf "medians: discless %d, nginx %d MiB/s; ratio %.2f\n", a, b, a / b }'
