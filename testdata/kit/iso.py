"""A small ISO 9660 writer that may break every rule: for the structures no other writer makes.

    image = build([("primary", D(F(b"A.TXT;1", b"hello")))])
    image.save()

Trees are D and F nodes; a file's content is placed once and shared by all trees that hold the same bytes.
Every field that a case needs wrong can be given; `Image.record` tells where each record lies, to patch it.
"""
import struct

STAMP = bytes((123, 11, 14, 22, 13, 20, 0))
STAMP17 = b"2023111422132000\0"
SECTOR = 2048
ESCAPES = {"joliet1": b"%/@", "joliet2": b"%/C", "joliet3": b"%/E"}


def both16(n):
    return struct.pack("<H", n) + struct.pack(">H", n)


def both32(n):
    return struct.pack("<I", n) + struct.pack(">I", n)


# System use entries (SUSP 1.12, RRIP 1.12).
def su(sig, *payload, version=1):
    body = b"".join(payload)
    return sig + bytes((4 + len(body), version)) + body


def sp(skip=0):
    return su(b"SP", b"\xbe\xef", bytes((skip,)))


def er(ident=b"RRIP_1991A", text=b"ROCK RIDGE", source=b"SEE IT"):
    return su(b"ER", bytes((len(ident), len(text), len(source), 1)), ident, text, source)


def ce(block, offset, length):
    return su(b"CE", both32(block), both32(offset), both32(length))


def px(mode, links=1, serial=None):
    """The form of 1.12 has the serial number, the one of 1.09 has not."""
    tail = b"" if serial is None else both32(serial)
    return su(b"PX", both32(mode), both32(links), both32(0), both32(0), tail)


def nm(name, flags=0):
    return su(b"NM", bytes((flags,)), name)


def sl(*components, flags=0):
    """Components: (flags, bytes)."""
    return su(b"SL", bytes((flags,)), *(bytes((f, len(c))) + c for f, c in components))


def sl_of(target):
    parts = []
    if target.startswith(b"/"):
        parts.append((8, b""))
    for part in target.strip(b"/").split(b"/"):
        parts.append((4, b"") if part == b".." else (2, b"") if part == b"." else (0, part))
    return sl(*parts)


def cl(block):
    return su(b"CL", both32(block))


def pl(block):
    return su(b"PL", both32(block))


RE = su(b"RE")
FILE, DIR, LINK = 0o100444, 0o040555, 0o120777


class F:
    """A file. `at` and `size` override what the record says, `at_be` its big-endian half."""

    def __init__(self, name, content=b"", use=b"", flags=0, pieces=None, xar=b"", unit=0, gap=0, at=None, size=None, at_be=None):
        self.name, self.content, self.use, self.flags = name, content, use, flags
        self.pieces = pieces or [len(content)]
        self.xar, self.unit, self.gap = xar, unit, gap
        self.at, self.size, self.at_be = at, size, at_be


class D:
    """A directory. `dot` is the system use of its own record, `hole` the child before which a zero block lies."""

    def __init__(self, *children, name=b"\0", use=b"", dot=b"", dotdot=b"", at=None, size=None, hole=None, flags=2):
        self.children, self.name, self.use, self.dot, self.dotdot = children, name, use, dot, dotdot
        self.at, self.size, self.hole, self.flags = at, size, hole, flags


def record(ident, extent, size, flags=0, use=b"", xar=0, unit=0, gap=0, be=None):
    body = struct.pack("<I", extent) + struct.pack(">I", extent if be is None else be) + both32(size) + STAMP
    body += bytes((flags, unit, gap)) + both16(1) + bytes((len(ident),)) + ident
    body += b"\0" * (len(ident) % 2 == 0) + use
    body += b"\0" * (len(body) % 2)
    return bytes((len(body) + 2, xar)) + body


class Image:
    def __init__(self):
        self.data = bytearray()
        self.record = {}  # (tree number, path) -> offset of the record
        self.place = {}  # (tree number, path) -> (offset, bytes) of a directory
        self.descriptor = []  # offsets of the volume descriptors

    def put(self, at, data):
        if len(self.data) < at + len(data):
            self.data.extend(bytes(at + len(data) - len(self.data)))
        self.data[at : at + len(data)] = data

    def save(self, path="input.iso"):
        with open(path, "wb") as f:
            f.write(self.data)


def build(trees, block=SECTOR, extra=None, terminator=True, label=b"DISCLESS", boot=None, ident=b""):
    """`trees`: (kind, root) with kind primary, joliet1-3 or enhanced. `extra`: {name: bytes}, placed in
    sectors of their own; `use` values may be functions of {name: block number} to point there. `boot`:
    the boot catalogue's bytes, placed as extra "catalog"."""
    extra = dict(extra or {})
    if boot is not None:
        extra["catalog"] = boot
    image = Image()
    per = SECTOR // block
    where = {name: 0 for name in extra} | {"end": 100}
    call = lambda use: use(where) if callable(use) else use

    def extents(node):
        """(extent, size, flags) of each record of a file."""
        if node.at is not None:
            at = call(node.at)
            return [(at, call(node.size) if node.size is not None else len(node.content), node.flags)]
        at, out = placed.get(key(node), 0), []
        for n, size in enumerate(node.pieces):
            last = n + 1 == len(node.pieces)
            out.append((at, size if node.size is None or not last else node.size, node.flags | (0 if last else 0x80)))
            at += -(-size // block)
        return out

    key = lambda f: (f.content, tuple(f.pieces), f.xar, f.unit, f.gap)

    def records(tree, node, parent, path):
        at, size = dirs[tree, path]
        up_at, up_size = dirs[tree, parent]
        out = [(None, record(b"\0", at, size, 2, call(node.dot))), (None, record(b"\1", up_at, up_size, 2, call(node.dotdot)))]
        for child in node.children:
            full = path + b"/" + child.name if path else child.name
            if isinstance(child, D):
                c_at, c_size = dirs.get((tree, full), (0, 0))
                if child.at is not None:
                    c_at = call(child.at)
                if child.size is not None:
                    c_size = call(child.size)
                out.append((child, record(child.name, c_at, c_size, child.flags, call(child.use))))
            else:
                for c_at, c_size, flags in extents(child):
                    out.append((child, record(child.name, c_at, c_size, flags, call(child.use), -(-len(child.xar) // block), child.unit, child.gap, child.at_be)))
        return out

    def pack(tree, node, parent, path, base=None):
        out = bytearray()
        for child, r in records(tree, node, parent, path):
            if node.hole is not None and child is node.children[node.hole]:
                out.extend(bytes(-len(out) % SECTOR + SECTOR))
            if len(out) % SECTOR + len(r) > SECTOR:
                out.extend(bytes(-len(out) % SECTOR))
            if base is not None and child is not None:
                full = path + b"/" + child.name if path else child.name
                image.record.setdefault((tree, full), base + len(out))
            out.extend(r)
        out.extend(bytes(-len(out) % SECTOR))
        return bytes(out)

    def walk(tree, node, parent, path):
        yield node, parent, path
        for child in node.children:
            if isinstance(child, D) and child.at is None:
                yield from walk(tree, child, path, path + b"/" + child.name if path else child.name)

    # Sizes first: none depends on where things lie.
    dirs, placed = {}, {}
    order = [(t, n, p, path) for t, (_, root) in enumerate(trees) for n, p, path in walk(t, root, b"", b"")]
    for t, n, p, path in order:
        dirs[t, path] = (0, 0)
    sizes = {(t, path): len(pack(t, n, p, path)) for t, n, p, path in order}

    at = 16 * per + (len(trees) + (boot is not None) + 1) * per
    tables = []
    for t, (_, root) in enumerate(trees):
        length = sum(8 + len(n.name) + len(n.name) % 2 for n, _, _ in walk(t, root, b"", b""))
        sectors = -(-length // SECTOR) * per
        tables.append((at, at + sectors))
        at += 2 * sectors
    for t, n, p, path in order:
        dirs[t, path] = (at, sizes[t, path])
        at += sizes[t, path] // block
    for name, data in extra.items():
        where[name] = at
        at += -(-len(data) // SECTOR) * per

    def files(node):
        for child in node.children:
            if isinstance(child, F):
                yield child
            elif child.at is None:
                yield from files(child)

    for _, root in trees:
        for f in files(root):
            if f.at is None and f.content and key(f) not in placed:
                placed[key(f)] = at
                pos = at * block
                image.put(pos, f.xar)
                pos += -(-len(f.xar) // block) * block
                if f.unit:
                    for i in range(0, len(f.content), f.unit * block):
                        image.put(pos, f.content[i : i + f.unit * block].ljust(f.unit * block, b"\0"))
                        pos += f.unit * block
                        if i + f.unit * block < len(f.content):
                            image.put(pos, b"\xee" * (f.gap * block))
                            pos += f.gap * block
                else:
                    i = 0
                    for size in f.pieces:
                        image.put(pos, f.content[i : i + size])
                        i += size
                        pos += -(-size // block) * block
                at = -(-pos // block)
    at = -(-at // per) * per
    total = at = max(at, 24 * per)  # libarchive looks at no image below 24 sectors
    where["end"] = total

    for t, n, p, path in order:
        base = dirs[t, path][0] * block
        image.place[t, path] = (base, sizes[t, path])
        image.put(base, pack(t, n, p, path, base))
    for name, data in extra.items():
        image.put(where[name] * block, data(where) if callable(data) else data)
    image.put(total * block - 1, b"\0") if len(image.data) < total * block else None

    def table(t, number):
        numbers, out = {b"": 1}, b""
        for i, (n, p, path) in enumerate(sorted(walk(t, trees[t][1], b"", b""), key=lambda x: x[2].count(b"/") + bool(x[2]))):
            numbers[path] = i + 1
            out += struct.pack(number + "BBIH", len(n.name), 0, dirs[t, path][0], numbers[p]) + n.name + b"\0" * (len(n.name) % 2)
        return out

    sector = 16

    def descriptor(data):
        nonlocal sector
        image.descriptor.append(sector * SECTOR)
        image.put(sector * SECTOR, data.ljust(SECTOR, b"\0"))
        sector += 1

    def volume(t, kind, root):
        joliet = kind.startswith("joliet")
        text = lambda s, n: s.decode().encode("utf-16-be").ljust(n - n % 2, b"\0 "[0:1] if False else b"\0")[:n].ljust(n, b"\0") if joliet else s.ljust(n)
        l, m = tables[t]
        lt, mt = table(t, "<"), table(t, ">")
        image.put(l * block, lt)
        image.put(m * block, mt)
        size = dirs[t, b""][1] if root.size is None else root.size
        root_at = dirs[t, b""][0] if root.at is None else call(root.at)
        v = bytes((1 if kind == "primary" else 2,)) + b"CD001" + bytes((2 if kind == "enhanced" else 1, 0))
        v += text(ident, 32) + text(label, 32) + bytes(8) + both32(total) + ESCAPES.get(kind, b"").ljust(32, b"\0")
        v += both16(1) + both16(1) + both16(block) + both32(len(lt))
        v += struct.pack("<II", l, 0) + struct.pack(">II", m, 0)
        v += record(b"\0", root_at, size, 2) + text(b"", 128) * 4 + text(b"", 37) * 3
        v += STAMP17 * 2 + (b"0" * 16 + b"\0") * 2 + bytes((2 if kind == "enhanced" else 1, 0))
        return v

    done_boot = False
    for t, (kind, root) in enumerate(trees):
        if kind != "primary" and boot is not None and not done_boot:
            descriptor(b"\0CD001\x01" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", where["catalog"]))
            done_boot = True
        descriptor(volume(t, kind, root))
    if boot is not None and not done_boot:
        descriptor(b"\0CD001\x01" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", where["catalog"]))
    if terminator:
        descriptor(b"\xffCD001\x01")
    return image


def catalog(*entries, platform=0):
    """A boot catalogue: the validation entry with its sum, then entries of 32 bytes."""
    head = bytearray(struct.pack("<BBH", 1, platform, 0) + b"".ljust(24, b"\0") + b"\0\0\x55\xaa")
    total = sum(struct.unpack("<16H", head)) & 0xFFFF
    struct.pack_into("<H", head, 28, -total & 0xFFFF)
    return bytes(head) + b"".join(entries)


def boot_entry(block, sectors=4, media=0, bootable=0x88):
    return struct.pack("<BBHBBHI", bootable, media, 0, 0, 0, sectors, block).ljust(32, b"\0")


def ucs2(name):
    return name.encode("utf-16-be")
