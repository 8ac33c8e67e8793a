"""A writer of cabinets ([MS-CAB]) that may break every rule, and what recipes share about them.

    pack(METHOD, BYTES)    the blocks of a folder: METHOD is stored, mszip[:alone], lzx:WINDOW[:KINDS[:e8]], quantum:WINDOW
    Cabinet(...).bytes()   the file

What packs LZX and Quantum is in lzx.py and quantum.py.
"""
import struct
import zlib

import expect

FRAME = 32768
FROM_PREVIOUS, TO_NEXT, THROUGH = 0xFFFD, 0xFFFE, 0xFFFF
UTF8, EXECUTE, ARCHIVE = 0x80, 0x40, 0x20
# 2023-11-14 22:13:20, as MS-DOS has it.
DATE, TIME = (2023 - 1980) << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10


def checksum(data, seed=0):
    value = seed
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        value ^= word
    rest = 0
    for byte in data[whole:]:
        rest = rest << 8 | byte
    return value ^ rest


class Block:
    """A CFDATA. `checksum` None is the right one, 0 none at all."""

    def __init__(self, packed, unpacked, checksum=None):
        self.packed, self.unpacked, self.checksum = packed, unpacked, checksum

    def bytes(self, reserve):
        head = struct.pack("<HH", len(self.packed), self.unpacked) + b"R" * reserve
        value = self.checksum
        if value is None:
            value = checksum(head, checksum(self.packed)) if reserve else checksum(head[:4], checksum(self.packed))
        return struct.pack("<I", value) + head + self.packed


def pack(method, data):
    """typeCompress and the blocks."""
    kind, *more = method.split(":")
    frames = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
    if kind == "stored":
        return 0, [Block(frame, len(frame)) for frame in frames]
    if kind == "mszip":
        blocks = []
        for at in range(0, len(data), FRAME):
            history = b"" if "alone" in more else data[max(0, at - FRAME) : at]
            more_of_it = (8, zlib.Z_DEFAULT_STRATEGY, history) if history else ()
            packer = zlib.compressobj(9, zlib.DEFLATED, -15, *more_of_it)
            frame = data[at : at + FRAME]
            blocks.append(Block(b"CK" + packer.compress(frame) + packer.flush(), len(frame)))
        return 1, blocks
    window = int(more[0])
    if kind == "lzx":
        import lzx

        chunks = lzx.pack(data, window, more[1] if len(more) > 1 else "v", "e8" in more)
        return 3 | window << 8, [Block(chunk, len(frame)) for chunk, frame in zip(chunks, frames)]
    import quantum

    return 2 | 4 << 4 | window << 8, [Block(chunk, len(frame)) for chunk, frame in zip(quantum.pack(data, window), frames)]


class File:
    """A CFFILE; `name` in bytes, with backslashes."""

    def __init__(self, name, size, offset=0, folder=0, attributes=ARCHIVE):
        self.name = name.encode() if isinstance(name, str) else name
        self.size, self.offset, self.folder, self.attributes = size, offset, folder, attributes

    def bytes(self):
        head = struct.pack("<IIHHHH", self.size, self.offset, self.folder, DATE, TIME, self.attributes)
        return head + self.name + b"\0"


class Cabinet:
    def __init__(self, set_id=0, number=0, previous=None, next=None, reserve=(0, 0, 0), header_reserve=b""):
        self.folders, self.files = [], []
        self.set_id, self.number, self.previous, self.next = set_id, number, previous, next
        self.reserve, self.header_reserve = reserve, header_reserve
        self.tail = b""
        self.patch = {}

    def folder(self, method, contents):
        """Packs [(name, bytes[, attributes])] into a new folder; gives it for changes: [method, blocks]."""
        data = b"".join(content for _, content, *_ in contents)
        folder = list(pack(method, data))
        offset = 0
        for name, content, *attributes in contents:
            file = File(name, len(content), offset, len(self.folders))
            if attributes:
                file.attributes = attributes[0]
            self.files.append(file)
            offset += len(content)
        self.folders.append(folder)
        return folder

    def bytes(self):
        header, folder, data = self.reserve
        flags = (1 if self.previous else 0) | (2 if self.next else 0) | (4 if any(self.reserve) or self.header_reserve else 0)
        more = b""
        if flags & 4:
            reserved = (self.header_reserve + b"H" * header)[: max(header, len(self.header_reserve))]
            more += struct.pack("<HBB", len(reserved), folder, data) + reserved
        for name in (self.previous, self.next):
            if name:
                more += name.encode() + b"\0disk\0"
        files = b"".join(file.bytes() for file in self.files)
        files_at = 36 + len(more) + len(self.folders) * (8 + folder)
        at, folders, blocks = files_at + len(files), b"", b""
        for method, list_of_blocks in self.folders:
            folders += struct.pack("<IHH", at + len(blocks), len(list_of_blocks), method) + b"F" * folder
            blocks += b"".join(block.bytes(data) for block in list_of_blocks)
        size = at + len(blocks)
        head = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, size, 0, files_at, 0, 3, 1, len(self.folders), len(self.files), flags, self.set_id, self.number)
        out = bytearray(head + more + folders + files + blocks + self.tail)
        for place, value in self.patch.items():
            out[place : place + len(value)] = value
        return bytes(out)


def save(name, data):
    import os

    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


def line(name, content):
    """A line of `expected`; `content` is a size where it cannot be read."""
    path = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    path = path.replace("\\", "/")
    if isinstance(content, int):
        return f"f {content} - {expect.escaped(path)}"
    return expect.file_line(path, content)


def expected(contents, wrong=None):
    lines = [line(name, content) for name, content, *_ in contents]
    expect.save(lines + ([f"! {wrong}"] if wrong else []), "expected")


def text(lines, what):
    return "".join(f"line {i} of {what}\n" for i in range(1, lines + 1)).encode()


def noise(size, seed=1):
    """Bytes that do not pack."""
    out, state = bytearray(), seed
    while len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out += (state >> 33).to_bytes(4, "little")
    return bytes(out[:size])


def calls(size):
    """Bytes with many x86 call instructions, near and far, some of which name the same target."""
    out = bytearray()
    while len(out) < size:
        n = len(out)
        target = (n * 7919) % 90000
        out += b"\xe8" + ((target - n) & 0xFFFFFFFF).to_bytes(4, "little") + b"\x90\x55\x8b\xec" + bytes([n % 251])
    return bytes(out[:size])
