"""sevenw.py: changes a 7z archive whose header is not packed (7zz -mhc=off), and makes its checksums true again."""
import struct
import zlib


class SevenZ:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        offset, size = struct.unpack_from("<QQ", data, 12)
        self.version = data[6:8]
        self.packed = bytearray(data[32:32 + offset])
        self.header = bytearray(data[32 + offset:32 + offset + size])

    def replace(self, old, new, count=1):
        assert self.header.count(old) >= 1, (old, bytes(self.header))
        self.header = self.header.replace(old, new, count)

    def save(self, path, **say):
        start = struct.pack("<QQI", say.get("offset", len(self.packed)), say.get("size", len(self.header)), say.get("header_crc", zlib.crc32(self.header)))
        crc = say.get("start_crc", zlib.crc32(start))
        with open(path, "wb") as out:
            out.write(b"7z\xbc\xaf\x27\x1c" + self.version + struct.pack("<I", crc) + start + self.packed + self.header)
