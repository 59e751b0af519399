"""What a strategy holds and has working in one instrument, kept from the engine's events.

Nothing here is assumed from what was asked for: an order may be denied, resized, filled in part or
filled after its cancellation was sent, and a position may be closed by someone else's order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    OrderCanceled,
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderSide,
    OrderType,
    PositionSide,
    Quantity,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nautilus_trader.common import OrderFactory
    from nautilus_trader.model import ClientOrderId, PositionId

_OVER = (OrderCanceled, OrderDenied, OrderExpired, OrderRejected)
_NOTHING = Decimal(0)


class Holding:
    """Positions and working orders of one strategy in one instrument.

    Attributes:
        size: Signed quantity held.
        opened: How many times the holding went from nothing to something.
        leaving: True from the decision to get out until nothing is held and nothing works.
    """

    __slots__ = ("_asked", "_entry", "_exits", "_positions", "_stop", "_working", "leaving", "opened", "size")

    def __init__(self) -> None:
        self.size = _NOTHING
        self.opened = 0
        self.leaving = False
        self._positions: dict[PositionId, Decimal] = {}
        self._working: set[ClientOrderId] = set()
        self._exits: set[ClientOrderId] = set()
        self._asked: set[ClientOrderId] = set()
        self._entry: ClientOrderId | None = None
        self._stop: ClientOrderId | None = None

    @property
    def idle(self) -> bool:
        """True when nothing is held and nothing is working."""
        return not self._positions and not self._working

    @property
    def flat(self) -> bool:
        """True when nothing is held."""
        return not self._positions

    @property
    def entering(self) -> bool:
        """True while the entry order may still fill."""
        return self._entry in self._working

    @property
    def exiting(self) -> bool:
        """True while an exit order may still fill."""
        return bool(self._exits)

    @property
    def protected(self) -> bool:
        """True while the protective stop is working."""
        return self._stop in self._working

    @property
    def positions(self) -> list[tuple[PositionId, Decimal]]:
        """Open positions with their signed quantity."""
        return list(self._positions.items())

    def adopt(self, positions: Iterable[Any], orders: Iterable[Any]) -> None:
        """Take over what the engine already has for this strategy when it starts."""
        for position in positions:
            self._set(position.id, position.side, position.quantity.as_decimal())
        for order in orders:
            self._working.add(order.client_order_id)
            if order.is_reduce_only and order.order_type == OrderType.STOP_MARKET:
                self._stop = order.client_order_id

    def send_entry(
        self, entry: ClientOrderId, stop: ClientOrderId | None, others: Iterable[ClientOrderId]
    ) -> None:
        """Note an entry and what travels with it; call it before submitting, for a denial comes at once."""
        self.leaving = False
        self._entry, self._stop = entry, stop
        self._working.update(others, (entry,) if stop is None else (entry, stop))

    def protect(self, stop: ClientOrderId, others: Iterable[ClientOrderId]) -> None:
        """Note a stop and what goes with it, sent after the entry; call it before submitting."""
        self._stop = stop
        self._working.update(others, (stop,))

    def send_exit(self, order_id: ClientOrderId) -> None:
        """Note an exit; call it before submitting."""
        self._working.add(order_id)
        self._exits.add(order_id)

    def exits(self, make: OrderFactory, instrument: Any, why: str) -> Iterator[tuple[Any, PositionId]]:
        """Reduce-only market orders for what is really held, each noted as it is taken; submit it at once.

        None while an exit still works.

        Args:
            make: The strategy's `order_factory`.
            instrument: The engine's instrument.
            why: Becomes the tag `exit:WHY`, for the report.

        Yields:
            An order and the position it closes.
        """
        if self.exiting:
            return
        for position_id, size in self.positions:
            order = make.market(
                instrument.id,
                OrderSide.SELL if size > 0 else OrderSide.BUY,
                Quantity.from_decimal_dp(abs(size), instrument.size_precision),
                reduce_only=True,
                tags=[f"exit:{why}"],
            )
            self.send_exit(order.client_order_id)
            yield order, position_id

    def to_cancel(self) -> list[ClientOrderId]:
        """Working orders other than exits whose cancellation has not been asked for; they are now."""
        orders = sorted(self._working - self._exits - self._asked, key=str)
        self._asked.update(orders)
        return orders

    def on_order(self, event: Any, *, filled: bool) -> None:
        """Forget an order that can no longer fill; `filled` says that the event filled it completely."""
        if filled or isinstance(event, _OVER):
            for orders in (self._working, self._exits, self._asked):
                orders.discard(event.client_order_id)
        elif isinstance(event, OrderCancelRejected):
            self._asked.discard(event.client_order_id)

    def on_position(self, event: Any) -> bool:
        """Follow a position; True when the holding has just become nothing."""
        was_flat = self.flat
        self._set(event.position_id, event.side, event.quantity.as_decimal())
        if was_flat and not self.flat:
            self.opened += 1
        return self.flat and not was_flat

    def _set(self, position_id: PositionId, side: PositionSide, quantity: Decimal) -> None:
        if side == PositionSide.FLAT or quantity == _NOTHING:
            self._positions.pop(position_id, None)
        else:
            self._positions[position_id] = quantity if side == PositionSide.LONG else -quantity
        self.size = sum(self._positions.values(), _NOTHING)
