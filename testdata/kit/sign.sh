# Sourced by recipes of signatures, behind lib.sh. `expected` has a line for each: VERDICT TARGET SIGNATURE KEY[ != OURS WHY].
# TARGET, SIGNATURE and KEY lie in beside/; SIGNATURE is `-` where it is around the text. VERDICT is what the
# program that wrote the signature says: good, weak (expired), bad, none (not to be checked by that key).
# OURS is there where discless says another thing on purpose.
mkdir -p beside
sign_home=$(mktemp -d)
export GNUPGHOME=$sign_home/gpg
mkdir -m 700 "$GNUPGHOME"
trap 'gpgconf --kill all 2>/dev/null; rm -rf "$sign_home"' EXIT
: > expected
bytes beside/file.bin 3000
cp beside/file.bin input.bin
cp beside/file.bin beside/changed.bin
printf x | dd of=beside/changed.bin conv=notrunc bs=1 seek=100 status=none

# gpgs ARGS: gpg at the fixtures' time, without questions.
gpgs() { gpg -q --batch --yes --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time "${at:-20231114T221320}" "$@"; }

# gpgkey NAME ALGO [USAGE] [EXPIRE]: a primary key without a password.
gpgkey() { gpgs --quick-generate-key "$1 <$1@example.invalid>" "$2" "${3:-sign}" "${4:-never}" 2> log; }

# gpgv_says TARGET SIGNATURE KEY
gpgv_says() {
  gpg --dearmor < "beside/$3" > "$sign_home/ring" 2> /dev/null || cp "beside/$3" "$sign_home/ring"
  if [ "$2" = - ]; then set -- "$1"; else set -- "$2" "$1"; fi
  (cd beside && gpgv --status-fd 1 --keyring "$sign_home/ring" "$@") > "$sign_home/out" 2> log || true
  if grep -q ' BADSIG ' "$sign_home/out"; then echo bad
  elif grep -q ' REVKEYSIG ' "$sign_home/out"; then echo none
  elif grep -Eq ' (EXPKEYSIG|EXPSIG) ' "$sign_home/out"; then echo weak
  elif grep -q ' GOODSIG ' "$sign_home/out"; then echo good
  else echo none; fi
}

# minisign_says TARGET SIGNATURE KEY
minisign_says() {
  if (cd beside && minisign -V -p "$3" -m "$1" -x "$2") > "$sign_home/out" 2>&1; then echo good
  elif grep -qi 'verification failed' "$sign_home/out"; then echo bad
  else echo none; fi
}

# signify_says TARGET SIGNATURE KEY
signify_says() {
  if [ "$2" = - ]; then
    (cd beside && signify-openbsd -V -q -e -p "$3" -x "$1" -m "$sign_home/plain") > "$sign_home/out" 2>&1 && { echo good; return; }
  else
    (cd beside && signify-openbsd -V -q -p "$3" -x "$2" -m "$1") > "$sign_home/out" 2>&1 && { echo good; return; }
  fi
  if grep -q 'signature verification failed' "$sign_home/out"; then echo bad; else echo none; fi
}

# ssh_says TARGET SIGNATURE KEY: KEY is a file of allowed signers, or a public key (then its owner is t@example).
ssh_says() {
  case $3 in *.pub) sed 's/^/t@example /' "beside/$3" > "$sign_home/allowed" ;; *) cp "beside/$3" "$sign_home/allowed" ;; esac
  if ssh-keygen -Y verify -f "$sign_home/allowed" -I t@example -n file -s "beside/$2" < "beside/$1" > "$sign_home/out" 2>&1; then echo good
  elif ssh-keygen -Y find-principals -f "$sign_home/allowed" -s "beside/$2" > /dev/null 2>&1 &&
    ! ssh-keygen -Y check-novalidate -n file -s "beside/$2" < "beside/$1" > "$sign_home/out" 2>&1 &&
    grep -q 'incorrect signature' "$sign_home/out"; then echo bad
  else echo none; fi
}

# says TOOL TARGET SIGNATURE KEY [!= OURS WHY...]: a line of `expected`.
says() {
  tool=$1; shift
  verdict=$(${tool}_says "$1" "$2" "$3")
  echo "$verdict $*" >> expected
}
