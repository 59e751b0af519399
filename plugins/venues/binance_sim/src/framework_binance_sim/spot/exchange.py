"""The account's orders on the market: what is taken, rests, waits or fills, and what is told of it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from framework_binance_sim import matching
from framework_binance_sim.refusals import NO_SUCH_ORDER, UNKNOWN_ORDER, Refused
from framework_binance_sim.spot import checks
from framework_binance_sim.spot.account import INSUFFICIENT, Account
from framework_binance_sim.spot.records import ALGOS, STATED, ZERO, Fill, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from framework_binance_sim.book import Book, Level
    from framework_binance_sim.market import Clock, Market
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print

FIRST_ORDER, FIRST_TRADE = 12_569_099_453, 1_650_422_481
MEAN_MINUTES = 5
IMMEDIATELY = (-2010, "Order would trigger immediately.")
TAKES = (-2010, "Order would immediately match and take.")
DUPLICATE = (-2010, "Duplicate order sent.")
RESTRICTED = (-2011, "Order was not canceled due to cancel restrictions.")
NO_BOOK = (-2010, "Order book liquidity is less than symbol minimum quantity.")
TOO_THIN = (-2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")
OTHER_ID = (-2039, "Client order ID is not correct for this order ID.")
_REASONS = {"IOC": "UNFILLED_IOC_QUANTITY_EXPIRED", "FOK": "UNFILLED_FOK_ORDER_EXPIRED"}


class Exchange:
    """One account's orders and fills.

    Attributes:
        market: What it trades on.
        account: What it owns.
        orders: Every order there was, by number.
        working: Those that may still fill, also those that wait for their stop price.
        fills: Every trade, oldest first.
        tell: Called with every event of the account.
        arrivals: How often each client order id came in, refused or not.
        started: Called with an order of a list that begins to work or to fill.
        finished: Called with an order that is over.
    """

    def __init__(self, market: Market, clock: Clock, start: Mapping[str, Decimal]) -> None:
        self.market = market
        self.account = Account(start)
        for symbol in market.symbols.values():
            for asset in (symbol.base, symbol.quote):
                self.account.of(asset)
        self.orders: dict[int, Order] = {}
        self.working: dict[int, Order] = {}
        self.fills: list[Fill] = []
        self.tell: Callable[[dict[str, Any]], None] = lambda _: None
        self.arrivals: dict[str, int] = {}
        self.started: Callable[[Order], None] = lambda _: None
        self.finished: Callable[[Order], None] = lambda _: None
        self._clock = clock
        self._executions = count(1)

    def ms(self) -> int:
        """The exchange's time."""
        return self._clock.ms()

    def mean(self, symbol: Symbol) -> Decimal:
        """The mean price of the last five minutes, or the last price, or where the symbol began."""
        tape = self.market.tapes[symbol.symbol]
        since = self.market.ms() - MEAN_MINUTES * 60_000
        recent = [trade for trade in tape.trades if trade.ms >= since]
        size = sum((trade.size for trade in recent), ZERO)
        if size:
            return sum((trade.price * trade.size for trade in recent), ZERO) / size
        return tape.last.price if tape.last else symbol.start

    # requests

    def place(self, params: Params, *, test: bool = False) -> Order:
        """Take an order.

        Raises:
            Refused: With the exchange's code.
        """
        order = self.asked(params, test=test)
        if not test:
            self.admit(order)
            self.account.lock(order.gives, self.needed(order))
            self.enter(order)
            self.settle()
        return order

    def asked(self, params: Params, *, test: bool = False) -> Order:
        """The order that a request is for, when nothing but the account or the book can speak against it.

        Raises:
            Refused: With the exchange's code.
        """
        name = params.maybe("newClientOrderId")
        if name is not None and not test:
            self.arrivals[name] = self.arrivals.get(name, 0) + 1
        symbol = self.market.symbol(params.text("symbol"))
        order = checks.new_order(params, symbol, self.ms())
        checks.check_filters(order, self.mean(symbol))
        return order

    def admit(self, order: Order, *, more: int = 0) -> None:
        """Refuse an order that the account or the book does not allow; `more` go with it.

        Raises:
            Refused: With the exchange's code.
        """
        symbol = order.symbol
        mine = [other for other in self.working.values() if other.symbol is symbol]
        if symbol.max_orders and len(mine) + more >= symbol.max_orders:
            raise checks.failed("MAX_NUM_ORDERS")
        algos = sum(other.kind in ALGOS for other in mine)
        if order.kind in ALGOS and symbol.max_algo_orders and algos >= symbol.max_algo_orders:
            raise checks.failed("MAX_NUM_ALGO_ORDERS")
        if any(other.client_id == order.client_id for other in self.working.values()):
            raise Refused(DUPLICATE)
        book = self.market.books[symbol.symbol]
        if order.quote_quantity:
            order.quantity = self._bought_for(order, book)
        self._check_position(order, mine)
        if order.kind == "LIMIT_MAKER" and book.reachable(order.side, order.price):
            raise Refused(TAKES)
        last = self.market.tapes[symbol.symbol].last
        if order.kind in ALGOS and last is not None and _reached(order, last.price):
            raise Refused(IMMEDIATELY)

    def enter(self, order: Order) -> None:
        """Take in an admitted order, and let it take what it can."""
        order.number = FIRST_ORDER + len(self.orders)
        order.reserved = self.needed(order)
        self.orders[order.number] = self.working[order.number] = order
        if order.kind not in ALGOS:
            order.working = order.created
        self._report(order, "NEW")
        if not order.waits:
            self._take(order)

    def needed(self, order: Order) -> Decimal:
        """What an order locks of the asset it gives away."""
        if order.side == "SELL":
            return order.left
        if order.quote_quantity:
            return order.quote_quantity
        price = order.price or (order.stop_price if order.waits else ZERO)
        return order.left * price if price else self._cost(order)

    def cancel(self, params: Params, number: str = "orderId", name: str = "origClientOrderId") -> Order:
        """The open order that a request to cancel means; it is cancelled by `end`.

        Raises:
            Refused: There is none, or its status is not the one asked for.
        """
        wanted = checks.restriction(params)
        order = self.find(params, number, name, open_only=True)
        if wanted not in {None, order.status}:
            raise Refused(RESTRICTED)
        return order

    def find(
        self,
        params: Params,
        number: str = "orderId",
        name: str = "origClientOrderId",
        *,
        open_only: bool = False,
    ) -> Order:
        """The order a request means; of those with one client id the newest.

        Raises:
            Refused: There is none.
        """
        symbol = self.market.symbol(params.text("symbol"))
        wanted, client_id = checks.which(params, number, name)
        among = self.working if open_only else self.orders
        if wanted is not None:
            found = among.get(wanted)
        else:
            found = next((o for o in reversed(among.values()) if o.client_id == client_id), None)
        if found is None or found.symbol is not symbol:
            raise Refused(UNKNOWN_ORDER if open_only else NO_SUCH_ORDER)
        if client_id not in {None, found.client_id}:
            raise Refused(OTHER_ID)
        return found

    def end(self, order: Order, status: str, *, reason: str = "", cancel_id: str = "") -> None:
        """End an order, and set free what is locked for it."""
        order.status, order.reason, order.updated = status, reason, self.ms()
        self.release(order, ZERO)
        del self.working[order.number]
        self._report(order, status, cancel_id=cancel_id)
        self.finished(order)

    def release(self, order: Order, keep: Decimal) -> None:
        """Lock no more than `keep` for an order."""
        self.account.lock(order.gives, keep - order.reserved)
        order.reserved = keep

    def settle(self) -> None:
        """Tell which balances have changed."""
        if self.account.changed:
            self.tell(self.account.event(self.ms()))

    # what the market does

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """Resting orders take what has come to their price, the best price first, then the oldest."""
        del bids, asks
        for order, part in matching.quoted(
            self._resting(symbol), self.market.books[symbol.symbol], self._allowed
        ):
            self._fill(order, order.price, part, maker=True)
        self.settle()

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """Orders that somebody traded through fill, and those whose stop price is reached begin to work."""
        for order, part in matching.traded(self._resting(symbol), trade, self._allowed):
            self._fill(order, order.price, part, maker=True)
        for order in list(self.working.values()):
            if order.symbol is symbol and order.waits and _reached(order, trade.price):
                self._trigger(order)
        self.settle()

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """Nothing."""

    # inside

    def _report(self, order: Order, execution: str, fill: Fill | None = None, *, cancel_id: str = "") -> None:
        self.tell(order.event(execution, next(self._executions), fill, cancel_id))

    def _resting(self, symbol: Symbol) -> list[Order]:
        return [order for order in self.working.values() if order.symbol is symbol and not order.waits]

    @staticmethod
    def _allowed(order: Order) -> Decimal:
        return order.left if order.is_open else ZERO

    def _trigger(self, order: Order) -> None:
        if not order.is_open:
            return
        self.started(order)
        order.working = order.updated = self.ms()
        self._report(order, "NEW")
        try:
            self.release(order, self.needed(order))
        except Refused:
            self.end(order, "EXPIRED", reason="REJECTED")
            return
        self._take(order)

    def _take(self, order: Order) -> None:
        """Take from the book what is there, and end what may not rest."""
        book, limit = self.market.books[order.symbol.symbol], order.price or None
        if order.tif != "FOK" or book.reachable(order.side, limit) >= order.left:
            for price, part in book.take(order.side, limit, order.left):
                self._fill(order, price, part, maker=False)
        if order.is_open and (limit is None or order.tif in _REASONS):
            self.end(order, "EXPIRED", reason=_REASONS.get(order.tif, "INSUFFICIENT_LIQUIDITY"))

    def _fill(self, order: Order, price: Decimal, size: Decimal, *, maker: bool) -> None:
        self.started(order)
        symbol, now, worth = order.symbol, self.ms(), price * size
        buys = order.side == "BUY"
        received, asset = (size, symbol.base) if buys else (worth, symbol.quote)
        commission = (received * (symbol.maker if maker else symbol.taker)).quantize(STATED)
        fill = Fill(
            number=FIRST_TRADE + len(self.fills),
            order=order,
            price=price,
            size=size,
            commission=commission,
            commission_asset=asset,
            maker=maker,
            ms=now,
        )
        self.fills.append(fill)
        order.fills.append(fill)
        order.filled += size
        order.quote += worth
        order.updated = now
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        given = worth if buys else size
        self.account.spend(order.gives, given)
        self.account.receive(asset, received - commission)
        order.reserved -= given
        if order.price or not buys:
            self.release(order, self.needed(order))
        if order.status == "FILLED":
            self.release(order, ZERO)
            del self.working[order.number]
        self._report(order, "TRADE", fill)
        if order.status == "FILLED":
            self.finished(order)

    def _cost(self, order: Order) -> Decimal:
        """What a market order to buy would pay."""
        cost, left = ZERO, order.left
        for price, size in self.market.books[order.symbol.symbol].asks.items():
            part = min(size, left)
            cost, left = cost + part * price, left - part
        return cost

    def _bought_for(self, order: Order, book: Book) -> Decimal:
        """The quantity that a market order's quote quantity pays for, in whole steps."""
        symbol, left, quantity = order.symbol, order.quote_quantity, ZERO
        if order.side == "BUY" and left > self.account.of(symbol.quote).free:
            raise Refused(INSUFFICIENT)
        levels = book.against(order.side)
        if not levels:
            raise Refused(NO_BOOK)
        step = max(symbol.step, symbol.market_step) or STATED
        for price, size in levels.items():
            part = min(size, left / price // step * step)
            quantity, left = quantity + part, left - part * price
            if part < size:
                break
        else:  # the book ends first; what it cannot fill expires
            quantity += left / price // step * step
        if not quantity or quantity < symbol.min_qty:
            raise Refused(TOO_THIN)
        return quantity

    def _check_position(self, order: Order, mine: list[Order]) -> None:
        symbol, balance = order.symbol, self.account.of(order.symbol.base)
        if order.side == "SELL" or not symbol.max_position:
            return
        bids = sum((other.left for other in mine if other.side == "BUY"), ZERO)
        if balance.free + balance.locked + bids + order.quantity > symbol.max_position:
            raise checks.failed("MAX_POSITION")


def _reached(order: Order, last: Decimal) -> bool:
    return last >= order.stop_price if order.rises else last <= order.stop_price
