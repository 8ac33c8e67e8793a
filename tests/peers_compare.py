"""The comparing half of peers.sh, which starts it."""
import fnmatch
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys

WORK, BIN, DIFFERENCES, PEERS, FILTERS = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(), sys.argv[5:]
TIMEOUT = 120  # seconds to extract
LIST_TIMEOUT = 5  # seconds to list a hostile image, which may have no end
MOST = 64 << 20  # bytes of a peer's list that are looked at


def name_of(path):
    """A path as it is compared."""
    path = re.sub(r";\d+(?=/|$)", "", path.strip("/"))
    return path.casefold()


def run(command, cwd=None, timeout=TIMEOUT):
    try:
        with open(os.path.join(WORK, "log"), "wb") as log:
            errors = subprocess.STDOUT if timeout == TIMEOUT else subprocess.DEVNULL
            done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, timeout=timeout)
        code = done.returncode
    except subprocess.TimeoutExpired:
        code = "timeout"
    with open(os.path.join(WORK, "log"), "rb") as log:
        return code, log.read(MOST)


def walk(root):
    """{compared path: (kind, size, digest or target)} of a directory."""
    found = {}
    for at, dirs, files in os.walk(os.fsencode(root)):
        for name in dirs + files:
            full = os.path.join(at, name)
            path = os.path.relpath(full, os.fsencode(root)).decode("utf-8", "surrogateescape")
            info = os.lstat(full)
            if stat.S_ISLNK(info.st_mode):
                found[name_of(path)] = ("l", 0, os.fsdecode(os.readlink(full)))
            elif stat.S_ISDIR(info.st_mode):
                found[name_of(path)] = ("d", 0, "-")
            elif stat.S_ISREG(info.st_mode):
                with open(full, "rb") as f:
                    found[name_of(path)] = ("f", info.st_size, hashlib.file_digest(f, "sha256").hexdigest())
    return found


def cleared(path):
    if os.path.lexists(path):
        subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL)
        shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def peer_members(peer, image, listed_only):
    """What a peer gives: (members or None where it cannot read, what it said)."""
    out = cleared(os.path.join(WORK, "peer"))
    if listed_only:
        return peer_list(peer, image)
    command = {
        "7zz": ["7zz", "x", "-y", "-snld", "-bd", image],
        "bsdtar": ["bsdtar", "-xf", image],
        "xorriso": ["xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", "."],
    }[peer]
    run(command, out)
    subprocess.run(["chmod", "-R", "u+rwX", out], stderr=subprocess.DEVNULL)
    found = walk(out)
    return found or None


def peer_list(peer, image):
    """Paths and sizes alone; the digest is None."""
    found = {}
    if peer == "7zz":
        _, said = run(["7zz", "l", "-slt", "-ba", image], timeout=LIST_TIMEOUT)
        for block in said.decode("utf-8", "surrogateescape").split("\n\n"):
            fields = dict(line.split(" = ", 1) for line in block.split("\n") if " = " in line)
            if "Path" in fields:
                folder = fields.get("Folder") == "+" or fields.get("Attributes", "").startswith("D")
                found[name_of(fields["Path"])] = ("d", 0, None) if folder else ("f", int(fields.get("Size") or 0), None)
    elif peer == "bsdtar":
        # bsdtar writes its list line by line; a pattern of tar's own long form.
        _, said = run(["bsdtar", "-tvf", image], timeout=LIST_TIMEOUT)
        for line in said.decode("utf-8", "surrogateescape").split("\n"):
            m = re.match(r"([-dlbcps])\S{9}\S*\s+\d+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+\d+\s+\S+\s(.*)", line)
            if m and m[3] != ".":
                kind, size, path = m[1], int(m[2]), m[3]
                if kind == "l":
                    path, _, target = path.partition(" -> ")
                    found[name_of(path)] = ("l", 0, target)
                else:
                    path = path.split(" link to ")[0]
                    found[name_of(path)] = ("d", 0, None) if kind == "d" else ("f", size if " link to " not in m[3] else None, None)
    else:
        _, said = run(["xorriso", "-indev", image, "-find", "/", "-exec", "lsdl"], timeout=LIST_TIMEOUT)
        for line in said.decode("utf-8", "surrogateescape").split("\n"):
            m = re.match(r"([-dlbcps])\S{9}\S?\s+\d+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+\d+\s+\S+\s+'(.*)'$", line)
            if m and m[3] != "/":
                path, _, target = m[3].partition("' -> '")
                found[name_of(path)] = ("l", 0, target) if m[1] == "l" else ("d", 0, None) if m[1] == "d" else ("f", int(m[2]), None)
    return found or None


def unescape(text):
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes((int(m[1], 16),)), text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def expected(folder):
    """(members, paths that need not be there, what must go wrong)."""
    found, free, wrong = {}, set(), None
    with open(os.path.join(folder, "expected"), encoding="utf-8", errors="surrogateescape") as f:
        for line in f.read().splitlines():
            if line.startswith("! "):
                wrong = line[2:]
                continue
            optional = line.startswith("? ")
            kind, size, digest, path = line.removeprefix("? ").split(" ", 3)
            target = None
            if kind == "l":
                path, _, target = path.partition(" -> ")
            path = name_of(unescape(path))
            if optional:
                free.add(path)
            elif kind == "o":
                free.add(path)
            else:
                # What cannot be read whole has no digest to compare.
                found[path] = (kind, int(size), unescape(target) if target is not None else None if digest == "-" and kind == "f" else digest)
    return found, free - set(found), wrong


def ours(image):
    """(members, paths that need not be there) as discless gives them; None where it cannot."""
    done = subprocess.run([BIN, "list", "--json", image], capture_output=True, timeout=TIMEOUT)
    try:
        entries = json.loads(done.stdout)["sources"][0]["entries"]
    except (ValueError, KeyError, IndexError):
        return None
    out = os.path.join(cleared(os.path.join(WORK, "ours")), "x")
    done = subprocess.run([BIN, "extract", image, "-o", out, "--json"], capture_output=True, timeout=TIMEOUT)
    try:
        renamed = {r["written_as"]: r["path"] for r in json.loads(done.stdout).get("renamed", [])}
    except (ValueError, KeyError, TypeError):
        renamed = {}
    written = walk(out) if os.path.isdir(out) else {}
    back = {name_of(k): name_of(v) for k, v in renamed.items()}
    written = {back.get(path, path): what for path, what in written.items()}
    found, free = {}, set()
    for entry in entries:
        path = entry["path"]
        if entry.get("path_bytes"):
            path = bytes.fromhex(entry["path_bytes"]).decode("utf-8", "surrogateescape")
        path = name_of(path)
        kind = {"file": "f", "dir": "d", "symlink": "l"}.get(entry["kind"])
        if kind is None:
            free.add(path)
        elif kind == "l":
            found[path] = ("l", 0, entry.get("target", ""))
        elif kind == "d":
            found[path] = ("d", 0, "-")
        else:
            was = written.get(path) or written.get(name_of(entry["path"]))
            found[path] = ("f", entry["bytes"], was[2] if was and was[0] == "f" else "-")
    return found, free


def boot(path):
    return path == "[boot]" or path.startswith("[boot]/")


def compare(mine, free, theirs):
    """The first differences, in words."""
    said = []
    for path in sorted(set(mine) | set(theirs), key=lambda p: p.encode("utf-8", "surrogateescape")):
        if boot(path) or path in free:
            continue
        a, b = mine.get(path), theirs.get(path)
        if a is None:
            said.append(f"only the peer has {path!r}")
        elif b is None:
            said.append(f"only discless has {path!r}")
        elif a[0] != b[0]:
            said.append(f"{path!r} is {a[0]} here, {b[0]} there")
        elif a[0] == "f" and b[1] is not None and a[1] != b[1]:
            said.append(f"{path!r} has {a[1]} bytes here, {b[1]} there")
        elif a[0] == "f" and b[2] is not None and a[2] not in (None, b[2]):
            said.append(f"{path!r} is not extracted here" if a[2] == "-" else f"{path!r} has other bytes")
        elif a[0] == "l" and b[2] is not None and a[2].rstrip("/") != b[2].rstrip("/"):
            said.append(f"{path!r} leads to {a[2]!r} here, {b[2]!r} there")
    return said


def documented(image, peer, rows):
    for pattern, who, reason in rows:
        if (who == "*" or peer in who.split(",")) and fnmatch.fnmatchcase(image, pattern):
            return reason
    return None


def main():
    rows = []
    with open(DIFFERENCES, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.strip() and not line.startswith("#"):
                parts = line.rstrip("\n").split("\t")
                if len(parts) != 3:
                    sys.exit(f"{DIFFERENCES}:{number}: three columns are wanted")
                rows.append(parts)
    counts = {"agree": 0, "differs (documented)": 0, "DIFFERS": 0, "cannot read": 0}
    failed = 0
    for line in sys.stdin:
        image, path = line.rstrip("\n").split("\t")
        if FILTERS and not any(f in image for f in FILTERS):
            continue
        if path.endswith(".gz"):
            # 7zz takes a file's type from its name too.
            plain = os.path.join(cleared(os.path.join(WORK, "image")), os.path.basename(path)[:-3])
            with gzip.open(path) as packed, open(plain, "wb") as f:
                shutil.copyfileobj(packed, f)
        else:
            plain = path
        case = image.rsplit("/", 1)[1]
        listed_only = case.startswith(("hostile-", "truncated-"))
        fixture = image.split("/")[0] in ("iso9660", "udf")
        mine, free, wrong = (expected(os.path.dirname(path)) if fixture else (None, set(), None))
        if BIN != "--expected" and case == "hostile-overlap-bomb":
            continue  # Nobody needs its 4.4 GiB.
        if BIN != "--expected":
            got = ours(plain)
            if got is None:
                if fixture and wrong and not mine:
                    continue  # It must fail; that it does is another test's.
                reason = documented(image, "discless", rows)
                readers = [peer for peer in PEERS if peer_members(peer, plain, listed_only)]
                if reason or not readers:
                    result, why = ("differs (documented)", reason) if readers else ("agree", "nobody reads it")
                else:
                    result, why = "DIFFERS", "it gives no list and " + " and ".join(readers) + " do"
                    failed += 1
                counts[result] += 1
                print(f"{result:21} {'discless':8} {image}: {why}", flush=True)
                continue
            mine, also = got
            free = free | also
        elif wrong and not mine:
            continue
        for peer in PEERS:
            theirs = peer_members(peer, plain, listed_only)
            reason = documented(image, peer, rows)
            if not theirs and mine:
                result, why = "cannot read", reason or ""
            else:
                differences = compare(mine, free, theirs or {})
                if not differences:
                    result, why = "agree", ""
                elif reason:
                    result, why = "differs (documented)", reason
                else:
                    result, why = "DIFFERS", "; ".join(differences[:3]) + (f"; and {len(differences) - 3} more" if len(differences) > 3 else "")
                    failed += 1
            counts[result] += 1
            text = f"{result:21} {peer:8} {image}" + (f": {why}" if why else "")
            print(text.encode("utf-8", "backslashreplace").decode(), flush=True)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    if failed:
        print(f"peers: {failed} differences that nobody documented")
        sys.exit(1)
    if not sum(counts.values()):
        print("peers: nothing was compared")
        sys.exit(1)
    print("peers: every difference is documented" if counts["differs (documented)"] else "peers: all agree")


main()
