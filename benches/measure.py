#!/usr/bin/env python3
"""Runs one command and notes what it cost, or makes tables of the notes.

    measure.py run NOTES SECTION TOOL [--out FILE] -- COMMAND...
    measure.py table NOTES REFERENCE...      SECTION=TOOL: that tool is 1.00 in that section

Wall clock, processor time and peak memory are those of the command and its children; bytes read and written are
`rchar` and `wchar` of /proc/PID/io: what went through read, write, copy_file_range and the like, cached or not.
"""
import os, statistics, sys, time


def run(notes, section, tool, out, command):
    stdout = os.open(out or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout, 1)
        os.dup2(stdout, 2)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
        os._exit(127)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - begin
    with open(f"/proc/{pid}/io") as file:
        io = dict(line.split(": ") for line in file.read().splitlines())
    _, status, used = os.wait4(pid, 0)
    with open(notes, "a") as file:
        print(section, tool, f"{wall:.3f}", f"{used.ru_utime:.3f}", f"{used.ru_stime:.3f}", used.ru_maxrss,
              io["rchar"], io["wchar"], os.waitstatus_to_exitcode(status), " ".join(command), sep="\t", file=file)


def table(notes, references):
    references = dict(reference.split("=", 1) for reference in references)
    sections = {}
    with open(notes) as file:
        for line in file:
            section, tool, *numbers, code, _ = line.rstrip("\n").split("\t")
            runs = sections.setdefault(section, {}).setdefault(tool, [])
            runs.append([float(number) for number in numbers] + [int(code)])
    median = lambda runs, i: statistics.median(run[i] for run in runs)
    for section, tools in sections.items():
        base = tools[references[section]]
        print(f"### {section}\n")
        print("| | best s | median s | to " + references[section] + " | processor s | peak MiB | read MB | written MB | exit | all runs, s |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for tool, runs in tools.items():
            best, mid = min(run[0] for run in runs), median(runs, 0)
            codes = ", ".join(str(code) for code in sorted({run[6] for run in runs}))
            print(f"| {tool} | {best:.2f} | {mid:.2f} | {mid / max(median(base, 0), 1e-3):.2f} "
                  f"| {median(runs, 1) + median(runs, 2):.2f} | {median(runs, 3) / 1024:.0f} "
                  f"| {median(runs, 4) / 1e6:.1f} | {median(runs, 5) / 1e6:.1f} | {codes} "
                  f"| {', '.join(f'{run[0]:.2f}' for run in runs)} |")
        print()


match sys.argv[1:]:
    case ["run", notes, section, tool, "--out", out, "--", *command]: run(notes, section, tool, out, command)
    case ["run", notes, section, tool, "--", *command]: run(notes, section, tool, None, command)
    case ["table", notes, *references]: table(notes, references)
    case _: sys.exit(__doc__)
