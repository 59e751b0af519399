"""Contenders in processes of their own, in turn, and what the rounds say.

Noise on a shared machine only ever adds time, comes in bursts, and lasts longer than a run. So contenders
take turns, each round divides neighbours in time, and the figure is the median of those ratios: a burst that
hits one round moves it not at all, a slow minute hits both sides of a ratio. The order turns from round to
round, and each order comes as often as the other: of two neighbours the second is quicker by some percent.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import statistics
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SCRIPTS = Path(__file__).parent / "contenders"
PATIENCE = 1_800
"""Seconds one answer may take."""
SLOW = 60
"""Seconds of an answer after which a peer is asked once, not once a round: noise cannot turn what takes ten
times as long into what takes half as long."""
NEIGHBOURS = 60


class FailedError(Exception):
    """A contender gave no answer, or a wrong one."""


@dataclass(frozen=True)
class Entry:
    """One contender of one row.

    Attributes:
        python: The interpreter.
        script: A file name in `contenders`.
        job: What it is asked to do.
        check: What is wrong with its answer and its fills, in words, or None.
        peer: Somebody else's; it may take part in the first round alone.
    """

    python: Path
    script: str
    job: Mapping[str, Any]
    check: Callable[[Mapping[str, Any], np.ndarray | None], str | None]
    peer: bool = False


@dataclass
class Rounds:
    """What a contender did in each round, in order: seconds by the clock and of the processor, and the rest.

    Memory and the processor's seconds are None where workers did the work. Samples are seconds by what took
    them, those of all rounds together."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float | None] = field(default_factory=list)
    rss: list[int | None] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, answer: Mapping[str, Any]) -> None:
        """Take one answer."""
        self.seconds.append(answer["seconds"])
        self.cpu.append(answer["cpu"])
        self.rss.append(answer["rss"])
        if "p50_us" in answer:
            self.p50_us.append(answer["p50_us"])
        for what, seconds in answer.get("samples", {}).items():
            self.samples.setdefault(what, []).extend(seconds)


class Worker:
    """A contender's process, which answers one job after another.

    Args:
        entry: The contender.
        folder: Where it runs.
        patience: Seconds an answer may take.
        through: What runs its interpreter; nothing does by default.
        leaving: Seconds it may take to end when there is nothing left to do.
        environment: Variables beside ours.
    """

    def __init__(
        self,
        entry: Entry,
        folder: Path,
        *,
        patience: float = PATIENCE,
        through: Sequence[str] = (),
        leaving: float = 2,
        environment: Mapping[str, str] = {},
    ) -> None:
        self._said = (folder / "stderr.txt").open("w+", encoding="utf-8", errors="replace")
        self._patience = patience
        self._leaving = leaving
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(  # noqa: S603
            [*through, entry.python, SCRIPTS / entry.script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=folder,
            env={**ours, **environment},
        )

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a job.

        Raises:
            FailedError: The contender raised, ended, or did not answer in time.
        """
        streams: Any = self._process
        try:
            streams.stdin.write(json.dumps(job) + "\n")
            streams.stdin.flush()
            with selectors.DefaultSelector() as ready:
                ready.register(streams.stdout, selectors.EVENT_READ)
                if not ready.select(self._patience):
                    raise FailedError(f"no answer in {self._patience:g} s")
            line = streams.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._said.seek(0)
            told = self._said.read().strip().splitlines()
            raise FailedError(f"it ended: {told[-1] if told else 'without a word'}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise FailedError(answer["error"].strip().splitlines()[-1])
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it; one that is still busy is killed."""
        streams: Any = self._process
        with suppress(BrokenPipeError):
            streams.stdin.close()
        try:
            self._process.wait(timeout=self._leaving)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        streams.stdout.close()
        self._said.close()


def take_turns(
    entries: Mapping[str, Entry],
    folder: Path,
    rounds: int,
    *,
    fresh: bool,
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, Rounds]:
    """Every contender once a round; a peer that is slow, in the first round alone.

    Args:
        entries: The contenders by name.
        folder: Where they may write.
        rounds: How many.
        fresh: A new process for every round, instead of one for all.
        note: Told who is at work, and when that has ended how long it took; and after the first round, how
            long the others will take.

    Raises:
        FailedError: A contender gave no answer or a wrong one; the row is void.
    """
    found = {name: Rounds() for name in entries}
    with ExitStack() as alive:
        workers: dict[str, Worker] = {}
        for number in range(rounds):
            began = time.perf_counter()
            asked = [name for name in entries if not (number and is_slow(entries[name], found[name]))]
            for name in turned(asked, number):
                turn = f"round {number + 1} of {rounds}: {name}"
                note(turn)
                home = folder / f"{list(entries).index(name)}"
                home.mkdir(exist_ok=True)
                if name not in workers:
                    workers[name] = Worker(entries[name], home)
                    alive.push(workers[name])
                found[name].add(answer_of(name, entries[name], workers[name], home))
                note(f"{turn}, {found[name].seconds[-1]:.2f} s")
                if fresh:
                    workers.pop(name).__exit__()
            if number == 0:
                once = sum(took.seconds[0] for name, took in found.items() if is_slow(entries[name], took))
                all_of_it = (
                    time.perf_counter() - began if fresh else sum(f.seconds[0] for f in found.values())
                )
                note(f"about {(all_of_it - once) * (rounds - 1):.0f} s more")
    return found


def is_slow(entry: Entry, took: Rounds) -> bool:
    """Whether a contender takes part in the first round alone."""
    return entry.peer and bool(took.seconds) and took.seconds[0] > SLOW


def turned(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: forwards, then backwards, so that neighbours swap places."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def answer_of(
    name: str, entry: Entry, worker: Worker, home: Path, *, counted: bool = False
) -> dict[str, Any]:
    """What a contender answers, when it is right; it is counted where its process runs under callgrind.

    Raises:
        FailedError: It gave no answer, or a wrong one.
    """
    fills = home / "fills.npy"
    fills.unlink(missing_ok=True)
    try:
        answer = worker.ask({**entry.job, "fills": str(fills), "out": str(home), "counted": counted})
    except FailedError as error:
        raise FailedError(f"{name}: {error}") from error
    problem = entry.check(answer, np.load(fills) if fills.exists() else None)
    if problem is not None:
        raise FailedError(f"{name}: {problem}")
    return answer


def ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float]:
    """Each round's own ratio, sorted; none where a figure is not known, or a peer did not take part."""
    pairs = zip(ours, theirs, strict=False)
    return sorted(one / other for one, other in pairs if one is not None and other)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that this share of them is not above: one that was measured, never between two."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def noise() -> dict[str, float]:
    """How much two neighbouring runs of the same fixed work differ: the resolution of a single ratio."""
    taken = []
    for _ in range(NEIGHBOURS):
        began = time.perf_counter()
        sum(number * number for number in range(200_000))
        taken.append(time.perf_counter() - began)
    apart = sorted(max(pair) / min(pair) - 1 for pair in pairwise(taken))
    return {
        "median": round(statistics.median(apart), 4),
        "p95": round(apart[int(len(apart) * 0.95)], 4),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
    }
