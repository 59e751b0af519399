"""What a strategy does wrong, if anything: each property is None or the problem in words, worked out once."""

from __future__ import annotations

import random
from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING

from framework.compose import Stream
from framework.engine.asked import difference
from framework.errors import PluginError, RunError
from framework.testkit.arrays import looks_ahead, trades_otherwise
from framework.testkit.fresh import Request, record_in_fresh_process
from framework.testkit.market import silent_twin
from framework.testkit.nodes import offered, plan_strategy
from framework.testkit.obstacles import DENY_EVERYTHING, HALVE_ENTRIES
from framework.testkit.parts import mistaken_parts
from framework.testkit.rerun import asked_after_reset
from framework.testkit.settings import not_readable
from framework.testkit.sight import Sight, home_of, watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.catalog.tape import Tape
    from framework.result import Result
    from framework.testkit.lab import Lab, Outcome

TIMES_TEN = 10
RESETS = 2
"""Pairs of decisions before which a first run is stopped and reset."""


class Conduct:
    """One strategy's conduct over one market.

    Args:
        lab: Where it runs.
        seed: Chooses the moments at which the data is cut.
        cuts: How many there are.
        minimum: Decisions it takes to judge the rest.
    """

    def __init__(self, lab: Lab, seed: int, cuts: int, minimum: int) -> None:
        self.lab = lab
        self._seed = seed
        self._cuts = cuts
        self._minimum = minimum

    @cached_property
    def refused(self) -> str | None:
        """Why a node that names it does not even compose."""
        try:
            offered([self.lab.spec])
        except PluginError as error:
            return str(error)
        return not_readable(self.lab.config)

    @cached_property
    def _plain(self) -> tuple[Outcome, Sight]:
        with watching(home_of(self.lab.spec.strategy)) as sight:
            return self.lab.run(), sight

    @property
    def plain(self) -> Outcome:
        """The run over the whole market with no rules."""
        return self._plain[0]

    @property
    def crash(self) -> str | None:
        """Why the plain run failed."""
        return self.plain.failure

    @property
    def passes_the_gate_by(self) -> str | None:
        """The order that did not pass the gate."""
        return str(self.plain.error) if self.plain.past_the_gate else None

    @property
    def idle(self) -> str | None:
        """Whether it decides too little to be judged."""
        given = len(self.plain.record.asked)
        if given >= self._minimum:
            return None
        return (
            f"it asked for {given} things in {len(self.lab.market.times)} events; {self._minimum} are needed"
        )

    @property
    def unsound(self) -> str | None:
        """Anything that leaves no plain run to compare others with."""
        return self.crash or self.passes_the_gate_by or self.idle

    @property
    def forbidden_reads(self) -> str | None:
        """Where it reads the wall clock or uncontrolled randomness."""
        return "\n".join(self._plain[1].reads) or None

    @property
    def swallowed_bugs(self) -> str | None:
        """Mistakes in its code that it caught itself: the run went on as if nothing had happened."""
        return "\n".join(self._plain[1].bugs) or None

    @cached_property
    def wavers(self) -> str | None:
        """How a second run in this process differs from the first."""
        again = self.lab.run()
        return again.failure or difference(self.plain.record.asked, again.record.asked)

    @cached_property
    def differs_when_fresh(self) -> str | None:
        """How a run in a fresh process differs: other hashes, other global randomness, another clock."""
        market = self.lab.market
        with self.lab.in_place(market) as placed:
            request = Request(self.lab.spec, self.lab.config, placed.catalog, market.streams())
            try:
                asked = record_in_fresh_process(request)
            except RuntimeError as error:
                return str(error)
        return difference(self.plain.record.asked, asked)

    @cached_property
    def differs_after_reset(self) -> str | None:
        """How a run after a reset differs from a run of a new object.

        What is left over shows only when it matters, so the first run stops just before a decision, and
        once more at ten times the price: then old levels are far from the new run's.
        """
        with self.lab.in_place(self.lab.market) as placed:
            plan = plan_strategy(
                self.lab.spec, self.lab.config, catalog=placed.catalog, data=placed.streams()
            )
            try:
                fresh = asked_after_reset(plan, placed)
                for moment in self._just_before_decisions():
                    for factor in (1, TIMES_TEN):
                        before = [tape.until(moment).scaled_after(0, factor) for tape in placed.tapes]
                        found = difference(fresh.asked, asked_after_reset(plan, placed, before).asked)
                        if found:
                            return f"when reset after {moment}, {found}"
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the test reports
                return f"{type(error).__name__}: {error}"
        return None

    def _just_before_decisions(self) -> list[int]:
        """Before a few decisions and the ones that follow them: entries and exits tend to alternate."""
        times = self.lab.market.times
        decided = sorted({asked.ts for asked in self.plain.record.asked if not asked.stopping})
        rng = random.Random(self._seed)  # noqa: S311 - where to stop, not secrets
        chosen = rng.sample(range(len(decided)), min(RESETS, len(decided)))
        pairs = sorted({min(n + step, len(decided) - 1) for n in chosen for step in (0, 1)})
        return [times[max(0, bisect_left(times, decided[n]) - 1)] for n in pairs]

    @cached_property
    def dies_without_data(self) -> str | None:
        """What happens when it starts, sees no event of its own, and stops."""
        silent = silent_twin(self.lab.market)
        written = silent.rewritten(self.lab.folder / "silent", lambda tape: tape)
        streams = tuple(Stream("bars", bar_type.instrument_id, bar_type) for bar_type in silent.bar_types)
        outcome = self.lab.run_on_other_streams(written, streams)
        return outcome.failure

    def dies_on_short_data(self, lengths: tuple[int, ...]) -> str | None:
        """What happens when the data ends after that many events."""
        for length in lengths:
            outcome = self.lab.run_changed(_first(length))
            if outcome.failure:
                return f"after {length} events: {outcome.failure}"
        return None

    @cached_property
    def dies_of_denials(self) -> str | None:
        """What happens when every order is denied."""
        return self._under_rule("denied", DENY_EVERYTHING)

    @cached_property
    def dies_of_resizing(self) -> str | None:
        """What happens when every entry leaves at half its size."""
        halved = self.lab.run(rules=[HALVE_ENTRIES])
        if halved.failure or halved.result is None:
            return halved.failure
        if not any(decision.verdict == "resize" for decision in halved.result.decisions):
            return "no entry was large enough to be halved: let the settings order at least two steps"
        mistaken = [d for d in halved.result.denials if d.rule == "gate"]
        if mistaken and not self._result.denials:
            return (
                f"{len(mistaken)} exits were refused because they were larger than the position, the first: "
                f"{mistaken[0].side} {mistaken[0].quantity}, {mistaken[0].reason}"
            )
        return None

    def mistakes_partial_fills(self, steps: int, tolerance: float) -> str | None:
        """What goes wrong when no event of the market trades more than that many size steps."""
        thin = self.lab.run_changed(lambda tape: tape.thinned(steps))
        if thin.failure or thin.result is None:
            return thin.failure
        return mistaken_parts(self._result, thin.result, steps, tolerance)

    @cached_property
    def sees_past_the_end(self) -> str | None:
        """The first decision that is another one when the data ends right after it."""
        return self._compared(self._ended)

    @cached_property
    def sees_the_future(self) -> str | None:
        """The first decision that is another one when other data follows: shuffled, and ten times dearer."""
        return self._compared(self._shuffled) or self._compared(self._dearer)

    @cached_property
    def signals_look_ahead(self) -> str | None:
        """The first target of the array form that is another one when the bars end early."""
        return looks_ahead(self.lab)

    @cached_property
    def signals_trade_otherwise(self) -> str | None:
        """The first fill of the array form that the engine does not give."""
        return trades_otherwise(self.lab)

    def _compared(self, change: Callable[[int], Callable[[Tape], Tape]]) -> str | None:
        for moment in self._moments(self._cuts):
            changed = self.lab.run_changed(change(moment), asked_only=True)
            found = difference(self.plain.record.before(moment), changed.record.before(moment))
            if found:
                return f"with other data after {moment}, {found}"
        return None

    @staticmethod
    def _ended(moment: int) -> Callable[[Tape], Tape]:
        return lambda tape: tape.until(moment)

    def _shuffled(self, moment: int) -> Callable[[Tape], Tape]:
        return lambda tape: tape.shuffled_after(moment, self._seed)

    @staticmethod
    def _dearer(moment: int) -> Callable[[Tape], Tape]:
        return lambda tape: tape.scaled_after(moment, TIMES_TEN)

    def _moments(self, count: int) -> list[int]:
        """Seeded moments at which every stream has begun and none has ended, half of them at decisions."""
        rng = random.Random(self._seed)  # noqa: S311 - where to cut, not secrets
        begun = max(tape.rows[0].ts for tape in self.lab.market.tapes)
        ends = min(tape.rows[-1].ts for tape in self.lab.market.tapes)
        times = [ts for ts in self.lab.market.times if begun <= ts < ends]
        decided = sorted({a.ts for a in self.plain.record.asked if not a.stopping and begun <= a.ts < ends})
        chosen = rng.sample(decided, min(len(decided), (count + 1) // 2))
        return sorted({*chosen, *rng.sample(times, min(len(times), count - len(chosen)))})

    def _under_rule(self, what: str, rule: object) -> str | None:
        outcome = self.lab.run(rules=[rule])  # type: ignore[list-item]
        if outcome.failure or outcome.result is None:
            return outcome.failure
        if not outcome.result.decisions:
            return f"no order was {what}, so nothing was shown"
        return None

    @property
    def _result(self) -> Result:
        if self.plain.result is None:
            raise RunError("there is no plain run to compare with")
        return self.plain.result


def _first(length: int) -> Callable[[Tape], Tape]:
    return lambda tape: tape.first(length)
