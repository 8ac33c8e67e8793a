"""Tags of UDF descriptors: found, checked and made right again after a patch (ECMA-167 3/7.2)."""
import struct

CRC_TABLE = []
for n in range(256):
    c = n << 8
    for _ in range(8):
        c = (c << 1) ^ 0x1021 if c & 0x8000 else c << 1
    CRC_TABLE.append(c & 0xFFFF)


def crc16(data):
    c = 0
    for b in data:
        c = ((c << 8) & 0xFFFF) ^ CRC_TABLE[(c >> 8) ^ b]
    return c


def tag_ok(image, at):
    head = image[at : at + 16]
    return len(head) == 16 and any(head) and (sum(head[:4]) + sum(head[5:])) & 0xFF == head[4] and (
        struct.unpack_from("<H", head)[0] in (*range(1, 10), *range(256, 267))
    ) and head[2] in (2, 3)


def fix_tag(image, at):
    length = struct.unpack_from("<H", image, at + 10)[0]
    struct.pack_into("<H", image, at + 8, crc16(image[at + 16 : at + 16 + length]))
    fix_sum(image, at)


def fix_sum(image, at):
    image[at + 4] = (sum(image[at : at + 4]) + sum(image[at + 5 : at + 16])) & 0xFF


def tags(image, kind, block=2048):
    """Where descriptors of a kind lie."""
    return [
        at
        for at in range(0, len(image) - 15, block)
        if tag_ok(image, at) and struct.unpack_from("<H", image, at)[0] == kind
    ]


def load(path="input.iso"):
    with open(path, "rb") as f:
        return bytearray(f.read())


def store(image, path="input.iso"):
    with open(path, "wb") as f:
        f.write(image)


def partition(image, block=2048):
    """The first partition's start, in bytes."""
    at = tags(image, 5, block)[0]
    return struct.unpack_from("<I", image, at + 188)[0] * block


def entries(image, block=2048):
    """Names and file entries of a plain volume: {path: offset of the file entry}; short descriptors only."""
    start = partition(image, block)
    fsd = tags(image, 256, block)[0]
    root = start + struct.unpack_from("<I", image, fsd + 400 + 4)[0] * block
    found = {"": root}

    def data(fe):
        base = 216 if struct.unpack_from("<H", image, fe)[0] == 266 else 176
        size = struct.unpack_from("<Q", image, fe + 56)[0]
        l_ea, l_ad = struct.unpack_from("<II", image, fe + base - 8)
        form = struct.unpack_from("<H", image, fe + 34)[0] & 7
        ads = fe + base + l_ea
        if form == 3:
            return ads, size
        return start + struct.unpack_from("<I", image, ads + 4)[0] * block, size

    def walk(fe, prefix):
        at, size = data(fe)
        end = at + size
        while at < end:
            traits, l_fi = image[at + 18], image[at + 19]
            l_iu = struct.unpack_from("<H", image, at + 36)[0]
            child = start + struct.unpack_from("<I", image, at + 24)[0] * block
            raw = bytes(image[at + 38 + l_iu : at + 38 + l_iu + l_fi])
            if not traits & 8:
                name = raw[1:].decode("utf-16-be" if raw[0] == 16 else "latin-1")
                found[prefix + name] = child
                found["fid:" + prefix + name] = at
                if traits & 2:
                    walk(child, prefix + name + "/")
            at += (38 + l_iu + l_fi + 3) & ~3

    walk(root, "")
    return found


def pure(image):
    """Takes the ISO 9660 side off a bridge: the recognition sequence moves to sector 16."""
    image[16 * 2048 : 32 * 2048] = bytes(16 * 2048)
    for n, ident in enumerate((b"BEA01", b"NSR02", b"TEA01")):
        image[(16 + n) * 2048 : (16 + n) * 2048 + 7] = b"\0" + ident + b"\x01"
