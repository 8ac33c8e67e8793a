"""raw.py LAYOUT: input.iso as raw sectors, in input.bin (ECMA-130 §14, and the CD-ROM XA subheader).

Layouts: mode1-2352, mode2-2352, mode2-2336, mode1-2448. The error detection code is right, the error
correction bytes are zero: no reader of images looks at them.
"""
import os
import struct
import sys

TABLE = []
for n in range(256):
    c = n
    for _ in range(8):
        c = (c >> 1) ^ 0xD8018001 if c & 1 else c >> 1
    TABLE.append(c)


def edc(data):
    c = 0
    for b in data:
        c = (c >> 8) ^ TABLE[(c ^ b) & 0xFF]
    return struct.pack("<I", c)


def bcd(n):
    return n // 10 << 4 | n % 10


def sector(layout, number, user):
    lba = number + 150
    header = b"\0" + b"\xff" * 10 + b"\0" + bytes((bcd(lba // 4500), bcd(lba // 75 % 60), bcd(lba % 75)))
    if layout.startswith("mode1"):
        body = header + b"\x01" + user
        out = body + edc(body) + bytes(8 + 276)
    else:
        sub = b"\0\0\x08\0" * 2
        out = header + b"\x02" + sub + user + edc(sub + user) + bytes(276)
    if layout.endswith("2336"):
        out = out[16:]
    if layout.endswith("2448"):
        out += bytes(96)
    return out


with open("input.iso", "rb") as f:
    image = f.read()
with open("input.bin", "wb") as f:
    for n in range(len(image) // 2048):
        f.write(sector(sys.argv[1], n, image[n * 2048 : n * 2048 + 2048]))
os.remove("input.iso")
