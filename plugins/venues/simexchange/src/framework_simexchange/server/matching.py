"""The exchange's books, orders and account: a pure machine that turns requests and prices into events.

Every public method returns the events it caused, in order. `apply` is the only thing that changes state,
so that applying the stored events to a new `Exchange` gives the same exchange again. An event that was just
made also carries, for those who are told of it, the order as it was after it (`after`) and the `fill`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from framework_simexchange.server.records import Fill, Order, Position, Refused, Status, order_from, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from framework_simexchange.server.records import Instrument

type Event = dict[str, Any]

TYPES = {"MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT"}
TIFS = {"GTC", "IOC", "FOK", "GTD"}
ZERO = Decimal(0)


@dataclass(slots=True)
class Book:
    """The best prices and what is left of the sizes shown at them."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal


class Exchange:
    """One account on one set of books."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        balances: Mapping[str, Decimal],
        *,
        oms: str = "netting",
        leverage: Decimal = Decimal(1),
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.balances = dict(balances)
        self.hedging = oms == "hedging"
        self.leverage = leverage
        self.books: dict[str, Book] = {}
        self.orders: dict[int, Order] = {}
        self.by_client: dict[str, Order] = {}
        self.open: dict[int, Order] = {}
        self.fills: list[Fill] = []
        self.positions: dict[str, Position] = {}
        self.repeats: dict[str, int] = {}
        self._reserves: dict[int, Decimal] = {}
        self._reserved: dict[str, Decimal] = {}
        self.session = 0
        self.holder: str | None = None
        self.seq = 0
        self._events: list[Event] = []
        self._ns = 0
        self._last_ns = 0

    # what traders ask

    def submit(self, body: Mapping[str, Any], now_ns: int, source: str = "client") -> list[Event]:
        """Take an order; a known client order id changes nothing and is only counted.

        Raises:
            Refused: The request is malformed, so that there is no order to speak of.
        """
        self._ns = now_ns
        client_order_id = _text(body, "client_order_id")
        if client_order_id in self.by_client:
            return self._done("repeat", client_order_id=client_order_id)
        order = self._parsed(body, client_order_id, source)
        refusal = self._refusal(order)
        if refusal is not None:
            order.status, order.reason = Status.REJECTED, f"{refusal.code}: {refusal.message}"
        self._emit("order", order=plain(order))
        order = self.orders[order.number]
        if order.status is Status.OPEN:
            self._trigger_or_take(order)
        return self._done()

    def cancel(self, client_order_id: str, now_ns: int, reason: str = "REQUESTED") -> list[Event]:
        """Cancel an open order.

        Raises:
            Refused: There is no such order, or it is not open.
        """
        self._ns = now_ns
        order = self._open_order(client_order_id)
        return self._done("cancel", number=order.number, reason=reason)

    def cancel_many(self, client_order_ids: Iterable[str], now_ns: int) -> list[Event]:
        """Cancel those of the orders that are open; the others are left as they are."""
        self._ns = now_ns
        for client_order_id in client_order_ids:
            order = self.by_client.get(client_order_id)
            if order is not None and order.number in self.open:
                self._emit("cancel", number=order.number, reason="REQUESTED")
        return self._done()

    def cancel_all(self, now_ns: int, symbol: str | None = None, side: str | None = None) -> list[Event]:
        """Cancel every open order, of one symbol or side when given."""
        self._ns = now_ns
        for order in list(self.open.values()):
            if symbol in {None, order.symbol} and side in {None, order.side}:
                self._emit("cancel", number=order.number, reason="REQUESTED")
        return self._done()

    def modify(self, client_order_id: str, changes: Mapping[str, Any], now_ns: int) -> list[Event]:
        """Change quantity, price or trigger price; a changed price goes to the back of the queue.

        Raises:
            Refused: The order is not open, or would not be accepted as changed.
        """
        self._ns = now_ns
        order = self._open_order(client_order_id)
        instrument = self.instruments[order.symbol]
        quantity = _decimal(changes, "quantity") or order.quantity
        price = _decimal(changes, "price") or order.price
        trigger = _decimal(changes, "trigger_price") or order.trigger_price
        _on_grid(instrument, quantity, price, trigger)
        if quantity <= order.filled:
            raise Refused("QUANTITY_FILLED", f"{order.filled} of the order is filled already")
        if (price is not None) != (order.price is not None):
            raise Refused("BAD_PRICE", "the order has no price to change")
        if (trigger is not None) != (order.trigger_price is not None):
            raise Refused("BAD_TRIGGER", "the order has no trigger price to change")
        if order.post_only and not order.waits and self._crosses(order, price):
            raise Refused("POST_ONLY", "the changed order would take")
        extra = self._margin_of(order, quantity - order.filled) - self._margin_of(order, order.left)
        if extra > 0 and extra > self.free(instrument.quote):
            raise Refused("INSUFFICIENT_MARGIN", f"{extra} {instrument.quote} more is needed")
        self._emit(
            "modify",
            number=order.number,
            quantity=_str(quantity),
            price=_str(price),
            trigger_price=_str(trigger),
        )
        self._trigger_or_take(order)
        return self._done()

    def new_session(self, now_ns: int, holder: str) -> list[Event]:
        """Hand out the next fencing token; every earlier one is void."""
        self._ns = now_ns
        return self._done("session", token=self.session + 1, holder=holder)

    # what the market does

    def quote(self, symbol: str, book: Book, now_ns: int) -> list[Event]:
        """Move the market: resting limits first, by price and time, then stops, by time."""
        self._ns = now_ns
        self.books[symbol] = book
        self.expire()
        mine = [order for order in self.open.values() if order.symbol == symbol]
        resting = [order for order in mine if not order.waits]
        for order in sorted(resting, key=lambda o: (-o.sign * (o.price or ZERO), o.rank)):
            if self._crosses(order, order.price):
                self._rest_fill(order, book)
        for order in sorted((order for order in mine if order.waits), key=lambda o: o.rank):
            self._trigger_or_take(order)
        return self._done()

    def tick(self, now_ns: int) -> list[Event]:
        """Let time pass: orders whose time is over expire."""
        self._ns = now_ns
        self.expire()
        return self._done()

    def expire(self) -> None:
        """Expire the orders that are good until a date in the past."""
        for order in list(self.open.values()):
            if order.expire_ns is not None and order.expire_ns <= self._ns:
                self._emit("expire", number=order.number)

    # what it comes to

    def free(self, currency: str) -> Decimal:
        """What of a balance is not held back for positions and open orders."""
        return self.balances.get(currency, ZERO) - self.used(currency)

    def used(self, currency: str) -> Decimal:
        """Initial margin of positions at their average price, and of open orders that are free to open."""
        used = ZERO
        for position in self.positions.values():
            instrument = self.instruments[position.symbol]
            if instrument.quote == currency:
                used += instrument.money(abs(position.cost) * instrument.margin / self.leverage)
        return used + self._reserved.get(currency, ZERO)

    def held(self, order: Order) -> Position | None:
        """The position an order would add to or take from."""
        return self.positions.get(self._position_id(order))

    def apply(self, event: Event) -> None:
        """Change state as an event says; the only place where state changes."""
        self.seq, self._last_ns = event["seq"], event["ns"]
        body = event["body"]
        match event["kind"]:
            case "account":
                self.balances = {name: Decimal(value) for name, value in body["balances"].items()}
                self.hedging = body["oms"] == "hedging"
                self.leverage = Decimal(body["leverage"])
            case "session":
                self.session, self.holder = body["token"], body["holder"]
            case "repeat":
                self.repeats[body["client_order_id"]] = self.repeats.get(body["client_order_id"], 0) + 1
            case "order":
                self._add(order_from(body["order"]), event["seq"])
            case "fill":
                self._book(event)
            case kind:
                self._change(kind, self.orders[body["number"]], body, event["ns"])

    def _add(self, order: Order, seq: int) -> None:
        order.seq = seq
        self.orders[order.number] = self.by_client[order.client_order_id] = order
        if order.status is Status.OPEN:
            self.open[order.number] = order
        self._reserve(order)

    def _change(self, kind: str, order: Order, body: dict[str, Any], ns: int) -> None:
        order.version += 1
        order.changed_ns, order.seq = ns, self.seq
        if kind == "trigger":
            order.triggered = True
        elif kind == "modify":
            if body["price"] != _str(order.price) or body["trigger_price"] != _str(order.trigger_price):
                order.rank = self.seq
            order.quantity = Decimal(body["quantity"])
            order.price = None if body["price"] is None else Decimal(body["price"])
            order.trigger_price = None if body["trigger_price"] is None else Decimal(body["trigger_price"])
        else:
            order.status = {"cancel": Status.CANCELED, "expire": Status.EXPIRED}[kind]
            order.reason = body.get("reason")
            del self.open[order.number]
        self._reserve(order)

    def _book(self, event: Event) -> None:
        body = event["body"]
        order = self.orders[body["number"]]
        instrument = self.instruments[order.symbol]
        quantity, price, fee = Decimal(body["quantity"]), Decimal(body["price"]), Decimal(body["fee"])
        order.filled += quantity
        order.paid += quantity * price
        order.version += 1
        order.changed_ns, order.seq = event["ns"], event["seq"]
        if order.left == 0:
            order.status = Status.FILLED
            del self.open[order.number]
        self._reserve(order)
        position = self.positions.setdefault(
            body["position_id"] or order.symbol,
            Position(position_id=body["position_id"] or order.symbol, symbol=order.symbol),
        )
        with localcontext(prec=50):
            profit = instrument.money(position.trade(order.sign * quantity, price))
        position.realized += profit
        position.changed_ns = event["ns"]
        self.balances[instrument.quote] = self.balances.get(instrument.quote, ZERO) + profit - fee
        self.fills.append(
            Fill(
                trade_id=body["trade_id"],
                number=order.number,
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                side=order.side,
                quantity=quantity,
                price=price,
                fee=fee,
                currency=instrument.quote,
                maker=body["maker"],
                position_id=body["position_id"],
                ts_ns=event["ns"],
                seq=event["seq"],
            )
        )

    def _reserve(self, order: Order) -> None:
        """Hold margin back for what an open order may still open, and let go of what it held before."""
        instrument = self.instruments[order.symbol]
        price = order.price or order.trigger_price
        may_open = order.number in self.open and not order.reduce_only and not order.position_id
        needed = ZERO
        if may_open and price is not None:
            needed = instrument.money(order.left * price * instrument.margin / self.leverage)
        change = needed - self._reserves.pop(order.number, ZERO)
        if needed:
            self._reserves[order.number] = needed
        self._reserved[instrument.quote] = self._reserved.get(instrument.quote, ZERO) + change

    # how orders fill

    def _trigger_or_take(self, order: Order) -> None:
        book = self.books.get(order.symbol)
        if book is None or order.number not in self.open:
            return
        if order.waits:
            price = book.ask if order.sign > 0 else book.bid
            if order.sign * (price - (order.trigger_price or ZERO)) < 0:
                return
            self._emit("trigger", number=order.number)
        self._take(order, book)

    def _take(self, order: Order, book: Book) -> None:
        limit = order.price
        shown = book.ask_size if order.sign > 0 else book.bid_size
        best = book.ask if order.sign > 0 else book.bid
        if limit is None or order.sign * (limit - best) >= 0:
            if order.tif == "FOK" and limit is not None and shown < order.left:
                self._emit("cancel", number=order.number, reason="FOK")
                return
            self._fill(order, min(order.left, shown), best, maker=False)
            if limit is None and order.number in self.open:
                worse = best + order.sign * self.instruments[order.symbol].tick
                self._fill(order, order.left, worse, maker=False)
        if order.number in self.open and order.tif in {"IOC", "FOK"}:
            self._emit("cancel", number=order.number, reason=order.tif)

    def _rest_fill(self, order: Order, book: Book) -> None:
        shown = book.ask_size if order.sign > 0 else book.bid_size
        self._fill(order, min(order.left, shown), order.price or ZERO, maker=True)

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> None:
        room = self._closable(order)
        if room is not None:
            if room <= 0:
                self._emit("cancel", number=order.number, reason="REDUCE_ONLY")
                return
            quantity = min(quantity, room)
        if quantity <= 0:
            return
        instrument = self.instruments[order.symbol]
        book = self.books[order.symbol]
        if order.sign > 0:
            book.ask_size = max(ZERO, book.ask_size - quantity)
        else:
            book.bid_size = max(ZERO, book.bid_size - quantity)
        rate = instrument.maker if maker else instrument.taker
        self._emit(
            "fill",
            trade_id=f"T{self.seq + 1}",
            number=order.number,
            quantity=_str(quantity),
            price=_str(price),
            fee=_str(instrument.money(quantity * price * rate)),
            maker=maker,
            position_id=self._position_id(order) if self.hedging else None,
        )

    def _closable(self, order: Order) -> Decimal | None:
        """What an order that may only close can still close; `None` for any other order."""
        position = self.held(order)
        if not order.reduce_only and not (order.position_id and self._closes(order, position)):
            return None
        return abs(position.quantity) if position is not None and self._closes(order, position) else ZERO

    @staticmethod
    def _closes(order: Order, position: Position | None) -> bool:
        return position is not None and order.sign * position.quantity < 0

    def _position_id(self, order: Order) -> str:
        if not self.hedging:
            return order.symbol
        return order.position_id or f"P{order.number}"

    # what is not accepted

    def _parsed(self, body: Mapping[str, Any], client_order_id: str, source: str) -> Order:
        symbol = _text(body, "symbol")
        if symbol not in self.instruments:
            raise Refused("UNKNOWN_SYMBOL", f"{symbol!r} is not listed", 400)
        kind, tif, side = (
            _one_of(body, "type", TYPES),
            _one_of(body, "tif", TIFS, "GTC"),
            _one_of(body, "side", {"BUY", "SELL"}),
        )
        quantity = _decimal(body, "quantity")
        if quantity is None:
            raise Refused("BAD_REQUEST", "`quantity` is missing", 400)
        price, trigger = _decimal(body, "price"), _decimal(body, "trigger_price")
        if (price is not None) != (kind in {"LIMIT", "STOP_LIMIT"}):
            raise Refused("BAD_REQUEST", f"a {kind} order {'has no' if price else 'needs a'} `price`", 400)
        if (trigger is not None) != kind.startswith("STOP"):
            raise Refused(
                "BAD_REQUEST", f"a {kind} order {'has no' if trigger else 'needs a'} `trigger_price`", 400
            )
        expire = body.get("expire_ns")
        if (tif == "GTD") != isinstance(expire, int):
            raise Refused("BAD_REQUEST", "`expire_ns` goes with GTD and with nothing else", 400)
        return Order(
            number=len(self.orders) + 1,
            client_order_id=client_order_id,
            symbol=symbol,
            side=side,
            type=kind,
            tif=tif,
            quantity=quantity,
            price=price,
            trigger_price=trigger,
            expire_ns=expire,
            post_only=body.get("post_only") is True,
            reduce_only=body.get("reduce_only") is True,
            position_id=body.get("position_id") if self.hedging else None,
            source=source,
            rank=self.seq + 1,
            accepted_ns=self._ns,
            changed_ns=self._ns,
        )

    def _refusal(self, order: Order) -> Refused | None:  # noqa: PLR0911 - one line for each reason
        instrument = self.instruments[order.symbol]
        try:
            _on_grid(instrument, order.quantity, order.price, order.trigger_price)
        except Refused as refused:
            return refused
        if order.expire_ns is not None and order.expire_ns <= self._ns:
            return Refused("EXPIRED", "the order's time is over")
        if order.type == "MARKET" and order.symbol not in self.books:
            return Refused("NO_MARKET", f"there is no price for {order.symbol}")
        if order.post_only and (order.price is None or order.tif in {"IOC", "FOK"}):
            return Refused("POST_ONLY", "only a limit order that may rest can be post-only")
        if order.post_only and not order.waits and self._crosses(order, order.price):
            return Refused("POST_ONLY", "the order would take")
        position = self.held(order)
        if order.position_id and (position is None or not position.quantity):
            return Refused("UNKNOWN_POSITION", f"there is no open position {order.position_id!r}")
        room = self._closable(order)
        if room is not None and order.quantity > room:
            return Refused("REDUCE_ONLY", f"{order.quantity} is more than the {room} that can be closed")
        needed = self._margin_of(order, order.quantity)
        if needed > self.free(instrument.quote):
            return Refused("INSUFFICIENT_MARGIN", f"{needed} {instrument.quote} is needed")
        return None

    def _margin_of(self, order: Order, quantity: Decimal) -> Decimal:
        """Margin held back for `quantity` of an order: nothing for the part that closes a position."""
        instrument = self.instruments[order.symbol]
        position = self.held(order)
        if position is not None and self._closes(order, position):
            quantity = max(ZERO, quantity - abs(position.quantity))
        book = self.books.get(order.symbol)
        best = ZERO if book is None else book.ask if order.sign > 0 else book.bid
        price = order.price or order.trigger_price or best
        return instrument.money(quantity * price * instrument.margin / self.leverage)

    def _crosses(self, order: Order, price: Decimal | None) -> bool:
        book = self.books.get(order.symbol)
        if book is None or price is None:
            return False
        return order.sign * (price - (book.ask if order.sign > 0 else book.bid)) >= 0

    def _open_order(self, client_order_id: str) -> Order:
        order = self.by_client.get(client_order_id)
        if order is None:
            raise Refused("ORDER_NOT_FOUND", f"no order {client_order_id!r}", 404)
        if order.number not in self.open:
            raise Refused("ORDER_NOT_OPEN", f"the order is {order.status}", 409)
        return order

    # how events are made

    def _emit(self, kind: str, **body: Any) -> None:
        ns = max(self._ns, self._last_ns + 1)  # no two at one time, and none before another
        event: Event = {"seq": self.seq + 1, "ns": ns, "kind": kind, "body": body}
        self.apply(event)
        if kind == "fill":
            event["fill"] = plain(self.fills[-1])
        if "number" in body or "order" in body:
            event["after"] = plain(self.orders[body.get("number") or body["order"]["number"]])
        self._events.append(event)

    def _done(self, kind: str | None = None, **body: Any) -> list[Event]:
        if kind is not None:
            self._emit(kind, **body)
        events, self._events = self._events, []
        return events


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():  # noqa: PLR2004 - the longest name
        raise Refused("BAD_REQUEST", f"`{name}` must be 1 to 64 printable characters", 400)
    return value


def _one_of(body: Mapping[str, Any], name: str, choices: set[str], default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or value not in choices:
        raise Refused("BAD_REQUEST", f"`{name}` must be one of {', '.join(sorted(choices))}", 400)
    return value


def _decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        number = Decimal(value) if isinstance(value, str) and len(value) <= 40 else None  # noqa: PLR2004 - the longest number
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or number <= 0 or number >= Decimal("1e15"):
        raise Refused("BAD_REQUEST", f"`{name}` must be a positive decimal number, as text", 400)
    return number


def _on_grid(instrument: Instrument, quantity: Decimal, *prices: Decimal | None) -> None:
    if quantity % instrument.step != 0:
        raise Refused("BAD_QUANTITY", f"{quantity} is no multiple of {instrument.step}")
    if not instrument.min_quantity <= quantity <= instrument.max_quantity:
        raise Refused(
            "BAD_QUANTITY", f"{quantity} is outside {instrument.min_quantity} to {instrument.max_quantity}"
        )
    for price in prices:
        if price is not None and price % instrument.tick != 0:
            raise Refused("BAD_PRICE", f"{price} is no multiple of {instrument.tick}")


def _str(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
