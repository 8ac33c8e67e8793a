"""WIM files: a writer of our own that packs nothing and may break every rule, and what makes wimlib's files
the same from run to run.

    wim.py stamp FILE...     a fixed GUID and fixed times in the XML data
    wim.py code PATH SIZE    made x86 code: calls and addresses that come back
    wim.py expect DIR...     `expected` of an image that holds DIR; of several, numbered, with input.*'s XML
"""
import hashlib
import re
import struct
import sys

from expect import dir_line, file_line, key, link_line, save

TIME = 133444519800000000  # 2023-11-14 22:13:00 UTC
DIR, FILE, REPARSE, ENCRYPTED = 0x10, 0x20, 0x400, 0x4000
SYMLINK, MOUNT_POINT = 0xA000000C, 0xA0000003
ZERO = bytes(20)


def sha1(data):
    return hashlib.sha1(data).digest()


def reshdr(packed, flags, at, size):
    return struct.pack("<Q", packed | flags << 56) + struct.pack("<QQ", at, size)


def pad8(data):
    return data + bytes(-len(data) % 8)


class Node:
    def __init__(self, name, attributes, data=None, children=None, tag=0, group=0, streams=(), short=""):
        self.name, self.attributes, self.data, self.children = name, attributes, data, children
        self.tag, self.group, self.streams, self.short = tag, group, streams, short
        self.at = None


def F(name, data=b"", attributes=FILE, **more):
    return Node(name, attributes, data, **more)


def D(name, *children, **more):
    return Node(name, DIR, None, list(children), **more)


def reparse_data(target, tag):
    text = target.encode("utf-16-le")
    head = struct.pack("<HHHH", 0, len(text), len(text), 0)
    return head + (struct.pack("<I", 1) if tag == SYMLINK else b"") + text


def L(name, target, tag=SYMLINK, attributes=FILE | REPARSE):
    return Node(name, attributes, reparse_data(target, tag), tag=tag)


def utf16(name):
    return name if isinstance(name, bytes) else name.encode("utf-16-le", "surrogatepass")


def dentry(node, sub):
    name, short = utf16(node.name), utf16(node.short)
    last = struct.pack("<I", node.tag) + bytes(4) if node.tag else struct.pack("<Q", node.group)
    body = name + (b"\0\0" if name else b"") + short + (b"\0\0" if short else b"")
    out = struct.pack("<QIiQQQQQQ", 102 + len(body), node.attributes, -1, sub, 0, 0, TIME, TIME, TIME)
    out += (sha1(node.data) if node.data else ZERO) + bytes(4) + last
    out += struct.pack("<HHH", len(node.streams), len(short), len(name)) + body
    out = pad8(out)
    for stream, data in node.streams:
        name = utf16(stream)
        out += pad8(struct.pack("<QQ", 38 + len(name) + 2, 0) + (sha1(data) if data else ZERO) + struct.pack("<H", len(name)) + name + b"\0\0")
    return out


def metadata(root, patch=None):
    """The metadata of an image; `node.at` is where each node's entry is, `node.sub` where its children are."""
    out = bytearray(struct.pack("<II", 8, 0))
    order = [root]
    root.at = 8
    at = 8 + len(dentry(root, 0)) + 8
    todo = [root]
    while todo:
        node = todo.pop(0)
        node.sub = at
        for child in node.children:
            child.at = at
            at += len(dentry(child, 0))
            order.append(child)
            if child.children is not None:
                todo.append(child)
        at += 8
    out += bytes(at - 8)
    for node in order:
        entry = dentry(node, node.sub if node.children is not None else 0)
        out[node.at : node.at + len(entry)] = entry
    if patch:
        patch(out)
    return bytes(out)


def xml(count, inner=""):
    images = "".join(f'<IMAGE INDEX="{n + 1}"><NAME>Image {n + 1}</NAME>{inner}</IMAGE>' for n in range(count))
    return b"\xff\xfe" + f"<WIM>{images}</WIM>".encode("utf-16-le")


class Wim:
    """Build it, then change `header` fields or `data` before `save`."""

    def __init__(self, *roots, patch=None, text=None, lines=lambda lines: lines, images=None, version=0x10D00, flags=0, chunk=0):
        self.data = bytearray(208)
        blobs = {}
        table = []
        for root in roots:
            todo = [root]
            while todo:
                node = todo.pop()
                todo += node.children or []
                for data in [node.data, *(data for _, data in node.streams)]:
                    if data and sha1(data) not in blobs:
                        blobs[sha1(data)] = self.put(data)
        for digest, (at, size) in blobs.items():
            table.append([reshdr(size, 0, at, size), 1, 1, digest])
        for root in roots:
            meta = metadata(root, patch)
            at, size = self.put(meta)
            table.append([reshdr(size, 2, at, size), 1, 1, sha1(meta)])
        table = lines(table)
        lookup = b"".join(head + struct.pack("<HI", part, refs) + digest for head, part, refs, digest in table)
        self.lookup_at, size = self.put(lookup)
        self.xml = xml(len(roots)) if text is None else text
        self.xml_at, xml_size = self.put(self.xml)
        head = b"MSWIM\0\0\0" + struct.pack("<IIII", 208, version, flags, chunk) + bytes(range(16))
        head += struct.pack("<HHI", 1, 1, len(roots) if images is None else images)
        head += reshdr(size, 2, self.lookup_at, size) + reshdr(xml_size, 2, self.xml_at, xml_size)
        head += bytes(24) + bytes(4) + bytes(24) + bytes(60)
        self.data[:208] = head

    def put(self, data):
        at = len(self.data)
        self.data += data
        return at, len(data)

    def save(self, path="input.wim"):
        with open(path, "wb") as f:
            f.write(self.data)

    def xml_line(self):
        return file_line("[xml]", self.xml)


def stamp(path):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    heads = [0] + ([len(data) - 208] if data[:5] == b"WLPWM" else [])
    for head in heads:
        data[head + 24 : head + 40] = bytes(range(16))
    for name, value in (("HIGHPART", "01DA174D"), ("LOWPART", "56D0C800")):
        old = re.compile("".join(f"{c}\0" for c in f"<{name}>0x").encode() + b"(?:.\0){8}", re.S)
        new = f"<{name}>0x{value}".encode("utf-16-le")
        data[:] = old.sub(lambda _: new, bytes(data))
    with open(path, "wb") as f:
        f.write(data)


def xml_of(path):
    with open(path, "rb") as f:
        data = f.read()
    head = data[-208:] if data[:5] == b"WLPWM" else data[:208]
    size, at = struct.unpack_from("<QQ", head, 72)
    return data[at : at + (size & (1 << 56) - 1)]


def code(size):
    out = bytearray()
    number = 1
    while len(out) < size:
        number = number * 1103515245 + 12345 & 0x7FFFFFFF
        op = [b"\xe8", b"\xe8", b"\x48\x8b\x05", b"\x48\x8d\x0d", b"\xff\x15", b"\xe9", b"\x4c\x8d\x3d"][(number >> 16) % 7]
        target = (number >> 8) % 6 * 1000
        out += op + struct.pack("<i", target - len(out) - len(op) - 4) + [b"\x90", b"\x55\x48\x89\xe5", b"\xc3", b""][number >> 20 & 3]
    return bytes(out[:size])


def expect(directories):
    import glob
    import os

    out = []
    for number, top in enumerate(directories, 1):
        prefix = f"{number}/" if len(directories) > 1 else ""
        if prefix:
            out.append(dir_line(prefix[:-1]))
        for base, dirs, files in os.walk(top):
            for name in dirs + files:
                path = os.path.join(base, name)
                shown = prefix + os.path.relpath(path, top)
                if os.path.islink(path):
                    out.append(link_line(shown, os.readlink(path)))
                elif os.path.isdir(path):
                    out.append(dir_line(shown))
                else:
                    out.append(file_line(shown, open(path, "rb").read()))
    (path,) = glob.glob("input.*")
    out.append(file_line("[xml]", xml_of(path)))
    save(out, "expected")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stamp", *paths]:
            for path in paths:
                stamp(path)
        case ["code", path, size]:
            with open(path, "wb") as f:
                f.write(code(int(size)))
        case ["expect", *directories]:
            expect(directories)
