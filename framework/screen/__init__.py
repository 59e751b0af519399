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
from framework.screen import confirm, ledger
from framework.screen.ranking import OBJECTIVES, Score, ranked
from framework.screen.tape import Tape, money, read
from framework.screen.terms import check_limits, the_strategy, the_stream, the_terms
from framework.signals import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from framework.compose import Plan
    from framework.result import Result

__all__ = ["OBJECTIVES", "Screen", "Screened", "screen"]

CUTS = 8
"""Places at which the bars of a confirmed point are cut, to see whether its signals look ahead."""
BATCH = 256
"""Points composed at a time: a plan is much larger than a score."""
NOT_KEPT = np.zeros((0, 4), np.int64)


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
    """The array pass over one grid: bars and terms are worked out once for all points that share them."""

    def __init__(self) -> None:
        self._tapes: dict[Any, Tape] = {}

    def score(self, number: int, point: Mapping[str, str], plan: Plan) -> Score:
        """What one plan earns over arrays.

        Raises:
            CompositionError: The array pass cannot honour the plan.
            DataError: The data is not fit to run on.
            CheckFailed: The signals are no positions.
        """
        account, digits, _, start = self._run(plan, NOT_KEPT)
        return Score(number, point, start, digits, account)

    def confirm(self, score: Score, plan: Plan) -> Result:
        """Run the plan on the event engine, and compare every fill and what is left.

        Raises:
            CheckFailed: They differ, or the signals look ahead.
            RunError: The engine refused.
        """
        what = _named(score.point)
        rows = np.zeros((score.account.fills, 4), np.int64)
        account, digits, tape, _ = self._run(plan, rows)
        strategy = the_strategy(plan)
        found = first_difference(strategy.spec.signals, strategy.config, tape.bars, CUTS)  # type: ignore[arg-type]
        if found:
            raise CheckFailed(
                f"{what}: the signals of {strategy.spec.name} look ahead: {found}",
                remedy="Element n may depend on bars 0 to n only. Report it to the plugin.",
            )
        result = backtest.run(plan)
        confirm.compare(confirm.of_arrays(rows, tape, digits), confirm.of_engine(result), what)
        currency = str(tape.instrument.quote_currency)
        confirm.compare_equity(Decimal(account.balance).scaleb(-digits), result, currency, what)
        return result

    def tape(self, plan: Plan) -> Tape:
        """The plan's bars."""
        stream = the_stream(plan)
        key = (plan.catalog, stream, plan.start, plan.end)
        if key not in self._tapes:
            self._tapes[key] = read(plan, stream)
        return self._tapes[key]

    def _run(self, plan: Plan, rows: Any) -> tuple[ledger.Account, int, Tape, int]:
        strategy = the_strategy(plan)
        bars = self.tape(plan)
        terms = the_terms(plan, bars.instrument)
        signals = strategy.spec.signals(strategy.config, bars.bars)  # type: ignore[misc]
        target = signals.target
        if target.dtype != np.int64 or target.shape != bars.close.shape:
            raise CheckFailed(
                f"the signals of {strategy.spec.name} are {target.dtype} of shape {target.shape}, not one "
                f"int64 for each of {len(bars.close)} bars",
                remedy="Report it to the plugin; see framework.Signals.",
            )
        check_limits(bars.instrument, sizes(target, at_once=signals.turns_at_once), bars.prices)
        amounts = money(bars, terms, int(np.abs(target).max()))
        account = ledger.Account(
            *ledger.keep(
                target,
                signals.closes_at_end,
                signals.turns_at_once,
                bars.book_price,
                bars.book_size,
                bars.close,
                amounts,
                rows,
            )
        )
        return account, terms.currency.precision, bars, amounts.balance


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

    def score(entry: tuple[int, Mapping[str, str], Plan]) -> Score:
        try:
            made = work.score(*entry)
        except CompositionError as error:
            error.where = error.where or _named(entry[1])
            raise
        if progress is not None:
            progress()
        return made

    with ThreadPoolExecutor(os.process_cpu_count()) as threads:
        for some in itertools.batched(points, BATCH, strict=False):
            plans = [(number, point, plan_of(point)) for number, point in some]
            work.tape(plans[0][2])
            scores += threads.map(score, plans)
    scores = ranked(scores, objective)
    between = time.perf_counter()
    best = [entry for entry in scores[:top] if entry.problem is None]
    confirmed = [work.confirm(entry, plan_of(entry.point)) for entry in best]
    ended = time.perf_counter()
    tape = work.tape(plan_of(scores[0].point))
    return Screened(
        scores,
        confirmed,
        str(tape.instrument.quote_currency),
        len(tape.bars),
        (between - began, ended - between),
    )


def sizes(target: NDArray[np.int64], *, at_once: bool) -> tuple[int, int]:
    """The smallest and the largest order, in steps, that the targets lead to; 0 and 0 for none."""
    before = np.concatenate([[0], target])
    after = np.append(target, 0)
    turns = before.astype(bool) & after.astype(bool) & ((before > 0) != (after > 0))
    orders = np.abs(after - before)
    if not at_once:
        orders = np.concatenate([orders[~turns], np.abs(before[turns]), np.abs(after[turns])])
    orders = orders[orders > 0]
    return (int(orders.min()), int(orders.max())) if len(orders) else (0, 0)


def _named(point: Mapping[str, str]) -> str:
    return (
        "at " + ", ".join(f"{path}={value}" for path, value in point.items())
        if point
        else "at the file's own"
    )
