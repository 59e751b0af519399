"""What a journal adds up to: orders, fills and positions as last known, folded row by row.

`fold` is pure. Folding a journal in two parts gives what folding it at once gives, a row folded twice counts
once, and so does a fill that was told twice, late or before its order was acknowledged.

What the rows have to say for it:

    intent     {"action": "submit", "order": ORDER.to_dict()}, with order_id and strategy
               {"action": "modify" | "cancel", ...}
    sent       {}, with order_id
    event      EVENT.to_dict(), with its "type"
    snapshot   anything, with strategy; {"rule": ..., "memory": {...}} of a risk rule
    checkpoint {"state": STATE.to_dict()}
    operator   {"command": "kill" | "resume", "scope": ..., "who": ..., "why": ...}
    recovery   what `framework.journal.recovery` decided; {"accounts": {VENUE: ACCOUNT}}
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework.errors import JournalError
from framework.journal.holding import since_flat
from framework.journal.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from framework.journal.rows import Row

EXTERNAL = "EXTERNAL"
"""Whose orders, fills and positions are that no strategy of the node sent."""

UNKNOWN = frozenset({"INTENDED", "SENT", "INITIALIZED", "EMULATED", "RELEASED", "SUBMITTED"})
"""Whether the venue has the order nobody knows: it has to be asked, and nothing may be sent again."""

OPEN = frozenset({"ACCEPTED", "TRIGGERED", "PENDING_UPDATE", "PENDING_CANCEL", "PARTIALLY_FILLED"})
"""The venue had the order when last heard of."""

SETTLED = frozenset({"NEVER_ARRIVED", "GONE"})
"""What recovery concluded from an answer; a later fact from the venue overrules it."""

DONE = frozenset({"DENIED", "REJECTED", "CANCELED", "EXPIRED", "FILLED"})
"""Nothing can follow but a late fill."""

STATUS = {
    "OrderInitialized": "INITIALIZED",
    "OrderDenied": "DENIED",
    "OrderEmulated": "EMULATED",
    "OrderReleased": "RELEASED",
    "OrderSubmitted": "SUBMITTED",
    "OrderRejected": "REJECTED",
    "OrderAccepted": "ACCEPTED",
    "OrderTriggered": "TRIGGERED",
    "OrderPendingUpdate": "PENDING_UPDATE",
    "OrderPendingCancel": "PENDING_CANCEL",
    "OrderModifyRejected": "ACCEPTED",
    "OrderCancelRejected": "ACCEPTED",
    "OrderUpdated": "ACCEPTED",
    "OrderCanceled": "CANCELED",
    "OrderExpired": "EXPIRED",
}
TRADES = frozenset({"OrderFilled", "OrderFillVoided"})
CHANGES = frozenset(
    {"OrderPendingUpdate", "OrderPendingCancel", "OrderModifyRejected", "OrderCancelRejected"}
)
"""Requests to change an order, and their refusals."""
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as last known.

    Attributes:
        client_order_id: The key; for an order without one, `external:INSTRUMENT:VENUE_ORDER_ID`.
        strategy: The strategy's `id:`, or `EXTERNAL`.
        instrument_id: Its instrument.
        side: `BUY` or `SELL`.
        quantity: What was asked for, in the instrument's units.
        filled: What is known to be filled.
        inferred: The part of `filled` that the venue told as a total only, without its trades.
        status: The engine's word, or `INTENDED`, `SENT`, `NEVER_ARRIVED`, `GONE`.
        venue_order_id: The venue's name for it, or an empty string.
        ts: When something was last heard of it, nanoseconds since the epoch, UTC.
        order: The order's fields when it was submitted, as the engine's `to_dict` gives them.
    """

    client_order_id: str
    strategy: str = ""
    instrument_id: str = ""
    side: str = ""
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    inferred: Decimal = ZERO
    status: str = "INTENDED"
    venue_order_id: str = ""
    ts: int = 0
    order: dict[str, Any] = field(default_factory=dict)

    @property
    def is_unknown(self) -> bool:
        """True when it may or may not be at the venue."""
        return self.status in UNKNOWN

    @property
    def is_live(self) -> bool:
        """True when it may still fill, for all that is known."""
        return self.status in UNKNOWN or self.status in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One trade, counted once.

    Attributes:
        trade_id: The venue's.
        client_order_id: The order's key in `State.orders`.
        strategy: The strategy's `id:`, or `EXTERNAL`.
        instrument_id: Its instrument.
        side: `BUY` or `SELL`.
        quantity: In the instrument's units; below zero where the venue took a trade back.
        price: As text, or an empty string.
        ts: When, nanoseconds since the epoch, UTC.
        commission: As text with its currency, or an empty string.
        position_id: The venue's name for the position, where it keeps several of one instrument.
    """

    trade_id: str
    client_order_id: str
    strategy: str
    instrument_id: str
    side: str
    quantity: Decimal
    price: str = ""
    ts: int = 0
    commission: str = ""
    position_id: str = ""

    @property
    def key(self) -> str:
        """What makes it one trade: venues number trades by instrument."""
        return f"{self.instrument_id} {self.trade_id}"


@dataclass(kw_only=True)
class State:
    """What is known after some row. Treat it as a value: `fold` never changes the one it is given.

    Attributes:
        seq: The last row folded.
        session: The last session that was started.
        ended: True when that session ended in order.
        mode: How that session ran, as `paper` or `live`.
        orders: By `client_order_id`.
        fills: By `Fill.key`.
        positions: Signed quantity by strategy and instrument, without zeros.
        snapshots: The last snapshot of each strategy.
        memories: What each risk rule wanted kept, by its id.
        latches: The kill latches that hold, by scope, as the operator's rows say.
        accounts: The engine's name of the account at each venue.
    """

    seq: int = 0
    session: str = ""
    ended: bool = True
    mode: str = ""
    orders: dict[str, OrderState] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    positions: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    memories: dict[str, dict[str, Any]] = field(default_factory=dict)
    latches: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)

    def position(self, instrument_id: str) -> Decimal:
        """The signed quantity of all strategies together, `EXTERNAL` included."""
        return sum((held.get(instrument_id, ZERO) for held in self.positions.values()), ZERO)

    def trimmed(self, before: int) -> State:
        """Without the fills, and the orders that can no longer change, last heard of before a time.

        The fills that make up what a strategy holds stay however old they are, with their orders: only they
        can give an engine the position back. A venue that tells a trade again after it was left out is not
        recognised: keep more than its reports reach back.
        """
        owned = [
            fill
            for fill in self.fills.values()
            if fill.strategy != EXTERNAL and fill.client_order_id in self.orders
        ]
        kept = {key for key, order in self.orders.items() if order.is_live or order.ts >= before}
        kept |= {fill.client_order_id for fill in owned if fill.ts >= before}
        kept |= {fill.client_order_id for fill in since_flat(owned, kept, self.orders)}
        orders = {key: order for key, order in self.orders.items() if key in kept}
        fills = {
            key: fill for key, fill in self.fills.items() if fill.ts >= before or fill.client_order_id in kept
        }
        return replace(self, orders=orders, fills=fills)

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values, decimals as text: the body of a `checkpoint` row is `{"state": ...}`."""
        return {
            "seq": self.seq,
            "session": self.session,
            "ended": self.ended,
            "mode": self.mode,
            "orders": [_texts(asdict(order)) for order in self.orders.values()],
            "fills": [_texts(asdict(fill)) for fill in self.fills.values()],
            "positions": {strategy: _texts(held) for strategy, held in self.positions.items()},
            "snapshots": self.snapshots,
            "memories": self.memories,
            "latches": self.latches,
            "accounts": self.accounts,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> State:
        """The state that `to_dict` gave."""
        orders = [
            OrderState(
                **{**order, **{name: Decimal(order[name]) for name in ("quantity", "filled", "inferred")}}
            )
            for order in values["orders"]
        ]
        fills = [Fill(**{**fill, "quantity": Decimal(fill["quantity"])}) for fill in values["fills"]]
        return cls(
            seq=values["seq"],
            session=values["session"],
            ended=values["ended"],
            mode=values.get("mode", ""),
            orders={order.client_order_id: order for order in orders},
            fills={fill.key: fill for fill in fills},
            positions={
                strategy: {instrument: Decimal(quantity) for instrument, quantity in held.items()}
                for strategy, held in values["positions"].items()
            },
            snapshots=deepcopy(values["snapshots"]),
            memories=deepcopy(values.get("memories", {})),
            latches=deepcopy(values["latches"]),
            accounts=dict(values.get("accounts", {})),
        )

    def copy(self) -> State:
        """A state of its own, sharing only what never changes."""
        return replace(
            self,
            orders=dict(self.orders),
            fills=dict(self.fills),
            positions={strategy: dict(held) for strategy, held in self.positions.items()},
            snapshots=dict(self.snapshots),
            memories=dict(self.memories),
            latches=dict(self.latches),
            accounts=dict(self.accounts),
        )

    def add_fill(self, fill: Fill) -> None:
        """Count a trade, once, and no part of it that the venue had told as a total before."""
        if fill.key in self.fills:
            return
        self.fills[fill.key] = fill
        order = self.orders.get(fill.client_order_id)
        told = min(order.inferred, max(fill.quantity, ZERO)) if order else ZERO
        self.move(fill.strategy, fill.instrument_id, _signed(fill.side, fill.quantity - told))
        if order:
            self._filled(order, fill.quantity - told, inferred=-told, ts=fill.ts)

    def add_total(self, client_order_id: str, quantity: Decimal, ts: int) -> None:
        """Count what the venue says was filled and does not tell the trades of."""
        order = self.orders[client_order_id]
        self.move(order.strategy, order.instrument_id, _signed(order.side, quantity))
        self._filled(order, quantity, inferred=quantity, ts=ts)

    def move(self, strategy: str, instrument_id: str, quantity: Decimal) -> None:
        """Change a position by a signed quantity."""
        held = self.positions.setdefault(strategy, {})
        held[instrument_id] = held.get(instrument_id, ZERO) + quantity
        if not held[instrument_id]:
            del held[instrument_id]
        if not held:
            del self.positions[strategy]

    def _filled(self, order: OrderState, quantity: Decimal, *, inferred: Decimal, ts: int) -> None:
        filled = order.filled + quantity
        status = order.status
        if order.quantity and filled >= order.quantity:
            status = "FILLED"
        elif status == "FILLED":  # a trade was taken back; the venue says whether the order is open again
            status = "CANCELED"
        elif filled and status not in {"CANCELED", "EXPIRED", "PENDING_CANCEL", "PENDING_UPDATE"}:
            status = "PARTIALLY_FILLED"
        self.orders[order.client_order_id] = replace(
            order, filled=filled, inferred=order.inferred + inferred, status=status, ts=max(ts, order.ts)
        )


def fold(rows: Iterable[Row], state: State | None = None) -> State:
    """The state after some rows.

    Args:
        rows: In their order; those the state has seen are passed over.
        state: What was known before them; nothing when left out. It is not changed.

    Raises:
        JournalError: A row does not say what a row of its kind has to say.
    """
    after = (state or State()).copy()
    for row in rows:
        if row.seq <= after.seq:
            continue
        try:
            after = _folded(after, row)
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise JournalError(
                f"this {row.kind} does not say what it has to: {type(error).__name__}: {error}",
                where=f"row {row.seq}",
                remedy="It was written by another version, or by a plugin of its own.",
            ) from error
        after.seq = row.seq
    return after


def load(path: Path, on_work: Callable[[], None] | None = None) -> State:
    """The state at the end of a journal, from its last checkpoint on.

    Args:
        path: The journal.
        on_work: Called now and then meanwhile.

    Raises:
        JournalError: It cannot be read, or as in `fold`.
    """
    start = 0
    for row in read(path, kinds=["checkpoint"], on_work=on_work):
        start = row.seq
    return fold(read(path, after=max(0, start - 1), on_work=on_work))


def _folded(state: State, row: Row) -> State:
    fields = row.fields()
    match row.kind:
        case "session_started":
            state.session, state.ended, state.mode = row.session, False, str(fields.get("mode", ""))
        case "session_ended":
            state.ended = True
        case "checkpoint":
            return State.from_dict(fields["state"])
        case "operator":
            _operator(state, fields)
        case _:
            _at_a_venue(state, row, fields)
    return state


def _at_a_venue(state: State, row: Row, fields: dict[str, Any]) -> None:
    match row.kind:
        case "intent":
            _intent(state, row, fields)
        case "sent":
            _heard(state, row.order_id, "SENT", row.ts)
        case "event":
            _event(state, row, fields)
        case "snapshot" if "rule" in fields:
            state.memories[fields["rule"]] = fields["memory"]
        case "snapshot":
            state.snapshots[row.strategy] = fields
        case "recovery" if "action" in fields:
            apply(state, fields, row.ts)
        case "recovery" if "accounts" in fields:
            state.accounts.update(fields["accounts"])


def apply(state: State, action: Mapping[str, Any], ts: int) -> None:
    """What recovery decided, as its row says it; it changes the state it is given."""
    key = action["client_order_id"]
    match action["action"]:
        case "external_order":
            state.orders.setdefault(key, _named(action, key, ts))
        case "adopt":
            order = state.orders[key]
            quantity = Decimal(action["quantity"])
            filled = quantity and order.filled >= quantity
            state.orders[key] = replace(
                order,
                status="FILLED" if filled else action["status"],
                quantity=quantity,
                venue_order_id=action["venue_order_id"] or order.venue_order_id,
                ts=ts,
            )
        case "never_arrived" | "gone":
            state.orders[key] = replace(state.orders[key], status=action["action"].upper(), ts=ts)
        case "fill":
            state.add_fill(
                Fill(
                    trade_id=action["trade_id"],
                    client_order_id=key,
                    strategy=action["strategy"],
                    instrument_id=action["instrument_id"],
                    side=action["side"],
                    quantity=Decimal(action["quantity"]),
                    price=action["price"],
                    ts=action["ts"],
                    commission=action["commission"],
                    position_id=action.get("position_id", ""),
                )
            )
        case "total":
            state.add_total(key, Decimal(action["quantity"]), ts)
        case "position":
            state.move(action["strategy"], action["instrument_id"], Decimal(action["quantity"]))


def _named(fields: Mapping[str, Any], key: str, ts: int) -> OrderState:
    return OrderState(
        client_order_id=key,
        strategy=fields["strategy"],
        instrument_id=fields["instrument_id"],
        side=fields["side"],
        quantity=Decimal(fields["quantity"]),
        status=fields["status"],
        venue_order_id=fields["venue_order_id"],
        ts=ts,
    )


def _intent(state: State, row: Row, fields: Mapping[str, Any]) -> None:
    """Only a submission makes an order; a change that may not have arrived changes nothing yet."""
    if fields["action"] != "submit":
        return
    order = fields["order"]
    known = state.orders.get(row.order_id) or OrderState(client_order_id=row.order_id)
    state.orders[row.order_id] = replace(
        known,
        strategy=row.strategy,
        instrument_id=order["instrument_id"],
        side=order["side"],
        quantity=Decimal(order["quantity"]),
        ts=row.ts,
        order=order,
    )


def _operator(state: State, fields: dict[str, Any]) -> None:
    if fields.get("command") == "kill":
        state.latches.setdefault(fields["scope"], fields)
    elif fields.get("command") == "resume":
        state.latches.pop(fields["scope"], None)


def _event(state: State, row: Row, fields: Mapping[str, Any]) -> None:
    kind = fields.get("type", "")
    key = fields.get("client_order_id") or row.order_id
    if kind == "OrderInitialized" and key not in state.orders:
        state.orders[key] = OrderState(
            client_order_id=key,
            strategy=row.strategy or fields["strategy_id"],
            instrument_id=fields["instrument_id"],
            side=fields["order_side"],
            quantity=Decimal(fields["quantity"]),
            ts=row.ts,
        )
    if kind in TRADES:
        order = state.orders.get(key)
        voided = kind == "OrderFillVoided"
        state.add_fill(
            Fill(
                trade_id=f"void {fields['correction_id']}" if voided else fields["trade_id"],
                client_order_id=key,
                strategy=order.strategy if order else row.strategy or fields["strategy_id"],
                instrument_id=fields["instrument_id"],
                side=fields["order_side"],
                quantity=_traded(fields),
                price=fields["last_px"],
                ts=fields["ts_event"],
                commission=fields.get("commission") or "",
                position_id=fields.get("position_id") or "",
            )
        )
    elif kind not in STATUS:
        return
    elif kind == "OrderUpdated" and key in state.orders:
        state.orders[key] = replace(state.orders[key], quantity=Decimal(fields["quantity"]))
    status = STATUS.get(kind)
    if kind in CHANGES and key in state.orders and state.orders[key].status not in OPEN:
        status = None  # what was asked of an order proves nothing of whether the venue has it
    _heard(state, key, status, row.ts, fields.get("venue_order_id") or "")


def traded(event: Mapping[str, Any]) -> Decimal:
    """What an event of an order moves the position by, signed; zero when it is no trade."""
    return _signed(event["order_side"], _traded(event)) if event.get("type") in TRADES else ZERO


def _traded(trade: Mapping[str, Any]) -> Decimal:
    voided = trade["type"] == "OrderFillVoided"
    return -Decimal(trade["voided_qty"]) if voided else Decimal(trade["last_qty"])


def _heard(state: State, key: str, status: str | None, ts: int, venue_order_id: str = "") -> None:
    """Something was heard of an order; a status that came late does not undo a later one."""
    order = state.orders.get(key)
    if order is None:
        return
    known = order.status
    if (
        status is None
        or known in DONE
        or (status in UNKNOWN and (known not in UNKNOWN or _rank(status) < _rank(known)))
        or (known == "PARTIALLY_FILLED" and status in {"ACCEPTED", "TRIGGERED", "REJECTED"})
    ):
        status = known
    if status == "ACCEPTED" and order.filled:
        status = "FILLED" if order.filled >= order.quantity else "PARTIALLY_FILLED"
    state.orders[key] = replace(
        order, status=status, venue_order_id=venue_order_id or order.venue_order_id, ts=max(ts, order.ts)
    )


def _rank(status: str) -> int:
    return ("INTENDED", "INITIALIZED", "EMULATED", "RELEASED", "SENT", "SUBMITTED").index(status)


def _signed(side: str, quantity: Decimal) -> Decimal:
    return quantity if side == "BUY" else -quantity


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}
