#!/usr/bin/env python3
"""The Windows program, run under Wine: does it do what the native one does?

    tests/wine.py PROGRAM.exe --native PROGRAM [FILTER...]

* Each command of tests/cmd/*.trycmd and of the README: the same text and exit code.
* `inspect` and `verify --deep` over every fixture: the same JSON as the native program's.
* Every sound fixture of the formats that Windows media are made of is extracted: the files are what `expected` says.
* What is different on Windows alone: names that it does not allow, paths longer than 260 characters, times, files that
  are open when they are replaced, backslashes, standard input and output, shares.

A difference that is the nature of Windows stands in wine-differences.tsv (check, reason); one that does not fails, and
so does a row that no check needs any more. Everything is written below target/wine. FILTERs are parts of checks' names.
"""
import argparse
import concurrent.futures
import datetime
import difflib
import fnmatch
import glob
import gzip
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(ROOT, "target", "wine")
OUT = os.path.join("target", "wine", "out")
TIMEOUT = 300
# What Wine itself says on standard error when a run lost its server: rare, and seen. Then the program
# did not run to its end, and nothing is known of it: it is run again, this often at most.
LOST_SERVER = b"wine client error:"
ATTEMPTS = 3
# Where `expected` stands for what comes out, and Windows people meet it.
FORMATS = ["iso9660", "udf", "wim", "cab", "msi", "zip", "sevenz"]
# Rust's standard library asks this for its random numbers; Wine 8 has everything but this one function.
SHIM = """#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T bytes) { return RtlGenRandom(data, (ULONG)bytes); }
"""


class Wine:
    """A prefix of its own, without a display, and a server that stays between runs."""

    def __init__(self, program):
        self.prefix = os.path.join(WORK, "prefix")
        self.env = {
            **{key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")},
            "WINEPREFIX": self.prefix,
            "WINEDEBUG": "-all",
            # No .NET, no HTML, no menus: half a minute of setting up for what a console program has no use for.
            "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
            "LC_ALL": "C.UTF-8",
        }
        system = os.path.join(self.prefix, "drive_c", "windows", "system32")
        if not os.path.exists(os.path.join(system, "kernel32.dll")):
            subprocess.run(["wineboot", "-i"], env=self.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.server = subprocess.Popen(["wineserver", "-f", "-p"], env=self.env, stderr=subprocess.DEVNULL)
        source = os.path.join(WORK, "shim.c")
        with open(source, "w") as file:
            file.write(SHIM)
        shim = os.path.join(system, "bcryptprimitives.dll")
        subprocess.run(["x86_64-w64-mingw32-gcc", "-shared", "-s", "-o", shim, source, "-ladvapi32"], check=True)
        # The name is part of what is printed.
        self.program = os.path.join(WORK, "discless.exe")
        shutil.copyfile(program, self.program)
        self.wine = next((path for path in ("/usr/lib/wine/wine64",) if os.path.exists(path)), "wine")

    def start(self, arguments, **more):
        return subprocess.Popen([self.wine, self.program, *arguments], cwd=ROOT, env=self.env, **more)

    def run(self, arguments, input=b"", together=False):
        """Runs it to its end; `together` where standard error goes where standard output goes."""
        for attempt in range(1, ATTEMPTS + 1):
            done = self.run_once(arguments, input, together)
            if LOST_SERVER not in done.stdout + done.stderr or attempt == ATTEMPTS:
                return done
            print(f"    Wine lost its server; once more: {shlex.join(arguments)}", flush=True)

    def run_once(self, arguments, input, together):
        """No pipes: services of Wine that begin with the first program inherit them, and hold them open ever after."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            stdin.write(input)
            stdin.seek(0)
            error = subprocess.STDOUT if together else stderr
            process = self.start(arguments, stdin=stdin, stdout=stdout, stderr=error)
            try:
                code = process.wait(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())

    def stop(self):
        subprocess.run(["wineserver", "-k"], env=self.env, check=False, stderr=subprocess.DEVNULL)
        self.server.wait(timeout=60)


class Checks:
    """Every check has a name; an empty complaint is a pass."""

    def __init__(self, filters):
        self.filters = filters
        self.right, self.listed, self.wrong, self.used = 0, 0, 0, set()
        with open(os.path.join(ROOT, "tests", "wine-differences.tsv")) as file:
            rows = [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]
        self.known = [(pattern, reason) for pattern, reason in rows]

    def wanted(self, name):
        return not self.filters or any(part in name for part in self.filters)

    def add(self, name, complaint):
        reason = next((row for row in self.known if fnmatch.fnmatchcase(name, row[0])), None)
        if not complaint:
            self.right += 1
        elif reason:
            self.listed += 1
            self.used.add(reason[0])
        else:
            self.wrong += 1
            print(f"DIFFERS {name}\n{complaint}", flush=True)

    def finish(self):
        stale = [] if self.filters else [pattern for pattern, _ in self.known if pattern not in self.used]
        for pattern in stale:
            print(f"STALE   wine-differences.tsv: {pattern} differs no more")
        total = self.right + self.listed + self.wrong
        print(f"{total} checks: {self.right} right, {self.listed} differ as listed, {self.wrong} wrong")
        return 1 if self.wrong or stale or not total else 0


def plain(text):
    """Newlines, separators and the program's name as they are elsewhere: trycmd does the same."""
    return text.replace("\r\n", "\n").replace("discless.exe", "discless").replace("\\", "/")


def pattern(expected):
    """trycmd's wildcards as a regular expression: `...` is any number of lines, `[..]` a part of one."""
    out = ""
    for line in expected.splitlines():
        if line == "...":
            out += r"(?:.*\n)*"
        else:
            out += r"[^\n]*".join(re.escape(part) for part in line.split("[..]")) + r"\n"
    return out


def difference(expected, found):
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", lineterm="", n=1)
    return "\n".join("    " + line for line in list(lines)[:30])


def commands():
    """(name, arguments, expected exit code, expected output) of every example."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "cmd", "*.trycmd"))) + [os.path.join(ROOT, "README.md")]:
        stem = os.path.basename(path).rsplit(".", 1)[0]
        with open(path, encoding="utf-8") as file:
            text = file.read()
        number = 0
        for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
            for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
                number += 1
                command, _, output = example.partition("\n")
                status = "success"
                if output.startswith("? "):
                    status, _, output = output[2:].partition("\n")
                code = {"success": 0, "failed": None}.get(status) if not status.isdigit() else int(status)
                arguments = shlex.split(command)
                if arguments[0] != "discless":
                    raise SystemExit(f"{path}: {command}: only discless is run")
                # A blank line parts an example from the next.
                yield f"cmd/{stem}/{number}", arguments[1:], code, output.rstrip("\n") + "\n" if output.strip() else ""


def check_commands(wine, checks):
    for name, arguments, code, output in commands():
        if not checks.wanted(name):
            continue
        done = wine.run(arguments, together=True)
        found = plain(done.stdout.decode("utf-8", "backslashreplace"))
        found = found.rstrip("\n") + "\n" if found.strip() else ""
        output = output.replace("\\", "/")
        complaint = ""
        if not re.fullmatch(pattern(output), found):
            complaint = difference(output, found)
        if code is not None and done.returncode != code:
            complaint += f"\n    exit code {done.returncode}, not {code}"
        checks.add(name, complaint and f"  {shlex.join(arguments)}\n{complaint}")


def fixtures():
    """(name, path from the root) of every input; packed ones are unpacked, sets are put together."""
    for path in sorted(glob.glob(os.path.join(ROOT, "testdata", "*", "*", "input.*"))):
        local = os.path.relpath(path, ROOT)
        name = os.path.relpath(os.path.dirname(path), os.path.join(ROOT, "testdata"))
        beside = glob.glob(os.path.join(os.path.dirname(path), "beside", "*"))
        if local.endswith(".gz") or beside:
            copy = os.path.join("target", "wine", "media", name, os.path.basename(path).removesuffix(".gz"))
            os.makedirs(os.path.dirname(os.path.join(ROOT, copy)), exist_ok=True)
            # What a set goes on in lies beside it.
            if beside:
                shutil.copytree(os.path.dirname(beside[0]), os.path.dirname(os.path.join(ROOT, copy)), dirs_exist_ok=True)
            with (gzip.open if local.endswith(".gz") else open)(path, "rb") as source:
                with open(os.path.join(ROOT, copy), "wb") as file:
                    shutil.copyfileobj(source, file)
            local = copy
        yield name, local


def documents(text):
    """Several JSON documents on one stream."""
    decoder, at, out = json.JSONDecoder(), 0, []
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        out.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return out


def check_documents(wine, native, checks):
    """What is found out about every fixture, as the native program finds it out: many sources a run."""
    groups = {}
    for name, path in fixtures():
        groups.setdefault(name.split("/")[0], []).append(path)

    def compare(job):
        command, group, paths = job
        run = [*command, "--json", *paths]
        try:
            wanted = subprocess.run([native, *run], cwd=ROOT, timeout=TIMEOUT, stdin=subprocess.DEVNULL, capture_output=True)
            found = wine.run(run)
        except subprocess.TimeoutExpired as error:
            return [(f"json/{command[0]}/{group}/time", f"    {error.cmd[:4]} took more than {error.timeout} s")]
        out = []
        if wanted.returncode != found.returncode:
            out.append((f"json/{command[0]}/{group}/exit", f"  exit code {found.returncode}, not {wanted.returncode}"))
        def by_source(done):
            sources = {}
            for document in documents(done.stdout.decode("utf-8")):
                for one in document.get("sources", [document]):
                    key = one.get("source", one).get("name", "?")
                    sources[key] = one
            return sources
        wanted, found = by_source(wanted), by_source(found)
        for key in wanted.keys() | found.keys():
            texts = [json.dumps(side.get(key), indent=1, ensure_ascii=False) for side in (wanted, found)]
            label = f"json/{command[0]}/" + re.sub(r"^(testdata|target/wine/media)/", "", key)
            out.append((label, texts[0] != texts[1] and difference(*texts)))
        return out

    jobs = []
    for group, paths in sorted(groups.items()):
        # What hostile media cost to read through is no business of this test.
        calm = [path for path in paths if "/hostile-" not in path]
        jobs += [(["inspect"], group, paths), (["verify", "--deep"], group, calm)]
    jobs = [job for job in jobs if checks.wanted(f"json/{job[0][0]}/{job[1]}")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for results in pool.map(compare, jobs):
            for name, complaint in results:
                checks.add(name, complaint)


def expected_files(case):
    """{path as bytes: (size, digest)} of the files that must come out; None where the case is not a sound one."""
    out = {}
    with open(os.path.join(ROOT, "testdata", case, "expected"), "rb") as file:
        for line in file.read().split(b"\n"):
            if line.startswith(b"!"):
                return None
            # An older version of a member has its name, and is optional.
            line = line.removeprefix(b"? ") if line.rstrip().split(b" ")[-1] in out else line
            if line.startswith(b"f "):
                _, size, digest, path = line.split(b" ", 3)
                path = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), path)
                # The image's description is extracted only where it is named.
                if digest != b"-" and path != b"[xml]":
                    out.setdefault(path, []).append((int(size), digest.decode()))
    return out


def files_below(root):
    found = {}
    for at, _, names in os.walk(os.fsencode(root)):
        for name in names:
            full = os.path.join(at, name)
            with open(full, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[os.path.relpath(full, os.fsencode(root))] = (os.path.getsize(full), digest)
    return found


def check_extraction(wine, checks):
    def extract(job):
        case, path, wanted = job
        into = os.path.join(OUT, "fixtures", case)
        shutil.rmtree(os.path.join(ROOT, into), ignore_errors=True)
        run = ["extract", path, "-o", into, "--json"]
        done = wine.run(run)
        name = f"extract/{case}"
        if done.returncode != 0:
            return name, f"  exit code {done.returncode}\n    {done.stderr.decode('utf-8', 'replace')}"
        report = json.loads(done.stdout)
        renamed = {}
        for item in report["renamed"]:
            raw = bytes.fromhex(item["path_bytes"]) if item.get("path_bytes") else item["path"].encode()
            renamed.setdefault(raw, []).append(item["written_as"].encode())
        found = files_below(os.path.join(ROOT, into))
        out = []
        for path, values in wanted.items():
            # One of several of one name keeps it.
            places = [path] * (len(values) - len(renamed.get(path, []))) + renamed.get(path, [])
            got = sorted(found.pop(place, None) or (0, "not there") for place in places)
            if got != sorted(values):
                out.append(f"    {path!r} as {places!r}: {got}, not {values}")
        if b"\\" in b"".join(sum(renamed.values(), [])):
            out.append("    a backslash in `written_as`")
        out += [f"    {path!r} was not expected" for path in found if report["files"] != len(found) + len(wanted)]
        return name, out and "\n".join(out)

    jobs = []
    for case, path in fixtures():
        format, _, kind = case.partition("/")
        if format not in FORMATS or kind.startswith(("hostile-", "truncated-")):
            continue
        # The first part of a set stands for it.
        if re.search(r"\.(00[2-9])$|input[2-9]\.swm$", path) or not checks.wanted(f"extract/{case}"):
            continue
        wanted = expected_files(case)
        if wanted:
            jobs.append((case, path, wanted))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, complaint in pool.map(extract, jobs):
            checks.add(name, complaint)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp).timestamp()


SAMPLE = "testdata/sample/lab-tools.iso"


class Windows:
    """What only Windows does otherwise; a method a check."""

    def __init__(self, wine):
        self.wine = wine
        self.at = os.path.join(OUT, "windows")
        os.makedirs(os.path.join(ROOT, self.at), exist_ok=True)

    def run(self, *arguments, code=0, input=b""):
        done = self.wine.run(arguments, input)
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == code, f"{shlex.join(arguments)}: exit code {done.returncode}, not {code}\n{said}"
        return done.stdout

    def json(self, *arguments, code=0):
        return json.loads(self.run(*arguments, "--json", code=code))

    def on_disk(self, *parts):
        return os.path.join(ROOT, self.at, *parts)

    def zip(self, name, names):
        path = os.path.join(self.at, name)
        with zipfile.ZipFile(os.path.join(ROOT, path), "w") as file:
            for number, member in enumerate(names):
                file.writestr(zipfile.ZipInfo(member), f"{number}\n")
        return path

    def names_that_windows_does_not_allow_are_written_otherwise_and_reported(self):
        wanted = {
            "a:b.txt": "a%3Ab.txt",
            "nul": "%6Eul",
            "docs/CON.txt": "docs/%43ON.txt",
            "com1.log": "%63om1.log",
            "dot.": "dot%2E",
            "blank ": "blank%20",
            "what?.txt": "what%3F.txt",
            "star*": "star%2A",
            "<a>|b": "%3Ca%3E%7Cb",
            "back\\slash": "back%5Cslash",
            "Same.txt": "Same.txt",
            "SAME.TXT": "SAME~2.TXT",
            "gr\u00fc\u00dfe/\u65e5\u672c.txt": "gr\u00fc\u00dfe/\u65e5\u672c.txt",
        }
        report = self.json("extract", self.zip("names.zip", wanted), "-o", f"{self.at}/names")
        said = {item["path"]: item["written_as"] for item in report["renamed"]}
        assert said == {path: local for path, local in wanted.items() if path != local}, said
        for number, local in enumerate(wanted.values()):
            with open(self.on_disk("names", local)) as file:
                assert file.read() == f"{number}\n", local
        listed = {entry["path"] for entry in self.json("list", f"{self.at}/names")["sources"][0]["entries"]}
        assert set(wanted.values()) <= listed, listed

    def paths_longer_than_260_characters_are_written_and_read(self):
        # The directory's own path is shorter: see wine-differences.tsv.
        above = (200 - len(os.path.join(ROOT, self.at))) * "d"
        member = f"{above}/" + "f" * 200 + ".txt"
        self.run("extract", self.zip("long.zip", [member]), "-o", f"{self.at}/long", "--overwrite=always")
        local = f"{self.at}/long/{member}"
        assert len(os.path.join(ROOT, local)) > 400
        with open(os.path.join(ROOT, local)) as file:
            assert file.read() == "0\n"
        assert self.run("hash", local).split()[0].decode() == sha256(b"0\n")

    def what_lies_deep_is_read(self):
        deep = "/".join(f"{letter}" * 60 for letter in "klmnopq")
        os.makedirs(self.on_disk(deep))
        shutil.copyfile(os.path.join(ROOT, SAMPLE), self.on_disk(deep, "x.iso"))
        assert b"README.TXT" in self.run("list", f"{self.at}/{deep}/x.iso")
        assert b"x.iso" in self.run("list", f"{self.at}/{deep}")

    def a_destination_may_lie_deeper_than_260_characters(self):
        into = f"{self.at}/" + "/".join(f"{letter}" * 50 for letter in "uvwxyz") + "/lab"
        self.run("extract", SAMPLE, "-o", into)
        assert sorted(os.listdir(os.path.join(ROOT, into))) == ["README.TXT", "docs", "setup.exe", "x64"]

    def files_and_directories_have_the_times_of_the_medium(self):
        self.run("extract", SAMPLE, "-o", f"{self.at}/times")
        for entry in self.json("list", SAMPLE)["sources"][0]["entries"]:
            have = os.stat(self.on_disk("times", entry["path"])).st_mtime
            assert abs(have - seconds(entry["modified"])) < 1, (entry, have)

    def files_that_stand_there_are_kept_or_replaced_as_asked(self):
        into = f"{self.at}/again"
        self.run("extract", SAMPLE, "-o", into)
        with open(self.on_disk("again", "setup.exe"), "w") as file:
            file.write("changed")
        assert self.json("extract", SAMPLE, "-o", into, "--overwrite=changed")["kept"] == 4
        with open(self.on_disk("again", "README.TXT"), "w") as file:
            file.write("changed")
        assert self.json("extract", SAMPLE, "-o", into, "--overwrite=always")["kept"] == 0
        for name in ("setup.exe", "README.TXT"):
            inside = self.run("hash", f"{SAMPLE}!/{name}").split()[0]
            assert inside == self.run("hash", f"{into}/{name}").split()[0], name

    def backslashes_and_drives_name_sources(self):
        windows = "testdata\\sample\\lab-tools.iso"
        absolute = "Z:" + os.path.join(ROOT, SAMPLE).replace("/", "\\")
        for source in (windows, absolute, "\\\\?\\" + absolute):
            # SHA256SUMS lies beside it.
            self.run("verify", source)
            assert self.run("cat", source + "!/README.TXT") == self.run("cat", source + "::README.TXT")
        assert "into lab-tools" in self.run("extract", absolute, "-n").decode(), "the default destination"
        entries = self.json("list", "testdata\\sample")["sources"][0]["entries"]
        assert [entry["path"] for entry in entries] == ["SHA256SUMS", "lab-tools.iso", "recipe"]

    def what_is_printed_keeps_its_bytes(self):
        self.run("extract", SAMPLE, "-o", f"{self.at}/bytes")
        with open(self.on_disk("bytes", "docs", "What is in here.txt"), "rb") as file:
            written = file.read()
        assert b"\n" in written and b"\r" not in written, written
        assert self.run("cat", f"{SAMPLE}!/docs/What is in here.txt") == written

    def standard_input_is_read_as_bytes(self):
        with open(os.path.join(ROOT, SAMPLE), "rb") as file:
            data = file.read()
        assert self.run("hash", "-", input=data).split()[0].decode() == sha256(data)
        assert b"README.TXT" in self.run("list", "-", input=data)

    def a_manifest_has_slashes_and_verifies_what_was_written(self):
        into = f"{self.at}/manifest"
        self.run("extract", SAMPLE, "-o", into, "--manifest", f"{self.at}/SUMS")
        with open(self.on_disk("SUMS")) as file:
            text = file.read()
        assert "  x64/agent.exe\n" in text and "\\" not in text, text
        self.run("verify", into, "--sums", f"{self.at}/SUMS")
        with open(self.on_disk("manifest", "x64", "tool.exe"), "ab") as file:
            file.write(b"!")
        self.run("verify", into, "--sums", f"{self.at}/SUMS", code=1)

    def nothing_is_left_of_what_is_not_verified(self):
        self.run("extract", SAMPLE, "-o", f"{self.at}/bad", "--sha256", "0" * 64, code=1)
        assert not os.path.exists(self.on_disk("bad")) and not os.path.exists(self.on_disk("bad.part"))

    def a_share_is_filled_checked_and_emptied(self):
        lab = f"{self.at}/lab"
        self.run("share", "init", lab)
        added = self.json("share", "add", lab, SAMPLE)
        assert added["sources"][0]["outcome"] == "added", added
        again = self.json("share", "add", lab, SAMPLE)
        assert again["sources"][0]["outcome"] != "added", again
        self.run("share", "check", lab, "--full")
        product = self.json("share", "list", lab)["products"][0]
        assert "\\" not in product["folder"], product
        names = self.zip("one.zip", ["one/file.txt"])
        self.run("share", "add", lab, names, code=3)
        self.run("share", "add", lab, names, "--allow-unverified")
        unfinished = os.listdir(self.on_disk("lab", ".discless", "staging"))
        assert unfinished == [], unfinished
        with open(self.on_disk("lab", product["folder"], "setup.exe"), "ab") as file:
            file.write(b"!")
        self.run("share", "check", lab, code=1)
        self.run("share", "remove", lab, product["id"], "--force")
        assert not os.path.exists(self.on_disk("lab", product["folder"]))
        # What is left nobody vouches for, and it is as it was.
        self.run("share", "check", lab, "--full", code=3)

    def a_mount_says_that_it_is_not_there(self):
        self.run("mount", SAMPLE, self.at, code=2)

    def a_device_is_no_medium(self):
        self.run("inspect", "NUL", code=2)

    def media_are_served(self):
        log = self.on_disk("url")
        with open(log, "wb") as stdout:
            arguments = ["serve", SAMPLE, "--listen", "127.0.0.1:0"]
            server = self.wine.start(arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with open(log) as file:
                    found = re.search(r"http://[0-9.:]+/", file.read())
                if found or server.poll() is not None:
                    break
                time.sleep(0.2)
            listing = json.loads(urllib.request.urlopen(f"{found[0]}?json", timeout=60).read())
            hrefs = [entry["href"] for entry in listing["entries"] if entry["href"].endswith("README.TXT")]
            request = urllib.request.Request(found[0].rstrip("/") + hrefs[0], headers={"Range": "bytes=4-8"})
            answer = urllib.request.urlopen(request, timeout=60)
            assert (answer.status, answer.read()) == (206, b"tools"), answer.status
        finally:
            server.kill()
            server.wait(timeout=60)


def check_windows(wine, checks):
    cases = Windows(wine)
    for name in [name for name in vars(Windows) if name.count("_") > 1 and not name.startswith("__")]:
        if checks.wanted(f"windows/{name}"):
            try:
                getattr(cases, name)()
                complaint = ""
            except (AssertionError, OSError, KeyError, TypeError, IndexError, ValueError, subprocess.TimeoutExpired) as error:
                complaint = f"    {type(error).__name__}: {error}"
            checks.add(f"windows/{name}", complaint)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--native", required=True)
    args = parser.parse_intermixed_args()
    os.makedirs(WORK, exist_ok=True)
    shutil.rmtree(os.path.join(ROOT, OUT), ignore_errors=True)
    checks = Checks(args.filters)
    wine = Wine(args.program)
    try:
        for part in (
            lambda: check_commands(wine, checks),
            lambda: check_extraction(wine, checks),
            lambda: check_documents(wine, os.path.abspath(args.native), checks),
            lambda: check_windows(wine, checks),
        ):
            begun = time.monotonic()
            part()
            print(f"    {checks.right} right so far, {time.monotonic() - begun:.0f} s", flush=True)
    finally:
        wine.stop()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
