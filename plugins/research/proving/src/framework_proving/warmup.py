"""How much history does a decision need, and are decisions made before that much is there?

Runs that begin late, each at a moment when the whole run held nothing, are followed beside the whole run. As
long as both hold the same, they see the same prices, so they must decide the same. One that says nothing yet
is honest: it waits. One that says something else decides on a state that had not settled.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework_proving.bench import Bench, Version, Wavering
from framework_proving.verdict import Fault, Verdict, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from framework import Asked, Row

    type Said = tuple[str, str]

STARTS = 12
REACH = 1_000
MINIMUM = 10
QUANTITIES = {"quantity", "leaves_qty", "resized_to"}
NUMBERED = {"client_order_id", "position_id", "venue_order_id"}


@dataclass(frozen=True)
class Late:
    """What became of one run that began late.

    Attributes:
        start: Its first event.
        same: Decisions that both made.
        unsettled: Rows of history after which both last differed while they held the same; 0 for never.
        wrong: The last decision that it made and the whole run did not: when, after how many rows, in words.
    """

    start: int
    same: int
    unsettled: int
    wrong: tuple[int, int, str] | None


def warm_up(
    plan: Any,
    *,
    starts: int = STARTS,
    reach: int = REACH,
    seed: int = 0,
    minimum: int = MINIMUM,
    workers: int | None = None,
    known: Sequence[Path] = (),
    tick: Callable[[], None] = lambda: None,
) -> Verdict:
    """Judge a node.

    Quantities are left out of the comparison: one that follows the account's equity differs between a run
    that has traded and one that has not.

    Args:
        plan: What `Study.plan` gave.
        starts: Runs that begin late.
        reach: Events that each of them is followed for.
        seed: Chooses where they begin.
        minimum: Decisions that must be made again, all runs together, to call a node clean.
        workers: Processes; one a core by default.
        known: Files that were there before the data began.
        tick: Called now and then.

    Raises:
        DataError: The data is not fit to run on.
        RunError: The node fails on its data as it is.
    """
    with Bench(plan, workers=workers, known=known, tick=tick) as bench:
        try:
            whole = bench.plain()
        except Wavering as wavering:
            return _verdict(bench, "not enough evidence", f"two runs on the same data differ: {wavering}", {})
        times = bench.times
        idle = _idle(whole, times)
        rng = random.Random(seed)  # noqa: S311 - where to begin, not secrets
        chosen = sorted(rng.sample(idle, min(starts, len(idle))))
        ends = [times[min(len(times), bisect_left(times, start) + reach) - 1] for start in chosen]
        versions = [
            Version(tuple(tape.since(start) for tape in bench.tapes), end)
            for start, end in zip(chosen, ends, strict=True)
        ]
        runs = [
            _followed(whole, row, times, start, end)
            for row, start, end in zip(bench.run(versions), chosen, ends, strict=True)
        ]
        return _judge(bench, runs, minimum)


def _idle(whole: Row, times: Sequence[int]) -> list[int]:
    """Moments at which nothing was held and nothing decided; none after the last trade, which may be open."""
    holding = _Holding(whole)
    decided = {asked.ts for asked in whole.asked}
    return [ts for ts in times if not holding.at(ts) and ts <= holding.last and ts not in decided]


class _Holding:
    """When anything was held: after it was opened, until and with the moment it was closed."""

    def __init__(self, row: Row) -> None:
        self._opened: list[int] = []
        self._closed: list[int] = []
        for opened, closed in sorted((trade.opened, trade.closed) for trade in row.trades):
            if self._closed and opened < self._closed[-1]:
                self._closed[-1] = max(self._closed[-1], closed)
            else:
                self._opened.append(opened)
                self._closed.append(closed)
        self.last = self._closed[-1] if self._closed else -1

    def at(self, ts: int) -> bool:
        place = bisect_left(self._opened, ts) - 1
        return place >= 0 and ts <= self._closed[place]


def _followed(whole: Row, row: Row, times: Sequence[int], start: int, end: int) -> Late:
    """Both runs side by side, while they hold the same."""
    meant, got = _by_moment(whole.asked, start, end), _by_moment(row.asked, start, end)
    here, there = _Holding(whole), _Holding(row)
    same, unsettled, wrong = 0, 0, None
    in_step = True
    if row.failure is not None:
        return Late(start, 0, 1, (start, 1, f"the run fails: {row.failure.message}"))
    open_at_the_end = min((ts for ts in got if ts > there.last), default=end)
    for ts in sorted({*meant, *got}):
        if ts > here.last or (not in_step and ts > open_at_the_end):
            break  # what is never closed is in no list of trades
        flat = not here.at(ts) and not there.at(ts)
        in_step = in_step or flat
        if not in_step:
            continue
        one, other = meant.get(ts, []), got.get(ts, [])
        if one == other:
            same += len(one)
            continue
        rows = bisect_right(times, ts) - bisect_left(times, start)
        unsettled = rows
        in_step = False
        if other:
            text = f"{_words(ts, one)} with all of the history, {_words(ts, other)} with {rows} rows of it"
            wrong = (ts, rows, text)
    return Late(start, same, unsettled, wrong)


def _by_moment(asked: Sequence[Asked], start: int, end: int) -> dict[int, list[Said]]:
    """Decisions by when they were made, without quantities and without the numbers that count orders."""
    said: dict[int, list[Said]] = {}
    for one in asked:
        if start <= one.ts <= end and not one.stopping:
            details = json.dumps(_plain(json.loads(one.details)), sort_keys=True)
            said.setdefault(one.ts, []).append((one.what, details))
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in QUANTITIES | NUMBERED}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, str) and value.startswith("#") else value


def _words(ts: int, said: Sequence[Said]) -> str:
    words = []
    for what, details in said:
        arguments = json.loads(details).get("args") or [{}]
        order = arguments[0] if isinstance(arguments[0], dict) else {}
        words.append(" ".join(filter(None, (what, order.get("side"), order.get("instrument_id")))))
    return f"{moment(ts)} {', '.join(words) or 'nothing'}"


def _judge(bench: Bench, runs: Sequence[Late], minimum: int) -> Verdict:
    same = sum(late.same for late in runs)
    safe = max((late.unsettled for late in runs), default=0) + 1
    wrong = [(late, late.wrong) for late in runs if late.wrong is not None]
    counts: dict[str, Any] = {"starts": len(runs), "repeated": same, "otherwise": len(wrong)}
    if wrong:
        late, (ts, rows, text) = max(wrong, key=lambda each: each[1][1])
        fault = Fault(
            decision=text,
            ts=ts,
            change=f"the data begins at {moment(late.start)}",
            first=late.start,
            last=ts,
            rows=rows,
        )
        reason = (
            f"with {rows} rows of history it decides otherwise than with all; begin {safe} rows before the "
            f"first decision that counts"
        )
        return _verdict(bench, "biased", reason, counts | {"safe_rows": safe}, fault)
    if same < minimum:
        reason = f"{same} decisions were made again by runs that began late; {minimum} are needed to judge"
        return _verdict(bench, "not enough evidence", reason, counts)
    if bench.reads:
        reason = f"it turns to what this check cannot change: {', '.join(bench.reads[:3])}"
        return _verdict(bench, "not enough evidence", reason, counts)
    reason = f"it says nothing before it knows enough; {safe} rows of history were always enough"
    return _verdict(bench, "clean", reason, counts | {"safe_rows": safe})


def _verdict(
    bench: Bench, answer: Any, reason: str, counts: dict[str, Any], fault: Fault | None = None
) -> Verdict:
    return Verdict(
        check="warmup",
        node=bench.plan.name,
        verdict=answer,
        reason=reason,
        evidence={**counts, "runs": bench.runs, "rows": sum(len(tape.rows) for tape in bench.tapes)},
        fault=fault,
    )
