"""The account's orders on the market: what is taken, what rests, what fills, and what is told of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim import matching
from framework_binance_sim.futures import checks
from framework_binance_sim.futures.account import Account, Position
from framework_binance_sim.futures.records import STATED, ZERO, Fill, Order, money
from framework_binance_sim.refusals import (
    FILL_OR_KILL,
    NO_SUCH_ORDER,
    POST_ONLY,
    UNKNOWN_ORDER,
    Refused,
    missing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework_binance_sim.book import Level
    from framework_binance_sim.market import Clock, Market
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print

FIRST_ORDER, FIRST_TRADE = 8_886_774, 698_759
MOST_AMENDMENTS = 10_000
FUNDING_MS = 8 * 3_600_000


class Exchange:
    """One account's orders, fills and positions.

    Attributes:
        market: What it trades on.
        account: What it owns and holds.
        orders: Every order there was, by number.
        working: Those that may still fill.
        fills: Every trade, oldest first.
        incomes: What changed the wallet, oldest first.
        tell: Called with every event of the account.
        arrivals: How often each client order id came in, refused or not.
        marks: Mark prices that were set by hand.
        funding_rate: The rate of the next funding, by symbol.
        finished: Called with an order that is over.
    """

    def __init__(self, market: Market, clock: Clock, wallet: Mapping[str, Decimal]) -> None:
        self.market = market
        self.account = Account(dict(wallet), self.mark)
        self.orders: dict[int, Order] = {}
        self.working: dict[int, Order] = {}
        self.fills: list[Fill] = []
        self.incomes: list[dict[str, Any]] = []
        self.tell: Callable[[dict[str, Any]], None] = lambda _: None
        self.arrivals: dict[str, int] = {}
        self.marks: dict[str, Decimal] = {}
        self.funding_rate = dict.fromkeys(market.symbols, Decimal("0.0001"))
        self.finished: Callable[[Order], None] = lambda _: None
        self.deadlines: dict[str, int] = {}
        self._clock = clock
        self._funded = clock.ms() // FUNDING_MS

    def ms(self) -> int:
        """The exchange's time."""
        return self._clock.ms()

    def mark(self, symbol: Symbol) -> Decimal:
        """The mark price: set by hand, or the middle of the book, or where the symbol began."""
        price = self.marks.get(symbol.symbol) or self.market.books[symbol.symbol].middle or symbol.start
        return price.quantize(STATED)

    # requests

    def place(self, params: Params, *, test: bool = False) -> Order:
        """Take an order.

        Raises:
            Refused: With the exchange's code.
        """
        name = params.maybe("newClientOrderId")
        if name is not None and not test:
            self.arrivals[name] = self.arrivals.get(name, 0) + 1
        symbol = self.market.symbol(params.text("symbol"))
        book = self.market.books[symbol.symbol]
        order = checks.new_order(
            params, symbol, book, FIRST_ORDER + len(self.orders), self.ms(), hedge=self.account.hedge
        )
        checks.check_value(order, self.mark(symbol))
        self.admit(order)
        if not test:
            self.enter(order)
        return order

    def admit(self, order: Order) -> None:
        """Refuse an order that the account or the book does not allow.

        Raises:
            Refused: With the exchange's code.
        """
        if any(other.client_id == order.client_id for other in self.working.values()):
            raise Refused((-4116, "ClientOrderId is duplicated."))
        mine = [other for other in self.working.values() if other.symbol is order.symbol]
        if order.symbol.max_orders and len(mine) >= order.symbol.max_orders:
            raise Refused((-2025, "Reach max open order limit."))
        if order.reduce_only and not self.account.reducible(order):
            raise Refused((-2022, "ReduceOnly Order is rejected."))
        needed = self.account.order_margin(order)
        if needed and needed > self.account.available(order.symbol.quote, self.working.values()):
            raise Refused((-2019, "Margin is insufficient."))
        book = self.market.books[order.symbol.symbol]
        limit = order.price or None
        reachable = book.reachable(order.side, limit)
        if order.tif == "GTX" and reachable:
            raise Refused(POST_ONLY)
        if order.tif == "FOK" and reachable < order.quantity:
            raise Refused(FILL_OR_KILL)
        if order.kind == "MARKET" and not reachable:
            raise Refused((-2020, "Unable to fill."))

    def enter(self, order: Order) -> None:
        """Put an admitted order on the book, and let it take what it can."""
        order.number = FIRST_ORDER + len(self.orders)
        self.orders[order.number] = self.working[order.number] = order
        self.tell(order.event("NEW", order.updated))
        self._take(order)
        if order.is_open and (order.kind == "MARKET" or order.tif in {"IOC", "FOK"}):
            self._end(order, "EXPIRED")

    def amend(self, params: Params) -> Order:
        """Change price and quantity of a limit order.

        Raises:
            Refused: With the exchange's code.
        """
        order = self.find(params, open_only=True, unknown=NO_SUCH_ORDER)
        if order.kind != "LIMIT":
            raise Refused((-5025, "Only limit order is supported."))
        if params.choice("side", ("BUY", "SELL"), checks.BAD_SIDE) != order.side:
            raise Refused(checks.BAD_SIDE)
        for name in ("quantity", "price"):
            if name not in params:
                raise missing(name)
        quantity, price = params.decimal("quantity"), params.decimal("price")
        checks.check_quantity(order.symbol, quantity, market=False)
        checks.check_price(order.symbol, price)
        if (quantity, price) == (order.quantity, order.price):
            raise Refused((-5027, "No need to modify the order."))
        if order.amended >= MOST_AMENDMENTS:
            raise Refused((-5026, "Exceed maximum modify order limit."))
        if quantity <= order.filled:
            self._end(order, "CANCELED")
            return order
        self._amendable(order, quantity, price)
        if quantity > order.quantity or price != order.price:  # a smaller one keeps its place
            self.working[order.number] = self.working.pop(order.number)
        order.quantity, order.price = quantity, price
        order.updated, order.amended = self.ms(), order.amended + 1
        self.tell(order.event("AMENDMENT", order.updated))
        self._take(order)
        return order

    def _amendable(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        was = order.quantity, order.price
        others = [other for other in self.working.values() if other is not order]
        order.quantity, order.price = quantity, price
        try:
            checks.check_value(order, self.mark(order.symbol))
            crossing = self.market.books[order.symbol.symbol].reachable(order.side, price)
            if order.tif == "GTX" and crossing:
                raise Refused(POST_ONLY)
            needed = self.account.order_margin(order)
            if needed and needed > self.account.available(order.symbol.quote, others):
                raise Refused((-2019, "Margin is insufficient."))
        finally:
            order.quantity, order.price = was

    def cancel(self, params: Params) -> Order:
        """Cancel an order.

        Raises:
            Refused: It is not open.
        """
        order = self.find(params, open_only=True, unknown=UNKNOWN_ORDER)
        self._end(order, "CANCELED")
        return order

    def cancel_all(self, symbol: Symbol) -> int:
        """Cancel every open order of a symbol; returns how many there were."""
        mine = [order for order in self.working.values() if order.symbol is symbol]
        for order in mine:
            self._end(order, "CANCELED")
        return len(mine)

    def find(
        self, params: Params, *, open_only: bool = False, unknown: tuple[int, str] = NO_SUCH_ORDER
    ) -> Order:
        """The order a request means; of those with one client id the newest.

        Raises:
            Refused: There is none.
        """
        symbol = self.market.symbol(params.text("symbol"))
        number, name = checks.which(params, "orderId", "origClientOrderId")
        among = self.working if open_only else self.orders
        if number is not None:
            found = among.get(number)
        else:
            found = next((o for o in reversed(among.values()) if o.client_id == name), None)
        if found is None or found.symbol is not symbol:
            raise Refused(unknown)
        return found

    # what the market does

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """Resting orders take what has come to their price, the best price first, then the oldest."""
        del bids, asks
        for order, part in matching.quoted(
            self._resting(symbol), self.market.books[symbol.symbol], self._allowed
        ):
            self._fill(order, order.price, part, maker=True)

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """Resting orders that somebody traded through fill, as far as the trade's size goes."""
        for order, part in matching.traded(self._resting(symbol), trade, self._allowed):
            self._fill(order, order.price, part, maker=True)

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """Nothing."""

    def passed(self) -> None:
        """Time has passed: GTD orders end, dead-man switches fall, funding is paid."""
        now = self.ms()
        for order in list(self.working.values()):
            if order.good_till and order.good_till <= now:
                self._end(order, "EXPIRED")
        for name, deadline in list(self.deadlines.items()):
            if deadline <= now:
                del self.deadlines[name]
                self.cancel_all(self.market.symbols[name])
        if now // FUNDING_MS != self._funded:
            self._funded = now // FUNDING_MS
            for symbol in self.market.symbols.values():
                self.fund(symbol, self.funding_rate[symbol.symbol])

    def fund(self, symbol: Symbol, rate: Decimal) -> None:
        """Pay funding: longs pay shorts `rate` of what they hold at the mark price."""
        for position in list(self.account.held()):
            if position.symbol is symbol:
                fee = (-position.amount * self.mark(symbol) * rate).quantize(STATED)
                self._earn(symbol, fee, "FUNDING_FEE", self.ms(), 0)
                self._tell_account("FUNDING_FEE", symbol.quote, [], fee)

    # inside

    def _resting(self, symbol: Symbol) -> list[Order]:
        return [order for order in self.working.values() if order.symbol is symbol]

    def _take(self, order: Order) -> None:
        book = self.market.books[order.symbol.symbol]
        size = self._allowed(order)
        for price, part in book.take(order.side, order.price or None, size):
            self._fill(order, price, part, maker=False)

    def _allowed(self, order: Order) -> Decimal:
        return min(order.left, self.account.reducible(order)) if order.reduce_only else order.left

    def _fill(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> None:
        symbol, now = order.symbol, self.ms()
        position = self.account.position(symbol, order.position_side)
        realized = position.trade(order.side, price, size)
        position.updated = now
        commission = (price * size * (symbol.maker if maker else symbol.taker)).quantize(STATED)
        order.filled += size
        order.quote += price * size
        order.updated = now
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        fill = Fill(
            number=FIRST_TRADE + len(self.fills),
            order=order.number,
            symbol=symbol,
            side=order.side,
            position_side=order.position_side,
            price=price,
            size=size,
            commission=commission,
            commission_asset=symbol.quote,
            realized=realized,
            maker=maker,
            ms=now,
        )
        self.fills.append(fill)
        if realized:
            self._earn(symbol, realized, "REALIZED_PNL", now, fill.number)
        self._earn(symbol, -commission, "COMMISSION", now, fill.number)
        self.tell(_lite(order, fill))
        self._tell_account("ORDER", symbol.quote, [position], ZERO)
        self.tell(order.event("TRADE", now, fill))
        if order.status == "FILLED":
            self._over(order)
        self._shrink(position)

    def _shrink(self, position: Position) -> None:
        """Orders that may only reduce end with the position."""
        for order in list(self.working.values()):
            same = order.symbol is position.symbol and order.position_side == position.side
            if same and order.reduce_only and order.kind == "LIMIT" and not self.account.reducible(order):
                self._end(order, "EXPIRED")

    def _end(self, order: Order, status: str) -> None:
        order.status, order.updated = status, self.ms()
        self.tell(order.event(status, order.updated))
        self._over(order)

    def _over(self, order: Order) -> None:
        self.working.pop(order.number, None)
        self.finished(order)

    def _earn(self, symbol: Symbol, amount: Decimal, kind: str, ms: int, trade: int) -> None:
        wallet = self.account.wallet
        wallet[symbol.quote] = wallet.get(symbol.quote, ZERO) + amount
        self.incomes.append(
            {
                "symbol": symbol.symbol,
                "incomeType": kind,
                "income": money(amount),
                "asset": symbol.quote,
                "info": kind,
                "time": ms,
                "tranId": 9_689_322_000 + len(self.incomes),
                "tradeId": str(trade) if trade else "",
            }
        )

    def _tell_account(self, reason: str, asset: str, positions: list[Position], change: Decimal) -> None:
        now = self.ms()
        total = money(self.account.wallet[asset])
        balances = [{"a": asset, "wb": total, "cw": total, "bc": money(change)}]
        told = [self.position_event(position) for position in positions]
        self.tell({"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": {"m": reason, "B": balances, "P": told}})

    def position_event(self, position: Position) -> dict[str, Any]:
        """A position as ACCOUNT_UPDATE writes it."""
        symbol = position.symbol
        isolated = symbol.symbol in self.account.isolated
        return {
            "s": symbol.symbol,
            "pa": symbol.size(position.amount),
            "ep": entry_price(position),
            "bep": entry_price(position),
            "cr": money(position.realized),
            "up": money(position.profit(self.mark(symbol))),
            "mt": "isolated" if isolated else "cross",
            "iw": money(self.account.position_margin(position)) if isolated else "0",
            "ps": position.side,
        }


def entry_price(position: Position) -> str:
    """The mean opening price, with as many decimals as Binance gives: a few more than a price has."""
    return format(position.entry.quantize(Decimal(1).scaleb(-(position.symbol.price_decimals + 4))), "f")


def _lite(order: Order, fill: Fill) -> dict[str, Any]:
    symbol = order.symbol
    return {
        "e": "TRADE_LITE",
        "E": fill.ms,
        "T": fill.ms,
        "s": symbol.symbol,
        "q": symbol.size(order.quantity),
        "p": symbol.price(order.price),
        "m": fill.maker,
        "c": order.client_id,
        "S": order.side,
        "L": symbol.price(fill.price),
        "l": symbol.size(fill.size),
        "t": fill.number,
        "i": order.number,
    }
