"""Order lists: two orders of which one cancels the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework_binance_sim.refusals import NO_SUCH_ORDER, UNKNOWN_ORDER, Refused, neither
from framework_binance_sim.spot import checks
from framework_binance_sim.spot.records import ZERO, Order, OrderList

if TYPE_CHECKING:
    from framework_binance_sim.params import Params
    from framework_binance_sim.spot.exchange import Exchange

BAD_PRICES = (-2010, "The relationship of the prices for the orders is not correct.")
DUPLICATE = (-2010, "Duplicate order sent.")


class Lists:
    """The account's order lists.

    Attributes:
        all: Every one there was, by number.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.all: dict[int, OrderList] = {}
        self._exchange = exchange
        exchange.started = self._started
        exchange.finished = self._finished

    @property
    def open(self) -> list[OrderList]:
        """Those that are not done."""
        return [each for each in self.all.values() if not each.done]

    def place_oco(self, params: Params) -> OrderList:
        """Take two orders at once.

        Raises:
            Refused: With the exchange's code; then neither is taken.
        """
        exchange = self._exchange
        name = params.matched("listClientOrderId", checks.CLIENT_ID) or checks.made_up()
        stop, profit = orders = [exchange.asked(leg) for leg in checks.legs(params)]
        if any(each.client_id == name for each in self.open) or stop.client_id == profit.client_id:
            raise Refused(DUPLICATE)
        self._check_prices(stop, profit)
        for order in orders:
            exchange.admit(order, more=1)
        most = max(map(exchange.needed, orders))
        exchange.account.lock(stop.gives, most)  # one of them alone will be paid for
        made = OrderList(
            symbol=stop.symbol, number=len(self.all), client_id=name, orders=orders, updated=stop.updated
        )
        self.all[made.number] = made
        for order in orders:
            order.group = made
            exchange.enter(order)
        stop.reserved, profit.reserved = most, ZERO
        exchange.tell(made.event(made.updated))
        exchange.settle()
        return made

    def cancel(self, each: OrderList, cancel_id: str) -> None:
        """Cancel both orders."""
        for order in each.orders:
            if order.is_open:
                self._exchange.end(order, "CANCELED", cancel_id=cancel_id)
        self._exchange.settle()

    def find(self, params: Params, name: str, *, open_only: bool = False) -> OrderList:
        """The list a request means.

        Raises:
            Refused: There is none.
        """
        number, client_id = params.maybe_whole("orderListId"), params.maybe(name)
        if (number, client_id) == (None, None):
            raise neither("orderListId", name)
        for each in reversed(self.open if open_only else self.all.values()):
            if number in {None, each.number} and client_id in {None, each.client_id}:
                return each
        raise Refused(UNKNOWN_ORDER if open_only else NO_SUCH_ORDER)

    def _check_prices(self, stop: Order, profit: Order) -> None:
        """A profit is beyond the last price, on the other side of it than the stop-loss."""
        last = self._exchange.market.tapes[stop.symbol.symbol].last
        if last is None:
            return
        target = profit.stop_price if profit.kind == "TAKE_PROFIT" else profit.price
        low, high = (target, stop.stop_price) if stop.side == "BUY" else (stop.stop_price, target)
        if not low < last.price < high:
            raise Refused(BAD_PRICES)

    def _started(self, order: Order) -> None:
        """The other order ends when one begins to work or to fill, and what this one needs is locked."""
        if order.group is None:
            return
        other = order.group.other(order)
        if other.is_open:
            self._exchange.end(other, "EXPIRED", reason="OCO_TRIGGER")
            self._exchange.release(order, self._exchange.needed(order))

    def _finished(self, order: Order) -> None:
        each = order.group
        if each is not None and not each.done and not any(one.is_open for one in each.orders):
            each.done, each.updated = True, order.updated
            self._exchange.tell(each.event(each.updated))
