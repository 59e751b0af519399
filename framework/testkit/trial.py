"""Round trips at one venue, and what its account held before and after."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import BarType, Quantity

from framework.engine import backtest
from framework.errors import FrameworkError, RunError
from framework.testkit.nodes import STRATEGY_ID, plan_strategy
from framework.testkit.traders import ROUND_TRIP, RoundTripConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.result import Result
    from framework.specs import PluginConfig, VenueSpec
    from framework.testkit.market import SimulatedMarket
    from framework.testkit.traders import RoundTrip


ORDERS = 3
"""Two entries and an exit."""


class Trial:
    """Round trips at one venue."""

    def __init__(
        self,
        spec: VenueSpec,
        configure: Callable[..., PluginConfig],
        steps: int,
        market: SimulatedMarket,
    ) -> None:
        self.spec = spec
        self.configure = configure
        self.steps = steps
        self.market = market
        self.run = cache(self._run)

    @cached_property
    def plain(self) -> tuple[Result, RoundTrip] | str:
        """The round trip with seed 0, or why there is none."""
        return self.run()

    @property
    def crash(self) -> str | None:
        """Why there is no round trip to judge."""
        if isinstance(self.plain, str):
            return self.plain
        fills = len(self.plain[0].fills)
        return None if fills >= ORDERS else f"only {fills} fills; see the account's size, kind and currency"

    @property
    def trip(self) -> tuple[Result, RoundTrip]:
        """The round trip, when it did not fail."""
        if isinstance(self.plain, str):  # pragma: no cover - the tests ask for `crash` first
            raise RunError(self.plain)
        return self.plain

    def _run(
        self, seed: int = 0, *, hedging: bool = False, repeat: int = 0
    ) -> tuple[Result, RoundTrip] | str:
        del repeat  # only tells one run from another of the same kind
        tape = self.market.tapes[0]
        step = tape.instrument.size_increment.as_decimal()
        quantity = Quantity.from_decimal_dp(self.steps * step, tape.instrument.size_precision)
        seen: dict[str, Any] = {}
        try:
            plan = plan_strategy(
                ROUND_TRIP,
                RoundTripConfig(bar_type=BarType.from_str(tape.name), quantity=quantity),
                catalog=self.market.catalog,
                venue=(self.spec, self.configure(hedging=hedging)),
                seed=seed,
            )
            result = backtest.run(plan, started=lambda plan, node: seen.update(node.strategies))  # noqa: ARG005
        except FrameworkError as error:
            return str(error)
        return result, seen[STRATEGY_ID]
