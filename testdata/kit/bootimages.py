"""bootimages.py DIR: dummies of boot images in DIR/boot. Nothing in them can boot: a jump to itself, a
pattern, and the bytes 55 AA where firmware looks for them."""
import os
import struct
import sys

from pattern import pattern


def bios(size=2048):
    image = bytearray(pattern("bios.bin", size))
    image[:2] = b"\xeb\xfe"
    image[510:512] = b"\x55\xaa"
    return bytes(image)


def fat(sectors, media=0xF8, heads=2, track=18):
    """An empty FAT12 file system of so many sectors of 512 bytes, without the zeros at its end missing."""
    image = bytearray(sectors * 512)
    image[0:3] = b"\xeb\xfe\x90"
    image[3:11] = b"DISCLESS"
    struct.pack_into("<HBHBHHBHHHI", image, 11, 512, 1, 1, 2, 16, sectors, media, 1, track, heads, 0)
    image[38] = 0x29
    image[43:62] = b"NO NAME    FAT12   "
    image[510:512] = b"\x55\xaa"
    for table in (512, 1024):
        image[table : table + 3] = bytes((media, 0xFF, 0xFF))
    return bytes(image)


def disk():
    """A hard disk of 64 sectors with one partition."""
    image = bytearray(64 * 512)
    image[:2] = b"\xeb\xfe"
    image[446:462] = struct.pack("<B3sB3sII", 0x80, b"\0\x02\0", 4, b"\x01\x1f\0", 1, 63)
    image[510:512] = b"\x55\xaa"
    image[512:1024] = pattern("partition", 512)
    return bytes(image)


if __name__ == "__main__":
    os.makedirs(sys.argv[1] + "/boot", exist_ok=True)
    for name, data in (("bios.bin", bios()), ("efi.img", fat(64)), ("floppy.img", fat(2880, 0xF0)), ("hd.img", disk())):
        with open(f"{sys.argv[1]}/boot/{name}", "wb") as f:
            f.write(data)
