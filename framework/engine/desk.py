"""The desk: between a guarded strategy and the gate, it makes proposals of orders and events of verdicts.

A denied order becomes the engine's own `OrderDenied`, a resized one the engine's own `OrderUpdated`. Both
come from one `ExecutionAlgorithm`, because that is the only door the engine offers for either.
"""

from __future__ import annotations

from copy import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from nautilus_trader.model import (
    ExecAlgorithmId,
    OrderSide,
    OrderStatus,
    OrderType,
    Quantity,
)
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

from framework.engine.books import Entries
from framework.engine.netting import Netting
from framework.engine.pace import Pace
from framework.errors import RunError
from framework.risk.gate import exits
from framework.risk.rule import Approve, Deny, Proposal, Resize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from nautilus_trader.model import ClientOrderId, InstrumentId, PositionId, Price, StrategyId

    from framework.engine.books import Books
    from framework.engine.faults import Faults
    from framework.risk.gate import Gate

type Change = tuple[ClientOrderId, Quantity | None, Price | None, Price | None]

STOPS = {
    OrderType.STOP_MARKET,
    OrderType.STOP_LIMIT,
    OrderType.TRAILING_STOP_MARKET,
    OrderType.TRAILING_STOP_LIMIT,
}
LOCAL = {OrderStatus.INITIALIZED, OrderStatus.EMULATED, OrderStatus.RELEASED}
"""The engine has the order and has not sent it, or does not know that it was sent."""
DOOR = ExecAlgorithmId("GATE")
MANY = 16
"""Orders from which they are cancelled in one command and recorded in one commit."""


class Door(ExecutionAlgorithm):
    """The engine's side of the gate: denies orders, and changes the size of those routed through it.

    Attributes:
        sizes: The new sizes of those under way.
        kept: Orders of an earlier session: they are in the engine's cache and must never be sent again.
    """

    def __init__(self) -> None:
        super().__init__(
            ExecutionAlgorithmConfig(exec_algorithm_id=DOOR, log_events=False, log_commands=False)
        )
        self.sizes: dict[ClientOrderId, Quantity] = {}
        self.kept: set[ClientOrderId] = set()

    def on_order(self, order: Any) -> None:
        """Resize and submit a routed order."""
        if order.client_order_id in self.kept:
            return
        self._resize(order)
        self._send(order)

    def on_order_list(self, order_list: Any, orders: Sequence[Any]) -> None:
        """Resize and submit a routed list, parents before children as the list has them."""
        del order_list
        for order in orders:
            self._resize(order)
        for order in orders:
            self._send(order)

    def _send(self, order: Any) -> None:
        """Submit the cache's copy: the order handed in does not see its own update."""
        cache: Any = self.cache
        self.submit_order(cache.order(order.client_order_id))

    def _resize(self, order: Any) -> None:
        quantity = self.sizes.pop(order.client_order_id, order.quantity)
        if quantity != order.quantity:
            self.modify_order_in_place(order, quantity=quantity)


class Desk:
    """Admits the orders of one strategy.

    Args:
        index: The strategy's place in `node.yaml`.
        strategy_id: The strategy's `id:` in `node.yaml`.
        engine_id: The engine's identifier for it.
        gate: Judges.
        books: What the proposal is judged against.
        door: Denies and resizes inside the engine.
        faults: Where exceptions go.
        live: The strategies share an account at a venue, which may know one position an instrument.

    Attributes:
        netting: What the venue makes of the strategy's positions.
    """

    def __init__(
        self,
        index: int,
        strategy_id: str,
        engine_id: StrategyId,
        gate: Gate,
        books: Books,
        door: Door,
        faults: Faults,
        *,
        live: bool = False,
    ) -> None:
        self.index = index
        self.strategy_id = strategy_id
        self.engine_id = engine_id
        self.gate = gate
        self.faults = faults
        self.approved: set[ClientOrderId] = set()
        self.knows_position = True
        self.netting = Netting(books, engine_id, live=live)
        self._live = live
        self._books = books
        self._door = door
        self._entries = books.entries[strategy_id]
        self._closing: dict[PositionId, ClientOrderId] = {}
        self._leave: set[ClientOrderId] = set()
        self._pace = Pace()
        self._exits = Entries(books.cache)
        self._judged = gate.covers(strategy_id)

    def admit(self, order: Any, position_id: PositionId | None) -> Any | None:
        """The order to send in place of this one: itself, a resized one, or None when it was denied."""
        client_order_id = order.client_order_id
        self._refuse_repeat(client_order_id)
        if order.exec_algorithm_id is not None:
            self._deny([order], _unsupported(order))
            return None
        if not self._looked_at(order):
            self.approved.add(client_order_id)
            self._entries.add(client_order_id, order)
            return order
        proposal = self._proposal(order, position_id=position_id)
        if order.is_reduce_only and not proposal.reduces and self._is_shared(proposal):
            order = _plain(order)  # an entry to the rules, and to the engine: else it would not book it
            proposal = replace(proposal, order=order)
        verdict = self.gate.judge(proposal)
        if isinstance(verdict, Deny):
            self._deny([order], verdict.reason)
            self.gate.settle()
            return None
        self._approve(order, proposal)
        self._closes(order, proposal, position_id)
        if isinstance(verdict, Approve):
            self.gate.sent(proposal)
            return self._as_taken(order)
        self.gate.sent(replace(proposal, quantity=verdict.quantity))
        return self._routed(self._as_taken(order), verdict.quantity)

    def admit_list(self, orders: Sequence[Any], position_id: PositionId | None) -> list[Any] | None:
        """The list to send in place of this one, or None when all of it was denied.

        One denied order denies the list: half a bracket is worse than none. Children of a resized parent
        follow its size. Orders of a list that is denied after some were approved stay counted in rates.
        """
        orders = list(orders)
        for order in orders:
            self._refuse_repeat(order.client_order_id)
        for order in orders:
            if order.exec_algorithm_id is not None:
                self._deny(orders, _unsupported(order))
                return None
        parents = {order.client_order_id: order for order in orders if order.parent_order_id is None}
        sizes = {order.client_order_id: order.quantity for order in orders}
        for order in sorted(orders, key=lambda order: order.parent_order_id is not None):
            parent = parents.get(order.parent_order_id)
            if parent is not None:
                follows = sizes[parent.client_order_id]
                whole = order.quantity == parent.quantity
                sizes[order.client_order_id] = follows if whole else min(order.quantity, follows)
            proposal = self._proposal(
                order,
                position_id=position_id,
                quantity=sizes[order.client_order_id],
                stop_price=_stop_of(order, orders),
                parent=parent,
            )
            verdict = self.gate.judge(proposal)
            if isinstance(verdict, Deny):
                self._deny(orders, verdict.reason)
                self.gate.settle()
                return None
            if isinstance(verdict, Resize):
                sizes[order.client_order_id] = verdict.quantity
                proposal = replace(proposal, quantity=verdict.quantity)
            # Counted before its sisters are judged: a list must not pass a limit that its orders would not.
            self._approve(order, proposal)
            self.gate.sent(proposal)
        if all(order.quantity == sizes[order.client_order_id] for order in orders):
            return orders
        return [self._routed(order, sizes[order.client_order_id]) for order in orders]

    def admit_change(
        self,
        client_order_id: ClientOrderId,
        quantity: Quantity | None,
        price: Price | None,
        trigger_price: Price | None,
    ) -> Change | str | None:
        """The change to send, None when it changes nothing, or why it is refused."""
        order = self._books.cache.order(client_order_id)
        change = (client_order_id, quantity, price, trigger_price)
        if order is not None and not _changes(order, quantity, price, trigger_price):
            return None  # the engine raises on a change that is none, and a trailing stop asks for many
        if order is None or not self._looked_at(order):
            return change
        proposal = self._proposal(
            order,
            action="modify",
            position_id=self._books.cache.position_id(client_order_id),
            quantity=quantity or order.quantity,
            price=price,
            trigger_price=trigger_price,
        )
        verdict = self.gate.judge(proposal)
        if isinstance(verdict, Deny):
            self.gate.settle()
            return verdict.reason
        if isinstance(verdict, Resize):
            if not _changes(order, verdict.quantity, price, trigger_price):
                return f"{verdict.reason}: it has that size already"
            self.gate.sent(replace(proposal, quantity=verdict.quantity))
            self._entries.grow(client_order_id, verdict.quantity)
            return (client_order_id, verdict.quantity, price, trigger_price)
        self.gate.sent(proposal)
        self._entries.grow(client_order_id, proposal.quantity)
        return change

    def changes_left(self) -> None:
        """The changes that were admitted are with the engine now."""
        self._entries.left()

    def stayed(self, orders: Sequence[Any]) -> None:
        """Approved orders raised while leaving: one the engine does not have, unrecorded, is not working."""
        for order in orders:
            if self._books.cache.order(order.client_order_id) is None:
                self._entries.forget(order.client_order_id)

    def take_back(self, order: Any) -> None:
        """Know an order of an earlier session: it counts as working until the engine says that it is over."""
        self._approve(order)

    def recalled(self, client_order_id: ClientOrderId) -> str:
        """Why an approved order, or a change of one, must not leave any more; an empty string while it may.

        Between the gate and the wire an order can wait, for the venue's pace or for a connection. A latch
        that came meanwhile holds for it as for one that is made now.
        """
        order: Any = self._books.cache.order(client_order_id)
        if order is None or not self.gate.kill.armed:
            return ""
        leaves = client_order_id in self._leave or order.is_reduce_only  # of an earlier session
        return self.gate.recalls(self.strategy_id, str(order.instrument_id.venue), leaves=leaves)

    def cancels(self, orders: int) -> None:
        """Count cancels that are about to leave."""
        self.gate.canceling(self.strategy_id, orders, self._books.now())

    def ended(self, event: Any) -> None:
        """Tell the gate of an approved order that ended unfilled; what it denied itself it knows."""
        if event.client_order_id in self.approved:
            self.gate.ended(self.strategy_id, event)

    def filled(self, event: Any) -> None:
        """Tell the gate of a fill."""
        self.gate.fill(self.strategy_id, event)

    def working(self) -> dict[ClientOrderId, Any]:
        """Every order of the strategy that could still fill.

        An order submitted a moment ago is in none of the cache's lists yet, but among the entries.
        """
        cache, mine = self._books.cache, self.engine_id
        return {
            order.client_order_id: order
            for order in (
                *cache.orders_open(strategy_id=mine),
                *cache.orders_inflight(strategy_id=mine),
                *cache.orders_emulated(strategy_id=mine),
                *self._entries.working(),
            )
        }

    def flatten(self, strategy: Any) -> None:
        """Cancel every working order of the strategy and close every position that is not being closed.

        It may be asked for at every price. What was refused is tried again less and less often. Nothing is
        closed while it is not known what is held.
        """
        now, positions = self._books.now(), self._books.positions(self.strategy_id)
        working = self.working()
        self._pace.keep({*working, *map(_as_it_is, positions)})
        self.cancel(strategy, exits=True, among={one for one in working if self._pace.is_due(one, now)})
        for position in positions if self.knows_position else ():
            if not self.is_closing(position.id) and self._pace.is_due(_as_it_is(position), now):
                self.close(strategy, position)

    def close(self, strategy: Any, position: Any) -> None:
        """Close what the venue has left of a position, when it is not being closed already."""
        left = self.netting.left(position)
        if not left or self.is_closing(position.id):
            return
        if left == position.quantity.as_decimal():
            strategy.close_position(position)
            return
        order = strategy.order_factory.market(
            position.instrument_id,
            OrderSide.SELL if position.is_long else OrderSide.BUY,
            Quantity.from_decimal_dp(left, position.size_precision),
            reduce_only=True,
        )
        strategy.submit_order(order, position.id)

    def cancel(
        self,
        strategy: Any,
        *,
        exits: bool = False,
        venue: str = "",
        among: AbstractSet[ClientOrderId] | None = None,
    ) -> set[ClientOrderId]:
        """Cancel every working order of the strategy but those that close a position.

        Args:
            strategy: The guarded strategy.
            exits: Whether orders that can only reduce a position go too; they are what protects it.
            venue: Only those at this venue.
            among: Only those of these, when it is tried again.

        Returns:
            Those that should end now, whoever asked for it.
        """
        ending = set()
        closing = set(self._closing.values())
        together: dict[InstrumentId, list[ClientOrderId]] = {}
        for client_order_id, order in self.working().items():
            keep = client_order_id in closing or (order.is_reduce_only and not exits)
            elsewhere = venue not in ("", str(order.instrument_id.venue))
            elsewhere = elsewhere or self._books.cache.order(client_order_id) is None  # it is just leaving
            if keep or elsewhere or (among is not None and client_order_id not in among):
                continue
            ending.add(client_order_id)
            if order.is_pending_cancel:
                continue
            if order.status in LOCAL:  # one of them among the others, and the engine cancels none
                strategy.cancel_order(client_order_id)
            else:
                together.setdefault(order.instrument_id, []).append(client_order_id)
        for client_order_ids in together.values():
            if len(client_order_ids) > MANY:
                strategy.cancel_orders(client_order_ids)
            else:
                for client_order_id in client_order_ids:
                    strategy.cancel_order(client_order_id)
        return ending

    def is_closing(self, position_id: PositionId) -> bool:
        """True while an order that closes the position may still fill."""
        known = self._closing.get(position_id)
        return known is not None and not self._books.cache.is_order_closed(known)

    def _as_taken(self, order: Any) -> Any:
        """The order as the venue takes it: a live account of balances knows no reduce-only orders.

        The gate has held the order to the position. One that rests stays as it is, and is denied by the
        venue's adapter: later nobody would hold it to anything.
        """
        closes = order.is_reduce_only and _at_market(order)
        if closes and self._live and self.netting.of_balances(order.instrument_id):
            return _plain(order)
        return order

    def _proposal(
        self,
        order: Any,
        *,
        action: Literal["submit", "modify"] = "submit",
        position_id: PositionId | None = None,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
        stop_price: Price | None = None,
        parent: Any = None,
    ) -> Proposal:
        books, instrument_id = self._books, order.instrument_id
        if quantity is None:
            quantity = order.quantity
        position = self._position(instrument_id, position_id)
        return Proposal(
            action=action,
            strategy_id=self.strategy_id,
            order=order,
            instrument=books.cache.instrument(instrument_id),
            side=order.side,
            quantity=quantity,
            price=price or getattr(order, "price", None),
            trigger_price=trigger_price or getattr(order, "trigger_price", None),
            stop_price=stop_price,
            mark=books.mark(instrument_id),
            position=position,
            reduces=(position != 0 or order.is_reduce_only)
            and self._reduces(order, quantity.as_decimal(), position, parent)
            and (order.is_reduce_only or self._meets(instrument_id, position_id)),
            now=books.now(),
        )

    def _position(self, instrument_id: InstrumentId, position_id: PositionId | None) -> Decimal:
        if position_id is not None:
            position = self._books.cache.position(position_id)
            if position is not None:
                size: Decimal = position.quantity.as_decimal()
                return size if position.is_long else -size
        return self._books.position(self.strategy_id, instrument_id)

    def _meets(self, instrument_id: InstrumentId, position_id: PositionId | None) -> bool:
        """True when an order without the flag is booked against what the strategy holds.

        Where positions are kept apart, one that names no open position opens another, whatever its side.
        """
        named = position_id is not None and self._books.cache.position_exists(position_id)
        return named or self.netting.is_one(instrument_id)

    def _reduces(self, order: Any, quantity: Decimal, position: Decimal, parent: Any) -> bool:
        """True when filling the order in full cannot leave more risk than there was.

        A reduce-only order needs an opposite position, or approved entries on the way to one, at least its
        own size: the venue holds it to the position. An order without the flag must fit beside the other
        unflagged orders working against the same position, and beside the market orders that close it: when
        those fill first, it would open one on the other side.
        """
        if order.is_quote_quantity or not self.knows_position:
            return False
        if parent is not None and order.is_reduce_only and order.side != parent.side:
            return True
        buys = order.side == OrderSide.BUY
        opposite = -position if buys else position
        if opposite < quantity and not order.is_reduce_only:
            return False
        shared = self._takes_from_others(order, quantity, position)
        if order.is_reduce_only and Decimal(0) < quantity <= opposite and not shared:
            return True
        same, against = Decimal(0), Decimal(0)
        for other in self._entries.working():
            if other.instrument_id == order.instrument_id and not other.is_reduce_only:
                leaves = other.leaves_qty.as_decimal()
                if other.side != order.side:
                    against += leaves
                elif other.client_order_id != order.client_order_id:
                    same += leaves
        if order.is_reduce_only and not shared:
            return quantity <= max(opposite, Decimal(0)) + against
        return bool(quantity + same + self._leaving(order) <= opposite)

    def _takes_from_others(self, order: Any, quantity: Decimal, position: Decimal) -> bool:
        """True for a reduce-only order at the market that can take from what others hold at the venue."""
        opposite = -position if order.side == OrderSide.BUY else position
        return bool(
            order.is_reduce_only
            and _at_market(order)
            and Decimal(0) < quantity <= opposite
            and self.netting.holds_more(order.instrument_id, position)
        )

    def _is_shared(self, proposal: Proposal) -> bool:
        """True when that alone is why the order is no exit."""
        size = proposal.quantity.as_decimal()
        return self.knows_position and self._takes_from_others(proposal.order, size, proposal.position)

    def _leaving(self, order: Any) -> Decimal:
        """What market orders that may only reduce take from the position meanwhile."""
        return sum(
            (
                other.leaves_qty.as_decimal()
                for other in self._exits.working()
                if other.instrument_id == order.instrument_id and other.side == order.side
            ),
            Decimal(0),
        )

    def _looked_at(self, order: Any) -> bool:
        """True when the gate has anything to ask of the order."""
        return self._judged or order.is_reduce_only or self.gate.kill.armed

    def _approve(self, order: Any, proposal: Proposal | None = None) -> None:
        client_order_id = order.client_order_id
        self.approved.add(client_order_id)
        if proposal is not None and exits(proposal):
            self._leave.add(client_order_id)
        if not order.is_reduce_only:
            self._entries.add(client_order_id, order)
        elif _at_market(order):
            self._exits.add(client_order_id, order)

    def _refuse_repeat(self, client_order_id: ClientOrderId) -> None:
        """The engine would send the same order again under the same identifier, and forget the first."""
        if client_order_id in self.approved:
            raise RunError(
                f'strategy "{self.strategy_id}" submitted order {client_order_id} twice',
                remedy="Make a new order with self.order_factory for every submission.",
            )

    def _closes(self, order: Any, proposal: Proposal, position_id: PositionId | None) -> None:
        if position_id is not None and proposal.reduces and _at_market(order):
            self._closing[position_id] = order.client_order_id

    def _deny(self, orders: Sequence[Any], reason: str) -> None:
        for order in orders:
            self._door.deny_order(order, reason)

    def _routed(self, order: Any, quantity: Quantity) -> Any:
        """The same order, sent through the door, where it takes its new size."""
        self._door.sizes[order.client_order_id] = quantity
        fields = order.to_dict()
        fields["exec_algorithm_id"] = str(DOOR)
        fields["exec_spawn_id"] = str(order.client_order_id)
        return type(order).from_dict(fields)


def _as_it_is(position: Any) -> tuple[PositionId, int, int]:
    """The position until something of it is traded."""
    return position.id, position.ts_opened, position.event_count


def _at_market(order: Any) -> bool:
    return bool(order.order_type == OrderType.MARKET)


def _plain(order: Any) -> Any:
    """The same order without the flag that it may only reduce."""
    return type(order).from_dict(order.to_dict() | {"is_reduce_only": False})


def _unsupported(order: Any) -> str:
    return f"execution algorithm {order.exec_algorithm_id} is not supported"


def _stop_of(order: Any, orders: Sequence[Any]) -> Price | None:
    for other in orders:
        if other.parent_order_id == order.client_order_id and other.order_type in STOPS:
            return getattr(other, "trigger_price", None)
    return None


def _changes(order: Any, quantity: Quantity | None, price: Price | None, trigger_price: Price | None) -> bool:
    """True when any value given differs from the order's own."""
    asked = ((quantity, "quantity"), (price, "price"), (trigger_price, "trigger_price"))
    return any(value is not None and value != getattr(order, name, None) for value, name in asked)
