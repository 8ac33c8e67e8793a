"""`expected` of a list of digests, by hashlib: `ALGORITHM DIGITS SIZE NAME`, a line a value.

    sums.py [--sizes] [--by-file] ALGORITHM[,ALGORITHM...] FILE...

Sizes are `-` unless the list has them. Line breaks and backslashes in names are escaped as coreutils does.
"""
import hashlib
import sys
import zlib

OTHER_NAMES = {"sha512-256": "sha512_256", "blake2s": "blake2s", "blake2b": "blake2b"}


def digest(algorithm, data):
    if algorithm == "crc32":
        return "%08x" % zlib.crc32(data)
    return hashlib.new(OTHER_NAMES.get(algorithm, algorithm.replace("-", "_")), data).hexdigest()


def main(arguments):
    flags = {argument for argument in arguments if argument.startswith("--")}
    algorithms, *files = [argument for argument in arguments if not argument.startswith("--")]
    algorithms = algorithms.split(",")
    pairs = [(algorithm, name) for name in files for algorithm in algorithms]
    for algorithm, name in pairs:
        with open(name, "rb") as file:
            data = file.read()
        size = len(data) if "--sizes" in flags else "-"
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
        print(algorithm, digest(algorithm, data), size, escaped)


main(sys.argv[1:])
