"""Writes small PE images that cannot run: headers, sections, resources, debug records, certificates.

    image = Pe(machine=0x8664, resources=[(10, "CABINET", 0x409, data)])
    image.sections.append((".wixburn", content))
    data = image.build()                 # the image; places are in image.at
    data = signed(data + overlay, [b"PKCS#7"])

Offsets of fields that a case patches: `at["nt"]` signature, `at["optional"]`, `at["directories"]`, `at["sections"]`,
`at[NAME]` for a section's bytes, `at["tables"]` for the resource directory.
"""
import struct

MACHINES = {"x86": 0x14C, "x64": 0x8664, "arm64": 0xAA64, "ia64": 0x200}


def up(n, to):
    return -(-n // to) * to


def put(data, at, value, form="<I"):
    """`data` with a number patched in."""
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form):]


class Pe:
    def __init__(self, machine="x86", subsystem=3, dll=False, resources=(), timestamp=1700000000, code=b"\xc3" * 500):
        self.machine, self.subsystem, self.dll, self.timestamp = MACHINES[machine], subsystem, dll, timestamp
        self.resources = list(resources)
        self.sections = [(".text", code)] if code else []
        self.debug = []          # (type, content, behind the sections?)
        self.symbols = b""
        self.clr = None
        self.at = {}

    def build(self):
        plus = self.machine in (0x8664, 0xAA64, 0x200)
        optional = 240 if plus else 224
        sections = list(self.sections)
        debug_at = None
        if self.debug:
            inside = b"".join(content for _, content, behind in self.debug if not behind)
            sections.append((".debug", bytes(28 * len(self.debug)) + inside))
        if self.resources:
            sections.append((".rsrc", None))
        nt = 0x80
        headers = up(nt + 24 + optional + 40 * len(sections), 0x200)
        table, body, address, place = b"", b"", 0x1000, headers
        addresses = {}
        for name, content in sections:
            if content is None:
                content = resource_section(self.resources, address)
            raw = content + bytes(up(len(content), 0x200) - len(content))
            table += struct.pack("<8sIIIIIIHHI", name.encode(), len(content), address, len(raw), place, 0, 0, 0, 0, 0x40000040)
            self.at[name], addresses[name] = place, (address, len(content))
            body, address, place = body + raw, address + up(max(len(raw), 1), 0x1000), place + len(raw)
        directories = [(0, 0)] * 16
        if self.resources:
            directories[2], self.at["tables"] = addresses[".rsrc"], self.at[".rsrc"]
        behind = b""
        if self.debug:
            start, _ = addresses[".debug"]
            directories[6] = (start, 28 * len(self.debug))
            inner, entries = self.at[".debug"] + 28 * len(self.debug), b""
            for kind, content, outside in self.debug:
                where = place + len(behind) if outside else inner
                entries += struct.pack("<IIHHIIII", 0, self.timestamp, 0, 0, kind, len(content), 0, where)
                if outside:
                    behind += content
                else:
                    inner += len(content)
            at = self.at[".debug"] - headers
            body = body[:at] + entries + body[at + len(entries):]
        symbols = place + len(behind) if self.symbols else 0
        self.at.update(nt=nt, optional=nt + 24, directories=nt + 24 + optional - 128, sections=nt + 24 + optional, end=place)
        characteristics = 0x2102 if self.dll else 0x102
        coff = struct.pack("<HHIIIHH", self.machine, len(sections), self.timestamp, symbols, len(self.symbols) // 18, optional, characteristics)
        common = struct.pack("<HBBIIIII", 0x20B if plus else 0x10B, 14, 0, 0x200, 0, 0, 0x1000, 0x1000)
        if plus:
            rest = struct.pack("<QIIHHHHHHIIIIHHQQQQII", 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, address, headers, 0, self.subsystem, 0x8160, 1 << 20, 4096, 1 << 20, 4096, 0, 16)
        else:
            rest = struct.pack("<IIIIHHHHHHIIIIHHIIIIII", 0x1000, 0x400000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, address, headers, 0, self.subsystem, 0x8140, 1 << 20, 4096, 1 << 20, 4096, 0, 16)
        dirs = b"".join(struct.pack("<II", *pair) for pair in directories)
        dos = b"MZ" + bytes(0x3A) + struct.pack("<I", nt)
        head = dos + bytes(nt - len(dos)) + b"PE\0\0" + coff + common + rest + dirs + table
        assert len(head) == nt + 24 + optional + 40 * len(sections), (len(head), optional)
        strings = struct.pack("<I", 4) if self.symbols else b""
        return head + bytes(headers - len(head)) + body + behind + self.symbols + strings


def resource_section(resources, address):
    """Tables, then strings, then data entries, then the bytes: kind, name, language."""
    tree = {}
    for kind, name, language, content in resources:
        tree.setdefault(kind, {}).setdefault(name, {})[language] = content
    order = lambda keys: sorted(keys, key=lambda key: (isinstance(key, int), key))
    tables, strings, leaves = [], [], []

    def size(node):
        return 16 + 8 * len(node)

    # Places first: all tables, breadth first.
    queue, places, at = [tree], {}, 0
    while queue:
        node = queue.pop(0)
        places[id(node)] = at
        at += size(node)
        tables.append(node)
        queue += [node[key] for key in order(node) if isinstance(node[key], dict)]
    names = {}
    for node in tables:
        for key in order(node):
            if isinstance(key, str) and key not in names:
                names[key] = at
                text = key.encode("utf-16-le")
                strings.append(struct.pack("<H", len(text) // 2) + text)
                at += 2 + len(text)
    pad = up(at, 8) - at
    at += pad
    entries = [(node, key) for node in tables for key in order(node) if not isinstance(node[key], dict)]
    entry_at = {(id(node), key): at + 16 * i for i, (node, key) in enumerate(entries)}
    at += 16 * len(entries)
    data, leaf = b"", b""
    for node, key in entries:
        content = node[key]
        leaf += struct.pack("<IIII", address + at + len(data), len(content), 0, 0)
        data += content + bytes(up(len(content), 8) - len(content))
    out = b""
    for node in tables:
        keys = order(node)
        named = sum(isinstance(key, str) for key in keys)
        out += struct.pack("<IIHHHH", 0, 0, 0, 0, named, len(keys) - named)
        for key in keys:
            name = 0x80000000 | names[key] if isinstance(key, str) else key
            child = node[key]
            out += struct.pack("<II", name, 0x80000000 | places[id(child)] if isinstance(child, dict) else entry_at[id(node), key])
    return out + b"".join(strings) + bytes(pad) + leaf + data


def signed(data, certificates, gap=0):
    """Certificates behind `data`, and the data directory that names them. `gap` more zeros stand before."""
    start = up(len(data), 8) + gap
    table = b""
    for content in certificates:
        one = struct.pack("<IHH", 8 + len(content), 0x200, 2) + content
        table += one + bytes(up(len(one), 8) - len(one))
    return directory(data + bytes(start - len(data)) + table, 4, start, len(table))


def directory(data, number, address, size):
    """`data` with a data directory patched in."""
    nt = struct.unpack_from("<I", data, 0x3C)[0]
    plus = struct.unpack_from("<H", data, nt + 24)[0] == 0x20B
    at = nt + 24 + (112 if plus else 96) + 8 * number
    return put(put(data, at, address), at + 4, size)


def node(key, value=b"", length=None, children=(), text=True):
    out = struct.pack("<HHH", 0, len(value) if length is None else length, 1 if text else 0)
    for part in [(key + "\0").encode("utf-16-le"), value, *children]:
        out += part
        out += bytes(up(len(out), 4) - len(out))
    return struct.pack("<H", len(out)) + out[2:]


def version(numbers, tables):
    """A version resource: four numbers, and {(language, code page): {name: value}}."""
    a, b, c, d = numbers
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, a << 16 | b, c << 16 | d, a << 16 | b, c << 16 | d, 0x3F, 0, 4, 1, 0, 0, 0)
    strings = [
        node(f"{language:04x}{page:04x}", children=[node(name, (value + "\0").encode("utf-16-le"), len(value) + 1) for name, value in table.items()])
        for (language, page), table in tables.items()
    ]
    pairs = b"".join(struct.pack("<HH", *pair) for pair in tables)
    children = [node("StringFileInfo", children=strings), node("VarFileInfo", children=[node("Translation", pairs, text=False)])]
    return node("VS_VERSION_INFO", fixed, children=children, text=False)


def manifest(level="asInvoker", processor="x86"):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">'
        f'<assemblyIdentity name="test" version="1.0.0.0" processorArchitecture="{processor}" type="win32"/>'
        '<trustInfo xmlns="urn:schemas-microsoft-com:asm.v3"><security><requestedPrivileges>'
        f'<requestedExecutionLevel level="{level}" uiAccess="false"/></requestedPrivileges></security></trustInfo></assembly>'
    ).encode()


def members(resources=(), overlay=(), certificates=None):
    """Lines of `expected` for what `discless` shows of an image."""
    from expect import dir_line, file_line

    words = {2: "BITMAP", 3: "ICON", 6: "STRING", 10: "RCDATA", 14: "GROUP_ICON", 16: "VERSION", 24: "MANIFEST"}
    kinds = {}
    for kind, name, language, content in resources:
        kind = words.get(kind, str(kind)) if isinstance(kind, int) else kind
        kinds.setdefault(kind, {}).setdefault(str(name), {})[language] = content
    out = [dir_line("[resources]")] if kinds else []
    for kind, names in kinds.items():
        out.append(dir_line(f"[resources]/{kind}"))
        for name, languages in names.items():
            for language, content in languages.items():
                suffix = f".{language}" if len(languages) > 1 else ""
                out.append(file_line(f"[resources]/{kind}/{name}{suffix}", content))
    for number, content in enumerate(overlay):
        out.append(file_line("[overlay]" if number == 0 else f"[overlay {number + 1}]", content))
    if certificates is not None:
        out.append(file_line("[certificates]", certificates))
    return out
