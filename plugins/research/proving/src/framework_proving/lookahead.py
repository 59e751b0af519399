"""Does any decision depend on what comes after it?

Decisions up to a moment must be the same whatever follows that moment. Every decision of every strategy and
of the gate is compared, with all instruments, the node's own risk rules and venue, in the real engine; the
catalog that a strategy finds through its settings changes with the data, so a strategy that reads ahead in
the files is found out like one that is told.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

from framework_proving.audit import audit
from framework_proving.bench import Bench, Version, Wavering, parted
from framework_proving.changes import CHANGES
from framework_proving.verdict import Fault, Verdict, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from framework import Asked

CUTS = 8
MINIMUM = 10


def look_ahead(
    plan: Any,
    *,
    cuts: int = CUTS,
    seed: int = 0,
    minimum: int = MINIMUM,
    workers: int | None = None,
    known: Sequence[Path] = (),
    shrink: bool = True,
    tick: Callable[[], None] = lambda: None,
) -> Verdict:
    """Judge a node.

    Args:
        plan: What `Study.plan` gave.
        cuts: Moments at which the future is changed, half of them at decisions.
        seed: Chooses the moments.
        minimum: Decisions it takes to call a node clean.
        workers: Processes; one a core by default.
        known: Files that were there before the data began: they may be read.
        shrink: Whether to look for the smallest window that shows a fault.
        tick: Called now and then.

    Raises:
        DataError: The data is not fit to run on.
        RunError: The node fails on its data as it is.
    """
    with Bench(plan, workers=workers, known=known, tick=tick) as bench:
        found = audit(plan, bench.tapes)
        if found:
            return _verdict(bench, "biased", found[0], {}, notes=found[1:])
        try:
            whole = bench.plain().asked
        except Wavering as wavering:
            return _verdict(bench, "not enough evidence", f"two runs on the same data differ: {wavering}", {})
        decisions = sum(not asked.stopping for asked in whole)
        moments = moments_of(bench, whole, cuts, seed)
        for cut in moments:
            versions = [
                Version(tuple(change(tape, cut, seed) for tape in bench.tapes), cut)
                for change in CHANGES.values()
            ]
            for name, row in zip(CHANGES, bench.run(versions), strict=True):
                apart = parted(whole, row, cut)
                if apart is not None:
                    counts = {"decisions": decisions, "cuts": moments.index(cut) + 1}
                    fault = _fault(bench, whole, name, cut, apart, seed, shrink=shrink)
                    reason = f"a decision at {moment(fault.ts)} depends on what comes after it: {name}"
                    return _verdict(bench, "biased", reason, counts, fault=fault)
        return _without_fault(bench, whole, moments, minimum)


def moments_of(bench: Bench, whole: Sequence[Asked], count: int, seed: int) -> list[int]:
    """Seeded moments at which every stream has begun and one goes on, half of them at decisions."""
    rng = random.Random(seed)  # noqa: S311 - where to cut, not secrets
    begun, ends = _begun(bench), bench.times[-1]
    times = [ts for ts in bench.times if begun <= ts < ends]
    decided = sorted({asked.ts for asked in whole if not asked.stopping and begun <= asked.ts < ends})
    spread = _one_of_each_part(decided, (count + 1) // 2, rng)
    return sorted({*spread, *_one_of_each_part(times, count - len(spread), rng)})


def _begun(bench: Bench) -> int:
    """When every stream has begun; the engine runs on none that is empty."""
    return max(tape.rows[0].ts for tape in bench.tapes)


def _one_of_each_part(times: Sequence[int], parts: int, rng: random.Random) -> list[int]:
    """One of each of that many equal parts, so that no stretch is left out."""
    parts = min(parts, len(times))
    edges = [len(times) * part // parts for part in range(parts + 1)] if parts else []
    return [rng.choice(times[a:b]) for a, b in itertools.pairwise(edges)]


def _without_fault(bench: Bench, whole: Sequence[Asked], moments: Sequence[int], minimum: int) -> Verdict:
    begun, last = _begun(bench), max(moments, default=-1)
    asked = [each.ts for each in whole if not each.stopping]
    judged, early = sum(begun <= ts <= last for ts in asked), sum(ts < begun for ts in asked)
    counts: dict[str, int | float | str | None] = {"decisions": judged, "cuts": len(moments)}
    late = next(tape.name for tape in bench.tapes if tape.rows[0].ts == begun)
    unjudged = (
        f"{early} decisions before {moment(begun)}, when {late} begins, are not judged: check them alone."
    )
    notes = [unjudged] if early else []
    if judged < minimum:
        reason = f"{judged} decisions were made before a change of the future; {minimum} are needed to judge"
        return _verdict(bench, "not enough evidence", reason, counts, notes=notes)
    if bench.reads:
        shown = ", ".join(bench.reads[:3])
        reason = f"it turns to what this check cannot change: {shown}"
        notes += [
            "A file that was there before the data began, such as a trained model, is declared with --known.",
            "Another program that reads the catalog during the check looks the same: try again without it.",
        ]
        return _verdict(bench, "not enough evidence", reason, counts, notes=notes)
    reason = f"no decision changed with the future, at {len(moments)} moments"
    return _verdict(bench, "clean", reason, counts, notes=notes)


def _verdict(
    bench: Bench,
    answer: Any,
    reason: str,
    counts: dict[str, Any],
    *,
    fault: Fault | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    return Verdict(
        check="lookahead",
        node=bench.plan.name,
        verdict=answer,
        reason=reason,
        evidence={**counts, "runs": bench.runs, "rows": sum(len(tape.rows) for tape in bench.tapes)},
        fault=fault,
        notes=list(notes),
    )


def _fault(
    bench: Bench,
    whole: Sequence[Asked],
    name: str,
    cut: int,
    apart: tuple[str, int],
    seed: int,
    *,
    shrink: bool,
) -> Fault:
    """The proof, with the smallest window that shows it when that is asked for."""
    text, decided = apart
    times = bench.times
    change = CHANGES[name]

    def version(after: int, since: int) -> Version:
        tapes = tuple(change(tape.since(since), after, seed) for tape in bench.tapes)
        return Version(tapes, decided)

    def sees(after: int) -> bool:
        """Whether the decision still changes when the data changes only after that moment."""
        return parted(whole, bench.run([version(after, times[0])])[0], decided) is not None

    def remembers(since: int, after: int) -> bool:
        """Whether the decision is made, and changes, when the data begins there."""
        one, other = bench.run([version(times[-1], since), version(after, since)])
        return one.failure is None and parted(one.asked, other, decided) is not None

    here = times.index(decided) if decided in times else next(n for n, ts in enumerate(times) if ts > decided)
    first, last = 0, len(times) - 1
    if shrink:
        low, high = here, len(times) - 1  # it changes after `low`, and not after `high`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if sees(times[middle]) else (low, middle)
        last = high
        back = 1
        while back <= here and not remembers(times[here - back + 1], times[low]):
            back *= 2
        first = max(0, here - back + 1)
    return Fault(
        decision=text,
        ts=decided,
        change=f"{name} after {moment(cut)}",
        first=times[first],
        last=times[last],
        rows=last - first + 1,
        ahead=last - here,
    )
