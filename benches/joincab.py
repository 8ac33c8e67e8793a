#!/usr/bin/env python3
"""Makes a large cabinet of the packed folders of others: nothing free packs LZX well, so real data is what has been packed.

    joincab.py OUT MEGABYTES CAB...

Takes every LZX folder of the cabinets (those that are not cut into sets), block by block as they are, again and again
until so many megabytes are packed. Prints what it made. [MS-CAB] 2.1 to 2.6.
"""
import struct, sys


def folders(path):
    """(compression type, [(checksum, packed, unpacked size)], [(name, offset, size, date, time, attributes)])."""
    data = open(path, "rb").read()
    if data[:4] != b"MSCF":
        return
    first_file, folder_count, file_count, flags = struct.unpack_from("<I", data, 16)[0], *struct.unpack_from("<HHH", data, 26)
    if flags & 3:
        return
    at, reserve = 36, (0, 0, 0)
    if flags & 4:
        reserve = struct.unpack_from("<HBB", data, at)
        at += 4 + reserve[0]
    found = []
    for _ in range(folder_count):
        start, blocks, kind = struct.unpack_from("<IHH", data, at)
        at += 8 + reserve[1]
        packed = []
        for _ in range(blocks):
            _, size, unpacked = struct.unpack_from("<IHH", data, start)
            start += 8 + reserve[2]
            packed.append((data[start:start + size], unpacked))
            start += size
        found.append((kind, packed, []))
    at = first_file
    for _ in range(file_count):
        size, offset, folder, date, time, attributes = struct.unpack_from("<IIHHHH", data, at)
        end = data.index(0, at + 16)
        if folder < len(found):
            found[folder][2].append((data[at + 16:end], offset, size, date, time, attributes))
        at = end + 1
    yield from (folder for folder in found if folder[0] & 15 == 3 and folder[1] and folder[2])


def checksum(data, seed):
    """[MS-CAB] 3.1."""
    words = len(data) // 4
    for word in struct.unpack(f"<{words}I", data[:words * 4]):
        seed ^= word
    rest = 0
    for byte in data[words * 4:]:
        rest = rest << 8 | byte
    return seed ^ rest


def main(out, megabytes, cabs):
    known = []
    for cab in cabs:
        try:
            known += folders(cab)
        except (struct.error, ValueError, OSError) as error:
            print(f"{cab}: {error}", file=sys.stderr)
    if not known:
        sys.exit("no LZX folder in any of them")
    chosen, size = [], 0
    while size < megabytes * 1_000_000 and len(chosen) < 60_000:
        folder = known[len(chosen) % len(known)]
        chosen.append(folder)
        size += sum(len(packed) for packed, _ in folder[1])
    files = b"".join(
        struct.pack("<IIHHHH", length, offset, number, date, time, attributes) + b"%05d\\" % number + name + b"\0"
        for number, folder in enumerate(chosen) for name, offset, length, date, time, attributes in folder[2])
    first_file = 36 + 8 * len(chosen)
    at = first_file + len(files)
    table, sizes = [], {}
    for kind, packed, _ in chosen:
        table.append(struct.pack("<IHH", at, len(packed), kind))
        at += sum(8 + len(block) for block, _ in packed)
    count = sum(len(folder[2]) for folder in chosen)
    with open(out, "wb") as file:
        file.write(b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, at, 0, first_file, 0, 3, 1, len(chosen), count, 0, 1, 0))
        file.write(b"".join(table) + files)
        for folder in chosen:
            key = id(folder)
            if key not in sizes:
                blocks = []
                for packed, unpacked in folder[1]:
                    head = struct.pack("<HH", len(packed), unpacked)
                    blocks.append(struct.pack("<I", checksum(head, checksum(packed, 0))) + head + packed)
                sizes[key] = b"".join(blocks)
            file.write(sizes[key])
    print(f"{out}: {len(chosen)} folders, {count} files, {at} bytes")


if len(sys.argv) < 4:
    sys.exit(__doc__)
main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
