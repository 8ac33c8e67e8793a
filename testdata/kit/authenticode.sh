# Sourced after lib.sh by the recipes of signed files. Keys are made new each time and are not kept: signatures, and with
# them inputs, differ from run to run. All is judged at one time: $now.
now=1750000000 # 2025-06-15T15:06:40Z
signed_at=1704067200 # 2024-01-01T00:00:00Z

cat > ca.cnf <<'CNF'
[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
copy_extensions = none
[p]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[middle]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign
[code]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
[lifetime]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,1.3.6.1.4.1.311.10.3.13
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[encipher]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyEncipherment
extendedKeyUsage = codeSigning
[stamp]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
CNF
: > index.txt

# key NAME [rsa|P-256|P-384|P-521]
key() {
  case ${2:-P-256} in
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key" ;;
    *) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${2:-P-256}" -out "$1.key" ;;
  esac
}

# root NAME [KEY KIND]
root() {
  key "$1" "${2:-}"
  openssl req -new -config ca.cnf -key "$1.key" -subj "/O=Contoso Test/CN=Contoso Test $1" -out "$1.csr"
  openssl ca -config ca.cnf -batch -selfsign -keyfile "$1.key" -in "$1.csr" -notext -out "$1.pem" -extensions root \
    -startdate 20200101000000Z -enddate 20400101000000Z
}

# cert NAME ISSUER EXTENSIONS [KEY KIND] [END]
cert() {
  key "$1" "${4:-}"
  openssl req -new -config ca.cnf -key "$1.key" -subj "/O=Contoso Test/CN=Contoso Test $1" -out "$1.csr"
  openssl ca -config ca.cnf -batch -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -notext -out "$1.pem" -extensions "$3" \
    -startdate 20200101000000Z -enddate "${5:-20400101000000Z}"
}

# plain_pe FILE [ARCHITECTURE]: a program that cannot run.
plain_pe() {
  python3 -c 'import sys
from pe import *
from pattern import pattern
open(sys.argv[1], "wb").write(Pe(sys.argv[2], code=pattern("code", 5000)).build())' "$1" "${2:-x64}"
}

# sign SIGNER IN OUT [ARGUMENTS]
sign() {
  signer=$1 in=$2 out=$3
  shift 3
  osslsigncode sign -certs "$signer.pem" -key "$signer.key" -time $signed_at "$@" -in "$in" -out "$out"
}

# stamped: arguments that add a time stamp by the certificate `stamp`, for sign.
stamped="-TSA-certs stamp.pem -TSA-key stamp.key -TSA-time $signed_at"

# verdict FILE ROOT...: what osslsigncode says of it, as `expected`.
verdict() {
  file=$1
  shift
  mkdir -p beside
  for root; do cat "$root.pem"; done > beside/roots.pem
  osslsigncode verify -in "$file" -CAfile beside/roots.pem -TSA-CAfile beside/roots.pem -ignore-cdp -ignore-crl -time $now \
    > verdict 2>&1 || true
  python3 - $now > expected <<'PY'
import re, sys
text = open("verdict", errors="replace").read()
# Of an installer file it also shows the digest without that of the names: a line that has no partner.
pairs = re.findall(r"^Current (message digest|DigitalSignature) *: *(\S+)\s*\nCalculated \1 *: *(\S+)", text, re.M)
checks = re.findall(r"^Signature verification: (\w+)", text, re.M)
print("now", sys.argv[1])
print("digests", *(("match" if a == b else "mismatch") for _, a, b in pairs))
print("signatures", *checks)
print("result", "ok" if re.search(r"^Succeeded", text, re.M) else "failed")
PY
}
