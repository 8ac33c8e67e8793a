#!/usr/bin/env python3
"""Makes an installer package of 10,000 files in 100 folders, for comparing extraction with `msiextract`:

    benches/installer.py OUT.msi [FILES]

One embedded cabinet, MSZIP, files of 1 to 16 KiB that pack to about a third; MsiFileHash for all of them. The same file comes
out of every run. The writer is `testdata/kit/msi.py`.

    benches/measure.py run NOTES extract discless -- discless extract OUT.msi -o DIR -q
    benches/measure.py run NOTES extract msiextract -- msiextract -C DIR OUT.msi
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testdata/kit"))
from msi import FOLDERS, SUMMARY, Compound, Database, cabinet, product, save, summary

out, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
chance = random.Random(1)
words = [chance.randbytes(chance.randint(2, 12)) for _ in range(4096)]
folders = FOLDERS[:3] + [[f"D{n}", "APP", f"DIR{n}|folder number {n}"] for n in range(100)]
files = []
for n in range(count):
    size, parts, have = chance.randint(1024, 16384), [], 0
    while have < size:
        parts.append(chance.choice(words) if chance.random() < 0.8 else chance.randbytes(4))
        have += len(parts[-1])
    files.append((f"F{n}", f"D{n % 100}", f"F{n}.BIN|file number {n}.bin", b"".join(parts)[:size], 0))
file, database = Compound(sector=4096), Database()
product(database, files, folders, [[1, count, None, "#files.cab", None, None]])
database.into(file)
file.add("\x05SummaryInformation", summary(SUMMARY))
file.add("files.cab", cabinet([(key, content) for key, _, _, content, _ in files]))
save(file, out)
print(f"{out}: {os.path.getsize(out)} bytes, {count} files")
