"""A ZIP writer that may break every rule.

    archive = Zip(); archive.add(b"name", b"content"); archive.save("input.zip")

A member's headers can say anything: each keyword of `add` is written instead of what would be true, in both headers
or, with `local_` in front, in the local one alone. MS-DOS dates are 2023-11-14 22:13:20.
"""
import struct
import zlib

DATE, TIME = (2023 - 1980) << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10


def deflated(content, level=9):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def block(number, body):
    """One block of an extra field."""
    return struct.pack("<HH", number, len(body)) + body


class Zip:
    def __init__(self, prefix=b""):
        self.out = bytearray(prefix)
        self.base = 0
        self.central = []
        self.members = []

    def add(self, name, content=b"", method=8, **say):
        """Writes a member; where its local header begins."""
        packed = say.get("packed", deflated(content) if method == 8 else content)
        at = len(self.out)
        self.members.append((name, content, at))
        flags = say.get("flags", 0)
        true = dict(version=20, flags=flags, method=method, time=TIME, date=DATE, crc=zlib.crc32(content),
                    packed_size=len(packed), size=len(content), name=name, extra=b"")
        both = {key: say.get(key, value) for key, value in true.items()}
        local = {key: say.get("local_" + key, value) for key, value in both.items()}
        if flags & 8:
            local.update(crc=0, packed_size=0, size=0)
        self.out += b"PK\3\4" + struct.pack("<HHHHHIIIHH", local["version"], local["flags"], local["method"], local["time"],
            local["date"], local["crc"], local["packed_size"] & 0xffffffff, local["size"] & 0xffffffff, len(local["name"]),
            len(local["extra"])) + local["name"] + local["extra"] + packed
        if flags & 8:
            self.out += b"PK\7\x08" + struct.pack("<III", both["crc"], both["packed_size"], both["size"])
        self.list(name, at - self.base, **{**both, **{key: say[key] for key in ("made_by", "attributes", "disk", "comment") if key in say}})
        return at

    def list(self, known, at, **say):
        """Adds a central header."""
        say = {**dict(made_by=0x0314, version=20, flags=0, method=0, time=TIME, date=DATE, crc=0, packed_size=0, size=0,
                      attributes=0o100644 << 16, disk=0, extra=b"", comment=b""), **say}
        name = say.get("name", known)
        self.central.append(b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", say["made_by"], say["version"], say["flags"], say["method"],
            say["time"], say["date"], say["crc"], say["packed_size"] & 0xffffffff, say["size"] & 0xffffffff, len(name), len(say["extra"]),
            len(say["comment"]), say["disk"], 0, say["attributes"], at & 0xffffffff) + name + say["extra"] + say["comment"])

    def end(self, comment=b"", **say):
        """The central directory and its end record."""
        at = len(self.out)
        directory = b"".join(self.central)
        self.out += directory
        say = {**dict(disk=0, directory_disk=0, here=len(self.central), entries=len(self.central), size=len(directory),
                      offset=at - self.base, comment_size=len(comment), zip64=None), **say}
        if say["zip64"] is not None:
            wide = {**dict(entries=len(self.central), size=len(directory), offset=at - self.base), **say["zip64"]}
            record = len(self.out)
            self.out += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, wide["entries"], wide["entries"], wide["size"], wide["offset"])
            self.out += b"PK\6\7" + struct.pack("<IQI", 0, record - self.base, 1)
        self.out += b"PK\5\6" + struct.pack("<HHHHIIH", say["disk"], say["directory_disk"], say["here"] & 0xffff, say["entries"] & 0xffff,
            say["size"] & 0xffffffff, say["offset"] & 0xffffffff, say["comment_size"]) + comment
        return at

    def save(self, path, **say):
        self.end(**say)
        with open(path, "wb") as out:
            out.write(self.out)
