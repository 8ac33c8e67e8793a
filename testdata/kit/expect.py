"""Writes `expected`: one line a member, sorted by path.

    expect.py tree DIR     from a source tree

KIND SIZE SHA256 PATH, KIND one of f, d, l, o; a directory, a link and what is no file have size 0 and
`-` for a digest; a link ends with ` -> TARGET`. In names, bytes below 0x20, 0x7f, the backslash and
what is not UTF-8 are written \\xHH. `? ` before a line: it may be listed and need not be; `! `: what must
go wrong, alternatives divided by `|`. ../README.md tells all of it.
"""
import hashlib
import os
import stat
import sys


def escaped(name):
    text = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    out = []
    for c in text.decode("utf-8", "surrogateescape"):
        n = ord(c)
        if n < 0x20 or n == 0x7F or c == "\\":
            out.append(f"\\x{n:02x}")
        elif 0xDC80 <= n <= 0xDCFF:
            out.append(f"\\x{n - 0xDC00:02x}")
        else:
            out.append(c)
    return "".join(out)


def file_line(path, content):
    return f"f {len(content)} {hashlib.sha256(content).hexdigest()} {escaped(path)}"


def dir_line(path):
    return f"d 0 - {escaped(path)}"


def link_line(path, target):
    return f"l 0 - {escaped(path)} -> {escaped(target)}"


def other_line(path):
    return f"o 0 - {escaped(path)}"


def key(line):
    """By path; what must go wrong comes last."""
    if line.startswith("!"):
        return b"\xff\xff"
    return line.removeprefix("? ").split(" ", 3)[3].encode("utf-8", "surrogateescape")


def save(lines, out=None):
    text = "".join(line + "\n" for line in sorted(lines, key=key))
    if out:
        with open(out, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write(text)
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def tree(root):
    root = os.fsencode(root)
    lines = []

    def walk(at, prefix):
        for name in sorted(os.listdir(at)):
            full, path = os.path.join(at, name), prefix + name
            mode = os.lstat(full).st_mode
            if stat.S_ISDIR(mode):
                lines.append(dir_line(path))
                walk(full, path + b"/")
            elif stat.S_ISLNK(mode):
                lines.append(link_line(path, os.readlink(full)))
            elif stat.S_ISREG(mode):
                with open(full, "rb") as f:
                    lines.append(file_line(path, f.read()))
            else:
                lines.append(other_line(path))

    walk(root, b"")
    return lines


if __name__ == "__main__":
    save(tree(sys.argv[2]))
