"""Between the guard and the engine in a live node: every intent is on record before it leaves.

What is on record survives the process; what is not never happened. So the layer writes first and sends
second, and when the record cannot be written it sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import ContingencyType, OrderFilled, OrderStatus
from nautilus_trader.trading import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.common import Cache
    from nautilus_trader.model import ClientId, ClientOrderId, InstrumentId, Price, Quantity

    from framework.engine.desk import Desk
    from framework.risk.decision import Decision

ON_THE_WAY = {
    OrderStatus.INITIALIZED,
    OrderStatus.SUBMITTED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_UPDATE,
}

LINKED = {ContingencyType.OCO, ContingencyType.OUO}


class Recorder(Protocol):
    """Where a node's intents and what became of them are kept."""

    def intent(self, strategy_id: str, action: str, order_id: str, what: Mapping[str, Any]) -> None:
        """Keep what is about to be sent; returns when it is durable."""

    def event(self, strategy_id: str, event: Mapping[str, Any]) -> None:
        """Keep an event of an order or a position."""

    def decision(self, decision: Decision) -> None:
        """Keep what the gate did."""

    def note(self, kind: str, what: Mapping[str, Any]) -> None:
        """Keep anything else: a start, a stop, a command of the operator, an alert."""


class Outbox:
    """The orders that have been sent and not answered, and how many events there have been.

    Args:
        cache: The engine's cache.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._waiting: set[ClientOrderId] = set()
        self._ending: set[ClientOrderId] = set()
        self.events = 0

    def sent(self, client_order_id: ClientOrderId) -> None:
        """An order, or a change to one, leaves."""
        self._waiting.add(client_order_id)

    def filled(self, client_order_id: ClientOrderId) -> None:
        """A fill arrived; when it completes an order, the venue cancels those that were linked to it."""
        order: Any = self._cache.order(client_order_id)
        if order is not None and order.is_closed and order.contingency_type in LINKED:
            self._ending.update(order.linked_order_ids or ())

    def busy(self) -> bool:
        """True while any of them is on its way; one that rests at the venue is not."""
        for client_order_id in tuple(self._ending):
            if not self._cache.is_order_open(client_order_id):
                self._ending.discard(client_order_id)
        for client_order_id in tuple(self._waiting):
            order: Any = self._cache.order(client_order_id)
            if order is not None and order.status not in ON_THE_WAY:  # None: the engine has yet to take it
                self._waiting.discard(client_order_id)
        return bool(self._waiting or self._ending)


class Recorded(Strategy):
    """The order methods of a strategy whose intents are kept."""

    _desk: Desk
    _recorder: Recorder
    _outbox: Outbox

    def submit_order(self, order: Any, *rest: Any, **named: Any) -> None:
        """Keep the order, then send it."""
        self._keep("submit", order.client_order_id, {"order": order.to_dict()})
        self._outbox.sent(order.client_order_id)
        super().submit_order(order, *rest, **named)

    def submit_order_list(self, order_list: Any, *rest: Any, **named: Any) -> None:
        """Keep every order of the list, then send it."""
        orders = list(order_list)
        for order in orders:
            self._keep("submit", order.client_order_id, {"order": order.to_dict()})
            self._outbox.sent(order.client_order_id)
        super().submit_order_list(orders, *rest, **named)

    def modify_order(
        self,
        client_order_id: ClientOrderId,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Keep the change, then send it."""
        self._keep_change(client_order_id, quantity, price, trigger_price)
        super().modify_order(client_order_id, quantity, price, trigger_price, client_id, params)

    def modify_orders(
        self,
        updates: Sequence[tuple[ClientOrderId, Quantity | None, Price | None, Price | None]] = (),
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Keep every change, then send them."""
        for update in updates:
            self._keep_change(*update)
        super().modify_orders(updates, client_id, params)

    def cancel_order(self, client_order_id: ClientOrderId, *rest: Any, **named: Any) -> None:
        """Keep the cancellation, then send it."""
        self._keep_cancels([client_order_id])
        super().cancel_order(client_order_id, *rest, **named)

    def cancel_orders(self, client_order_ids: Sequence[ClientOrderId] = (), *rest: Any, **named: Any) -> None:
        """Keep every cancellation, then send them."""
        self._keep_cancels(client_order_ids)
        super().cancel_orders(client_order_ids, *rest, **named)

    def cancel_all_orders(self, instrument_id: InstrumentId, *rest: Any, **named: Any) -> None:
        """Keep the command, then send it."""
        self._keep("cancel_all", "", {"instrument_id": str(instrument_id)})
        for client_order_id in self._desk.working():
            self._outbox.sent(client_order_id)
        super().cancel_all_orders(instrument_id, *rest, **named)

    def on_order_event(self, event: Any) -> None:
        """Keep what became of an order, then tell the strategy."""
        self._outbox.events += 1
        if isinstance(event, OrderFilled):
            self._outbox.filled(event.client_order_id)
        self._recorder.event(self._desk.strategy_id, {"type": type(event).__name__, **event.to_dict()})
        super().on_order_event(event)

    def on_position_event(self, event: Any) -> None:
        """Keep what became of a position, then tell the strategy."""
        self._recorder.event(self._desk.strategy_id, {"type": type(event).__name__, **_position(event)})
        super().on_position_event(event)

    def _keep(self, action: str, order_id: object, what: Mapping[str, Any]) -> None:
        self._recorder.intent(self._desk.strategy_id, action, str(order_id), what)

    def _keep_change(
        self,
        client_order_id: ClientOrderId,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
    ) -> None:
        named = {"quantity": quantity, "price": price, "trigger_price": trigger_price}
        asked = {name: str(value) for name, value in named.items() if value is not None}
        self._keep("modify", client_order_id, asked)
        self._outbox.sent(client_order_id)

    def _keep_cancels(self, client_order_ids: Sequence[ClientOrderId]) -> None:
        for client_order_id in client_order_ids:
            self._keep("cancel", client_order_id, {})
            self._outbox.sent(client_order_id)


def layer(recorder: Recorder, outbox: Outbox) -> type:
    """The class that goes between the guard and the strategies of one node."""
    return type("Recorded", (Recorded,), {"_recorder": recorder, "_outbox": outbox})


def _position(event: Any) -> dict[str, Any]:
    names = ("position_id", "instrument_id", "side", "quantity", "signed_qty", "avg_px_open", "ts_event")
    return {name: str(getattr(event, name)) for name in names if hasattr(event, name)}


class Decisions(list["Decision"]):
    """The gate's decisions, each kept as it is made.

    Args:
        recorder: Keeps them.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def append(self, decision: Decision) -> None:
        """Keep the decision, then list it."""
        self._recorder.decision(decision)
        super().append(decision)
