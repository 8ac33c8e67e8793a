# Sourced by NSIS recipes: `nsi TARGET COMPRESSOR` makes input.exe with makensis 3, from the files in `tree`.
nsi() {
  mkdir -p tree/sub
  text tree/readme.txt 30
  bytes tree/data.bin 20000
  : > tree/empty.dat
  text tree/sub/leaf.txt 2
  dated tree
  cat > script.nsi <<NSI
Target $1
Name "Fixture"
OutFile "input.exe"
SetCompressor $2
SetDateSave on
InstallDir "\$PROGRAMFILES\\Fixture"
${3:-}
Section
  SetOutPath "\$INSTDIR"
  File "tree/readme.txt"
  File "tree/data.bin"
  File "tree/empty.dat"
  File "/oname=again.txt" "tree/readme.txt"
  SetOutPath "\$INSTDIR\\sub"
  File "tree/sub/leaf.txt"
  SetOutPath "\$TEMP"
  File "tree/readme.txt"
${4:-}
SectionEnd
NSI
  makensis -V2 script.nsi > log
}

# The files of that script as they are to be listed.
nsi_expect() {
  mkdir -p out/sub 'out/$TEMP'
  cp tree/readme.txt tree/data.bin tree/empty.dat out/
  cp tree/readme.txt out/again.txt
  cp tree/readme.txt 'out/$TEMP/'
  cp tree/sub/leaf.txt out/sub/
  # An installer lists files, no directories.
  python3 "$kit/expect.py" tree out | grep '^f' > expected
}

# nsi_uninstaller COMPRESSOR [LINE]: input.exe that also writes an uninstaller with another icon, and `expected`; what the uninstaller is,
# 7-Zip says.
nsi_uninstaller() {
  nsi x86-unicode "$1" 'Icon "${NSISDIR}/Contrib/Graphics/Icons/win-install.ico"
UninstallIcon "${NSISDIR}/Contrib/Graphics/Icons/win-uninstall.ico"
UninstPage instfiles
Section Uninstall
  Delete "$INSTDIR\readme.txt"
SectionEnd
'"${2:-}" '  WriteUninstaller "$INSTDIR\uninst.exe"'
  nsi_expect
  7zz x -bso0 -o7zz input.exe uninst.exe
  echo "f $(stat -c %s 7zz/uninst.exe) $(sha256sum < 7zz/uninst.exe | cut -d' ' -f1) uninst.exe" >> expected
  LC_ALL=C sort -k4 -o expected expected
}
