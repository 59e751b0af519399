"""A large grid ranked over arrays, and its best points run by the event engine, trade for trade.

Only a strategy whose spec offers `signals` can be screened, in a node where nothing but the strategy decides
what is traded; `framework.screen.terms` says what that excludes.
"""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.engine import backtest
from framework.errors import CheckFailed, CompositionError
from framework.screen import confirm
from framework.screen.ranking import OBJECTIVES, Score, ranked
from framework.screen.tape import Tape, read
from framework.screen.task import Task, named
from framework.screen.terms import the_strategy, the_stream, the_terms
from framework.signals import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework.compose import Plan
    from framework.result import Result

__all__ = ["OBJECTIVES", "Screen", "Screened", "screen"]

CUTS = 8
"""Places at which the bars of a confirmed point are cut, to see whether its signals look ahead."""
BATCH = 256
"""Points composed at a time: a plan is much larger than a score."""


@dataclass(frozen=True, slots=True)
class Screened:
    """A screened grid.

    Attributes:
        scores: Every point, the best first.
        confirmed: The engine's results of the first of them, in the same order.
        currency: Of all amounts.
        bars: How many each point went through.
        seconds: What the arrays took, and what the engine took.
    """

    scores: Sequence[Score]
    confirmed: Sequence[Result]
    currency: str
    bars: int
    seconds: tuple[float, float]

    @property
    def best(self) -> Sequence[Score]:
        """The points that were confirmed."""
        return self.scores[: len(self.confirmed)]


class Screen:
    """The array pass: bars are read once for all points that share them."""

    def __init__(self) -> None:
        self._tapes: dict[Any, Tape] = {}

    def task(self, number: int, point: Mapping[str, str], plan: Plan) -> Task:
        """Read what one point needs; the engine's own objects stay in the thread that calls this.

        Raises:
            CompositionError: The array pass cannot honour the plan.
            DataError: The data is not fit to run on.
        """
        try:
            strategy, stream = the_strategy(plan), the_stream(plan)
            key = (plan.catalog, stream, plan.start, plan.end)
            if key not in self._tapes:
                self._tapes[key] = read(plan, stream)
            tape = self._tapes[key]
            return Task(number, point, strategy, tape, the_terms(plan, tape.instrument))
        except CompositionError as error:
            error.where = error.where or named(point)
            raise

    def score(self, number: int, point: Mapping[str, str], plan: Plan) -> Score:
        """What one plan earns over arrays.

        Raises:
            CompositionError: The array pass cannot honour the plan.
            DataError: The data is not fit to run on.
            CheckFailed: The signals are no positions.
        """
        return self.task(number, point, plan).score()

    def confirm(self, score: Score, plan: Plan) -> Result:
        """Run the plan on the event engine, and compare every fill and what is left.

        Raises:
            CheckFailed: They differ, or the signals look ahead.
            RunError: The engine refused.
        """
        what = named(score.point)
        task = self.task(score.number, score.point, plan)
        rows = np.zeros((score.account.fills, 4), np.int64)
        account, _ = task.keep(rows)
        spec, tape = task.strategy.spec, task.tape
        found = first_difference(spec.signals, task.strategy.config, tape.bars, CUTS)  # type: ignore[arg-type]
        if found:
            raise CheckFailed(
                f"{what}: the signals of {spec.name} look ahead: {found}",
                remedy="Element n may depend on bars 0 to n only. Report it to the plugin.",
            )
        result = backtest.run(plan)
        confirm.compare(confirm.of_arrays(rows, tape, score.digits), confirm.of_engine(result), what)
        left = Decimal(account.balance).scaleb(-score.digits)
        confirm.compare_equity(left, result, str(tape.instrument.quote_currency), what)
        return result


def screen(
    points: Iterable[tuple[int, Mapping[str, str]]],
    plan_of: Callable[[Mapping[str, str]], Plan],
    *,
    objective: str = "profit",
    top: int = 3,
    progress: Callable[[], None] | None = None,
) -> Screened:
    """Rank the points over arrays, and run the best on the event engine.

    Args:
        points: Number and settings of each.
        plan_of: Composes one.
        objective: A key of `OBJECTIVES`.
        top: How many to run on the engine.
        progress: Called after each point, from any thread.

    Raises:
        ConfigError: There is no such objective, or a point's settings are wrong.
        CompositionError: The array pass cannot honour a point.
        DataError: The data is not fit to run on.
        CheckFailed: The engine trades differently, or the signals look ahead.
        RunError: The engine refused.
    """
    ranked((), objective)
    began = time.perf_counter()
    work = Screen()
    scores: list[Score] = []

    def score(task: Task) -> Score:
        made = task.score()
        if progress is not None:
            progress()
        return made

    with ThreadPoolExecutor(os.process_cpu_count()) as threads:
        for some in itertools.batched(points, BATCH, strict=False):
            tasks = [work.task(number, point, plan_of(point)) for number, point in some]
            scores += threads.map(score, tasks)
    scores = ranked(scores, objective)
    between = time.perf_counter()
    best = [entry for entry in scores[:top] if entry.problem is None]
    confirmed = [work.confirm(entry, plan_of(entry.point)) for entry in best]
    tape = work.task(0, scores[0].point, plan_of(scores[0].point)).tape
    return Screened(
        scores,
        confirmed,
        str(tape.instrument.quote_currency),
        len(tape.bars),
        (between - began, time.perf_counter() - between),
    )
