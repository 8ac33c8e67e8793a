"""stamp.py IMAGE: takes the clock out of what genisoimage, mkudffs and pycdlib wrote.

Volume dates of ISO 9660 descriptors, records of what the writer added, Rock Ridge TF entries; in UDF the
dates of the descriptors and file entries, and the part of the volume set identifier that is a time.
"""
import re
import struct
import sys
import time

from udf import fix_tag, tag_ok

WHEN17 = b"2023111422132000\0"
WHEN7 = bytes((123, 11, 14, 22, 13, 20, 0))
WHEN12 = struct.pack("<HhBBBBBBBB", 0x1000, 2023, 11, 14, 22, 13, 20, 0, 0, 0)
# Where a UDF descriptor has dates (ECMA-167 3/10.1, 3/10.10, 4/14.1, 4/14.9, 4/14.17).
DATES = {1: (376,), 9: (16,), 256: (16,), 261: (72, 84, 96), 266: (80, 92, 104, 116)}


def stamp(image, block=2048):
    for at in range(16 * 2048, min(len(image), 64 * 2048), 2048):
        if image[at + 1 : at + 6] == b"CD001" and image[at] in (1, 2):
            # The root record's date and the four volume dates, ECMA-119 §8.4.
            image[at + 156 + 18 : at + 156 + 25] = WHEN7
            image[at + 813 : at + 847] = WHEN17 * 2
            if image[at + 864 : at + 865] != b"0":
                image[at + 864 : at + 881] = WHEN17
    # Dates of records for what the writer itself added (a boot catalogue, rr_moved): those of today.
    now = time.gmtime()
    today = re.compile(re.escape(bytes((now.tm_year - 1900, now.tm_mon, now.tm_mday))) + rb"[\0-\x17][\0-\x3b][\0-\x3c]\0", re.S)
    for found in list(today.finditer(image)):
        image[found.start() : found.end()] = WHEN7
    for found in list(re.finditer(rb"TF\x1a\x01\x0e", image)):
        image[found.end() : found.end() + 21] = WHEN7 * 3
    for at in range(0, len(image), block):
        if at + 512 <= len(image) and tag_ok(image, at):
            kind = struct.unpack_from("<H", image, at)[0]
            for date in DATES.get(kind, ()):
                image[at + date : at + date + 12] = WHEN12
            if kind == 1:
                # A d-string whose first 16 characters are unique by custom (UDF 2.2.2.5).
                set_id = at + 72
                image[set_id + 1 : set_id + 17] = b"0123456789abcdef"
            fix_tag(image, at)


if __name__ == "__main__":
    path = sys.argv[1]
    with open(path, "rb") as f:
        image = bytearray(f.read())
    stamp(image, int(sys.argv[2]) if len(sys.argv) > 2 else 2048)
    with open(path, "wb") as f:
        f.write(image)
