"""Instructions instead of seconds: what a contender makes the processor do, which no neighbour can change.

The clock of a shared machine cannot tell 1 from 1.05. `valgrind --tool=callgrind` runs a contender on a
simulated processor with its own caches, thirty to fifty times slower, and counts; another program on the
machine changes nothing, and the only noise left is where things happen to lie in memory: Python keeps the
attributes it has looked up in one table by their addresses, and two in one place cost a percent or two. So
every round moves what a process has in memory, and the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import shutil
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.goals import FLOOR, OURS, RAW
from benchmarks.measure import FailedError, Worker, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.measure import Entry

PAIR = (OURS, FLOOR)
SIZES = {"bars-small": 100_000, "portfolio": 10_000, "quotes": 300_000, "orders": 10_000}
"""The rows that are counted, and at what size: large enough for what a run costs once to be little of it."""
MOVES = 37
"""Variables that the environment has more in every round; their strings push others to other addresses."""
FIRST_LEVEL, MEMORY = 10, 100
"""Cycles a miss of the first cache costs, and one of the last: KCachegrind's weights."""
PATIENCE = 3_600


class NoCounterError(Exception):
    """Callgrind is not installed."""


@dataclass(frozen=True)
class Count:
    """What one run took.

    Attributes:
        instructions: Executed.
        cycles: Those, and what the misses of simulated caches would have cost beside them.
    """

    instructions: int
    cycles: int


@dataclass(frozen=True)
class Counted:
    """A row of which both sides were counted.

    Attributes:
        name: The row's.
        title: In words.
        digest: SHA-256 over the data.
        counts: By contender, a count for each round.
        void: Why the row says nothing, or None.
    """

    name: str
    title: str
    digest: str
    counts: Mapping[str, Sequence[Count]]
    void: str | None

    def ratios(self, figure: Literal["instructions", "cycles"]) -> list[float]:
        """The framework over the engine in each round, sorted."""
        pairs = zip(self.counts.get(OURS, ()), self.counts.get(FLOOR, ()), strict=True)
        return sorted(getattr(ours, figure) / getattr(floor, figure) for ours, floor in pairs)

    @property
    def met(self) -> bool | None:
        """Whether the framework's cycles are within the goal; None when the row is void."""
        return None if self.void else statistics.median(self.ratios("cycles")) <= RAW


def command(out: Path) -> list[str]:
    """What a contender's interpreter is run by, so that its counts end up in that file.

    Raises:
        NoCounterError: There is no valgrind.
    """
    if shutil.which("valgrind") is None or shutil.which("callgrind_control") is None:
        raise NoCounterError(
            "counting needs valgrind with callgrind_control; on Debian it is the package valgrind"
        )
    return [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--cache-sim=yes",
        "--instr-atstart=no",  # until the contender's process says that the work begins
        f"--callgrind-out-file={out}",
    ]


def count_rounds(
    entries: Mapping[str, Entry], folder: Path, rounds: int, note: Callable[[str], None] = lambda _: None
) -> dict[str, list[Count]]:
    """What each of these did in each round, side by side: they cannot disturb each other.

    Args:
        entries: The contenders by name.
        folder: Where they may write.
        rounds: How many.
        note: Told which round it is.

    Raises:
        FailedError: A contender gave no answer or a wrong one; the row is void.
        NoCounterError: There is no valgrind.
    """
    found: dict[str, list[Count]] = {name: [] for name in entries}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}, which takes some minutes")
        with ThreadPoolExecutor(len(entries)) as beside:
            running = {
                name: beside.submit(_count, name, entry, folder / f"counted-{number}-{place}", number)
                for place, (name, entry) in enumerate(entries.items())
            }
            for name, one in running.items():
                found[name].append(one.result())
    return found


def _count(name: str, entry: Entry, home: Path, number: int) -> Count:
    home.mkdir()
    out = home / "counts"
    moved = {f"BENCHMARK_MOVES_{more:04}": "what is there" for more in range(number * MOVES)}
    with Worker(
        entry, home, patience=PATIENCE, through=command(out), leaving=60, environment=moved
    ) as worker:
        answer_of(name, entry, worker, home, counted=True)
    return read(out.read_text(encoding="utf-8", errors="replace"), name)


def read(text: str, name: str) -> Count:
    """The sums in a file of callgrind's.

    Raises:
        FailedError: It has none.
    """
    lines = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("events:", "totals:")))
    try:
        told = dict(zip(lines["events"].split(), map(int, lines["totals"].split()), strict=False))
        first = told["I1mr"] + told["D1mr"] + told["D1mw"]
        last = told["ILmr"] + told["DLmr"] + told["DLmw"]
        count = Count(told["Ir"], told["Ir"] + FIRST_LEVEL * first + MEMORY * last)
    except (KeyError, ValueError) as error:
        raise FailedError(f"{name}: callgrind counted nothing") from error
    if not count.instructions:
        raise FailedError(f"{name}: callgrind counted nothing")
    return count


def to_dict(rows: Sequence[Counted]) -> list[dict[str, Any]]:
    """The rows, for machines."""
    return [
        {
            "name": row.name,
            "title": row.title,
            "data_sha256": row.digest,
            "void": row.void,
            "contenders": {
                name: [{"instructions": count.instructions, "cycles": count.cycles} for count in counts]
                for name, counts in row.counts.items()
            },
            "framework_ratio": [round(ratio, 4) for ratio in row.ratios("instructions")],
            "framework_cycles_ratio": [round(ratio, 4) for ratio in row.ratios("cycles")],
            "limit": RAW,
            "met": row.met,
        }
        for row in rows
    ]


def text(rows: Sequence[Counted]) -> str:
    """The rows, for people."""
    heads = [f"{'framework / engine':<20} {'instructions':>22} {'cycles':>22}   goal {RAW}"]
    for row in rows:
        if row.void:
            heads.append(f"{row.name:<20} VOID: {row.void}")
            continue
        cells = [
            f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f})"
            for ratios in (row.ratios("instructions"), row.ratios("cycles"))
        ]
        heads.append(
            f"{row.name:<20} "
            + " ".join(f"{cell:>22}" for cell in cells)
            + f"   {'' if row.met else 'not '}met"
        )
    return "\n".join(heads)
