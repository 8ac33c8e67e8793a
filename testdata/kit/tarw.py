"""Tar, cpio and ar archives byte by byte, so that they may break every rule."""

BLOCK = 512


def header(name, size=0, kind=b"0", link=b"", mode=0o644, mtime=1700000000, magic=b"ustar\x0000", prefix=b"",
           checksum=None, size_field=None):
    """One header block; `checksum` and `size_field` say what is written whatever would be right."""
    block = bytearray(BLOCK)
    block[0:len(name)] = name
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[136:148] = b"%011o\0" % mtime if mtime >= 0 else ((1 << 96) + mtime).to_bytes(12, "big")
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:157 + len(link)] = link
    block[257:257 + len(magic)] = magic
    block[345:345 + len(prefix)] = prefix
    total = sum(block) if checksum is None else checksum
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def filled(data):
    return data + bytes(-len(data) % BLOCK)


def member(name, data=b"", **more):
    return header(name, len(data), **more) + filled(data)


def pax(records, kind=b"x"):
    """An extended header of (key, value) records."""
    text = b""
    for key, value in records:
        size = len(key) + len(value) + 3
        while len(b"%d" % size) + len(key) + len(value) + 3 != size:
            size = len(b"%d" % size) + len(key) + len(value) + 3
        text += b"%d %s=%s\n" % (size, key, value)
    return member(b"PaxHeaders/x", text, kind=kind)


END = bytes(2 * BLOCK)


def cpio(name, data=b"", mode=0o100644, ino=1, nlink=1, magic=b"070701", size=None, name_size=None, pad=True):
    """One member of the new ASCII form."""
    size = len(data) if size is None else size
    name_size = len(name) + 1 if name_size is None else name_size
    fields = [ino, mode, 0, 0, nlink, 1700000000, size, 0, 0, 0, 0, name_size, 0]
    out = magic + b"".join(b"%08X" % field for field in fields) + name + b"\0"
    out += bytes(-len(out) % 4)
    return out + data + (bytes(-len(data) % 4) if pad else b"")


def trailer():
    return cpio(b"TRAILER!!!", mode=0, ino=0)


def ar(members):
    """A Unix archive of (name, data)."""
    out = b"!<arch>\n"
    for name, data in members:
        out += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 1700000000, 0, 0, b"100644", len(data))
        out += data + (b"\n" if len(data) % 2 else b"")
    return out


def save(data, name):
    with open("input." + name, "wb") as f:
        f.write(data)
