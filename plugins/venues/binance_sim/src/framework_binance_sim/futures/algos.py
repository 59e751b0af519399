"""Conditional orders: they wait beside the book, and become orders when their price is reached."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from framework_binance_sim.futures import checks
from framework_binance_sim.futures.exchange import FIRST_ORDER
from framework_binance_sim.futures.records import Algo, Order
from framework_binance_sim.refusals import CLOSE_EXISTS, NO_SUCH_ORDER, UNKNOWN_ORDER, Refused

if TYPE_CHECKING:
    from framework_binance_sim.book import Level
    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print

FIRST = 2_148_719
IMMEDIATELY = (-2021, "Order would immediately trigger.")


class Algos:
    """The account's conditional orders.

    Attributes:
        all: Every one there was, by number.
        waiting: Those that wait for their price.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.all: dict[int, Algo] = {}
        self.waiting: dict[int, Algo] = {}
        self._exchange = exchange
        exchange.finished = self._finished

    def place(self, params: Params) -> Algo:
        """Take a conditional order.

        Raises:
            Refused: With the exchange's code.
        """
        exchange = self._exchange
        name = params.maybe("clientAlgoId")
        if name is not None:
            exchange.arrivals[name] = exchange.arrivals.get(name, 0) + 1
        symbol = exchange.market.symbol(params.text("symbol"))
        algo = checks.new_algo(
            params, symbol, FIRST + len(self.all), exchange.ms(), hedge=exchange.account.hedge
        )
        if any(other.client_id == algo.client_id for other in self.waiting.values()):
            raise Refused((-4116, "ClientOrderId is duplicated."))
        mine = [other for other in self.waiting.values() if other.symbol is symbol]
        if symbol.max_algo_orders and len(mine) >= symbol.max_algo_orders:
            raise Refused((-4045, "Reach max stop order limit."))
        same = [
            a
            for a in mine
            if a.close_position and a.side == algo.side and a.position_side == algo.position_side
        ]
        if algo.close_position and any(_up(other) is _up(algo) for other in same):
            raise Refused(CLOSE_EXISTS)
        now = self._price(algo)
        if algo.kind == "TRAILING_STOP_MARKET":
            self._activate(algo, now)
        elif now is not None and _reached(algo, now):
            raise Refused(IMMEDIATELY)
        self.all[algo.number] = self.waiting[algo.number] = algo
        exchange.tell(algo.event(algo.updated))
        return algo

    def cancel(self, params: Params) -> Algo:
        """Cancel a conditional order that still waits.

        Raises:
            Refused: There is none.
        """
        algo = self._find(params, self.waiting, UNKNOWN_ORDER)
        self._close(algo, "CANCELED")
        return algo

    def cancel_all(self, symbol: Symbol) -> None:
        """Cancel all of a symbol."""
        for algo in [a for a in self.waiting.values() if a.symbol is symbol]:
            self._close(algo, "CANCELED")

    def find(self, params: Params) -> Algo:
        """The conditional order a request means.

        Raises:
            Refused: There is none.
        """
        return self._find(params, self.all, NO_SUCH_ORDER)

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """The mark price may have moved."""
        del bids, asks
        self._look(symbol, "MARK_PRICE")

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """The last price may have moved."""
        del trade
        self._look(symbol, "CONTRACT_PRICE")

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """Nothing."""

    def passed(self) -> None:
        """Time has passed: those with an end of their own expire."""
        now = self._exchange.ms()
        for algo in list(self.waiting.values()):
            if algo.good_till and algo.good_till <= now:
                self._close(algo, "EXPIRED")

    def _look(self, symbol: Symbol, working: str) -> None:
        for algo in list(self.waiting.values()):
            if algo.symbol is symbol and algo.working_type == working:
                now = self._price(algo)
                if now is not None and _moved(algo, now):
                    self._trigger(algo)

    def _price(self, algo: Algo) -> Decimal | None:
        if algo.working_type == "MARK_PRICE":
            return self._exchange.mark(algo.symbol)
        last = self._exchange.market.tapes[algo.symbol.symbol].last
        return last.price if last else None

    def _activate(self, algo: Algo, now: Decimal | None) -> None:
        if now is None:
            return
        if algo.activate and (algo.activate >= now if algo.side == "BUY" else algo.activate <= now):
            raise Refused(IMMEDIATELY)
        if not algo.activate:
            algo.activate = algo.extreme = now

    def _trigger(self, algo: Algo) -> None:
        exchange, now = self._exchange, self._exchange.ms()
        del self.waiting[algo.number]
        algo.status, algo.triggered, algo.updated = "TRIGGERING", now, now
        exchange.tell(algo.event(now))
        order = Order(
            symbol=algo.symbol,
            number=0,
            client_id=algo.client_id,
            side=algo.side,
            position_side=algo.position_side,
            kind="LIMIT" if algo.price else "MARKET",
            original_kind=algo.kind,
            tif=algo.tif,
            quantity=algo.quantity,
            price=algo.price,
            created=now,
            updated=now,
            reduce_only=algo.reduce_only,
            close_position=algo.close_position,
            stop_price=algo.trigger,
            working_type=algo.working_type,
            good_till=algo.good_till,
            activate=algo.activate,
            callback=algo.callback,
            algo=algo.number,
        )
        if algo.close_position:
            order.quantity = exchange.account.reducible(order)
        try:
            exchange.admit(order)
        except Refused as refused:
            self._close(algo, "EXPIRED" if algo.close_position else "REJECTED", refused.message)
            return
        algo.order = order
        algo.status = "TRIGGERED"
        algo.actual = FIRST_ORDER + len(exchange.orders)
        exchange.tell(algo.event(now))
        exchange.enter(order)

    def _finished(self, order: Order) -> None:
        algo = self.all.get(order.algo)
        if algo is not None:
            self._close(algo, "FINISHED")

    def _close(self, algo: Algo, status: str, reason: str = "") -> None:
        self.waiting.pop(algo.number, None)
        algo.status, algo.updated = status, self._exchange.ms()
        self._exchange.tell(algo.event(algo.updated, reason))

    @staticmethod
    def _find(params: Params, among: dict[int, Algo], unknown: tuple[int, str]) -> Algo:
        number, name = checks.which(params, "algoId", "clientAlgoId")
        if number is not None:
            found = among.get(number)
        else:
            found = next((a for a in reversed(among.values()) if a.client_id == name), None)
        if found is None:
            raise Refused(unknown)
        return found


def _up(algo: Algo) -> bool:
    """Whether it waits for the price to rise."""
    return (algo.side == "BUY") is algo.kind.startswith("STOP")


def _reached(algo: Algo, now: Decimal) -> bool:
    return now >= algo.trigger if _up(algo) else now <= algo.trigger


def _moved(algo: Algo, now: Decimal) -> bool:
    """Move a trailing stop with the price; whether the order triggers at it."""
    if algo.kind != "TRAILING_STOP_MARKET":
        return _reached(algo, now)
    buys = algo.side == "BUY"
    if algo.extreme is None:
        if algo.activate and (now > algo.activate if buys else now < algo.activate):
            return False
        algo.extreme = now
    algo.extreme = min(algo.extreme, now) if buys else max(algo.extreme, now)
    step = algo.extreme * algo.callback / 100
    algo.trigger = Decimal(algo.symbol.price(algo.extreme + step if buys else algo.extreme - step))
    return now >= algo.extreme + step if buys else now <= algo.extreme - step
