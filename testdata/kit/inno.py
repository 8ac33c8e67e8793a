"""Writes Inno Setup 5.5.7 (Unicode) installers: loader table, setup headers that are stored, chunks by several methods.

`files` are (destination, content, chunk); files of one chunk are packed together. The layout is that of Inno Setup's
Struct.pas for 5.5.7; innoextract reads what comes out."""
import bz2
import hashlib
import lzma
import struct
import zlib
from pe_stub import resource, stub

STORED, ZLIB, BZIP2, LZMA1, LZMA2 = range(5)
ENCRYPTED, COMPRESSED, OPTIMIZED = 0x40, 0x80, 0x10
FILETIME = (1700000000 + 11644473600) * 10**7


def wide(text=""):
    raw = text.encode("utf-16-le")
    return struct.pack("<I", len(raw)) + raw


def raw(data=b""):
    return struct.pack("<I", len(data)) + data


def stream(data):
    """A stored stream: CRC-32 of size and kind, then blocks of 4096 bytes with a CRC-32 each."""
    blocks = b"".join(struct.pack("<I", zlib.crc32(data[at : at + 4096])) + data[at : at + 4096]
                      for at in range(0, len(data), 4096))
    head = struct.pack("<IB", len(blocks), 0)
    return struct.pack("<I", zlib.crc32(head)) + head + blocks


def optimize(data):
    """What Inno Setup does to processor instructions before it packs (5.3.9 and later)."""
    out, at = bytearray(data), 0
    while at + 5 <= len(out):
        if out[at] not in (0xE8, 0xE9) or at % 65536 > 65531:
            at += 1
            continue
        if out[at + 4] in (0, 0xFF):
            relative = int.from_bytes(out[at + 1 : at + 4], "little")
            if relative & 0x800000:
                out[at + 4] ^= 0xFF
            out[at + 1 : at + 4] = ((relative + at + 5) & 0xFFFFFF).to_bytes(3, "little")
        at += 5
    return bytes(out)


def packed(data, method):
    if method == ZLIB:
        return zlib.compress(data, 9)
    if method == BZIP2:
        return bz2.compress(data)
    if method == LZMA1:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 3, "lp": 0, "pb": 2}]
        return b"\x5d" + struct.pack("<I", 1 << 20) + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    if method == LZMA2:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
        return bytes([16]) + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    return data


class Setup:
    def __init__(self, files, method=STORED, flags=0, slices=None, lie=None):
        self.files, self.method, self.flags, self.lie = files, method, flags, lie or {}
        self.slice_size = slices
        self.locations, self.data = [], b""
        contents, chunks = {}, {}
        for destination, content, chunk in files:
            if (content, chunk) not in contents:
                contents[content, chunk] = len(contents)
                chunks.setdefault(chunk, []).append(content)
        self.numbers = [contents[content, chunk] for _, content, chunk in files]
        order = {}
        for chunk, members in chunks.items():
            whole, offsets = b"", []
            for content in members:
                offsets.append(len(whole))
                whole += optimize(content) if flags & OPTIMIZED else content
            body = packed(whole, method)
            for content, offset in zip(members, offsets):
                order[contents[content, chunk]] = (len(self.data), len(body), offset, content)
            self.data += b"zlb\x1a" + body
        self.locations = [order[number] for number in range(len(order))]

    def header(self):
        texts = ["Fixture", "Fixture 1.2", "Fixture.Id", "", "Maker", "", "", "", "", "1.2", "{pf}\\Fixture", "Fixture",
                 "setup"] + [""] * 15
        out = b"".join(map(wide, texts)) + raw() * 4
        counts = [0] * 16
        counts[7], counts[8] = self.lie.get("files", len(self.files)), len(self.locations)
        out += struct.pack("<16I", *counts) + b"\0" * 20 + b"\0" * 8 + b"\0" + b"\0" * 28
        out += struct.pack("<QI", 0, 1) + b"\0" * 5 + bytes([self.method, 0x02, 0]) + b"\0" * 2 + b"\0" * 8 + b"\0" * 6
        for (destination, _, _), number in zip(self.files, self.numbers):
            number = self.lie.get("number", number)
            out += wide() + wide(destination) + wide() + wide() + wide() * 6 + b"\0" * 20
            out += struct.pack("<IIQhI", number, 0, 0, -1, 0) + b"\0"
        out += raw() + raw()
        if self.method in (ZLIB, BZIP2):
            out += raw()
        return out

    def places(self):
        out = b""
        for number, (at, length, offset, content) in enumerate(self.locations):
            first = last = 0
            if self.slice_size:
                body = self.slice_size - 12
                first, last = at // body, (at + 4 + length - 1) // body
                at = at % body + 12
            digest = self.lie.get(("sha1", number), hashlib.sha1(content).digest())
            offset = self.lie.get(("offset", number), offset)
            flags = self.flags | (COMPRESSED if self.method else 0)
            size = self.lie.get(("size", number), len(content))
            out += struct.pack("<IIIQQQ", first, last, at, offset, size, length) + digest
            out += struct.pack("<QIIH", FILETIME, 0, 0, flags)
        return out

    def build(self):
        setup_0 = b"Inno Setup Setup Data (5.5.7) (u)".ljust(64, b"\0") + stream(self.header()) + stream(self.places())
        size = len(self.program(0, 0, 0))
        offset_1 = 0 if self.slice_size else size + len(setup_0)
        total = size + len(setup_0) + (0 if self.slice_size else len(self.data))
        out = self.program(total, size, offset_1) + setup_0
        return out if self.slice_size else out + self.data

    def program(self, total, offset_0, offset_1):
        table = b"rDlPtS\xcd\xe6\xd7\x7b\x0b\x2a" + struct.pack("<7I", 1, total, 0, 0, 0, offset_0, offset_1)
        table += struct.pack("<I", zlib.crc32(table))
        return stub(resource(11111, table), b".rsrc")

    def slices(self):
        body = self.slice_size - 12
        parts = [self.data[at : at + body] for at in range(0, len(self.data), body)]
        return [b"idska32\x1a" + struct.pack("<I", len(part) + 12) + part for part in parts]


def save(data, path="input.exe"):
    with open(path, "wb") as f:
        f.write(data)
