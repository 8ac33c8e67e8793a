#!/usr/bin/env bash
# The SMB share and a real client: smbclient gets every file of several media, right; it is kept out where it has to be.
# Usage: tests/peers_smb.sh BINARY (built with the feature smb)
set -euo pipefail
bin=$(realpath "$1")
command -v smbclient >/dev/null || apt-get install -y -q smbclient >/dev/null
command -v xorriso >/dev/null || apt-get install -y -q xorriso >/dev/null
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :; wait 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
fail() { echo "peers_smb: $*" >&2; exit 1; }

mkdir tree
for dir in a "b c" "b c/d"; do
    mkdir -p "tree/$dir"
    for n in $(seq 1 60); do head -c $((n * 997)) /dev/urandom > "tree/$dir/file $n.bin"; done
done
head -c 268435456 /dev/urandom > tree/large.bin
: > tree/empty.txt
ln -s large.bin tree/link.bin
xorriso -as mkisofs -quiet -R -J -joliet-long -V LAB_TOOLS -o media.iso tree 2>/dev/null
printf 'right-password-7\n' > pw

# $1: more arguments; the port and all that it said are in `said`.
start() {
    : > said
    "$bin" serve --no-verify --listen 127.0.0.1:0 --smb=0 "$@" > said 2>&1 &
    server=$!
    for _ in $(seq 100); do
        port=$(sed -n 's|^smb://127.0.0.1:\([0-9]*\)/media$|\1|p' said)
        [ -z "$port" ] || return 0
        kill -0 "$server" 2>/dev/null || fail "it did not start: $(cat said)"
        sleep 0.1
    done
    fail "it says no address: $(cat said)"
}
stop() {
    kill -INT "$server"
    local code=0
    wait "$server" || code=$?
    server=
    [ "$code" = 130 ] || fail "it ended with $code: $(cat said)"
}
# Options are smbclient's, the last argument is what it is to do.
client() { smbclient "//127.0.0.1/media" -p "$port" -s /dev/null "${@:1:$#-1}" -c "${!#}" 2>&1; }
refused() {
    local want=$1 out
    shift
    out=$(client "$@") || :
    grep -q "$want" <<< "$out" || fail "not refused with $want: $* said: $out"
}
digests() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

checked=0
for source in media.iso "$here"/../testdata/wim/*/input.wim "$here"/../testdata/cab/lzx-20/input.cab "$here"/../testdata/cab/mszip/input.cab "$here"/../testdata/zip/*/input.zip "$here"/../testdata/sample/lab-tools.iso; do
    rm -rf out got
    # Media that extract does not take out whole are no measure here.
    "$bin" extract -q "$source" -o out >/dev/null 2>&1 || continue
    # A client without links gets the file that a link leads to.
    find out -type l -exec sh -c 'for l; do if [ -f "$l" ]; then cp --remove-destination "$(readlink -f "$l")" "$l"; else rm "$l"; fi; done' sh {} +
    start --user lab --password-file pw "$source"
    mkdir got
    (cd got && client -U 'lab%right-password-7' -m SMB3 'prompt OFF; recurse ON; mget *' > ../client.log) || fail "$source: $(cat client.log)"
    diff <(digests out) <(digests got) >/dev/null || fail "$source: other files or bytes: $(diff <(digests out) <(digests got) | head -5)"
    checked=$((checked + $(find got -type f | wc -l)))
    stop
done
echo "same bytes over SMB: $checked files"

start --user lab --password-file pw media.iso
user=(-U 'lab%right-password-7' -m SMB3)
client "${user[@]}" 'ls' | grep -q 'empty.txt' || fail "no listing"
client "${user[@]}" 'ls B*' | grep -q 'b c' || fail "capitals count in patterns"
client "${user[@]}" 'get "A\FILE 7.BIN" seven' >/dev/null
cmp seven "tree/a/file 7.bin" || fail "capitals count in paths"
client "${user[@]}" 'volume' | grep -q LAB_TOOLS || fail "no label"
refused LOGON_FAILURE -U 'lab%wrong' -m SMB3 'ls'
refused LOGON_FAILURE -U 'nobody%right-password-7' -m SMB3 'ls'
refused NT_STATUS_LOGON_FAILURE -N -m SMB3 'ls'
# SMB 2 cannot encrypt.
refused NT_STATUS_ACCESS_DENIED -U 'lab%right-password-7' -m SMB2_10 'ls'
for write in 'put /etc/passwd x' 'mkdir x' 'del empty.txt' 'rmdir a' 'rename empty.txt x' 'setmode empty.txt +r'; do
    refused NT_STATUS_ "${user[@]}" "$write"
done
echo "refused: wrong password, unknown user, anonymous, SMB 2, and every write"

pids=()
since=$(date +%s%N)
for n in $(seq 8); do
    client "${user[@]}" "get large.bin large.$n" > /dev/null &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a client of eight"; done
spent=$((($(date +%s%N) - since) / 1000000))
want=$(sha256sum < tree/large.bin)
for n in $(seq 8); do [ "$(sha256sum < large.$n)" = "$want" ] || fail "client $n got other bytes"; done
rm -f large.?
echo "eight clients at once: right, $((8 * 256 * 1000 / spent)) MiB/s together, encrypted"
rate() {
    local best=0 one from
    for _ in 1 2 3; do
        from=$(date +%s%N)
        client "$@" 'get large.bin /dev/null' >/dev/null || fail "$*"
        one=$((256 * 1000000000 / ($(date +%s%N) - from)))
        [ "$one" -le "$best" ] || best=$one
    done
    echo "$best"
}
echo "one client, encrypted: $(rate "${user[@]}" --client-protection=encrypt) MiB/s"
stop

start --user lab --password-file pw --smb-encrypt=offer media.iso
client -U 'lab%right-password-7' -m SMB2_10 'ls' | grep -q empty.txt || fail "SMB 2.1 with --smb-encrypt=offer"
echo "one client, signed (SMB 2.1): $(rate -U 'lab%right-password-7' -m SMB2_10) MiB/s"
refused NT_STATUS_ -N -m SMB3 'ls'
stop

start --guest media.iso
client -N -m SMB3 'ls' | grep -q empty.txt || fail "--guest lets nobody in"
refused NT_STATUS_ -N -m SMB3 'mkdir x'
echo "one client, guest: $(rate -N -m SMB3) MiB/s"
stop

# Without an account one is made up, and said once.
start media.iso
password=$(sed -n 's/^smb user media, password //p' said)
client -U "media%$password" -m SMB3 'ls' | grep -q empty.txt || fail "the password that was made up is none"
stop
DISCLESS_PASSWORD=from-the-environment start --user lab media.iso
client -U 'lab%from-the-environment' -m SMB3 'ls' | grep -q empty.txt || fail "DISCLESS_PASSWORD"
stop
echo "all passed"
