#!/usr/bin/env python3
"""The peer test of packages: do the usual tools get the same files out of a package as discless?

    tests/peers_packages.py BIN [--real] [FILTER...]

Over the fixtures of testdata/ that are sound, and with --real over files of PyPI and npm packages that are fetched into
target/real/ (about 150 MB; where they cannot be fetched that is said, loudly). One line a package and peer:

    agree                  the same names, sizes and SHA-256 digests
    agree but for names    the same bytes under other names
    differs (documented)   peers-packages.tsv (pattern, peer, reason) says why
    DIFFERS                nobody said why: this fails the test
    cannot read            the peer refuses it or gets nothing out

Names are compared in any case and without a leading `./`. A peer that is not installed is left out, loudly."""
import collections
import fnmatch
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import json
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TIMEOUT = 120
# One image is applied as it is, several each below its number; the parts of a set lie beside the first.
WIMLIB = """count=$(wimlib-imagex info "$1" | sed -n 's/^Image Count: *//p'); set -- "$1" "${1%.*}[0-9]*.swm"
[ -e "$(dirname "$1")/input2.swm" ] && ref=--ref=$2
for n in $(seq "$count"); do [ "$count" = 1 ] && to=. || { to=$n; mkdir $n; }; wimlib-imagex apply "$1" $n $to $ref; done"""
EXTRACT = {
    "7zz": lambda f: ["7zz", "x", "-y", "-bd", "-psecret", f],
    "bsdtar": lambda f: ["bsdtar", "-xf", f],
    "cabextract": lambda f: ["cabextract", "-q", f],
    "unzip": lambda f: ["unzip", "-q", "-o", f],
    "msiextract": lambda f: ["msiextract", f],
    "innoextract": lambda f: ["innoextract", "-q", "-m", "-e", f],
    "unsquashfs": lambda f: ["unsquashfs", "-q", "-n", "-no-xattrs", "-d", ".", "-f", f],
    "wimlib-imagex": lambda f: ["sh", "-c", WIMLIB, "sh", f],
    "gcab": lambda f: ["gcab", "-x", f],
}
PEERS = {
    "cab": ["cabextract", "7zz", "bsdtar", "gcab"],
    "zip": ["7zz", "unzip", "bsdtar"],
    "sevenz": ["7zz", "bsdtar"],
    "msi": ["msiextract"],
    "inno": ["innoextract"],
    "nsis": ["7zz"],
    "rar": ["bsdtar"],
    "sfx": ["7zz"],
    "tar": ["bsdtar", "7zz"],
    "squashfs": ["unsquashfs", "7zz"],
    "wim": ["wimlib-imagex", "7zz"],
}
# Package, file name, members that are wanted (a pattern), their format.
REAL = [
    ("pypi", "directx", "9.29.1974", "*.cab", "cab"),
    ("npm", "electron-winstaller", "5.4.4", "*/vendor/Setup.exe", "sfx"),
]


def walk(root):
    """[(compared name, size, digest)] of the files below a directory."""
    found = []
    for at, _, files in os.walk(root):
        for name in files:
            full = os.path.join(at, name)
            # No links, and no pipes: opening one waits for ever.
            if os.path.islink(full) or not os.path.isfile(full):
                continue
            with open(full, "rb") as f:
                digest = hashlib.file_digest(f, "sha256").hexdigest()
            found.append((os.path.relpath(full, root).casefold(), os.path.getsize(full), digest))
    return sorted(found)


def out_of(command, work):
    """What a program gets out, in a new directory."""
    out = tempfile.mkdtemp(dir=work)
    try:
        done = subprocess.run(command, cwd=out, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT)
        code = done.returncode
    except subprocess.TimeoutExpired:
        code = "time-out"
    subprocess.run(["chmod", "-R", "u+rwX", out], stderr=subprocess.DEVNULL)
    found = walk(out)
    shutil.rmtree(out, ignore_errors=True)
    return code, found


def fixtures(work):
    """(name, file, format) of every sound fixture of a format with peers."""
    for format in sorted(PEERS):
        base = os.path.join(ROOT, "testdata", format)
        for case in sorted(os.listdir(base)) if os.path.isdir(base) else []:
            if case.startswith(("hostile-", "truncated-")):
                continue
            with open(os.path.join(base, case, "expected"), encoding="utf-8") as f:
                if any(line.startswith("! ") for line in f.read().split("\n")):
                    continue
            folder = os.path.join(base, case)
            name = next(n for n in os.listdir(folder) if n.startswith("input."))
            at = tempfile.mkdtemp(dir=work)
            if os.path.isdir(os.path.join(folder, "beside")):
                shutil.copytree(os.path.join(folder, "beside"), at, dirs_exist_ok=True)
            if name.endswith(".gz") and format != "stream":
                with gzip.open(os.path.join(folder, name)) as packed, open(os.path.join(at, name[:-3]), "wb") as f:
                    shutil.copyfileobj(packed, f)
                name = name[:-3]
            else:
                shutil.copy(os.path.join(folder, name), at)
            yield f"{format}/{case}", os.path.join(at, name), format


def fetched(kind, package, version):
    """The package's files, unpacked below target/real/; None where it cannot be had."""
    at = os.path.join(ROOT, "target", "real", f"{package}-{version}")
    if os.path.isdir(at):
        return at
    try:
        if kind == "pypi":
            with urllib.request.urlopen(f"https://pypi.org/pypi/{package}/json", timeout=60) as answer:
                found = json.load(answer)
            urls = found["urls"] if found["info"]["version"] == version else found["releases"][version]
            url = sorted(urls, key=lambda u: u["packagetype"])[0]["url"]
        else:
            with urllib.request.urlopen(f"https://registry.npmjs.org/{package}/{version}", timeout=60) as answer:
                url = json.load(answer)["dist"]["tarball"]
        os.makedirs(os.path.dirname(at), exist_ok=True)
        part = at + ".download"
        with urllib.request.urlopen(url, timeout=300) as answer, open(part, "wb") as f:
            shutil.copyfileobj(answer, f)
        if zipfile.is_zipfile(part):
            zipfile.ZipFile(part).extractall(at)
        else:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tarfile.open(part).extractall(at, **safe)
        os.remove(part)
        return at
    except Exception as error:  # whatever the network says
        print(f"SKIPPED: {package} {version} cannot be fetched: {error}")
        return None


def real():
    for kind, package, version, pattern, format in REAL:
        at = fetched(kind, package, version)
        for folder, _, names in sorted(os.walk(at)) if at else []:
            for name in sorted(names):
                full = os.path.join(folder, name)
                if fnmatch.fnmatch(full, pattern):
                    yield f"{package}/{os.path.relpath(full, at)}", full, format


def main():
    arguments = [a for a in sys.argv[1:] if a != "--real"]
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    discless, filters = os.path.abspath(arguments[0]), arguments[1:]
    with open(os.path.join(HERE, "peers-packages.tsv"), encoding="utf-8") as f:
        documented = [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]
    for peer in sorted({peer for peers in PEERS.values() for peer in peers}):
        if not shutil.which(peer):
            print(f"SKIPPED: {peer} is not installed")
    tally = collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        packages = list(fixtures(work)) + (list(real()) if "--real" in sys.argv else [])
        for name, file, format in packages:
            if filters and not any(part in name for part in filters):
                continue
            peers = [peer for peer in PEERS[format] if shutil.which(peer)]
            if not peers:
                continue
            into = os.path.join(work, "ours")
            shutil.rmtree(into, ignore_errors=True)
            done = subprocess.run([discless, "extract", file, "-o", into, "-q"], capture_output=True, timeout=TIMEOUT)
            ours = walk(into) if os.path.isdir(into) else []
            if done.returncode:
                print(f"DIFFERS                discless   {name}: exit {done.returncode}: {done.stderr.decode()[:200]}")
                tally["DIFFERS"] += 1
                continue
            for peer in peers:
                code, theirs = out_of(EXTRACT[peer](file), work)
                if peer == "7zz" and format == "wim":
                    # Reparse data of links, as streams of files without bytes.
                    links = {t[0][:-2] for t in theirs if t[0].endswith(":_")}
                    theirs = [t for t in theirs if t[0] not in links and not t[0].endswith(":_")]
                reason = next((r for pattern, who, r in documented if who == peer and fnmatch.fnmatch(name, pattern)), None)
                if theirs == ours and (ours or code == 0):
                    word = "agree"
                elif not theirs:
                    word = "cannot read"
                elif reason:
                    word = "differs (documented)"
                elif sorted(t[1:] for t in theirs) == sorted(o[1:] for o in ours):
                    word = "agree but for names"
                else:
                    word = "DIFFERS"
                tally[word] += 1
                print(f"{word:22} {peer:10} {name}" + (f": {reason}" if word == "differs (documented)" else ""))
                if word == "DIFFERS":
                    for sign, one, other in (("-", theirs, ours), ("+", ours, theirs)):
                        for line in [t for t in one if t not in other][:5]:
                            print(f"    {sign} {line[1]:>10} {line[2][:12]} {line[0]}")
    print(", ".join(f"{n} {word}" for word, n in sorted(tally.items())))
    return 1 if tally["DIFFERS"] else 0


sys.exit(main())
