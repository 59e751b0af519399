"""Runaway protection: a strategy that floods the gate or the venue is halted, and it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import OrderDenied, OrderRejected

from framework import APPROVE, Deny, Duration, Halt, PluginConfig, RiskRule, nanoseconds
from framework_throttle.window import Window

if TYPE_CHECKING:
    from nautilus_trader.model import OrderCanceled, OrderExpired

    from framework import Proposal, Verdict

type Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class RunawayConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `runaway`; what is left out does not halt."""

    window: Annotated[Duration, msgspec.Meta(description='Length of the window: "1s", "1m".')]
    max_orders: Annotated[
        Count | None,
        msgspec.Meta(
            description="Most submissions and modifications of one strategy in a window. One more is denied, "
            "and the strategy halted."
        ),
    ] = None
    max_denials: Annotated[
        Count | None,
        msgspec.Meta(description="Most denials by any rule that one strategy may collect in a window."),
    ] = None
    max_rejections: Annotated[
        Count | None,
        msgspec.Meta(
            description="Most orders of one strategy that the venue, or the engine before it, may reject in "
            "a window."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse a watch over nothing."""
        if self.max_orders is None and self.max_denials is None and self.max_rejections is None:
            raise ValueError("nothing is counted; write max_orders, max_denials, max_rejections or several")


class Runaway(RiskRule[RunawayConfig]):
    """Halts a strategy that sends, or is refused, more often than anyone meant it to; a person resumes it."""

    def __init__(self, config: RunawayConfig) -> None:
        super().__init__(config)
        self._orders, self._denials, self._rejections = (
            Window[str](most, nanoseconds(config.window)) if most else None
            for most in (config.max_orders, config.max_denials, config.max_rejections)
        )

    def check(self, proposal: Proposal) -> Verdict:
        """Deny the one order too many."""
        if self._orders is None or not self._orders.full(proposal.strategy_id, proposal.now):
            return APPROVE
        return Deny(f"{self.config.max_orders} orders left within the last {self.config.window}")

    def on_sent(self, proposal: Proposal) -> None:
        """Count what leaves, exits too."""
        if self._orders is not None:
            self._orders.add(proposal.strategy_id, proposal.now)

    def on_denied(self, proposal: Proposal, *, mine: bool) -> Halt | None:
        """Halt over the one order too many, or the one denial too many."""
        strategy_id = proposal.strategy_id
        if mine:
            return self._halt(strategy_id, f"sends more than {self.config.max_orders} orders")
        if self._denials is None:
            return None
        if self._denials.full(strategy_id, proposal.now):
            return self._halt(strategy_id, f"was denied more than {self.config.max_denials} times")
        self._denials.add(strategy_id, proposal.now)
        return None

    def on_order(self, event: OrderDenied | OrderRejected | OrderCanceled | OrderExpired) -> Halt | None:
        """Count a rejection."""
        if self._rejections is None or not isinstance(event, OrderRejected | OrderDenied):
            return None
        strategy_id = self.market.owner(event)
        if self._rejections.full(strategy_id, event.ts_event):
            return self._halt(strategy_id, f"was rejected more than {self.config.max_rejections} times")
        self._rejections.add(strategy_id, event.ts_event)
        return None

    def _halt(self, strategy_id: str, what: str) -> Halt:
        return Halt(f"{strategy_id} runs away: it {what} within {self.config.window}", (strategy_id,))
