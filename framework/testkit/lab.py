"""Where a kit's runs happen: the same plugin over many versions of the same simulated market.

Every version is moved to the same path before it is replayed. So a plugin that finds the catalog's files and
reads ahead finds what the engine finds, and no more.
"""

from __future__ import annotations

import random
import shutil
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from framework.engine.asked import Record
from framework.errors import FrameworkError
from framework.testkit.nodes import Rule, ask_plan, plan_strategy, run_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from framework.catalog.tape import Tape
    from framework.compose import Plan, Stream
    from framework.result import Result
    from framework.specs import PluginConfig, StrategySpec
    from framework.testkit.market import SimulatedMarket


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        record: What the strategy asked for, up to the error when there is one.
        result: What came of it, or None.
        error: Why there is no result, or None.
    """

    record: Record
    result: Result | None = None
    error: FrameworkError | None = None

    @property
    def past_the_gate(self) -> bool:
        """True when the run failed because an order did not pass the gate."""
        return self.error is not None and "past the gate" in self.error.message

    @property
    def failure(self) -> str | None:
        """The error with its traceback, unless it is an order past the gate, which has its own test."""
        if self.error is None or self.past_the_gate:
            return None
        cause = self.error.__cause__
        trace = "".join(traceback.format_exception(cause)) if isinstance(cause, Exception) else ""
        return f"{self.error}\n\n{trace}".rstrip()


class Lab:
    """Runs one strategy over versions of one market.

    Args:
        folder: An empty folder for catalogs.
        market: The market, written anywhere below the folder.
        spec: The strategy.
        configure: Makes the strategy's settings for a market.
    """

    def __init__(
        self,
        folder: Path,
        market: SimulatedMarket,
        spec: StrategySpec,
        configure: Callable[[SimulatedMarket], PluginConfig],
    ) -> None:
        self.market = market
        self.spec = spec
        self.folder = folder
        self._home = folder / "catalog"
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.config = configure(replace(market, catalog=self._home))

    def run(self, rules: Sequence[Rule] = ()) -> Outcome:
        """Run over all of the market."""
        with self.in_place(self.market):
            return self._run(lambda: self._plan(rules))

    def run_changed(self, change: Callable[[Tape], Tape], *, asked_only: bool = False) -> Outcome:
        """Run over a changed version of the market, which is deleted afterwards.

        Args:
            change: What becomes of each tape.
            asked_only: Leave the result out, which is much quicker.
        """
        changed = self.market.rewritten(self.folder / "changed", change)
        try:
            with self.in_place(changed):
                return self._run(self._plan, asked_only=asked_only)
        finally:
            shutil.rmtree(changed.catalog)

    def run_on_other_streams(self, market: SimulatedMarket, streams: tuple[Stream, ...]) -> Outcome:
        """Run over streams of the same instruments that the strategy did not ask for."""
        with self.in_place(market):
            return self._run(lambda: replace(self._plan(), streams=streams))

    @contextmanager
    def in_place(self, market: SimulatedMarket) -> Iterator[SimulatedMarket]:
        """Put a version of the market where every run finds it, for as long as the block runs."""
        market.catalog.rename(self._home)
        try:
            with _still():
                yield replace(market, catalog=self._home)
        finally:
            self._home.rename(market.catalog)

    def _plan(self, rules: Sequence[Rule] = ()) -> Plan:
        """Composed once for each set of rules: every version of the market is found at the same place."""
        names = tuple(spec.name for spec, _ in rules)
        if names not in self._plans:
            self._plans[names] = plan_strategy(
                self.spec, self.config, catalog=self._home, data=self.market.streams(), rules=rules
            )
        return self._plans[names]

    @staticmethod
    def _run(plan: Callable[[], Plan], *, asked_only: bool = False) -> Outcome:
        record = Record()
        try:
            if not asked_only:
                return Outcome(record, result=run_plan(plan(), record))
            ask_plan(plan(), record)
            return Outcome(record)
        except FrameworkError as error:
            return Outcome(record, error=error)


@contextmanager
def _still() -> Iterator[None]:
    """Every run starts from the same global random state, and leaves none behind."""
    numpy: Any = sys.modules.get("numpy.random")
    before = random.getstate(), numpy.get_state() if numpy else None
    random.seed(0)
    if numpy:
        numpy.seed(0)
    try:
        yield
    finally:
        random.setstate(before[0])
        if numpy:
            numpy.set_state(before[1])
