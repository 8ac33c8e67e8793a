# Sourced by every recipe: `. "$TESTDATA/kit/lib.sh"`. The working directory is an empty one.
set -eu
umask 022
export TZ=UTC LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1700000000 PYTHONPATH="$TESTDATA/kit" PYTHONDONTWRITEBYTECODE=1
kit=$TESTDATA/kit

# text PATH [LINES]: made text, lines that name the file they are in.
text() {
  mkdir -p "$(dirname "$1")"
  awk -v n="${2:-1}" -v p="${1##*/}" 'BEGIN { for (i = 1; i <= n; i++) printf "line %d of %s\n", i, p }' > "$1"
}

# bytes PATH SIZE: a pattern that names the file and numbers its blocks of 512 bytes; packs well.
bytes() {
  mkdir -p "$(dirname "$1")"
  python3 "$kit/pattern.py" "${1##*/}" "$2" > "$1"
}

# dated DIR: one modification time for everything in it.
dated() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# expect DIR: `expected` from a source tree.
expect() { python3 "$kit/expect.py" tree "$1" > expected; }

# The writers, at their smallest and with nothing of the clock in what they write.
gen() { genisoimage -quiet -no-pad -o input.iso "$@" 2> log; python3 "$kit/stamp.py" input.iso; }
xor() {
  xorriso -as mkisofs -quiet -no-pad --modification-date=2023111422132000 --set_all_file_dates set_to_mtime \
    -o input.iso "$@" 2> log
}

# plain_tree DIR: the tree most cases hold.
plain_tree() {
  text "$1/readme.txt" 3
  text "$1/setup.exe" 40
  bytes "$1/data.bin" 5000
  : > "$1/empty.dat"
  text "$1/docs/guide.txt" 200
  text "$1/docs/more/notes.txt" 2
  mkdir -p "$1/docs/none"
  dated "$1"
}

# upper_tree DIR: names that ISO 9660 level 1 can hold as they are.
upper_tree() {
  text "$1/README.TXT" 3
  text "$1/SETUP.EXE" 40
  text "$1/NOEXT" 1
  bytes "$1/DATA.BIN" 5000
  : > "$1/EMPTY.DAT"
  text "$1/DOCS/GUIDE.TXT" 200
  text "$1/DOCS/MORE/NOTES.TXT" 2
  mkdir -p "$1/DOCS/NONE"
  dated "$1"
}

# GNU tar with nothing of the clock or of who runs it: gtar ARGS... (from the tree in the last argument's place).
gtar() { tar --sort=name --owner=0 --group=0 --numeric-owner "$@"; }

# linked_tree DIR: the plain tree with links and a long name.
linked_tree() {
  plain_tree "$1"
  ln "$1/data.bin" "$1/second-name.bin"
  ln -s docs/guide.txt "$1/link"
  long=$(printf 'long-name-%.0s' 1 2 3 4 5 6 7 8 9 10 11 12)
  text "$1/docs/$long.txt" 2
  text "$1/docs/äöü 日本.txt" 1
  dated "$1"
}

# wim_tree DIR: text, patterns, made code, twins, a hard link and a symbolic one.
wim_tree() {
  plain_tree "$1"
  python3 "$kit/wim.py" code "$1/code.bin" 90000
  bytes "$1/pattern.bin" 70000
  python3 -c 'import hashlib; print(end="".join(hashlib.sha256(b"%d" % i).hexdigest() for i in range(300)))' > "$1/digits.txt"
  cp "$1/readme.txt" "$1/docs/twin.txt"
  ln "$1/setup.exe" "$1/docs/hard.exe"
  ln -s ../readme.txt "$1/docs/link"
  dated "$1"
}

# wim ARGUMENTS: input.wim of the directory tree, by wimlib.
wim() { wimlib-imagex capture tree input.wim Plain "$@" > log 2>&1; python3 "$kit/wim.py" stamp input.wim; }
wim_expect() { python3 "$kit/wim.py" expect "$@"; }
