"""What must be shown, in one place: every goal is a limit, and lower is better."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measure import percentile, ratios

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measure import Rounds

GIB = 2**30
OURS, FLOOR = "framework", "engine"


@dataclass(frozen=True)
class Goal:
    """A limit on one figure of a run.

    Attributes:
        row: The row it is read from.
        of: The contender that is held to it.
        to: The contender it is divided by or, for `added`, subtracted; None for its own figure.
        limit: The figure must not be above it.
        figure: `ratio` of seconds; `rss` in GiB, or its ratio; `added`, microseconds an order; `growth`, the
            ratio of medians of this row and the row named by `to`; `p95`, `p99` or `p100` of single times,
            in milliseconds.
        what: Whose percentile, as the row calls it.
    """

    row: str
    of: str
    to: str | None
    limit: float
    figure: str = "ratio"
    what: str = ""

    def __str__(self) -> str:
        if self.what:
            return f"{self.row}: {self.what}, ms at {self.figure}"
        if self.figure == "growth":
            return f"{self.of}, time({self.row}) / time({self.to})"
        if self.figure == "added":
            return f"{self.row}: {self.of}, us added to an order at p50"
        if self.figure == "rss":
            return f"{self.row}: peak memory of {self.of}" + (f" / {self.to}" if self.to else ", GiB")
        return f"{self.row}: {self.of} / {self.to}"


RAW = 1.03
"""The framework over the raw engine, on every row where both do the same."""
GOALS = (
    *(
        Goal(row, OURS, FLOOR, RAW)
        for row in (
            "bars-small",
            "bars-medium",
            "bars-large",
            "portfolio",
            "quotes",
            "orders",
            "load",
            "stream",
        )
    ),
    Goal("bars-medium", OURS, "backtesting.py", 0.9),
    Goal("bars-medium", OURS, "backtrader", 0.10),
    Goal("portfolio", OURS, "backtesting.py", 1.0),
    Goal("sweep", OURS, "engine pool", 0.7),
    Goal("screen", OURS, "vectorbt", 1.5),
    Goal("filter", "framework, filtered", OURS, 1.5),
    Goal("bars-large", OURS, "bars-small", 11, "growth"),
    Goal("stream", OURS, None, 1.5, "rss"),
    Goal("stream", OURS, "framework, half", 1.05, "rss"),
    Goal("gate", "framework, one rule", FLOOR, 20, "added"),
    Goal("gate", "framework, seven rules", FLOOR, 20, "added"),
    Goal("latch", OURS, None, 10, "p99", "latched"),
    Goal("kill", OURS, None, 1_000, "p100", "cancelled"),
    Goal("recovery", OURS, None, 30_000, "p95", "recovered"),
    Goal("journal", OURS, None, 2, "p99", "committed"),
)


def value_of(goal: Goal, rows: Mapping[str, Mapping[str, Rounds]]) -> float | None:
    """The goal's figure in these rows; None when something it needs was not measured."""
    ours = rows.get(goal.row, {}).get(goal.of)
    if goal.what:
        return _at(goal, ours)
    if goal.figure == "growth":
        return _growth(ours, rows.get(goal.to or "", {}).get(goal.of))
    theirs = rows.get(goal.row, {}).get(goal.to) if goal.to else None
    if ours is None or (goal.to and theirs is None):
        return None
    if goal.figure == "rss":
        held, other = ours.rss[0], theirs.rss[0] if theirs else GIB
        return held / other if held is not None and other else None
    assert theirs is not None
    if goal.figure == "added":
        return statistics.median(one - other for one, other in zip(ours.p50_us, theirs.p50_us, strict=True))
    return statistics.median(ratios(ours.seconds, theirs.seconds))


def _growth(large: Rounds | None, small: Rounds | None) -> float | None:
    if large is None or small is None:
        return None
    return statistics.median(large.seconds) / statistics.median(small.seconds)


def _at(goal: Goal, took: Rounds | None) -> float | None:
    samples = took.samples.get(goal.what) if took else None
    return percentile(samples, int(goal.figure[1:]) / 100) * 1e3 if samples else None
