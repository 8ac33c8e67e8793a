"""Installer files that may break every rule: compound files, tables, cabinets.

    c = Compound(); c.add("\\x05SummaryInformation", summary({7: "x64;1033"})); open("input.msi", "wb").write(c.build())

Strings, columns and rows of tables are laid out as Windows Installer does: strings once, rows column by column.
"""
import hashlib
import struct
import zlib

FREE, END, FATSECT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
PACKAGE, PATCH, TRANSFORM = 0x84, 0x86, 0x82


def packed(name, table=False):
    out, i = ("\u4840" if table else ""), 0
    while i < len(name):
        a = LETTERS.find(name[i])
        if a < 0:
            out, i = out + name[i], i + 1
        elif i + 1 < len(name) and name[i + 1] in LETTERS:
            out, i = out + chr(0x3800 + a + (LETTERS.index(name[i + 1]) << 6)), i + 2
        else:
            out, i = out + chr(0x4800 + a), i + 1
    return out


class Compound:
    """A compound file. `places` says after `build` where its structures lie, for recipes that damage them."""

    def __init__(self, sector=512, clsid=PACKAGE):
        self.sector, self.clsid, self.nodes, self.shown = sector, clsid, [], {}

    def add(self, name, content, table=False, storage=None, stored=None):
        """`stored` is the name as it stands in the directory."""
        path = (storage + "/" if storage else "") + ("!" if table else "") + "".join(
            f"[{ord(c)}]" if c < " " else c for c in name)
        self.shown[path] = content
        self.nodes.append((storage, stored or packed(name, table), content))

    def build(self):
        size = self.sector
        sectors, fat, mini, mini_fat = [], [], b"", []

        def chain(content):
            if not content:
                return END
            first, count = len(sectors), -(-len(content) // size)
            for i in range(count):
                sectors.append(content[i * size : (i + 1) * size].ljust(size, b"\0"))
                fat.append(len(sectors) if i + 1 < count else END)
            return first

        entries = [["Root Entry", 5, None, 0, 0]]
        children = {None: []}
        for storage, name, content in self.nodes:
            if storage is not None and storage not in children:
                children[storage] = []
                entries.append([packed(storage), 1, None, 0, 0])
                children[None].append((packed(storage), len(entries) - 1, storage))
            if len(content) < 4096:
                first = len(mini_fat) if content else END
                count = -(-len(content) // 64)
                mini += content.ljust(count * 64, b"\0")
                mini_fat += [len(mini_fat) + i + 1 if i + 1 < count else END for i in range(count)]
            else:
                first = chain(content)
            entries.append([name, 2, None, first, len(content)])
            children[storage].append((name, len(entries) - 1, None))
        links = {i: [FREE, FREE, FREE] for i in range(len(entries))}

        def tree(items):
            if not items:
                return FREE
            middle = len(items) // 2
            number = items[middle][1]
            links[number][0], links[number][1] = tree(items[:middle]), tree(items[middle + 1 :])
            return number

        def order(item):
            name = item[0]
            return (len(name.encode("utf-16-le")), name.upper())

        links[0][2] = tree(sorted(children[None], key=order))
        for name, number, storage in children[None]:
            if storage is not None:
                links[number][2] = tree(sorted(children[storage], key=order))
        entries[0][3], entries[0][4] = chain(mini), len(mini)
        first_mini = chain(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(-(-len(mini_fat) * 4 // size) * size, b"\xff"))
        mini_sectors = -(-len(mini_fat) * 4 // size)
        directory = b""
        for i, (name, kind, _, first, length) in enumerate(entries):
            raw = name.encode("utf-16-le")
            clsid = bytes([self.clsid]) + bytes.fromhex("100c0000000000c000000000000046") if i == 0 and self.clsid else bytes(16)
            directory += (raw.ljust(64, b"\0") + struct.pack("<HBB3I", len(raw) + 2, kind, 1, *links[i]) + clsid
                          + bytes(4 + 16) + struct.pack("<IQ", first if kind != 1 else 0, length))
        free = struct.pack("<64xHBB3I36xIQ", 0, 0, 0, FREE, FREE, FREE, 0, 0)
        while len(directory) % size:
            directory += free
        first_directory = chain(directory)
        count = 1
        while count * (size // 4) < len(fat) + count:
            count += 1
        fat_at = len(sectors)
        fat += [FATSECT] * count
        fat += [FREE] * (count * (size // 4) - len(fat))
        raw = struct.pack(f"<{len(fat)}I", *fat)
        sectors += [raw[i * size : (i + 1) * size] for i in range(count)]
        self.places = {"fat": (fat_at + 1) * size, "directory": (first_directory + 1) * size,
                       "entries": {e[0]: (first_directory + 1) * size + 128 * i for i, e in enumerate(entries)},
                       "first": {e[0]: e[3] for e in entries}, "directory_sector": first_directory}
        version, shift = (3, 9) if size == 512 else (4, 12)
        header = (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
                  + struct.pack("<5H6x9I", 0x3E, version, 0xFFFE, shift, 6,
                                0 if version == 3 else len(directory) // size, count, first_directory, 0, 4096,
                                first_mini, mini_sectors, END, 0)
                  + struct.pack("<109I", *[fat_at + i for i in range(count)], *[FREE] * (109 - count)))
        return bytearray(header.ljust(size, b"\0") + b"".join(sectors))


def summary(properties, code_page=1252):
    """A property set of text and numbers."""
    body, index, at = b"", b"", 8 + 8 * (len(properties) + 1)
    for number, value in [(1, code_page)] + sorted(properties.items()):
        index += struct.pack("<II", number, at + len(body))
        if number == 1:
            body += struct.pack("<IHxx", 2, value)
        elif isinstance(value, int):
            body += struct.pack("<Ii", 3, value)
        else:
            raw = (value if isinstance(value, bytes) else value.encode("cp1252")) + b"\0"
            body += (struct.pack("<II", 0x1E, len(raw)) + raw).ljust(-(-(8 + len(raw)) // 4) * 4, b"\0")
    head = bytes.fromhex("feff000005010200") + bytes(16) + struct.pack("<I", 1)
    fmtid = bytes.fromhex("e0859ff2f94f6810ab9108002b27b3d9")
    return head + fmtid + struct.pack("<I", 48) + struct.pack("<II", 8 + len(index) + len(body), len(properties) + 1) + index + body


# Types of columns: key text, text, text that may be empty, numbers of 2 and 4 bytes, a stream.
KEY, TEXT, NULL, I2, I4, STREAM, I2KEY = 0x2D48, 0x0DFF, 0x1DFF, 0x0502, 0x0104, 0x0900, 0x2502
COLUMNS = {
    "Property": [("Property", KEY), ("Value", 0x0F00)],
    "Directory": [("Directory", KEY), ("Directory_Parent", 0x1D48), ("DefaultDir", 0x0FFF)],
    "Component": [("Component", KEY), ("ComponentId", 0x1D26), ("Directory_", 0x0D48), ("Attributes", I2),
                  ("Condition", NULL), ("KeyPath", 0x1D48)],
    "File": [("File", KEY), ("Component_", 0x0D48), ("FileName", 0x0FFF), ("FileSize", I4), ("Version", 0x1D48),
             ("Language", 0x1D14), ("Attributes", 0x1502), ("Sequence", I4)],
    "Media": [("DiskId", I2KEY), ("LastSequence", I4), ("DiskPrompt", 0x1F40), ("Cabinet", NULL),
              ("VolumeLabel", 0x1D20), ("Source", 0x1D48)],
    "MsiFileHash": [("File_", KEY), ("Options", I2), ("HashPart1", I4), ("HashPart2", I4), ("HashPart3", I4),
                    ("HashPart4", I4)],
    "Binary": [("Name", KEY), ("Data", STREAM)],
    "ModuleSignature": [("ModuleID", KEY), ("Language", I2KEY), ("Version", 0x0D20)],
    "MsiPatchMetadata": [("Company", 0x3D48), ("Property", KEY), ("Value", 0x0F00)],
}


class Database:
    """Tables of a compound file. `encoding` and `code_page` belong together."""

    def __init__(self, code_page=1252, encoding="cp1252", wide=False):
        self.code_page, self.encoding, self.wide = code_page, encoding, wide
        self.tables, self.strings, self.numbers = {}, [""], {}

    def table(self, name, rows):
        self.tables[name] = [list(row) for row in rows]

    def number(self, text):
        if text is None or text == "":
            return 0
        if text not in self.numbers:
            self.numbers[text] = len(self.strings)
            self.strings.append(text)
        return self.numbers[text]

    def column(self, kind, values):
        out = b""
        for value in values:
            if kind & 0x0800 and kind & ~0x1000 != 0x0900:
                number = value if isinstance(value, int) else self.number(value)
                out += struct.pack("<I", number)[: 3 if self.wide else 2]
            elif kind & 0xFF == 4:
                out += struct.pack("<I", 0 if value is None else (value + 0x80000000) & 0xFFFFFFFF)
            else:
                out += struct.pack("<H", 0 if value is None else (value + 0x8000) & 0xFFFF)
        return out

    def into(self, file, storage=None):
        streams, columns = {}, []
        for name, rows in self.tables.items():
            kinds = COLUMNS[name]
            columns += [(name, i + 1, column, kind) for i, (column, kind) in enumerate(kinds)]
            streams[name] = b"".join(self.column(kind, [row[i] for row in rows]) for i, (_, kind) in enumerate(kinds))
        streams["_Tables"] = self.column(KEY, list(self.tables))
        kinds = (KEY, I2, KEY, I2)
        # A type is sixteen bits that are written as a signed number.
        signed = [(t, n, c, k - 0x10000 if k & 0x8000 else k) for t, n, c, k in columns]
        streams["_Columns"] = b"".join(self.column(kind, [row[i] for row in signed]) for i, kind in enumerate(kinds))
        pool, data = struct.pack("<I", self.code_page | (0x80000000 if self.wide else 0)), b""
        for text in self.strings[1:]:
            raw = text if isinstance(text, bytes) else text.encode(self.encoding)
            if len(raw) > 0xFFFF:
                pool += struct.pack("<HHI", 0, 1, len(raw))
            else:
                pool += struct.pack("<HH", len(raw), 1)
            data += raw
        streams["_StringPool"], streams["_StringData"] = pool, data
        for name, content in streams.items():
            file.add(name, content, table=True, storage=storage)


def checksum(data, seed=0):
    whole = len(data) // 4 * 4
    for (value,) in struct.iter_unpack("<I", data[:whole]):
        seed ^= value
    tail = data[whole:]
    return seed ^ int.from_bytes(tail, "big") if tail else seed


def cab(files, previous=None, following=None, split=None, number=0, packing="MSZIP"):
    """A cabinet of one folder. `files` are (name, size, place in the folder, index of the folder); `split` gives the blocks
    as they are to be written: (bytes, size unpacked)."""
    text = lambda name: name.encode() + b"\0"
    flags = (1 if previous else 0) | (2 if following else 0)
    neighbours = (text(previous) + text("") if previous else b"") + (text(following) + text("") if following else b"")
    listed = b"".join(struct.pack("<IIHHHH", size, place, folder, 0x576E, 0xB1AC, 0x20) + text(name)
                      for name, size, place, folder in files)
    head = 36 + len(neighbours) + 8
    data = b""
    for content, size in split:
        sizes = struct.pack("<HH", len(content), size)
        data += struct.pack("<I", checksum(sizes, checksum(content))) + sizes + content
    folder = struct.pack("<IHH", head + len(listed), len(split), 1 if packing == "MSZIP" else 0)
    total = head + len(listed) + len(data)
    return (struct.pack("<4s5I2B5H", b"MSCF", 0, total, 0, head, 0, 3, 1, 1, len(files), flags, 0x1234, number)
            + neighbours + folder + listed + data)


def blocks(content, packing="MSZIP"):
    """The blocks of a folder."""
    out = []
    for at in range(0, len(content), 32768):
        part = content[at : at + 32768]
        if packing == "MSZIP":
            # Each block refers to the one before it; what is packed alone needs not.
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            out.append((b"CK" + deflate.compress(part) + deflate.flush(), len(part)))
        else:
            out.append((part, len(part)))
    return out


def cabinet(files, packing="MSZIP"):
    """A cabinet of (name, content)."""
    place, listed = 0, []
    for name, content in files:
        listed.append((name, len(content), place, 0))
        place += len(content)
    return cab(listed, split=blocks(b"".join(content for _, content in files), packing), packing=packing)


def md5_row(key, content):
    return [key, 0, *struct.unpack("<4i", hashlib.md5(content).digest())]


def product(database, files, folders, media, name="Contoso Tools", hashes=True):
    """Tables of a package. `files` are (key, folder, FileName, content, attributes), in the order of their places."""
    database.table("Property", [["ProductName", name], ["ProductVersion", "1.2.3"], ["Manufacturer", "Contoso"],
                                ["ProductCode", "{00000000-0000-4000-8000-000000000001}"],
                                ["UpgradeCode", "{00000000-0000-4000-8000-000000000002}"], ["ProductLanguage", "1033"]])
    database.table("Directory", folders)
    keys = [file[0] for file in files]
    database.table("Component", [["C_" + key, None, folder, 0, None, key] for key, folder, *_ in files])
    database.table("File", [[key, "C_" + key, filename, len(content), None, None, attributes, i + 1]
                            for i, (key, _, filename, content, attributes) in enumerate(files)])
    database.table("Media", media)
    if hashes:
        database.table("MsiFileHash", [md5_row(key, content) for key, _, _, content, _ in files])
    assert len(set(keys)) == len(keys)


SUMMARY = {2: "Installation Database", 3: "Contoso Tools", 4: "Contoso", 7: "x64;1033",
           9: "{00000000-0000-4000-8000-000000000003}", 14: 301, 15: 2, 18: "own writer", 19: 2}
FOLDERS = [["TARGETDIR", None, "SourceDir"], ["ProgramFilesFolder", "TARGETDIR", "PFiles"],
           ["APP", "ProgramFilesFolder", "CONTOS~1|Contoso Tools"], ["BIN", "APP", "bin"]]


def save(file, name="input.msi"):
    with open(name, "wb") as f:
        f.write(file if isinstance(file, (bytes, bytearray)) else file.build())


def lines(members):
    """Lines of `expected` for (path, content) and the folders they lie in; content `None` for what cannot be read."""
    from expect import dir_line, escaped, file_line

    out, seen = [], set()
    for path, content in members:
        parts = path.split("/")[:-1]
        for i in range(len(parts)):
            folder = "/".join(parts[: i + 1])
            if folder not in seen:
                seen.add(folder)
                out.append(dir_line(folder))
        out.append(f"f {content[1]} - {escaped(path)}" if isinstance(content, tuple) else file_line(path, content))
    return out
