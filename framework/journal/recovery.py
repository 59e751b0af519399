"""From what the journal says and what the venues say to what is true, and what has to be done about it.

`reconcile` is pure. It never sends and never sends again: an order nobody knows the fate of is asked about by
its client order id until the venue has answered. Its actions are plain values; written to the journal as
`recovery` rows, one by one, they are part of the state the next start folds. Killed between any two of them,
the next start finds the rest. With nothing new from the venues a second reconciliation decides nothing.

    state = load(path)
    actions, report = reconcile(state, reports)
    for action in actions:
        journal.append("recovery", action.body(), strategy=action.strategy, order_id=action.client_order_id)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from framework.journal.state import EXTERNAL, OPEN, UNKNOWN, ZERO, OrderState, State, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from decimal import Decimal


type ActionName = Literal[
    "ask", "adopt", "fill", "total", "gone", "never_arrived", "external_order", "position"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order as the venue reports it.

    Attributes:
        instrument_id: Its instrument, with the venue after the last dot.
        venue_order_id: The venue's name for it.
        side: `BUY` or `SELL`.
        quantity: What was asked for.
        filled: What is filled, in total.
        status: The engine's word: `ACCEPTED`, `PARTIALLY_FILLED`, `FILLED`, `CANCELED`, ...
        client_order_id: Ours, or an empty string when it has none.
    """

    instrument_id: str
    venue_order_id: str
    side: str
    quantity: Decimal
    filled: Decimal
    status: str
    client_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFill:
    """A trade as the venue reports it.

    Attributes:
        instrument_id: Its instrument.
        trade_id: The venue's.
        venue_order_id: The venue's name for the order.
        side: `BUY` or `SELL`.
        quantity: In the instrument's units.
        price: As text.
        ts: When, nanoseconds since the epoch, UTC.
        client_order_id: Ours, or an empty string when the venue does not say.
        commission: As text with its currency, or an empty string.
        position_id: The venue's name for the position, where it keeps several of one instrument.
    """

    instrument_id: str
    trade_id: str
    venue_order_id: str
    side: str
    quantity: Decimal
    price: str
    ts: int
    client_order_id: str = ""
    commission: str = ""
    position_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueReports:
    """What the venues answered.

    Attributes:
        venues: Those that answered in full; nothing is concluded about the others.
        orders: Open orders, and every order asked for by its client order id that was found.
        fills: Trades, as far back as asked.
        positions: Signed quantity by instrument, all positions of an instrument together; flat ones may be
            left out. None when nothing is said of positions.
        not_found: Client order ids the venue was asked for and proved not to have.
    """

    venues: frozenset[str]
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    positions: Mapping[str, Decimal] | None = field(default_factory=dict)
    not_found: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do, or to know from now on.

    Attributes:
        action: `ask` the venue for an order by its client order id; the others are facts: `adopt` the order
            as the venue has it, a `fill` that was missed, a `total` filled without its trades, an order that
            is `gone` or `never_arrived`, an `external_order`, a `position` that no known trade explains.
        strategy: Whose.
        client_order_id: The order, or an empty string.
        instrument_id: The instrument.
        why: In words for the trader.
        alert: True when a person has to look at it.
        values: The rest of the row's body.
    """

    action: Literal["ask", "adopt", "fill", "total", "gone", "never_arrived", "external_order", "position"]
    strategy: str
    client_order_id: str
    instrument_id: str
    why: str
    alert: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The body of its `recovery` row, which `fold` understands."""
        return {
            **self.values,
            "action": self.action,
            "strategy": self.strategy,
            "client_order_id": self.client_order_id,
            "instrument_id": self.instrument_id,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a reconciliation found.

    Attributes:
        state: What is true once every action is done.
        lines: What was found and done, in words, in the order it was decided.
        alerts: Those of the lines that a person has to look at.
        asks: Client order ids whose fate only the venue knows; nothing new may be sent for them.
    """

    state: State
    lines: tuple[str, ...]
    alerts: tuple[str, ...]
    asks: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """True when there is nothing left to ask."""
        return not self.asks

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for the journal and for JSON."""
        return {"lines": list(self.lines), "alerts": list(self.alerts), "asks": list(self.asks)}


def reconcile(state: State, reports: VenueReports, *, now: int) -> tuple[list[Action], Report]:
    """What has to be done so that the state is what the venues say.

    Args:
        state: What the journal adds up to; it is not changed.
        reports: What the venues answered.
        now: Nanoseconds since the epoch, UTC.

    Returns:
        The actions in the order to journal them, and what they come to.
    """
    after = state.copy()
    actions: list[Action] = []
    asked: dict[str, str] = {}
    for step in (_orders_of_others, _fills, _orders, _positions):
        for action in step(after, reports, asked):
            actions.append(action)
            if action.action == "ask":
                asked[action.client_order_id] = action.instrument_id
            else:
                apply(after, action.body(), now)
    return actions, Report(
        after,
        tuple(f"{action.action.replace('_', ' ')}: {action.why}" for action in actions),
        tuple(action.why for action in actions if action.alert),
        tuple(asked),
    )


def _orders_of_others(state: State, reports: VenueReports, asked: Mapping[str, str]) -> Iterator[Action]:
    """Orders at the venue that the journal knows nothing of, and a second one under an id that it knows."""
    del asked
    taken: dict[str, VenueOrder] = {}
    find = _finder(state)
    for order in reports.orders:
        known = find(order)
        twice = known and taken.setdefault(known.client_order_id, order)
        if known and (twice is None or twice.venue_order_id == order.venue_order_id):
            continue
        if twice and not (twice.status in OPEN and order.status in OPEN):
            continue  # a venue that replaces an order to change it keeps the id and names it anew
        key = order.client_order_id
        if not key or twice:
            key = _external_key(order)
        yield Action(
            action="external_order",
            strategy=EXTERNAL,
            client_order_id=key,
            instrument_id=order.instrument_id,
            why=f"{order.side} {order.quantity} {order.instrument_id}, venue order {order.venue_order_id}, "
            + (f"has the id of {order.client_order_id} too" if twice else "was not sent by this node"),
            alert=True,
            values={
                "side": order.side,
                "quantity": str(order.quantity),
                "status": "ACCEPTED",
                "venue_order_id": order.venue_order_id,
            },
        )


def _fills(state: State, reports: VenueReports, asked: Mapping[str, str]) -> Iterator[Action]:
    """Trades the journal has not heard of, each for the strategy whose order it was."""
    del asked
    find = _finder(state)
    for fill in reports.fills:
        if f"{fill.instrument_id} {fill.trade_id}" in state.fills:
            continue
        order = find(fill)
        strategy = order.strategy if order else EXTERNAL
        yield Action(
            action="fill",
            strategy=strategy,
            client_order_id=order.client_order_id if order else fill.client_order_id,
            instrument_id=fill.instrument_id,
            why=f"{fill.side} {fill.quantity} {fill.instrument_id} at {fill.price}, trade {fill.trade_id}, "
            + ("was not traded by this node" if strategy == EXTERNAL else f"was missed by {strategy}"),
            alert=strategy == EXTERNAL,
            values={
                "trade_id": fill.trade_id,
                "side": fill.side,
                "quantity": str(fill.quantity),
                "price": fill.price,
                "ts": fill.ts,
                "commission": fill.commission,
                "position_id": fill.position_id,
            },
        )


def _orders(state: State, reports: VenueReports, asked: Mapping[str, str]) -> Iterator[Action]:
    """Every order that may still be at the venue, or is there although it was thought gone."""
    del asked
    find = _finder(state)
    at_venue: dict[str, VenueOrder] = {}
    for reported in reports.orders:
        known = find(reported)
        if known and (known.client_order_id not in at_venue or reported.status in OPEN):
            at_venue[known.client_order_id] = reported
    for key in list(state.orders):
        found = at_venue.get(key)
        if found:
            yield from _adopted(state, key, found)
        elif state.orders[key].is_live:
            yield from _missing(state.orders[key], reports)


def _adopted(state: State, key: str, found: VenueOrder) -> Iterator[Action]:
    """The order as the venue has it; a report that knows fewer trades than we do is older than they are."""
    missed = found.filled - state.orders[key].filled
    if missed < 0:
        return
    if missed:
        yield _about(
            state.orders[key],
            "total",
            f"the venue says {found.filled} of {key} is filled, {missed} more than the trades it tells",
            values={"quantity": str(missed)},
        )
    order = state.orders[key]
    status = found.status
    if found.quantity and found.filled >= found.quantity:
        status = "FILLED"
    elif found.filled and status in {"ACCEPTED", "TRIGGERED"}:
        status = "PARTIALLY_FILLED"
    if (status, found.quantity, found.venue_order_id or order.venue_order_id) != (
        order.status,
        order.quantity,
        order.venue_order_id,
    ):
        yield _about(
            order,
            "adopt",
            f"{key} was {order.status} here and is {status} at the venue",
            alert=not order.is_live and status in OPEN,
            values={
                "status": status,
                "quantity": str(found.quantity),
                "venue_order_id": found.venue_order_id,
            },
        )


def _missing(order: OrderState, reports: VenueReports) -> Iterator[Action]:
    """An order that should be at the venue and is not in its reports."""
    key = order.client_order_id
    if order.strategy == EXTERNAL and _venue(order.instrument_id) in reports.venues:
        yield _about(order, "gone", f"{key}, which this node did not send, is no longer at the venue")
    elif key not in reports.not_found:
        yield _about(order, "ask", f"{key} is {order.status} here and the venue has not spoken of it")
    elif order.status in UNKNOWN and not order.filled:
        yield _about(order, "never_arrived", f"{key} never reached the venue")
    else:
        yield _about(
            order, "gone", f"{key} was {order.status}, and the venue does not know it any more", alert=True
        )


def _positions(state: State, reports: VenueReports, asked: Mapping[str, str]) -> Iterator[Action]:
    """What no known trade explains; an order that is still asked about may explain it later."""
    if reports.positions is None:
        return
    waiting = set(asked.values())
    held = {instrument for positions in state.positions.values() for instrument in positions}
    for instrument in sorted(held | set(reports.positions)):
        if _venue(instrument) not in reports.venues or instrument in waiting:
            continue
        actual = reports.positions.get(instrument, ZERO)
        known = state.position(instrument)
        if actual != known:
            yield Action(
                action="position",
                strategy=EXTERNAL,
                client_order_id="",
                instrument_id=instrument,
                why=f"the venue holds {actual} {instrument} and this node's trades come to {known}",
                alert=True,
                values={"quantity": str(actual - known)},
            )


def _finder(state: State) -> Callable[[VenueOrder | VenueFill], OrderState | None]:
    """Finds the order a report is about: by the venue's name for it, which is the surer one, or by ours."""
    names = {
        (order.instrument_id, order.venue_order_id): key
        for key, order in state.orders.items()
        if order.venue_order_id
    }

    def find(report: VenueOrder | VenueFill) -> OrderState | None:
        key = names.get((report.instrument_id, report.venue_order_id), report.client_order_id)
        return state.orders.get(_external_key(report)) or state.orders.get(key)

    return find


def _external_key(report: VenueOrder | VenueFill) -> str:
    return f"external:{report.instrument_id}:{report.venue_order_id}"


def _about(
    order: OrderState,
    action: ActionName,
    why: str,
    *,
    alert: bool = False,
    values: Mapping[str, Any] | None = None,
) -> Action:
    return Action(
        action=action,
        strategy=order.strategy,
        client_order_id=order.client_order_id,
        instrument_id=order.instrument_id,
        why=why,
        alert=alert,
        values=values or {},
    )


def _venue(instrument_id: str) -> str:
    return instrument_id.rpartition(".")[2]
