"""million.iso: 1,000,000 files in 1,000 directories, ISO 9660 with Rock Ridge, written without a
million files on a disk.

    million.py OUT [DIRECTORIES [FILES_IN_EACH]]

Every sixteenth file has a block of its own with 1 to 2048 bytes, the others are empty. The name of a
file is its number, so that what a reader gives can be checked without a list: `dNNN/file-NNNNNN.txt`
holds its own path and a newline, repeated and cut to size.
"""
import struct
import sys

BLOCK = 2048
STAMP = bytes((123, 11, 14, 22, 13, 20, 0))  # 2023-11-14 22:13:20, SOURCE_DATE_EPOCH of media.sh
SP = b"SP\x07\x01\xbe\xef\x00"
RRIP_ID, RRIP_TEXT, RRIP_FROM = b"RRIP_1991A", b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS", b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE."


def both16(n):
    return struct.pack("<H", n) + struct.pack(">H", n)


def both32(n):
    return struct.pack("<I", n) + struct.pack(">I", n)


def px(mode, links, serial):
    return b"PX\x2c\x01" + both32(mode) + both32(links) + both32(0) + both32(0) + both32(serial)


def nm(name):
    return b"NM" + bytes((5 + len(name), 1, 0)) + name


def record(identifier, extent, size, flags, system_use):
    """A directory record, ECMA-119 §9.1."""
    body = both32(extent) + both32(size) + STAMP + bytes((flags, 0, 0)) + both16(1) + bytes((len(identifier),)) + identifier
    body += b"\0" * (len(identifier) % 2 == 0) + system_use
    body += b"\0" * (len(body) % 2)
    return bytes((len(body) + 2, 0)) + body


def pack(records):
    """The bytes of a directory: a record never crosses a block."""
    out, room = [], BLOCK
    for r in records:
        if len(r) > room:
            out.append(bytes(room))
            room = BLOCK
        out.append(r)
        room -= len(r)
    out.append(bytes(room))
    return b"".join(out)


def directory(at, size, parent_at, parent_size, inside, extra=b""):
    mode = px(0o40555, 2, at)
    dots = [record(b"\0", at, size, 2, extra + mode), record(b"\1", parent_at, parent_size, 2, mode)]
    return pack(dots + inside)


def content(path, size):
    line = path + b"\n"
    return (line * (size // len(line) + 1))[:size]


def main(out, directories=1000, files=1000):
    # The names first: the size of each directory decides where everything lies.
    file_record = lambda n, extent, size: record(
        b"F%06d.TXT;1" % n, extent, size, 0, px(0o100444, 1, 0x1000000 + n) + nm(b"file-%06d.txt" % n)
    )
    dir_size = len(directory(0, 0, 0, 0, [file_record(n, 0, 0) for n in range(files)]))
    dir_record = lambda d, extent, size: record(b"D%03d" % d, extent, size, 2, px(0o40555, 2, extent) + nm(b"d%03d" % d))
    er = b"ER" + bytes((8 + len(RRIP_ID) + len(RRIP_TEXT) + len(RRIP_FROM), 1, len(RRIP_ID), len(RRIP_TEXT), len(RRIP_FROM), 1)) + RRIP_ID + RRIP_TEXT + RRIP_FROM
    root_size = len(directory(0, 0, 0, 0, [dir_record(d, 0, 0) for d in range(directories)], SP + er))

    table = lambda number: b"".join(
        [struct.pack(number + "BBIH", 1, 0, root, 1) + b"\0\0"]
        + [struct.pack(number + "BBIH", 4, 0, dirs + d * dir_size // BLOCK, 1) + b"D%03d" % d for d in range(directories)]
    )
    table_size = 10 + 12 * directories
    table_blocks = -(-table_size // BLOCK)
    table_l = 18
    table_m = table_l + table_blocks
    root = table_m + table_blocks
    dirs = root + root_size // BLOCK
    data = dirs + directories * dir_size // BLOCK
    total = data + -(-directories * files // 16)

    stamp17 = b"2023111422132000\0"
    pvd = b"\x01CD001\x01\0" + b"LINUX".ljust(32) + b"BENCH_MILLION".ljust(32) + bytes(8) + both32(total) + bytes(32)
    pvd += both16(1) + both16(1) + both16(BLOCK) + both32(table_size)
    pvd += struct.pack("<II", table_l, 0) + struct.pack(">II", table_m, 0)
    pvd += record(b"\0", root, root_size, 2, b"") + b" " * (128 * 4 + 37 * 3) + stamp17 * 2 + (b"0" * 16 + b"\0") * 2 + b"\x01\0"

    with open(out, "wb", buffering=1 << 20) as f:
        f.write(bytes(16 * BLOCK))
        f.write(pvd.ljust(BLOCK, b"\0"))
        f.write(b"\xffCD001\x01".ljust(BLOCK, b"\0"))
        f.write(table("<").ljust(table_blocks * BLOCK, b"\0"))
        f.write(table(">").ljust(table_blocks * BLOCK, b"\0"))
        f.write(directory(root, root_size, root, root_size, [dir_record(d, dirs + d * dir_size // BLOCK, dir_size) for d in range(directories)], SP + er))
        for d in range(directories):
            inside = []
            for n in range(d * files, (d + 1) * files):
                if n % 16:
                    inside.append(file_record(n, 0, 0))
                else:
                    inside.append(file_record(n, data + n // 16, 1 + n * 7919 % BLOCK))
            f.write(directory(dirs + d * dir_size // BLOCK, dir_size, root, root_size, inside))
        for n in range(0, directories * files, 16):
            f.write(content(b"d%03d/file-%06d.txt" % (n // files, n), 1 + n * 7919 % BLOCK).ljust(BLOCK, b"\0"))


main(sys.argv[1], *map(int, sys.argv[2:]))
