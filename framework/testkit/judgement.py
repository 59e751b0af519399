"""What one risk rule answers to a random flow of orders, and how that compares between runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from framework.engine.asked import Record, difference
from framework.errors import FrameworkError
from framework.testkit.fresh import Request, record_in_fresh_process
from framework.testkit.lab import Outcome
from framework.testkit.nodes import run_strategy
from framework.testkit.observed import Notes, observed
from framework.testkit.sight import Sight, home_of, watching
from framework.testkit.traders import RANDOM_FLOW, RandomFlowConfig

if TYPE_CHECKING:
    from framework.specs import PluginConfig, RiskSpec
    from framework.testkit.market import SimulatedMarket


class Judgement:
    """One rule over one random flow of orders: its answers, and how they compare between runs."""

    def __init__(
        self, market: SimulatedMarket, spec: RiskSpec, config: PluginConfig, flow: RandomFlowConfig
    ) -> None:
        self.market = market
        self.spec = spec
        self.config = config
        self.flow = flow

    @cached_property
    def plain(self) -> tuple[Notes, Outcome, Sight]:
        """The rule as it is."""
        with watching(home_of(self.spec.rule)) as sight:
            notes, outcome = self._run()
        return notes, outcome, sight

    @cached_property
    def again(self) -> str | None:
        """How a second run differs."""
        return self._compared(*self._run())

    @cached_property
    def asked_twice(self) -> tuple[Notes, str | None]:
        """The answers when every verdict is asked for twice, and how they differ."""
        notes, outcome = self._run(twice=True)
        return notes, self._compared(notes, outcome)

    @cached_property
    def asked_oddly(self) -> Notes:
        """The answers to proposals without a price, and for instruments nobody knows."""
        return self._run(odd=True)[0]

    @cached_property
    def fresh(self) -> str | None:
        """How a run in a fresh process differs."""
        request = Request(
            RANDOM_FLOW, self.flow, self.market.catalog, self.market.streams(), ((self.spec, self.config),)
        )
        try:
            asked = record_in_fresh_process(request)
        except RuntimeError as error:
            return str(error)
        return difference(self.plain[1].record.asked, asked)

    def problem(self, kind: str) -> str | None:
        """The first problem of its kind in the plain run."""
        return self.plain[0].problems.get(kind)

    def _run(self, *, twice: bool = False, odd: bool = False) -> tuple[Notes, Outcome]:
        notes, record = Notes(), Record()
        rule = observed(self.spec, notes, twice=twice, odd=odd)
        try:
            result = run_strategy(
                RANDOM_FLOW,
                self.flow,
                catalog=self.market.catalog,
                data=self.market.streams(),
                rules=[(rule, self.config)],
                record=record,
            )
        except FrameworkError as error:
            return notes, Outcome(record, error=error)
        return notes, Outcome(record, result=result)

    def _compared(self, notes: Notes, outcome: Outcome) -> str | None:
        first = self.plain[0]
        for what, one, other in (
            ("verdict", first.verdicts, notes.verdicts),
            ("reaction", first.reactions, notes.reactions),
        ):
            for number, (before, after) in enumerate(zip(one, other, strict=False), start=1):
                if before != after:
                    return f"{what} {number} was {before} and became {after}"
            if len(one) != len(other):
                return f"{len(one)} {what}s became {len(other)}"
        return difference(self.plain[1].record.asked, outcome.record.asked)
