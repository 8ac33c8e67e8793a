"""Writes catalogues without a signature, for a signer to sign: a certificate trust list with digests of files.

    python3 catalogue.py OUT FILE...

A PE image is listed by what Authenticode signs of it (plain images of kit/pe.py), any other file by all its bytes.
"""
import hashlib
import struct
import sys


def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def oid(text):
    numbers = [int(part) for part in text.split(".")]
    out = bytes([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | number & 0x7F)
        out += bytes(reversed(digits))
    return tlv(6, out)


def signed_part(data):
    if data[:2] != b"MZ":
        return data
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    entry = pe + 24 + (144 if data[pe + 24:pe + 26] == b"\x0b\x02" else 128)
    return data[:pe + 88] + data[pe + 92:entry] + data[entry + 8:]


def member(data):
    digest = hashlib.sha256(signed_part(data)).digest()
    image = data[:2] == b"MZ"
    kind = oid("1.3.6.1.4.1.311.2.1.15" if image else "1.3.6.1.4.1.311.2.1.25")
    link = tlv(0xA2, tlv(0x80, "<<<Obsolete>>>".encode("utf-16-be")))
    value = tlv(0x30, b"\x03\x01\x00", tlv(0xA0, link)) if image else link
    sha256 = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\x05\x00")
    indirect = tlv(0x30, tlv(0x30, kind, value), tlv(0x30, sha256, tlv(4, digest)))
    attribute = tlv(0x30, oid("1.3.6.1.4.1.311.2.1.4"), tlv(0x31, indirect))
    return tlv(0x30, tlv(4, digest.hex().upper().encode("utf-16-le")), tlv(0x31, attribute))


def catalogue(files):
    usage = tlv(0x30, oid("1.3.6.1.4.1.311.12.1.1"))
    algorithm = tlv(0x30, oid("1.3.6.1.4.1.311.12.1.3"), b"\x05\x00")
    made = tlv(0x17, b"240101000000Z")
    members = tlv(0x30, *[member(data) for data in files])
    ctl = tlv(0x30, usage, tlv(4, bytes(range(16))), made, algorithm, members)
    content = tlv(0x30, oid("1.3.6.1.4.1.311.10.1"), tlv(0xA0, ctl))
    signed = tlv(0x30, b"\x02\x01\x01", tlv(0x31), content, tlv(0x31))
    return tlv(0x30, oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed))


if __name__ == "__main__":
    out, *names = sys.argv[1:]
    open(out, "wb").write(catalogue([open(name, "rb").read() for name in names]))
