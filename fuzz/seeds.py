#!/usr/bin/env python3
"""Seeds and findings of the fuzz targets.

    seeds.py images TESTDATA DIR    every image of testdata, packed into the sparse form
    seeds.py programs DIR           made programs (PE), with and without a version resource
    seeds.py installers DIR         made Windows Installer files
    seeds.py lists DIR              lists of digests in the usual layouts
    seeds.py paths DIR              paths that mislead
    seeds.py shares DIR             a manifest and an index of a share, and templates
    seeds.py blocks TESTDATA DIR    packed blocks of the cabinets of testdata, below DIR by their method
    seeds.py chunks TESTDATA DIR    packed chunks of the WIM files of testdata, the same way
    seeds.py signatures TESTDATA DIR  signatures, keys and signed texts of testdata
    seeds.py questions DIR          requests to the server, patterns, globs, nested paths, implanted digests, identifying files,
                                    below DIR by their target
    seeds.py unpack IN OUT          an input in the sparse form as the image it stands for

The sparse form keeps the blocks that are not zeros, so that a UDF image, whose first descriptor lies 512 KiB in,
has a few KiB a fuzzer can work on:

    "sparse\\0\\1"  blocks (u32)  bytes that the last one lacks (u16)
    then each:    number (u32)  length (u16)  bytes; zeros at a block's end are left out

All numbers are little-endian; a block has 512 bytes. Of a run of blocks that are full (content, not structure)
the first four are kept.
"""
import gzip, hashlib, json, os, struct, sys

MAGIC, BLOCK, MOST = b"sparse\0\1", 512, 48 << 10


def pack(image):
    count = -(-len(image) // BLOCK)
    out = [MAGIC, struct.pack("<IH", count, count * BLOCK - len(image))]
    full = 0
    for number in range(count):
        block = image[number * BLOCK:(number + 1) * BLOCK].rstrip(b"\0")
        full = full + 1 if len(block) - block.count(0) > 400 else 0
        if block and full <= 4:
            out.append(struct.pack("<IH", number, len(block)) + block)
    return b"".join(out)


def unpack(data):
    if not data.startswith(MAGIC):
        return data
    count, missing = struct.unpack_from("<IH", data, 8)
    image = bytearray(min(count, 16 << 10) * BLOCK)
    at = 14
    while at + 6 <= len(data):
        number, length = struct.unpack_from("<IH", data, at)
        length %= BLOCK + 1
        block = data[at + 6:at + 6 + length]
        at += 6 + length
        if (number + 1) * BLOCK <= len(image):
            image[number * BLOCK:(number + 1) * BLOCK] = block.ljust(BLOCK, b"\0")
    return bytes(image[:max(len(image) - missing % BLOCK, 0)])


def put(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def images(testdata, folder):
    for form in sorted(os.listdir(testdata)):
        for case in sorted(os.listdir(os.path.join(testdata, form))) if form not in ("kit", "said", "sample", "signature", "README.md", "make.sh") else ():
            at = os.path.join(testdata, form, case)
            for name in os.listdir(at):
                if not name.startswith("input."):
                    continue
                with open(os.path.join(at, name), "rb") as file:
                    image = file.read()
                packed = pack(gzip.decompress(image) if name.endswith(".gz") else image)
                if len(packed) <= MOST:
                    put(os.path.join(folder, form), case, packed)


def signatures(testdata, folder):
    for at, _, names in sorted(os.walk(os.path.join(testdata, "signature"))):
        for name in sorted(names):
            if not name.endswith((".bin", ".tar", ".txt", "recipe", "expected")):
                with open(os.path.join(at, name), "rb") as file:
                    put(folder, os.path.relpath(os.path.join(at, name), testdata).replace(os.sep, "-"), file.read())


def chunks(testdata, folder):
    """The resources of WIM files with chunks of at most 32 KiB, as the codec targets take them."""
    for case, kind in (("xpress-4k", "xpress"), ("xpress-32k", "xpress"), ("lzms-32k", "lzms")):
        path = os.path.join(testdata, "wim", case, "input.wim")
        packed = not os.path.exists(path)
        with (gzip.open(path + ".gz") if packed else open(path, "rb")) as file:
            data = file.read()
        (step,) = struct.unpack_from("<I", data, 20)
        size, at = struct.unpack_from("<QQ", data, 48)
        for line in range(at, at + (size & (1 << 56) - 1), 50):
            packed, place, whole = struct.unpack_from("<QQQ", data, line)
            flags, packed = packed >> 56, packed & (1 << 56) - 1
            if not flags & 4:
                continue
            count = -(-whole // step)
            table = 4 * (count - 1)
            offsets = [0, *struct.unpack_from(f"<{count - 1}I", data, place), packed - table]
            out = b""
            for number in range(count):
                chunk = data[place + table + offsets[number]:place + table + offsets[number + 1]]
                out += struct.pack("<HH", min(step, whole - number * step), len(chunk)) + chunk
            put(os.path.join(folder, kind), f"{case}-{line}", out[:MOST])


def blocks(testdata, folder):
    """The folders of cabinets without reserve, as the codec targets take them: what the window is, then for each block
    its unpacked size, its size and its bytes."""
    at = os.path.join(testdata, "cab")
    for case in sorted(os.listdir(at)):
        for name in os.listdir(os.path.join(at, case)):
            if not name.startswith("input."):
                continue
            with open(os.path.join(at, case, name), "rb") as file:
                data = file.read()
            data = gzip.decompress(data) if name.endswith(".gz") else data
            if data[:4] != b"MSCF" or data[30] != 0:
                continue
            for number in range(struct.unpack_from("<H", data, 26)[0]):
                start, count, method = struct.unpack_from("<IHH", data, 36 + 8 * number)
                kind, window, out = method & 15, method >> 8, b""
                for _ in range(count):
                    if start + 8 > len(data):
                        break
                    _, size, unpacked = struct.unpack_from("<IHH", data, start)
                    chunk = struct.pack("<HH", unpacked, size) + data[start + 8:start + 8 + size]
                    start += 8 + size
                    if len(out) + len(chunk) > MOST:
                        break
                    out += chunk
                if kind in (1, 2, 3):
                    first = {1: 0, 2: window - 10, 3: window - 15}[kind] & 0x7f
                    put(os.path.join(folder, ["", "mszip", "quantum", "lzx"][kind]), f"{case}-{number}", bytes([first]) + out)


def program(machine, magic, version=b"", managed=False):
    image = bytearray(0xc00)
    def at(offset, form, *values): struct.pack_into("<" + form, image, offset, *values)
    optional = 240 if magic == 0x20b else 224
    image[0:2], image[0x80:0x84] = b"MZ", b"PE\0\0"
    at(0x3c, "I", 0x80); at(0x84, "HH", machine, 1); at(0x94, "H", optional); at(0x98, "H", magic)
    at(0x98 + 36, "I", 0x200); at(0x98 + 60, "I", 0x400); at(0x98 + 68, "H", 3)
    tables = 0x98 + (112 if magic == 0x20b else 96)
    at(tables - 4, "I", 16)
    section = 0x98 + optional
    at(section + 8, "IIII", 0x800, 0x1000, 0x800, 0x400)
    if version:
        at(tables + 16, "II", 0x1000, 0x800)
        for table, name, offset in ((0, 16, 0x80000020), (0x20, 1, 0x80000040), (0x40, 0x407, 0x60)):
            at(0x400 + table + 14, "H", 1); at(0x410 + table, "II", name, offset)
        at(0x460, "II", 0x1080, len(version)); image[0x480:0x480 + len(version)] = version
    if managed:
        at(tables + 14 * 8, "II", 0x1010, 72); at(0x410, "I", 72); at(0x420, "I", 9)
    else:
        at(tables + 10 * 8, "II", 0x1000, 0x140)
    at(tables + 4 * 8, "II", 0xb00, 0x100)
    return bytes(image)


def node(key, value=b"", size=0, children=()):
    wide = lambda text: text.encode("utf-16-le") + b"\0\0"
    out = bytearray(struct.pack("<HHH", 0, size, 0))
    for part in (wide(key), value, *children):
        out += part
        out += bytes(-len(out) % 4)
    struct.pack_into("<H", out, 0, len(out))
    return bytes(out)


def programs(folder):
    wide = lambda text: text.encode("utf-16-le") + b"\0\0"
    fixed = struct.pack("<13I", 0xfeef04bd, 0x10000, 0xf0002, 0x45e0007, 0x80000, 0x2ad0019, *[0] * 7)
    strings = [node(key, children=[node("ProductName", wide("Test"), 5), node("FileVersion", wide("1.0"), 4)])
               for key in ("040704b0", "040904b0")]
    info = node("StringFileInfo", children=strings)
    var = node("VarFileInfo", children=[node("Translation", b"\7\4\xb0\4", 4)])
    version = node("VS_VERSION_INFO", fixed, 52, [info, var])
    for machine, magic in ((0x14c, 0x10b), (0x8664, 0x20b), (0xaa64, 0x20b)):
        put(folder, f"{machine:x}", program(machine, magic))
        put(folder, f"{machine:x}-version", program(machine, magic, version))
        put(folder, f"{machine:x}-managed", program(machine, magic, version, True))


def installer(kind, properties, mini=True):
    free, end, fat_mark = 0xffffffff, 0xfffffffe, 0xfffffffd
    index, body = b"", b""
    for number, value in properties:
        index += struct.pack("<II", number, 8 + 8 * len(properties) + len(body))
        body += value + bytes(-len(value) % 4)
    stream = (b"\xfe\xff" + bytes(22) + b"\1" + bytes(19) + struct.pack("<I", 48)
              + struct.pack("<II", 8 + len(index) + len(body), len(properties)) + index + body)
    if not mini:
        stream += bytes(4608 - len(stream))
    sectors = -(-len(stream) // 512)
    # Sector 0 is the FAT, 1 the directory, 2 the mini FAT, then the stream.
    fat = [fat_mark, end, end if mini else free] + [3 + n + 1 for n in range(sectors - 1)] + [end]
    head = bytearray(512)
    struct.pack_into("<8s16xHHHHH6x", head, 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3e, 3, 0xfffe, 9, 6)
    struct.pack_into("<IIIIIIIIII", head, 40, 0, 1, 1, 0, 4096, 2 if mini else end, int(mini), end, 0, 0)
    struct.pack_into("<109I", head, 76, *[free] * 109)
    struct.pack_into("<I", head, 72, 0); struct.pack_into("<I", head, 76, 0)
    def entry(name, kind, child, clsid, start, size):
        wide = name.encode("utf-16-le") + b"\0\0"
        return (wide.ljust(64, b"\0") + struct.pack("<HBBIII", len(wide), kind, 1, free, free, child)
                + clsid + bytes(20) + struct.pack("<IQ", start, size))
    clsid = bytes([kind, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46])
    root = entry("Root Entry", 5, 1, clsid, 3 if mini else end, sectors * 512 if mini else 0)
    directory = root + entry("\5SummaryInformation", 2, free, bytes(16), 0 if mini else 3, len(stream))
    unused = bytes(64) + struct.pack("<HBBIII", 0, 0, 0, free, free, free) + bytes(48)
    count = -(-len(stream) // 64)
    minis = struct.pack("<128I", *([n + 1 for n in range(count - 1)] + [end] + [free] * (128 - count)))
    table = struct.pack("<128I", *(fat + [free] * (128 - len(fat))))
    return bytes(head) + table + directory + unused * 2 + minis + stream + bytes(-len(stream) % 512)


def installers(folder):
    text = lambda value: struct.pack("<II", 0x1e, len(value) + 1) + value + b"\0"
    properties = [(1, struct.pack("<IHH", 2, 1252, 0)), (2, text(b"Installation Database")), (3, text(b"Pr\xfcfung")),
                  (7, text(b"x64;1033,1031")), (9, text(b"{8A2F6D30-0000-4685-8025-999900000018}")),
                  (12, struct.pack("<IQ", 0x40, 128177856000000000)), (14, struct.pack("<II", 3, 200)),
                  (15, struct.pack("<II", 3, 2))]
    for name, kind in (("package", 0x84), ("patch", 0x86), ("transform", 0x82)):
        put(folder, name, installer(kind, properties))
    put(folder, "long", installer(0x84, properties, mini=False))


def lists(folder):
    name, text = "medium.iso", b"x"
    sha = {kind: hashlib.new(kind, text).hexdigest() for kind in ("md5", "sha1", "sha256", "sha512")}
    gnu = "".join(f"{value}  {name}.{kind}\n" for kind, value in sha.items())
    tag = "".join(f"{kind.upper()} ({name}) = {value}\n" for kind, value in sha.items())
    put(folder, "gnu", gnu.encode())
    put(folder, "gnu-escaped", f"\\{sha['sha256']} *a\\\\b\\nc\n".encode())
    put(folder, "tag", tag.encode())
    put(folder, "bare", f"{sha['sha256']}\n".encode())
    put(folder, "sfv", f"; made by hand\n{name} 8CDC1683\n".encode())
    put(folder, "utf16", gnu.encode("utf-16"))
    put(folder, "openssl", f"SHA2-256({name})= {sha['sha256']}\n".encode())
    put(folder, "signed", f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{gnu}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n"
                          "-----END PGP SIGNATURE-----\n".encode())
    put(folder, "powershell", f"\nAlgorithm       Hash                                        Path\n---------       ----      ----\n"
                              f"SHA256          {sha['sha256'].upper()}    C:\\x\\{name}\n\n".encode())
    put(folder, "powershell-list", f"\nAlgorithm : SHA256\nHash      : {sha['sha256'].upper()}\nPath      : C:\\x\\{name}\n".encode())
    put(folder, "certutil", f"SHA256 hash of {name}:\n{sha['sha256']}\nCertUtil: -hashfile command completed successfully.\n".encode())
    put(folder, "page", b"<!DOCTYPE html><html><head><title>404</title></head></html>")


def paths(folder):
    put(folder, "climb", b"../../etc/passwd\n/tmp/x\na/./b\nC:\\Windows\\x\nfile:ads:$DATA\nnul\nCON.txt\na\0b\n")
    put(folder, "capitals", b"d/same.txt\nd/SAME.TXT\nd/same.txt\nDir/\nDIR/\nDIR/a\nDir/a\nx\nx/\nx/evil\n")
    put(folder, "links", b"a/b/link\t../../c\na/link\t../../c\nlink\t/etc/passwd\nlink2\tx/../../y\nl\tno/such\n")
    put(folder, "long", b"a" * 255 + b"\n" + b"A" * 255 + b"\n" + "é".encode() * 130 + b"\n=a/b\n\n//\n\xff.txt\n")


def shares(folder):
    product = {"name": "Exchange Server 2007", "vendor": "Microsoft", "release": "RTM", "build": "8.0.685.25", "platform": "x64"}
    source = {"name": "x.iso", "bytes": 3, "format": "udf", "digests": {"sha256": "00" * 32}}
    file = {"path": "a/b.txt", "bytes": 3, "sha256": "11" * 32, "modified": "2007-01-02T03:04:05Z"}
    manifest = {"schema": "discless.manifest/1", "discless": "0.1.0", "id": "000000000000", "folder": "Microsoft/x64", "added": "",
                "source": source, "verdict": "verified", "verified_by": ["sha256 by user"], "checks": [], "product": product,
                "secrets": [{"path": "pid.txt", "kind": "product-key", "left_out": True}], "links": [{"path": "l", "target": "../x"}],
                "updates": [{"path": "Updates/x.msp", "title": "x", "added": "", "fits": []}], "files": [file, {**file, "path": "../x"}]}
    put(folder, "hostile", json.dumps(manifest).encode())
    put(folder, "good", json.dumps({**manifest, "files": [file]}, indent=2).encode())
    listed = {"id": "000000000000", "folder": "Microsoft/x64", "added": "", "source": "x.iso", "source_bytes": 3, "source_sha256": "",
              "verdict": "verified", "verified_by": [], "product": product, "files": 1, "bytes": 3, "updates": 0, "manifest_sha256": ""}
    put(folder, "index", json.dumps({"schema": "discless.index/1", "products": [listed]}).encode())
    put(folder, "template", b"{product}/{release}[/{stem}]" + b"Exchange (()) ../x CON. .disc")


def questions(folder):
    def seeds(target, *all):
        for number, seed in enumerate(all):
            put(os.path.join(folder, target), str(number), seed)
    find = b"<?xml version='1.0'?><D:propfind xmlns:D='DAV:'>%s</D:propfind>"
    seeds("serve", b"GET /", b"GET /setup.exe\nRange: bytes=0-1,5-\nIf-Range: \"x\"", b"HEAD /setup.exe?sha256", b"OPTIONS *", b"GET /?q=a&sort=name",
          b"PROPFIND /\nDepth: 1\nAuthorization: Basic eDp5\n\n" + find % b"<D:prop><D:getetag/><x xmlns='y'/></D:prop>",
          b"PROPFIND /setup.exe\nDepth: 0\n\n" + find % b"<D:allprop/>", b"GET /setup.exe.contents/%2e%2e/x\nIf-None-Match: *", b"GET /setup.exe?info\nHost: evil",
          b"GET /setup.exe\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\nRange: bytes=-1")
    seeds("pattern", b"*.exe\nsetup.exe\na.exe.b", b"<\"*\nreadme\na.b", b">>>>>.txt\nab.txt", b"\xc3\x84?\n\xc3\xa4x", b"a\nA")
    seeds("select", b"*.txt\t!b*\na.txt\nb.txt\nd/\nd/c.TXT", b"/d/**\n\nd/e/f\nd", b"[a-c]?{x,y}\nabx", b"#x\\ \n#x ")
    seeds("nest", b"readme.txt", b"[payload 1 cab]/readme.txt!/x", b"a::b!/::", b"../x")
    field = b"ISO MD5SUM = d41d8cd98f00b204e9800998ecf8427e;SKIPSECTORS = 15;RHLISOSTATUS=0;FRAGMENT SUMS = 00;FRAGMENT COUNT = 20;"
    seeds("implanted", b"\3\0\0\0\x20" + field, b"\1\0\0\0\x12" + b"check=1;pad=1;sha256sum=" + b"00" * 32 + b";signature=16")
    def files(*all):
        return b"".join(struct.pack("<BH", number, len(text)) + text for number, text in all)
    seeds("identify", files((0, b"1700000000.1\nFedora 39\nx86_64\n"), (1, b"[general]\nfamily = Fedora\nversion = 39\narch = x86_64\n[release]\nname=F\n")),
          files((2, b"build=8.0.0-1\ntitle=Loading ESXi installer\nmodules=b.b00\n")), files((4, b"[Version]\nClass=Net\nProvider=%x%\nDriverVer=01/02/2003,1.2.3.4\n[Strings]\nx=\"y\"\n")),
          files((5, b"NAME=x\nVERSION_ID=\"1\"\n"), (6, b"[Version]\nDriverVer=04/22/2004,5.1.2600.2180\n"), (7, b"[SetupData]\n"), (8, b"[SetupData]\nProductType=1\n")),
          files((9, b"<vum><product><version>7.0</version></product></vum>"), (14, b"[Host Build]\nMinClient=10240.0,1\nMinServer=10240.0\n"), (15, b"[EditionID]\nEnterprise\n[Channel]\nVolume\n")),
          files((16, b"[BuildInfo]\nBuildArch=amd64\nBuildBranch=rs5_release\n"), (18, b"[Available UI Languages]\nen-us = 3\n")),
          files((19, b"<plist><dict><key>ProductVersion</key><string>10.15</string></dict></plist>"), (21, b"{\"info\":{\"productDisplayVersion\":\"1.2\"}}"), (22, b"<a b='c'/>"), (23, b"[{\"id\":1}]")))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["images", testdata, folder]: images(testdata, folder)
        case ["programs", folder]: programs(folder)
        case ["installers", folder]: installers(folder)
        case ["lists", folder]: lists(folder)
        case ["paths", folder]: paths(folder)
        case ["shares", folder]: shares(folder)
        case ["blocks", testdata, folder]: blocks(testdata, folder)
        case ["chunks", testdata, folder]: chunks(testdata, folder)
        case ["signatures", testdata, folder]: signatures(testdata, folder)
        case ["questions", folder]: questions(folder)
        case ["unpack", source, target]:
            with open(source, "rb") as file: image = unpack(file.read())
            with open(target, "wb") as file: file.write(image)
        case _: sys.exit(__doc__)
