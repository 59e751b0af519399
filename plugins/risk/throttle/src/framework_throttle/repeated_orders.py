"""The repeated execution throttle: the same order, or a fill, over and over again halts the strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from framework import APPROVE, Deny, Duration, Halt, PluginConfig, RiskRule, nanoseconds
from framework_throttle.window import Window

if TYPE_CHECKING:
    from nautilus_trader.model import OrderFilled

    from framework import Proposal, Verdict

type Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class RepeatedOrdersConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `repeated_orders`."""

    window: Annotated[Duration, msgspec.Meta(description='Length of the window: "10s", "1m".')]
    max_orders: Annotated[
        Count | None,
        msgspec.Meta(
            description="Most new orders of one strategy in one instrument on the same side and of the same "
            "size in a window. One more is denied, and the strategy halted."
        ),
    ] = None
    max_fills: Annotated[
        Count | None,
        msgspec.Meta(
            description="Most orders of one strategy in one instrument on the same side that may fill in a "
            "window. One more halts the strategy. The parts of one order's fill count once."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse a throttle of nothing."""
        if self.max_orders is None and self.max_fills is None:
            raise ValueError("nothing is counted; write max_orders, max_fills or both")


class RepeatedOrders(RiskRule[RepeatedOrdersConfig]):
    """Halts a strategy that repeats itself; a person resumes it.

    Exits count on their side and are never denied.
    """

    def __init__(self, config: RepeatedOrdersConfig) -> None:
        super().__init__(config)
        self._length = nanoseconds(config.window)
        self._sent = Window[Any](config.max_orders, self._length) if config.max_orders else None
        self._filled: dict[Any, dict[Any, int]] = {}

    def check(self, proposal: Proposal) -> Verdict:
        """Deny the one order too many."""
        if self._sent is None or proposal.action == "modify":
            return APPROVE
        if not self._sent.full(_intent(proposal), proposal.now):
            return APPROVE
        return Deny(
            f"{self.config.max_orders} orders to {proposal.side.name.lower()} {proposal.order.quantity} of "
            f"{proposal.instrument_id} left within the last {self.config.window}"
        )

    def on_sent(self, proposal: Proposal) -> None:
        """Count a new order under the size that the strategy gave it."""
        if self._sent is not None and proposal.action == "submit":
            self._sent.add(_intent(proposal), proposal.now)

    def on_denied(self, proposal: Proposal, *, mine: bool) -> Halt | None:
        """Halt the strategy whose order was one too many."""
        if not mine:
            return None
        return Halt(
            f"{proposal.strategy_id} repeats itself: more than {self.config.max_orders} orders to "
            f"{proposal.side.name.lower()} {proposal.order.quantity} of {proposal.instrument_id} within "
            f"{self.config.window}",
            (proposal.strategy_id,),
        )

    def on_fill(self, fill: OrderFilled) -> Halt | None:
        """Count an order that fills."""
        most = self.config.max_fills
        if most is None:
            return None
        strategy_id = self.market.owner(fill)
        key = (strategy_id, fill.instrument_id, fill.order_side)
        now = fill.ts_event
        known = self._filled.get(key, {})
        recent = {order: ts for order, ts in known.items() if now - ts < self._length}
        recent.setdefault(fill.client_order_id, now)
        self._filled[key] = recent
        if len(recent) <= most:
            return None
        return Halt(
            f"{strategy_id} repeats itself: {len(recent)} orders to {fill.order_side.name.lower()} "
            f"{fill.instrument_id} filled within {self.config.window}, and max_fills is {most}",
            (strategy_id,),
        )


def _intent(proposal: Proposal) -> tuple[Any, ...]:
    return proposal.strategy_id, proposal.instrument_id, proposal.side, proposal.order.quantity
