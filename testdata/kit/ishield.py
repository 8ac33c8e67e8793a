"""Writes InstallShield cabinets (versions 5 and 6) and programs with records behind them, as unshield and ISx read
them. `files` are (group, directory, name, content) in the order of their groups."""
import hashlib
import struct
import zlib
from pe_stub import stub

COMPRESSED, OBFUSCATED, SPLIT = 4, 2, 1


def deflate(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


def blocks(data, step=0x8000):
    out = b""
    for at in range(0, len(data), step):
        packed = deflate(data[at : at + step])
        out += struct.pack("<H", len(packed)) + packed
    return out


def obfuscate(data):
    out = bytearray()
    for at, byte in enumerate(data):
        byte = (byte + at % 0x47) & 0xFF
        out.append((byte << 2 & 0xFF | byte >> 6) ^ 0xD5)
    return bytes(out)


class Cabinet:
    def __init__(self, major, files, flags=COMPRESSED, lie=None):
        self.major, self.files, self.flags, self.lie = major, files, flags, lie or {}
        self.version = 0x01005000 if major == 5 else 0x02000000 | major * 100
        self.data_at = 0x200
        self.data = b""
        self.places = []
        seen = {}
        for number, (_, _, name, content) in enumerate(files):
            link = seen.get(content) if major > 5 and content else None
            packed = content
            if flags & COMPRESSED:
                packed = blocks(content)
            if flags & OBFUSCATED:
                packed = obfuscate(packed)
            if link is not None:
                self.places.append((self.places[link][0], packed, link))
                continue
            seen.setdefault(content, number)
            self.places.append((self.data_at + len(self.data), packed, None))
            self.data += packed

    def text(self, value):
        return value.encode("utf-16-le") + b"\0\0" if self.major >= 17 else value.encode("latin-1") + b"\0"

    def descriptor(self):
        groups, directories = [], []
        for group, directory, _, _ in self.files:
            if group not in groups:
                groups.append(group)
            if directory not in directories:
                directories.append(directory)
        head = bytearray(0x3E + 71 * 8)
        table_at = len(head)
        count = len(directories) + len(self.files)
        table = [0] * (len(directories) if self.major > 5 else count)
        body = bytearray(4 * len(table))
        for number, directory in enumerate(directories):
            table[number] = len(body)
            body += self.text(directory)
        names = []
        for _, _, name, _ in self.files:
            names.append(len(body))
            body += self.text(name)
        table_2 = len(body)
        for number, (_, directory, name, content) in enumerate(self.files):
            at, packed, link = self.places[number]
            flags = self.lie.get(("flags", number), self.flags)
            at = self.lie.get(("offset", number), at)
            expanded = self.lie.get(("expanded", number), len(content))
            md5 = self.lie.get(("md5", number), hashlib.md5(content).digest())
            index = directories.index(directory)
            if self.major > 5:
                body += struct.pack("<HQQQ", flags, expanded, len(packed), at) + md5 + b"\0" * 16
                body += struct.pack("<IH", names[number], index) + b"\0" * 12
                link = self.lie.get(("link", number), link)
                body += struct.pack("<IIBH", link or 0, 0, 0 if link is None else 1, 1)
            else:
                table[len(directories) + number] = len(body)
                body += struct.pack("<IHHHII", names[number], index, 0, flags, expanded, len(packed))
                body += b"\0" * 20 + struct.pack("<I", at) + md5
        body[: 4 * len(table)] = struct.pack(f"<{len(table)}I", *table)
        behind = bytearray()
        base = table_at + len(body)
        for slot, group in enumerate(groups):
            mine = [n for n, file in enumerate(self.files) if file[0] == group]
            name_at = base + len(behind)
            behind += self.text(group)
            group_at = base + len(behind)
            behind += struct.pack("<I", name_at) + b"\0" * (0x48 if self.major <= 5 else 0x12)
            behind += struct.pack("<ii", mine[0], self.lie.get(("last", slot), mine[-1]))
            list_at = base + len(behind)
            again = list_at if self.lie.get("loop") else 0
            behind += struct.pack("<III", name_at, group_at, again)
            struct.pack_into("<I", head, 0x3E + 4 * slot, list_at)
        struct.pack_into("<I", head, 0x0C, table_at)
        struct.pack_into("<III", head, 0x14, len(body), len(body), len(directories))
        struct.pack_into("<II", head, 0x28, self.lie.get("files", len(self.files)), table_2)
        return bytes(head) + bytes(body) + bytes(behind)

    def volume(self, descriptor_at=0, descriptor_size=0):
        out = bytearray(self.data_at)
        struct.pack_into("<4sIIII", out, 0, b"ISc(", self.version, 0, descriptor_at, descriptor_size)
        struct.pack_into("<I", out, 20, self.data_at)
        last = len(self.files) - 1
        struct.pack_into("<II", out, 28, 0, last)
        first_at, last_at = self.places[0], self.places[-1]
        if self.major > 5:
            struct.pack_into("<QQQQQQ", out, 36, first_at[0], len(self.files[0][3]), len(first_at[1]),
                             last_at[0], len(self.files[-1][3]), len(last_at[1]))
        else:
            struct.pack_into("<IIIIII", out, 36, first_at[0], len(self.files[0][3]), len(first_at[1]),
                             last_at[0], len(self.files[-1][3]), len(last_at[1]))
        return bytes(out) + self.data

    def one(self):
        """Descriptor and data in one file."""
        descriptor = self.descriptor()
        at = self.data_at + len(self.data)
        return self.volume(at, len(descriptor)) + descriptor

    def two(self):
        """The cabinet, and its header."""
        descriptor = self.descriptor()
        header = struct.pack("<4sIIII", b"ISc(", self.version, 0, 0x200, len(descriptor))
        return self.volume(), header + b"\0" * (0x200 - len(header)) + descriptor


def mix(data, name, whole):
    key = bytes(b ^ m for b, m in zip(name, b"\x13\x35\x86\x07" * (len(name) // 4 + 1)))
    out = bytearray()
    for at, byte in enumerate(data):
        byte = key[(at if whole else at % 1024) % len(key)] ^ (~byte & 0xFF)
        out.append((byte << 4 | byte >> 4) & 0xFF)
    return bytes(out)


def records(files, count=None):
    """`InstallShield` and records of 312 bytes; files are (name, content, flags)."""
    out = b"InstallShield\0" + struct.pack("<HI", len(files) if count is None else count, 0) + b"\0" * 26
    for name, content, flags in files:
        name = name.encode()
        if flags:
            content = mix(content, name, whole=flags == 2)
        out += name.ljust(260, b"\0") + struct.pack("<III8xH30x", flags, 0, len(content), 0) + content
    return stub() + out


def stream(files, kind=0):
    """`ISSetupStream`: names in UTF-16, contents by zlib and mixed."""
    out = b"ISSetupStream\0" + struct.pack("<HI", len(files), kind) + b"\0" * 26
    for name, content, flags in files:
        wide = name.encode("utf-16-le")
        packed = mix(zlib.compress(content), name.encode(), whole=False)
        out += struct.pack("<IIHI8xH", len(wide), flags, 0, len(packed), 1) + (b"\0" * 24 if kind == 4 else b"")
        out += wide + packed
    return stub() + out


def strings(files):
    """Name, path, version and length as strings, behind a debug record."""
    out = b"NB10" + struct.pack("<III", 0, 0, 1) + b"c:\\build\\setup.pdb\0"
    for name, content in files:
        out += name.encode() + b"\0" + b"Disk1\\" + name.encode() + b"\0" + b"1.2.3.4\0" + str(len(content)).encode() + b"\0"
        out += content
    return stub() + out


def save(data, path="input.cab"):
    with open(path, "wb") as f:
        f.write(data)
