"""Fills far from the price they were sent at halt the strategy: the market is not what it was."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import OrderSide

from framework import Duration, Halt, PluginConfig, RiskRule, nanoseconds

if TYPE_CHECKING:
    from nautilus_trader.model import (
        OrderCanceled,
        OrderDenied,
        OrderExpired,
        OrderFilled,
        OrderRejected,
    )

    from framework import Proposal

TEN_THOUSAND = 10_000


class SlippageGuardConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `slippage_guard`."""

    max_bps: Annotated[
        Decimal,
        msgspec.Meta(
            description="Most a fill may be worse than the price it was sent at, in hundredths of a percent "
            'of that: "25".'
        ),
    ]
    times: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000, description="Orders with worse fills, within the window, that halt."),
    ] = 1
    window: Annotated[Duration, msgspec.Meta(description='Length of the window: "10m", "1d".')] = "1d"

    def __post_init__(self) -> None:
        """Refuse a distance that is none."""
        if not (self.max_bps.is_finite() and self.max_bps > 0):
            raise ValueError(f'max_bps is {self.max_bps}; write a number above 0: a quarter percent is "25"')


class SlippageGuard(RiskRule[SlippageGuardConfig]):
    """Compares every fill with the price at the moment its order left.

    That price is the trigger of an order that has one, and the mark of any other. An order that left
    without a mark cannot be judged and is not.
    """

    def __init__(self, config: SlippageGuardConfig) -> None:
        super().__init__(config)
        self._window = nanoseconds(config.window)
        self._sent: dict[Any, Decimal] = {}
        self._left: dict[Any, Decimal] = {}
        self._bad: dict[str, deque[int]] = {}
        self._counted: set[Any] = set()

    def on_sent(self, proposal: Proposal) -> None:
        """Remember what the order was sent at."""
        price = proposal.trigger_price
        if price is None and proposal.mark is not None:
            price = proposal.mark.price
        order = proposal.order.client_order_id
        if price is not None and (proposal.action == "submit" or proposal.trigger_price is not None):
            self._sent[order] = price.as_decimal()
        self._left[order] = proposal.quantity.as_decimal() - proposal.order.filled_qty.as_decimal()

    def on_order(self, event: OrderDenied | OrderRejected | OrderCanceled | OrderExpired) -> None:
        """Forget an order that will not fill."""
        self._forget(event.client_order_id)

    def on_fill(self, fill: OrderFilled) -> Halt | None:
        """Measure the fill."""
        order = fill.client_order_id
        sent = self._sent.get(order)
        if sent is None:
            return None
        paid = fill.last_px.as_decimal()
        worse = paid - sent if fill.order_side == OrderSide.BUY else sent - paid
        is_bad = worse * TEN_THOUSAND > self.config.max_bps * abs(sent) and order not in self._counted
        if is_bad:
            self._counted.add(order)
        self._left[order] = self._left.get(order, Decimal(0)) - fill.last_qty.as_decimal()
        if self._left[order] <= 0:
            self._forget(order)
        return self._count(fill, sent) if is_bad else None

    def _count(self, fill: OrderFilled, sent: Decimal) -> Halt | None:
        strategy_id, now, times = self.market.owner(fill), fill.ts_event, self.config.times
        bad = self._bad.setdefault(strategy_id, deque(maxlen=times))
        bad.append(now)
        if len(bad) < times or now - bad[0] >= self._window:
            return None
        last = (
            f"{fill.instrument_id} was sent at {sent:f} and filled at {fill.last_px}, more than "
            f"{self.config.max_bps:f} basis points worse"
        )
        often = (
            f"{times} orders of {strategy_id} within {self.config.window}, the last: " if times > 1 else ""
        )
        return Halt(often + last, (strategy_id,))

    def _forget(self, order: Any) -> None:
        self._sent.pop(order, None)
        self._left.pop(order, None)
        self._counted.discard(order)
