"""Between the guard and the engine in a live node: every intent is on record before it leaves.

What is on record survives the process; what is not never happened. So the layer writes first and sends
second, and when the record cannot be written it sends nothing.
"""

from __future__ import annotations

from copy import replace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import ContingencyType, OrderDenied, OrderFilled, OrderInitialized, OrderStatus
from nautilus_trader.trading import Strategy

from framework.risk.gate import GATE, HALTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from nautilus_trader.common import Cache
    from nautilus_trader.model import ClientId, ClientOrderId, InstrumentId, OrderSide, Price, Quantity

    from framework.engine.desk import Desk
    from framework.risk.decision import Decision
    from framework.secret import Mask

ON_THE_WAY = {
    OrderStatus.INITIALIZED,
    OrderStatus.SUBMITTED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_UPDATE,
}

LINKED = {ContingencyType.OCO, ContingencyType.OUO}

MOST_REASONS = 10
"""Reasons by which a halted strategy's denials are told apart; with a number in it every one can be new."""
OTHERWISE = f"{HALTED} yet another reason"
"""The reason under which all others are counted."""
FLOOD = 1_000
"""Orders that a halted strategy may go on sending within a second before it is not called any more."""
SECOND = 1_000_000_000


class Recorder(Protocol):
    """Where a node's intents and what became of them are kept."""

    def intent(self, strategy_id: str, action: str, order_id: str, what: Mapping[str, Any]) -> None:
        """Keep what is about to be sent; returns when it is durable."""

    def cancels(self, strategy_id: str, order_ids: Sequence[str]) -> None:
        """Keep cancellations that are about to be sent, all in one go."""

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
    _quiet: AbstractSet[str]

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
        if not self._free([client_order_id]):
            return
        self._keep_cancels([client_order_id])
        super().cancel_order(client_order_id, *rest, **named)

    def cancel_orders(self, client_order_ids: Sequence[ClientOrderId] = (), *rest: Any, **named: Any) -> None:
        """Keep every cancellation, then send them."""
        free = self._free(client_order_ids)
        if client_order_ids and not free:
            return
        self._keep_cancels(free)
        super().cancel_orders(free, *rest, **named)

    def cancel_all_orders(
        self, instrument_id: InstrumentId, order_side: OrderSide | None = None, *rest: Any, **named: Any
    ) -> None:
        """Keep the command, then send it."""
        if self._desk.gate.kill.closed:
            self.cancel_orders(
                [
                    name
                    for name, order in self._desk.working().items()
                    if order.instrument_id == instrument_id and order_side in (None, order.side)
                ]
            )
            return
        self._keep("cancel_all", "", {"instrument_id": str(instrument_id)})
        for client_order_id in self._desk.working():
            self._outbox.sent(client_order_id)
        super().cancel_all_orders(instrument_id, order_side, *rest, **named)

    def on_order_event(self, event: Any) -> None:
        """Keep what became of an order, then tell the strategy."""
        self._outbox.events += 1
        if isinstance(event, OrderFilled):
            self._outbox.filled(event.client_order_id)
        if not self._counted(event):
            self._recorder.event(self._desk.strategy_id, {"type": type(event).__name__, **event.to_dict()})
        super().on_order_event(event)

    def on_position_event(self, event: Any) -> None:
        """Keep what became of a position, then tell the strategy."""
        self._recorder.event(self._desk.strategy_id, {"type": type(event).__name__, **_position(event)})
        super().on_position_event(event)

    def _counted(self, event: Any) -> bool:
        """True for an order of a halted strategy that is denied like those before it."""
        return (
            self._desk.strategy_id in self._quiet
            and isinstance(event, OrderInitialized | OrderDenied)
            and event.client_order_id not in self._desk.approved
        )

    def _free(self, client_order_ids: Sequence[ClientOrderId]) -> Sequence[ClientOrderId]:
        """Those that may be cancelled: when the node is ending, none that can only reduce a position.

        No order leaves then, so a strategy that cancels its stop and closes its position when it ends would
        be left with the position and without the stop.
        """
        closed = self._desk.gate.kill.closed
        if not closed:
            return client_order_ids
        stay = []
        for name in client_order_ids:
            order: Any = self.cache.order(name)
            if order is not None and order.is_reduce_only:
                stay.append(name)
        if stay:
            what = {
                "strategy": self._desk.strategy_id,
                "stay": [str(name) for name in stay],
                "reason": closed,
            }
            self._recorder.note("alert", what)
        return [name for name in client_order_ids if name not in stay]

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
        self._recorder.cancels(self._desk.strategy_id, [str(name) for name in client_order_ids])
        for client_order_id in client_order_ids:
            self._outbox.sent(client_order_id)


def layer(recorder: Recorder, outbox: Outbox, quiet: AbstractSet[str] = frozenset()) -> type:
    """The class that goes between the guard and the strategies of one node.

    Args:
        recorder: Keeps what happens.
        outbox: Told of what leaves.
        quiet: The strategies whose denials are counted instead of kept.
    """
    return type("Recorded", (Recorded,), {"_recorder": recorder, "_outbox": outbox, "_quiet": quiet})


def _position(event: Any) -> dict[str, Any]:
    names = ("position_id", "instrument_id", "side", "quantity", "signed_qty", "avg_px_open", "ts_event")
    return {name: str(getattr(event, name)) for name in names if hasattr(event, name)}


@dataclass(slots=True)
class _Refused:
    """The orders of a halted strategy that were denied and counted instead of kept.

    Attributes:
        since: When the second began whose orders are in `recent`.
        counts: How many there were since they were last told, by reason.
    """

    since: int
    recent: int = 0
    counts: dict[str, int] = field(default_factory=dict)


class Decisions(list["Decision"]):
    """The gate's decisions, each kept as it is made.

    Those on a strategy that sends on although it is halted are the same over and over: the first of each
    reason is kept, the others are counted. One that sends `FLOOD` of them within a second of the data's time,
    whatever the reasons, is told to the node, which disables it.

    Args:
        recorder: Keeps them.
        flooded: Called with a strategy's `id:` and the reason.
        mask: Hides what must not be written.

    Attributes:
        quiet: The strategies whose denials are counted at present.
    """

    def __init__(self, recorder: Recorder, flooded: Callable[[str, str], None], mask: Mask) -> None:
        super().__init__()
        self._mask = mask
        self._recorder = recorder
        self._flooded = flooded
        self._refused: dict[str, _Refused] = {}
        self.quiet: set[str] = set()

    def append(self, decision: Decision) -> None:
        """Keep or count the decision."""
        if self._mask.hides:
            decision = replace(decision, reason=self._mask(decision.reason))
        if decision.verdict == "deny" and decision.rule == GATE and decision.reason.startswith(HALTED):
            self._refuse(decision)
            return
        if decision.scope in self.quiet and decision.verdict == "deny":
            self.quiet.discard(decision.scope)
        self._recorder.decision(decision)
        super().append(decision)

    def forget(self, strategy_id: str) -> None:
        """The strategy may trade again: the next denial by a latch is kept."""
        refused = self._refused.pop(strategy_id, None)
        if refused is not None:
            self._tell(strategy_id, refused)
        self.quiet.discard(strategy_id)

    def flush(self) -> None:
        """Keep how many there were since the last time."""
        for strategy_id, refused in self._refused.items():
            self._tell(strategy_id, refused)

    def _tell(self, strategy_id: str, refused: _Refused) -> None:
        for reason, count in refused.counts.items():
            if count:
                refused.counts[reason] = 0
                self._recorder.note("alert", {"refused": strategy_id, "orders": count, "reason": reason})

    def _refuse(self, decision: Decision) -> None:
        refused = self._refused.setdefault(decision.scope, _Refused(decision.ts))
        counts, reason = refused.counts, decision.reason
        if reason not in counts and len(counts) < MOST_REASONS:
            counts[reason] = 0
            self.quiet.discard(decision.scope)
            self._recorder.decision(decision)
            super().append(decision)
            return
        self.quiet.add(decision.scope)
        counted = reason if reason in counts else OTHERWISE
        counts[counted] = counts.get(counted, 0) + 1
        if decision.ts - refused.since >= SECOND:
            refused.since, refused.recent = decision.ts, 0
        refused.recent += 1
        if refused.recent <= FLOOD:
            super().append(decision)
        if refused.recent == FLOOD:
            self._flooded(
                decision.scope,
                f"it sent {FLOOD:,} orders within a second although it was {decision.reason}",
            )
