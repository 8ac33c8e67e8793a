"""A 32-bit program of one section that does nothing, for what stands behind programs, or in their resources."""
import struct


def stub(section=b"\xc3", name=b".text", size=None):
    """`section` is padded to 512 bytes; the headers take 512. What is put behind is an overlay."""
    body = section + b"\0" * (-len(section) % 512)
    head = bytearray(b"MZ" + b"\0" * 0x3A + struct.pack("<I", 0x40) + b"PE\0\0")
    head += struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 0xE0, 0x102)
    optional = bytearray(0xE0)
    struct.pack_into("<H", optional, 0, 0x10B)
    struct.pack_into("<II", optional, 32, 0x1000, 0x200)
    struct.pack_into("<II", optional, 56, 0x1000 + max(len(body), 0x1000), 0x200)
    struct.pack_into("<I", optional, 92, 16)
    if name == b".rsrc":
        struct.pack_into("<II", optional, 96 + 2 * 8, 0x1000, len(section))
    head += optional
    head += struct.pack("<8sIIII12xI", name, len(section), 0x1000, len(body) if size is None else size, 0x200, 0x60000020)
    return bytes(head) + b"\0" * (0x200 - len(head)) + body


def resource(identifier, data, rva=0x1000):
    """A resource section with one RCDATA (10) of that identifier."""
    def directory(entry, target, sub):
        return struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, entry, target | (0x80000000 if sub else 0))
    tree = directory(10, 24, True) + directory(identifier, 48, True) + directory(1033, 72, False)
    tree += struct.pack("<IIII", rva + 88, len(data), 0, 0)
    return tree + data
