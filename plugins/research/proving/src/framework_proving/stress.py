"""A node on data as it might have been: the same strategies, gate, rules and venue, in the real engine."""

from __future__ import annotations

import random
import shutil
import tempfile
from bisect import bisect_left
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from framework import Study
from framework_proving import evidence
from framework_proving.attribution import currency_of
from framework_proving.verdict import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from framework import Row, Tape
    from framework_proving.scenarios import Scenario


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to. Money is in the currency that is looked at.

    Attributes:
        scenario: As it was asked for; `as it was` for the data itself.
        says: What happens, for a reader.
        at: When it happens, nanoseconds since the epoch; None when all of the data is another.
        equity: At the end.
        profit: What equity changed by.
        drawdown: The largest fall from a peak, as a share of the peak; above 1 when more than all was lost.
        worst_day: The lowest daily return.
        trades: Positions opened.
        denials: Orders that the gate denied.
        failure: Why the node could not go on, or None.
        curve: Marks of equity, as the engine took them.
    """

    scenario: str
    says: str
    at: int | None = None
    equity: Decimal | None = None
    profit: Decimal | None = None
    drawdown: float | None = None
    worst_day: float | None = None
    trades: int = 0
    denials: int = 0
    failure: str | None = None
    curve: list[tuple[int, float]] = []

    def to_dict(self) -> dict[str, Any]:
        """As plain values without the curve; times in ISO 8601, money as text."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["curve"]
        return plain | {"at": None if self.at is None else moment(self.at)}


class Stressed(msgspec.Struct, frozen=True, kw_only=True):
    """All replays of a node.

    Attributes:
        name: The node's.
        currency: That is looked at.
        plain: On the data as it was.
        outcomes: Of every scenario at every moment, in the order of asking.
        moments: When the sudden ones happened.
        held: Whether something was held at these moments; anywhere otherwise.
    """

    name: str
    currency: str
    plain: Outcome
    outcomes: tuple[Outcome, ...]
    moments: tuple[int, ...]
    held: bool

    def worst(self) -> tuple[Outcome, ...]:
        """Of every scenario the replay that failed or fell most, worst first."""
        found: dict[str, Outcome] = {}
        for outcome in self.outcomes:
            known = found.get(outcome.scenario)
            if known is None or _badness(outcome) > _badness(known):
                found[outcome.scenario] = outcome
        return tuple(sorted(found.values(), key=_badness, reverse=True))


def stress(
    plan: Any,
    scenarios: Sequence[Scenario],
    *,
    moments: int = 3,
    seed: int = 0,
    currency: str | None = None,
    workers: int | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Stressed:
    """Replay a node.

    Sudden scenarios happen at seeded moments at which the node held something, one of each equal part of
    them, because that is when they hurt; anywhere when it never did.

    Args:
        plan: What `Study.plan` gave.
        scenarios: What happens.
        moments: How many of them.
        seed: Chooses them.
        currency: Needed when equity is in several.
        workers: Processes; one a core by default.
        tick: Called now and then.

    Raises:
        ConfigError: Equity is in several currencies and none is named, or it is not in that one.
        FrameworkError: The node fails on its data as it is.
    """
    (row,) = Study.rows([(0, plan)], workers=1, keep=["equity", "trades"], tick=tick)
    if row.failure is not None:
        raise row.failure.raised()
    code = currency_of(row, currency)
    tapes = Study.tapes(plan)
    chosen, held = _moments(row, tapes, moments, seed)
    replays = [(scenario, ts) for scenario in scenarios for ts in (chosen if scenario.sudden else (None,))]
    rows = _replayed(plan, tapes, replays, workers, tick)
    return Stressed(
        name=plan.name,
        currency=code,
        plain=_outcome(row, "as it was", "the data as it was", None, code),
        outcomes=tuple(
            _outcome(rows[number], scenario.text, scenario.says, ts, code)
            for number, (scenario, ts) in enumerate(replays)
        ),
        moments=chosen,
        held=held,
    )


def _replayed(
    plan: Any,
    tapes: Sequence[Tape],
    replays: Sequence[tuple[Scenario, int | None]],
    workers: int | None,
    tick: Callable[[], None],
) -> Mapping[int, Row]:
    folder = Path(tempfile.mkdtemp(prefix="framework-stress-"))

    def plans() -> Iterator[tuple[int, Any]]:
        for number, (scenario, ts) in enumerate(replays):
            changed = Study.on(plan, scenario.change(tapes, ts or 0), folder / str(number))
            yield number, replace(changed, start=None, end=None)

    rows: dict[int, Row] = {}
    try:
        for row in Study.rows(plans(), workers=workers, keep=["equity"], fresh=True, tick=tick):
            rows[row.number] = row
            shutil.rmtree(folder / str(row.number), ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def _moments(row: Row, tapes: Sequence[Tape], count: int, seed: int) -> tuple[tuple[int, ...], bool]:
    """One of each equal part of the moments at which something was held, and whether there were any."""
    begun = max(tape.rows[0].ts for tape in tapes)
    times = sorted({each.ts for tape in tapes for each in tape.rows if begun <= each.ts})[:-1]
    holding = sorted(
        {
            ts
            for trade in row.trades
            for ts in times[bisect_left(times, trade.opened) : bisect_left(times, trade.closed)]
        }
    )
    usable = holding or times
    count = min(count, len(usable))
    edges = [len(usable) * part // count for part in range(count + 1)] if count else []
    rng = random.Random(seed)  # noqa: S311 - when it happens, not secrets
    return tuple(rng.choice(usable[a:b]) for a, b in pairwise(edges)), bool(holding)


def _outcome(row: Row, scenario: str, says: str, ts: int | None, code: str) -> Outcome:
    if row.failure is not None:
        return Outcome(scenario=scenario, says=says, at=ts, failure=row.failure.message)
    curve = row.curve[code]
    amounts = np.array([amount for _, amount in curve])
    returns = evidence.daily_returns(curve)
    equity = row.equity[code]
    return Outcome(
        scenario=scenario,
        says=says,
        at=ts,
        equity=equity,
        profit=equity - Decimal(f"{curve[0][1]:.8f}").normalize(),
        drawdown=evidence.drawdown(amounts),
        worst_day=float(np.min(returns)) if len(returns) and np.all(amounts > 0) else None,
        trades=row.positions,
        denials=row.denials,
        curve=curve,
    )


def _badness(outcome: Outcome) -> tuple[bool, float]:
    return outcome.failure is not None, outcome.drawdown or 0.0
