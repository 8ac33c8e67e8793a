"""A small UDF writer (ECMA-167, OSTA UDF 1.02 to 2.60) for what no other writer makes.

    v = Volume(rev=0x0150)
    v.write({"a.txt": File(b"hello"), "d": {"b.txt": File(b"x", form="inline")}})
    v.save()

A tree is a dict; a value is File, Link, Special, Dir (a dict with choices) or a dict. The same object under
two names is a hard link. What a case needs wrong is patched in `v.image`; `v.where` tells where each file
entry lies, as a byte offset, by path.
"""
import struct

from udf import crc16

NOW = struct.pack("<HhBBBBBBBB", 0x1000, 2023, 11, 14, 22, 13, 20, 0, 0, 0)
CHARSET = b"\0OSTA Compressed Unicode".ljust(64, b"\0")
RECORDED, ALLOCATED, HOLE, NEXT = 0, 1, 2, 3


def cs0(name):
    try:
        return b"\x08" + name.encode("latin-1")
    except UnicodeEncodeError:
        return b"\x10" + name.encode("utf-16-be")


def dstring(text, size):
    raw = cs0(text) if text else b""
    return raw.ljust(size - 1, b"\0") + bytes((len(raw),))


def regid(ident, suffix=b""):
    return b"\0" + ident.ljust(23, b"\0") + suffix.ljust(8, b"\0")


class File:
    """`form` short, long, ext or inline. `parts`: [(type, bytes)] for extents of other kinds and for fragments;
    `aed`: so many descriptors in the file entry and in each allocation extent, the rest chained. `kind` is
    the ICB's file type. `info`: an information length that is not the content's."""

    def __init__(self, content=b"", form="short", parts=None, aed=0, efe=None, kind=5, streams=None, ea=b"", info=None, apart=False):
        self.parts = parts if parts is not None else ([(RECORDED, content)] if content else [])
        self.content = b"".join(p for _, p in self.parts)
        self.form, self.aed, self.efe, self.kind, self.streams, self.ea, self.info, self.apart = form, aed, efe, kind, streams, ea, info, apart


def Link(target, **more):
    out = b""
    if target.startswith("/"):
        out += b"\x02\0\0\0"
    for part in target.strip("/").split("/"):
        if part == "..":
            out += b"\x03\0\0\0"
        elif part == ".":
            out += b"\x04\0\0\0"
        elif part:
            out += bytes((5, len(cs0(part)), 0, 0)) + cs0(part)
    return File(out, kind=12, **more)


class Dir(dict):
    """A directory with choices: `parts` cuts its data into fragments of so many bytes, `use` is the implementation
    use of its identifiers, `deleted` adds deleted ones."""

    def __init__(self, children, form="short", cut=0, use=b"", deleted=(), aed=0):
        super().__init__(children)
        self.form, self.cut, self.use, self.deleted, self.aed = form, cut, use, deleted, aed


class Volume:
    def __init__(self, rev=0x0102, block=2048, scheme="plain", size=None, anchors=("256", "N"), label="DISCLESS", efe=None, meta_extents=1,
                 same_mirror=False, remap=False, start=None):
        self.rev, self.block, self.scheme, self.label = rev, block, scheme, label
        self.anchors, self.meta_extents, self.same_mirror, self.remap = anchors, meta_extents, same_mirror, remap
        self.efe = rev >= 0x0200 if efe is None else efe
        self.total = size or 600
        self.start = start or 288
        self.image = bytearray(self.total * block)
        self.vds = (-(-49152 // block), -(-49152 // block) + 16)
        self.lvid = self.vds[1] + 16
        self.next = {0: 0, 1: 0}  # the next free block of each partition reference
        self.unique = 16
        self.where = {}
        self.vat = []
        self.meta = bytearray()
        self.done = {}

    # Where things go.
    def alloc(self, ref, blocks):
        at = self.next[ref]
        self.next[ref] += blocks
        return at

    def offset(self, ref, lbn):
        if ref and self.scheme == "vat":
            lbn = self.vat[lbn]
        if ref and self.scheme == "meta":
            lbn = self.meta_map[lbn]
        return (self.start + lbn) * self.block

    def put(self, ref, lbn, data):
        for i in range(0, len(data), self.block):
            at = self.offset(ref, lbn + i // self.block)
            assert at + self.block <= (self.total - 1) * self.block, "give the volume more blocks"
            piece = data[i : i + self.block]
            self.image[at : at + len(piece)] = piece

    def tag(self, kind, body, location):
        head = struct.pack("<HHBBHHHI", kind, 3 if self.rev >= 0x0200 else 2, 0, 0, 1, crc16(body), len(body), location)
        return head[:4] + bytes((sum(head) & 0xFF,)) + head[5:] + body

    # The file system.
    def ad(self, form, kind, length, ref, lbn):
        if form == "short":
            return struct.pack("<II", length | kind << 30, lbn)
        if form == "long":
            return struct.pack("<IIH6x", length | kind << 30, lbn, ref)
        return struct.pack("<IIIIH2x", length | kind << 30, 0 if kind else length, length, lbn, ref)

    def icb_block(self):
        """A block for a file entry: (reference, block)."""
        if self.scheme == "vat":
            self.vat.append(self.alloc(0, 1))
            return 1, len(self.vat) - 1
        ref = 1 if self.scheme == "meta" else 0
        return ref, self.alloc(ref, 1)

    def entry(self, node, icb, links=1, streams=None, content_ref=None):
        """Writes a file's data and its entry at `icb`."""
        ref, lbn = icb
        data_ref = 0 if content_ref is None else content_ref
        form = node.form
        if form == "short" and data_ref != ref:
            form = "long"
        flags = {"short": 0, "long": 1, "ext": 2, "inline": 3}[form]
        efe = (self.efe if node.efe is None else node.efe) or node.streams is not None or streams is not None
        recorded = 0
        if form == "inline":
            ads = [node.content]
        else:
            ads = []
            for kind, data in node.parts:
                blocks = -(-len(data) // self.block)
                at = 0 if kind == HOLE else self.alloc(data_ref, blocks)
                if node.apart:
                    self.alloc(data_ref, 1)
                if kind == RECORDED:
                    self.put(data_ref, at, data)
                    recorded += blocks
                ads.append(self.ad(form, kind, len(data), data_ref, at))
        if node.aed and form != "inline":
            # The chain, from its end: each allocation extent is known before what points to it.
            groups = [ads[i : i + node.aed] for i in range(0, len(ads), node.aed)]
            tail = b""
            for group in reversed(groups[1:]):
                body = b"".join(group) + tail
                at = self.alloc(data_ref, 1)
                self.put(data_ref, at, self.tag(258, struct.pack("<II", 0, len(body)) + body, at))
                self.where.setdefault("aed", []).append(self.offset(data_ref, at))
                tail = self.ad(form, NEXT, self.block, data_ref, at)
            ads = groups[0] + [tail] if groups else []
        ads = b"".join(ads)
        self.unique += 1
        info = len(node.content) if node.info is None else node.info
        icb_tag = struct.pack("<IHHHBBIHH", 0, 4, 0, 1, 0, node.kind, 0, 0, flags)
        perm = 0x14A5 if node.kind == 4 else 0x1084
        head = icb_tag + struct.pack("<IIIHBBIQ", 0, 0, perm, links, 0, 0, 0, info)
        impl = regid(b"*discless fixtures")
        if efe:
            stream_icb = struct.pack("<IIH6x", self.block, streams[1], streams[0]) if streams else bytes(16)
            body = head + struct.pack("<QQ", info, recorded) + NOW * 4 + struct.pack("<II", 1, 0) + bytes(16) + stream_icb + impl
        else:
            body = head + struct.pack("<Q", recorded) + NOW * 3 + struct.pack("<I", 1) + bytes(16) + impl
        body += struct.pack("<QII", self.unique, len(node.ea), len(ads)) + node.ea + ads
        self.put(ref, lbn, self.tag(266 if efe else 261, body, lbn))

    def fid(self, name, icb, traits, location, use=b""):
        raw = cs0(name) if name else b""
        body = struct.pack("<HBB", 1, traits, len(raw)) + struct.pack("<IIHHI", self.block, icb[1], icb[0], 0, self.unique) + struct.pack("<H", len(use)) + use + raw
        body += bytes(-(16 + len(body)) % 4)
        return self.tag(257, body, location)

    def directory(self, tree, icb, parent, path, kind=4):
        form, use = getattr(tree, "form", "short"), getattr(tree, "use", b"")
        out = [("", parent, 0x0A)] + [(name, (0, 0), 0x04) for name in getattr(tree, "deleted", ())]
        for name, node in tree.items():
            full = f"{path}/{name}" if path else name
            if id(node) in self.done:
                child = self.done[id(node)]
            else:
                child = self.done[id(node)] = self.icb_block()
                if isinstance(node, dict):
                    self.directory(node, child, icb, full)
                else:
                    stream_icb = None
                    if node.streams:
                        stream_icb = self.icb_block()
                        self.directory(node.streams, stream_icb, child, full + ":", kind=13)
                    self.entry(node, child, links=self.count[id(node)], streams=stream_icb)
            self.where[full] = self.offset(*child)
            out.append((name, child, 0x02 if isinstance(node, dict) else 0))
        cut = getattr(tree, "cut", 0)
        # The tag location of an identifier is its block: the data come next in the partition.
        base = icb[1] if form == "inline" else self.next[1 if self.scheme == "meta" else 0]
        data = b""
        for name, child, traits in out:
            at = len(data)
            behind = at // cut * (-(-cut // self.block) + 1) + at % cut // self.block if cut else at // self.block
            data += self.fid(name, child, traits, base + behind, use)
        parts = [(RECORDED, data)] if not cut else [(RECORDED, data[i : i + cut]) for i in range(0, len(data), cut)]
        node = File(form=form, parts=parts, kind=kind, apart=bool(cut), aed=getattr(tree, "aed", 0))
        self.entry(node, icb, links=1, content_ref=1 if self.scheme == "meta" else None)

    def write(self, tree):
        count = self.count = {}

        def counted(t):
            for node in t.values():
                count[id(node)] = count.get(id(node), 0) + 1
                if isinstance(node, dict) and count[id(node)] == 1:
                    counted(node)
                elif getattr(node, "streams", None):
                    counted(node.streams)

        counted(tree)
        if self.scheme == "meta":
            # The metadata file takes the first blocks: entry, mirror's entry, then 64 blocks in extents with holes between.
            self.meta_icb, self.mirror_icb, self.bitmap_icb = self.alloc(0, 1), self.alloc(0, 1), self.alloc(0, 1)
            self.alloc(0, 29)
            per = 64 // self.meta_extents
            self.meta_runs, self.meta_map = [], []
            for _ in range(self.meta_extents):
                at = self.alloc(0, per)
                self.meta_runs.append((at, per))
                self.meta_map += range(at, at + per)
                self.alloc(0, 3)
        if self.scheme == "vat":
            self.root_icb = None
        fs_ref, fs_at = (1 if self.scheme in ("meta", "vat") else 0), None
        if self.scheme == "vat":
            self.vat.append(self.alloc(0, 1))
            fs_at = 0
        else:
            fs_at = self.alloc(fs_ref, 1)
        root = self.icb_block()
        self.done[id(tree)] = root
        self.directory(tree, root, root, "")
        self.where[""] = self.offset(*root)
        domain = regid(b"*OSTA UDF Compliant", struct.pack("<HB", self.rev, 0))
        body = NOW + struct.pack("<HHIIII", 3, 3, 1, 1, 0, 0) + CHARSET + dstring(self.label, 128) + CHARSET + dstring(self.label, 32) + bytes(64)
        body += struct.pack("<IIH6x", self.block, root[1], root[0]) + domain + bytes(16) + bytes(16)
        self.put(fs_ref, fs_at, self.tag(256, body.ljust(496, b"\0"), fs_at))
        self.where["fsd"] = self.offset(fs_ref, fs_at)
        self.fsd = struct.pack("<IIH6x", self.block, fs_at, fs_ref)
        getattr(self, "finish_" + self.scheme)()
        self.volume()

    def finish_plain(self):
        pass

    def finish_meta(self):
        runs = lambda rs: [self.ad("short", RECORDED, n * self.block, 0, at) for at, n in rs]

        def metadata(icb, kind, rs):
            node = File(kind=kind, efe=True)
            node.parts = []
            ads = b"".join(runs(rs))
            info = sum(n for _, n in rs) * self.block
            icb_tag = struct.pack("<IHHHBBIHH", 0, 4, 0, 1, 0, kind, 0, 0, 0)
            body = icb_tag + struct.pack("<IIIHBBIQ", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0, 0, info) + struct.pack("<QQ", info, info // self.block) + NOW * 4
            body += struct.pack("<II", 1, 0) + bytes(32) + regid(b"*discless fixtures") + struct.pack("<QII", 0, 0, len(ads)) + ads
            self.put(0, icb, self.tag(266, body, icb))

        metadata(self.meta_icb, 250, self.meta_runs)
        if self.same_mirror:
            metadata(self.mirror_icb, 251, self.meta_runs)
        else:
            at = self.alloc(0, 64)
            for i, lbn in enumerate(self.meta_map):
                block = bytes(self.image[self.offset(0, lbn) : self.offset(0, lbn) + self.block])
                self.put(0, at + i, block)
            self.mirror_run = at
            metadata(self.mirror_icb, 251, [(at, 64)])
        self.where["metadata"], self.where["mirror"] = self.offset(0, self.meta_icb), self.offset(0, self.mirror_icb)

    def finish_vat(self):
        table = b"".join(struct.pack("<I", n) for n in self.vat)
        if self.rev >= 0x0200:
            kind = 248
            data = struct.pack("<HH", 152, 0) + dstring(self.label, 128) + struct.pack("<IIIHHHH", 0xFFFFFFFF, 1, 1, 0x0150, 0x0150, self.rev, 0) + table
        else:
            kind = 0
            data = table + regid(b"*UDF Virtual Alloc Tbl", struct.pack("<H", self.rev)) + struct.pack("<I", 0xFFFFFFFF)
        node = File(data, form="inline", kind=kind)
        at = self.alloc(0, 1)
        self.entry(node, (0, at))
        self.where["vat"] = self.offset(0, at)
        # The VAT's entry is the last block of what is recorded.
        self.total = self.start + at + 1
        del self.image[self.total * self.block :]

    def finish_sparable(self):
        """Packets of 32 blocks. With `remap`, the first packet was moved to the spare area before the partition."""
        self.spare = 128
        entries = [(0xFFFFFFFF, self.spare + 32)]
        if self.remap:
            first = slice(self.start * self.block, (self.start + 32) * self.block)
            self.image[self.spare * self.block : (self.spare + 32) * self.block] = self.image[first]
            self.image[first] = (b"worn out " * (32 * self.block // 9 + 1))[: 32 * self.block]
            entries.insert(0, (0, self.spare))
        else:
            entries.insert(0, (0xFFFFFFFF, self.spare))
        self.tables = (self.lvid + 4, self.lvid + 6)
        for at in self.tables:
            body = regid(b"*UDF Sparing Table", struct.pack("<H", self.rev)) + struct.pack("<HHI", len(entries), 0, 1)
            body += b"".join(struct.pack("<II", a, b) for a, b in sorted(entries))
            self.raw(at, self.tag(0, body, at))

    def raw(self, block, data):
        self.image[block * self.block : block * self.block + len(data)] = data

    # The volume.
    def maps(self):
        one = struct.pack("<BBHH", 1, 6, 1, 0)
        two = lambda ident, rest: struct.pack("<BBH", 2, 64, 0) + regid(ident, struct.pack("<H", self.rev)) + struct.pack("<HH", 1, 0) + rest.ljust(24, b"\0")
        if self.scheme == "meta":
            rest = struct.pack("<IIIIHB", self.meta_icb, self.mirror_icb, 0xFFFFFFFF, 32, 32, 0 if self.same_mirror else 1)
            return one + two(b"*UDF Metadata Partition", rest), 2
        if self.scheme == "vat":
            return one + two(b"*UDF Virtual Partition", b""), 2
        if self.scheme == "sparable":
            size = len(bytes(56)) + 2 * 8
            return two(b"*UDF Sparable Partition", struct.pack("<HBBI4I", 32, 2, 0, size, *self.tables, 0, 0)), 1
        return one, 1

    def descriptors(self):
        """(kind, body) of the volume descriptor sequence."""
        nsr = b"+NSR03" if self.rev >= 0x0200 else b"+NSR02"
        impl = regid(b"*discless fixtures")
        domain = regid(b"*OSTA UDF Compliant", struct.pack("<HB", self.rev, 0))
        length = 160 if self.scheme == "sparable" else self.total - self.start - (0 if self.scheme == "vat" else 1)
        pvd = struct.pack("<II", 1, 0) + dstring(self.label, 32) + struct.pack("<HHHHII", 1, 1, 2, 2, 1, 1) + dstring("0123456789abcdef" + self.label, 128)
        pvd += CHARSET + CHARSET + bytes(16) + bytes(32) + NOW + impl
        pd = struct.pack("<IHH", 2, 1, 0) + regid(nsr) + bytes(128) + struct.pack("<III", 1, self.start, length) + impl
        maps, count = self.maps()
        lvd = struct.pack("<I", 3) + CHARSET + dstring(self.label, 128) + struct.pack("<I", self.block) + domain + self.fsd + struct.pack("<II", len(maps), count)
        lvd += impl + bytes(128) + struct.pack("<II", 2 * self.block, self.lvid) + maps
        self.length = length
        return [(1, pvd.ljust(496, b"\0")), (5, pd.ljust(496, b"\0")), (6, lvd.ljust(496, b"\0")), (7, struct.pack("<II", 4, 0)), (8, bytes(496))]

    def sequence(self, at, descriptors):
        for i, (kind, body) in enumerate(descriptors):
            self.raw(at + i, self.tag(kind, body, at + i))

    def volume(self):
        step = max(2048, self.block)
        for i, ident in enumerate((b"BEA01", b"NSR03" if self.rev >= 0x0200 else b"NSR02", b"TEA01")):
            self.image[32768 + i * step : 32768 + i * step + 7] = b"\0" + ident + b"\x01"
        for at in self.vds:
            self.sequence(at, self.descriptors())
        refs = self.maps()[1]
        body = NOW + struct.pack("<III", 1, 0, 0) + struct.pack("<Q", self.unique + 1).ljust(32, b"\0") + struct.pack("<II", refs, 46)
        body += struct.pack("<I", 0) * refs + struct.pack("<I", self.length) * refs + regid(b"*discless fixtures") + struct.pack("<IIHHH", 1, 1, self.rev, self.rev, self.rev)
        self.raw(self.lvid, self.tag(9, body, self.lvid))
        self.raw(self.lvid + 1, self.tag(8, bytes(496), self.lvid + 1))
        n = self.total - 1
        for name, at in (("256", 256), ("N-256", n - 256), ("N", n)):
            if name in self.anchors and not (name == "N" and self.scheme == "vat"):
                self.anchor(at)

    def anchor(self, at):
        self.raw(at, self.tag(2, struct.pack("<IIII", 16 * self.block, self.vds[0], 16 * self.block, self.vds[1]).ljust(496, b"\0"), at))

    def save(self, path="input.iso"):
        with open(path, "wb") as f:
            f.write(self.image)
