#!/bin/bash
# Lists of digests: what discless and its peers make of the same ones.
#
#     tests/peers_sums.sh BIN
#
# First every list that a peer writes is checked by discless, and every list of discless's by the peers. Then the
# table below: what `verify --check-all` and each peer say of lists that are whole, wrong, or odd. A line is
# `same`, or `differs (documented)` with its reason; anything else is `DIFFERS` and fails the test.
# A peer that is not installed is left out, loudly.
set -u
[ $# -eq 1 ] || { echo "usage: tests/peers_sums.sh BIN" >&2; exit 2; }
bin=$(realpath "$(command -v "$1")") || exit 2
export LC_ALL=C.UTF-8
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
bad=0
for tool in sha256sum cksum rhash hashdeep openssl; do
  command -v $tool > /dev/null || echo "SKIPPED: $tool is not installed; what needs it was not compared"
done
has() { command -v "$1" > /dev/null; }

printf 'hello\n' > a.txt; printf x > 'b (1).txt'; printf y > ' lead'; printf z > '*star'; printf w > 'back\slash'
printf v > 'new
line'
files=(a.txt 'b (1).txt' ' lead' '*star' 'back\slash' 'new
line')
plain=(a.txt 'b (1).txt')

# expect CODE NAME COMMAND...
expect() {
  local want=$1 name=$2 have; shift 2
  "$@" > out 2>&1; have=$?
  if [ $have = "$want" ]; then echo "same     $name"; else
    echo "DIFFERS  $name: exit $have, not $want"; sed 's/^/         /' out; bad=1
  fi
}

echo "== lists that peers write"
for digest in md5 sha1 sha224 sha256 sha384 sha512 b2; do
  ${digest}sum "${files[@]}" > list.$digest; expect 0 "${digest}sum" "$bin" verify --check-all --strict list.$digest
  ${digest}sum --tag "${files[@]}" > tag.txt; expect 0 "${digest}sum --tag" "$bin" verify --check-all --strict tag.txt
  ${digest}sum -z "${files[@]}" > nul.$digest; expect 0 "${digest}sum -z" "$bin" verify --check-all --strict nul.$digest
done
if has openssl; then
  for digest in md5 sha256 sha512-256 sha3-224 sha3-256 sha3-384 sha3-512 blake2s256 blake2b512; do
    openssl dgst -$digest "${plain[@]}" > dgst.txt; expect 0 "openssl dgst -$digest" "$bin" verify --check-all --strict dgst.txt
  done
fi
if has rhash; then
  for options in -C -M --sha256 "--bsd --sha3-256 --blake2s --blake2b --sha512" "-CMH --sha256" "-CMH --sfv"; do
    rhash $options "${plain[@]}" > list.rhash; case $options in -C | *--sfv) mv list.rhash list.sfv; list=list.sfv ;; *) list=list.rhash ;; esac
    expect 0 "rhash $options" "$bin" verify --check-all --strict $list
  done
fi
has hashdeep && { hashdeep -l "${plain[@]}" > x.hashdeep; expect 0 "hashdeep -l" "$bin" verify --check-all --strict x.hashdeep
  hashdeep "${plain[@]}" > y.hashdeep; expect 0 "hashdeep, absolute" "$bin" verify --check-all --strict y.hashdeep; }

echo "== lists that discless writes"
for digest in md5 sha1 sha224 sha256 sha384 sha512; do
  "$bin" hash --algo $digest "${files[@]}" > own.txt; expect 0 "hash --algo $digest, ${digest}sum -c" ${digest}sum -c --strict own.txt
  "$bin" hash --algo $digest --tag "${files[@]}" > own.txt; expect 0 "hash --tag $digest, cksum -c" cksum -c --strict own.txt
done
"$bin" hash --algo blake2b "${files[@]}" > own.txt; expect 0 "hash --algo blake2b, b2sum -c" b2sum -c --strict own.txt
if has rhash; then
  "$bin" hash --algo sha3-256,sha3-512,blake2s,blake2b,sha512 --tag "${plain[@]}" > own.txt; expect 0 "hash --tag, rhash -c" rhash -c own.txt
fi

echo "== verdicts"
# verdict NAME LIST WANTED [OPTIONS]: our exit code, and next to it those of the peers; a different sense needs a reason.
verdict() {
  local name=$1 list=$2 want=$3 option=${4:-} why=${5:-} ours theirs
  "$bin" verify --check-all $option "$list" > out 2>&1; ours=$?
  sha256sum -c $option "$list" > /dev/null 2>&1; theirs=$?
  local said=same
  # A verdict is good or not.
  if [ $((ours == 0)) != $((theirs == 0)) ]; then said="differs (documented)"; [ -n "$why" ] || said=DIFFERS; fi
  [ $ours = "$want" ] || said=DIFFERS
  [ "$said" != DIFFERS ] || { bad=1; sed 's/^/         /' out; }
  echo "$said  $name: discless $ours, sha256sum $theirs${why:+ ($why)}"
}
good=$(sha256sum a.txt) wrong=${good/5/6}
echo "$good" > s; verdict "all good" s 0
printf '%s\n%s\n' "$good" "${wrong/a.txt/b (1).txt}" > s; verdict "one differs" s 1
printf '%s\n%s\n' "$good" "${good/a.txt/gone}" > s; verdict "one is missing" s 1
verdict "one is missing, ignored" s 0 --ignore-missing
echo "${good/a.txt/gone}" > s; verdict "nothing was verified" s 3 --ignore-missing
printf '%s\ngarbage\n' "$good" > s; verdict "a line of garbage" s 0
verdict "a line of garbage, strict" s 2 --strict
: > s; verdict "an empty list" s 2
echo "${good%% *}" > a.txt.sha256; verdict "digits alone" a.txt.sha256 0 "" "the name is the list's"
echo "$good" | sed 's/$/\r/' > s; verdict "CRLF" s 0
printf '\357\273\277%s\n' "$good" > s; verdict "a byte order mark" s 0 "" "it is passed over"
echo "$good" | iconv -t UTF-16 > s; verdict "UTF-16" s 0 "" "it is read"
echo "${good/  / }" > s; verdict "one blank" s 0
printf '%s\n%s\n' "${good/  / }" "$good" > s; verdict "one blank, then two" s 0 "" "each line is read for itself"
md5sum a.txt > s; verdict "another digest" s 0 "" "the length tells"
openssl dgst -sha256 a.txt > s 2> /dev/null && verdict "OpenSSL's layout" s 0 "" "it is read"
mkdir -p sub; printf '%s  ../a.txt\n' "${good%% *}" > sub/s
(cd sub && verdict "a name that leads out" s 3 "" "such names are not opened"; exit $bad) || bad=1
exit $bad
