"""pattern.py NAME SIZE: a file's content that names the file and numbers its blocks of 512 bytes."""
import sys


def pattern(name, size):
    out = bytearray()
    block = 0
    while len(out) < size:
        line = f"{name} {block}\n".encode()
        out += (line * (512 // len(line) + 1))[:512]
        block += 1
    return bytes(out[:size])


if __name__ == "__main__":
    sys.stdout.buffer.write(pattern(sys.argv[1], int(sys.argv[2])))
