"""The source trees of the benchmark media, from the random bytes on standard input.

    tree.py mixed DIR      the small and the medium files of mixed.iso
    tree.py windows DIR    the tree of windows-like.iso
"""
import os
import struct
import sys

GiB = 1 << 30
take = sys.stdin.buffer.read


def write(path, *parts):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb", buffering=0) as f:
        for part in parts:
            f.write(part)


def mixed(root):
    small, each = 20_000, 10_950  # 219 MB
    for i in range(small):
        size = 1 + (i * 2_654_435_761) % (2 * each)
        write(f"{root}/small/{i // 500:02}/file-{i:05}.dat", take(size))
    room = 4 * GiB - 2 * GiB - small * each - (64 << 20)
    for i in range(164):
        size = room // 164 + (i - 82) * 40_000
        write(f"{root}/medium/part-{i:03}.bin", take(size))


def executable(machine, body):
    """A PE file's headers with nothing behind them that could run, then `body`."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    wide = machine in (0x8664, 0xAA64)
    optional = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, 14, 0, len(body), 0, 0, 0, 0x1000)
    optional = optional.ljust(240 if wide else 224, b"\0")
    coff = struct.pack("<HHIIIHH", machine, 1, 1_700_000_000, 0, 0, len(optional), 0x2022)
    section = b".rsrc\0\0\0" + struct.pack("<IIII", len(body), 0x1000, len(body), 512) + bytes(12) + struct.pack("<I", 0x40000040)
    return (dos + b"PE\0\0" + coff + optional + section).ljust(512, b"\0") + body


def windows(root):
    write(f"{root}/README.TXT", b"This disc contains a \"UDF\" file system and requires an operating system\r\n"
          b"that supports the ISO-13346 \"UDF\" file system specification.\r\n")
    write(f"{root}/autorun.inf", b"[AutoRun]\r\nopen=setup.exe\r\n")
    write(f"{root}/boot/etfsboot.com", take(4094), b"\x55\xaa")
    write(f"{root}/efi/microsoft/boot/efisys.bin", take(1_474_560))
    write(f"{root}/setup.exe", executable(0x8664, take(80_000)))
    for i in range(700):
        machine = (0x8664, 0x8664, 0x8664, 0x14C)[i % 4]
        folder = ("sources", "sources/dlmanifests", "sources/replacementmanifests", "support/migration", "boot/fonts")[i % 5]
        write(f"{root}/{folder}/module{i:03}.dll", executable(machine, take(3_000 + i * 457 % 90_000)))
    for i in range(190):
        write(f"{root}/sources/en-us/text{i:03}.mui", take(200 + i * 811 % 30_000))
    with open(f"{root}/sources/boot.wim", "wb") as f:
        for _ in range(450):
            f.write(take(1 << 20))
    # 5 GiB, mostly a hole, with random marks at its ends, at 4 GiB and at the 1 GiB steps between.
    size = 5 * GiB + 12_345
    with open(f"{root}/sources/install.wim", "wb") as f:
        f.truncate(size)
        for at in (0, GiB - 2048, 2 * GiB - 1, 3 * GiB, 4 * GiB - 4096, 4 * GiB, size - 8192):
            f.seek(at)
            f.write(take(8192))


{"mixed": mixed, "windows": windows}[sys.argv[1]](sys.argv[2])
