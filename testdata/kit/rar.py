"""Writes RAR archives with stored members: version 4 (`Four`) and 5 (`Five`), with volumes, links and comments.

Everything is laid out by RARLAB's technotes; nothing is packed, so no code of RARLAB's is needed. What a field
says can be changed by a keyword: a hostile archive is a good one that lies."""
import struct
import zlib

TIME = 1700000000
DOS_TIME = (2023 - 1980) << 25 | 11 << 21 | 14 << 16 | 22 << 11 | 13 << 5 | 20 // 2


def vint(n):
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


class Five:
    """RAR 5. Blocks: CRC-32, size, type, flags, then what the type has."""
    mark = b"Rar!\x1a\x07\x01\x00"

    def __init__(self, volume=None, flags=0):
        self.out = bytearray(self.mark)
        if volume is not None:
            flags |= 1 | (2 if volume else 0)
        self.block(1, vint(flags) + (vint(volume) if volume else b""))

    def block(self, kind, fields, data=None, extra=b"", flags=0, size=None):
        flags |= (1 if extra else 0) | (2 if data is not None else 0)
        head = vint(kind) + vint(flags) + (vint(len(extra)) if extra else b"")
        if data is not None:
            head += vint(len(data) if size is None else size)
        head = head + fields + extra
        head = vint(len(head)) + head
        self.out += struct.pack("<I", zlib.crc32(head)) + head + (data or b"")

    def file(self, name, content=b"", kind=2, crc=None, unpacked=None, extra=b"", method=0, before=False,
             after=False, directory=False, whole=None, mode=0o100644, size=None):
        whole = content if whole is None else whole
        if isinstance(name, str):
            name = name.encode()
        flags = (1 if directory else 2 | 4)
        fields = vint(flags) + vint(len(whole) if unpacked is None else unpacked) + vint(0o40755 if directory else mode)
        if not directory:
            fields += struct.pack("<II", TIME, zlib.crc32(whole) if crc is None else crc)
        fields += vint(method) + vint(1) + vint(len(name)) + name
        self.block(kind, fields, None if directory else content, extra, (8 if before else 0) | (16 if after else 0), size)

    def link(self, name, target, kind=1):
        """1 symbolic link, 4 hard link, 5 copy."""
        target = target.encode()
        record = vint(5) + vint(kind) + vint(0) + vint(len(target)) + target
        self.file(name, extra=vint(len(record)) + record, mode=0o120777 if kind == 1 else 0o100644)

    def comment(self, text):
        self.file("CMT", text, kind=3)

    def end(self, more=False):
        self.block(5, vint(1 if more else 0))
        return bytes(self.out)


class Four:
    """RAR 1.5 to 4. Blocks: CRC-16 (half of a CRC-32), type, flags, size."""
    mark = b"Rar!\x1a\x07\x00"

    def __init__(self, flags=0):
        self.out = bytearray(self.mark)
        self.block(0x73, flags, b"\0" * 6)

    def block(self, kind, flags, fields, data=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
        self.out += struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    def file(self, name, content=b"", crc=None, unpacked=None, method=0x30, before=False, after=False, whole=None,
             directory=False, mode=0o100644, host=3, packed=None):
        whole = content if whole is None else whole
        if isinstance(name, str):
            name = name.encode()
        flags = 0x8000 | (1 if before else 0) | (2 if after else 0) | (0xE0 if directory else 0)
        fields = struct.pack("<IIBIIBBHI", len(content) if packed is None else packed,
                             len(whole) if unpacked is None else unpacked, host,
                             zlib.crc32(whole) if crc is None else crc, DOS_TIME, 20, method, len(name),
                             0o40755 if directory else mode) + name
        self.block(0x74, flags, fields, content)

    def end(self, more=False):
        self.block(0x7B, 0x4000 | (1 if more else 0), b"")
        return bytes(self.out)


def save(data, path="input.rar"):
    with open(path, "wb") as f:
        f.write(data)
