"""Changes what gpg wrote, packet by packet (RFC 9580 §4.2, §5.2.3): certificates without what they need, lying lengths.

    openpgp.py no-back|no-binding|bad-binding|bad-self CERTIFICATE > CERTIFICATE
    openpgp.py hostile SIGNATURE DIRECTORY
"""
import sys
from pathlib import Path


def packets(data):
    out, at = [], 0
    while at < len(data):
        tag = data[at]
        if tag & 0x40:
            kind, first = tag & 0x3F, data[at + 1]
            if first < 192:
                head, size = 2, first
            elif first < 224:
                head, size = 3, ((first - 192) << 8) + data[at + 2] + 192
            else:
                head, size = 6, int.from_bytes(data[at + 2 : at + 6], "big")
        else:
            kind, width = (tag >> 2) & 15, 1 << (tag & 3)
            head, size = 1 + width, int.from_bytes(data[at + 1 : at + 1 + width], "big")
        out.append((kind, data[at + head : at + head + size]))
        at += head + size
    return out


def packet(kind, body):
    return bytes([0xC0 | kind, 255]) + len(body).to_bytes(4, "big") + body


def without_back(body):
    hashed = int.from_bytes(body[4:6], "big")
    at = 6 + hashed
    size = int.from_bytes(body[at : at + 2], "big")
    area, kept, i = body[at + 2 : at + 2 + size], b"", 0
    while i < len(area):
        n, head = area[i], 1
        if n >= 192:
            n, head = ((n - 192) << 8) + area[i + 1] + 192, 2
        if area[i + head] & 0x7F != 32:
            kept += area[i : i + head + n]
        i += head + n
    assert kept != area, "no embedded signature in the area that is not hashed"
    return body[:at] + len(kept).to_bytes(2, "big") + kept + body[at + 2 + size :]


def certificate(how, data):
    out = b""
    for kind, body in packets(data):
        binding, own = kind == 2 and body[1] == 0x18, kind == 2 and body[1] in range(0x10, 0x14)
        if binding and how == "no-binding":
            continue
        if binding and how == "no-back":
            body = without_back(body)
        if binding and how == "bad-binding" or own and how == "bad-self":
            body = body[:-1] + bytes([body[-1] ^ 1])
        out += packet(kind, body)
    return out


def hostile(signature, to):
    (_, body), = packets(signature)
    armored = b"-----BEGIN PGP SIGNATURE-----\n\n"
    made = {
        "long": bytes([0xC2, 255, 0xFF, 0xFF, 0xFF, 0xFF]) + body,
        "short": bytes([0xC2, 20]) + body[:20],
        "empty": b"",
        "empty-packet": bytes([0xC2, 0]),
        "partial": bytes([0xC2, 0xFE]) + body,
        "version": packet(2, b"\x07" + body[1:]),
        "version-3": packet(2, b"\x03" + body[1:]),
        "algorithm": packet(2, body[:2] + b"\x63" + body[3:]),
        "digest": packet(2, body[:3] + b"\x63" + body[4:]),
        "subpackets": packet(2, body[:4] + b"\xff\xff" + body[6:]),
        "subpacket-zero": packet(2, body[:6] + b"\x00" + body[7:]),
        "subpacket-long": packet(2, body[:6] + b"\xff" + body[7:]),
        "mpi": packet(2, body[:-66] + b"\xff\xff" + body[-64:]),
        "type": packet(2, body[:1] + b"\x10" + body[2:]),
        "no-subpackets": packet(2, body[:4] + b"\x00\x00\x00\x00" + body[-70:]),
        "user-id": packet(13, b"nobody"),
        "many-markers": packet(10, b"PGP") * 2000,
        "reserved": packet(0, b"x") + packet(2, body),
        "armor-open": armored + b"iHUEABYKAB0WIQ" * 4,
        "armor-junk": armored + b"!!!!\n-----END PGP SIGNATURE-----\n",
        "armor-empty": armored + b"-----END PGP SIGNATURE-----\n",
        "armor-other": b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n",
        "armor-header": b"-----BEGIN PGP SIGNATURE-----\n" + b"Comment: x\n" * 2000,
        "text": b"not found\n",
        "html": b"<!DOCTYPE html><html>404</html>\n",
    }
    for name, data in made.items():
        (to / f"hostile-{name}.sig").write_bytes(data)


if sys.argv[1] == "hostile":
    hostile(Path(sys.argv[2]).read_bytes(), Path(sys.argv[3]))
else:
    sys.stdout.buffer.write(certificate(sys.argv[1], Path(sys.argv[2]).read_bytes()))
