"""The benchmark: this framework, the raw engine, its peers and the physical limit, side by side.

    python -m benchmarks [--quick] [--json] [--rows NAME,...] [--rounds N] [--count]

Data are made from a fixed seed. Each contender runs in a process of its own, in turn with the others, and its
fills and final equity are compared with an oracle's; a difference voids the row and the command exits with 7.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import count, show
from benchmarks.measure import FailedError, noise, take_turns
from benchmarks.peers import NotInstalledError, python_of
from benchmarks.rows import ROWS

VOID = 7
ABSENT = 2
ROUNDS, QUICK_ROUNDS = 6, 3


def main(arguments=None):
    """Run the rows asked for, print them, and return the exit code."""
    asked = parse(arguments)
    if asked.count:
        return counted(asked)
    report = show.Report(quick=asked.quick, scale=asked.scale, rounds=asked.rounds, noise=noise())
    for row in asked.rows:
        measure(row, asked, report)
        if not asked.json:
            print(show.row_text(report.rows[-1]), flush=True)
    if asked.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(show.closing_text(report))
    return VOID if any(row.void for row in report.rows) else 0


def parse(arguments):
    """What was asked on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller data, and one process a contender")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rows", help=f"some of: {', '.join(row.name for row in ROWS)}")
    parser.add_argument(
        "--count",
        action="store_true",
        help="count instructions of framework and engine under valgrind, instead of measuring time",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"at least 3; {ROUNDS}, and even, or {QUICK_ROUNDS} with --quick or --count",
    )
    parser.add_argument("--scale", type=float, default=1.0, help=argparse.SUPPRESS)
    parser.add_argument("--contenders", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    known = {row.name: row for row in ROWS}
    every = [row.name for row in ROWS if not asked.count or row.name in count.SIZES]
    names = every if asked.rows is None else asked.rows.split(",")
    for name in names:
        if name not in known:
            parser.error(f'no row "{name}"; there are {", ".join(known)}')
        if name not in every:
            parser.error(f'row "{name}" is not counted; there are {", ".join(every)}')
    asked.rows = [known[name] for name in dict.fromkeys(names)]
    asked.contenders = None if asked.contenders is None else asked.contenders.split(";")
    able = {name for row in ROWS for name in row.contenders}
    for name in asked.contenders or ():
        if name not in able:
            parser.error(f'no contender "{name}"; there are {"; ".join(sorted(able))}')
    if not asked.scale > 0:
        parser.error("--scale must be above 0")
    if asked.count and (asked.quick or asked.contenders):
        parser.error("--count has sizes and contenders of its own; leave --quick out")
    asked.rounds = settled_rounds(parser, asked)
    return asked


def settled_rounds(parser, asked):
    """How many rounds there will be."""
    smaller = asked.quick or asked.count
    if asked.rounds is None:
        return QUICK_ROUNDS if smaller else ROUNDS
    if asked.rounds < 3:
        parser.error("--rounds must be at least 3: a median of fewer says nothing")
    if asked.rounds % 2 and not smaller:
        parser.error("--rounds must be even: who goes first is slower, and each has to be first as often")
    return asked.rounds


def counted(asked):
    """Count the rows asked for, print them, and return the exit code."""
    found = []
    for row in asked.rows:
        note = noted(row)
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            home = Path(folder)
            case = made(row, count.SIZES[row.name], asked, home, note)
            entries = {name: row.entry(name, case, python_of) for name in count.PAIR}
            counts, void = {}, None
            try:
                counts = count.count_rounds(entries, home, asked.rounds, note)
            except FailedError as error:
                void = str(error)
            except count.NoCounterError as error:
                print(f"{error}", file=sys.stderr)
                return ABSENT
        found.append(
            count.Counted(row.name, row.title.format(count=f"{case.count:,}"), case.digest, counts, void)
        )
        note("")
    if asked.json:
        where = {"machine": show.machine(), "versions": show.versions([])}
        print(json.dumps({**where, "counted": count.to_dict(found)}, indent=2))
    else:
        print(count.text(found))
    return VOID if any(row.void for row in found) else 0


def noted(row):
    """A function that says on stderr what is being done; on a terminal in one line, which nothing ends."""
    seen = sys.stderr.isatty()

    def note(text):
        if seen:
            print(f"\r\033[K{row.name}: {text}" if text else "\r\033[K", end="", file=sys.stderr, flush=True)
        elif text:
            print(f"{row.name}: {text}", file=sys.stderr, flush=True)

    return note


def made(row, size, asked, home, note):
    """A row's data, on disk."""
    note("making data")
    return row.case(row, max(row.least, int(size * asked.scale) // 2 * 2), home)


def measure(row, asked, report):
    """Make a row's data, let its contenders take turns, and add what they did to the report."""
    note = noted(row)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        home = Path(folder)
        case = made(row, row.quick if asked.quick else row.full, asked, home, note)
        entries, absent = {}, {}
        wanted = row.contenders if asked.contenders is None else asked.contenders
        for name in row.contenders:
            if name not in wanted:
                continue
            try:
                entries[name] = row.entry(name, case, python_of)
            except NotInstalledError as error:
                absent[name] = str(error)
        rounds, void = {}, None
        try:
            number = 1 if row.sampled and asked.quick else asked.rounds
            rounds = take_turns(entries, home, number, fresh=not asked.quick, note=note)
        except FailedError as error:
            void = str(error)
        report.rows.append(show.Measured(row, case.count, case.digest, rounds, absent, void))
        note("")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
