"""What prices and time do to orders and positions: triggers, stops, targets, expiry, stop-out, swap."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.books import Order, Position
from framework_mt5_terminal.broker.listed import TRIPLE_WEDNESDAY

if TYPE_CHECKING:
    from framework_mt5_terminal.broker.house import House

DAY_MS = 86_400_000
_LIMIT_OF = {
    c.ORDER_TYPE_BUY_STOP_LIMIT: c.ORDER_TYPE_BUY_LIMIT,
    c.ORDER_TYPE_SELL_STOP_LIMIT: c.ORDER_TYPE_SELL_LIMIT,
}
_STOPS = {c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_SELL_STOP}


class Watch:
    """Called after every tick."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._day = house.wall_ms() // DAY_MS

    def look(self, symbol: str) -> None:
        """A symbol has a new tick."""
        for position in [p for p in self._house.positions.values() if p.symbol == symbol]:
            self._protect(position)
        for order in [o for o in self._house.orders.values() if o.symbol == symbol]:
            self._trigger(order)
        self._stop_out()

    def pass_time(self) -> None:
        """Expire what has lived long enough; at the broker's midnight charge the swap."""
        now = self._house.wall_ms()
        for order in list(self._house.orders.values()):
            over = order.expiration and order.expiration * 1000 <= now
            if over or (order.time == c.ORDER_TIME_DAY and order.setup_ms // DAY_MS < now // DAY_MS):
                self._house.file(order, c.ORDER_STATE_EXPIRED)
        if now // DAY_MS > self._day:
            self._day = now // DAY_MS
            self.rollover()

    def rollover(self) -> None:
        """Charge one night's swap, three on Wednesday: points x point x contract x lots."""
        weekday = (self._day + 3) % 7  # 1970 began on a Thursday; 0 is Monday
        nights = 3 if weekday == TRIPLE_WEDNESDAY else 1
        for position in self._house.positions.values():
            listed = self._house.listed[position.symbol]
            points = listed.swap_long if position.buys else listed.swap_short
            amount = points * listed.point * listed.contract * position.volume * nights
            if amount:
                position.swap += self._house.ledger.converted(amount, listed.profit)

    def close_at_market(self, position: Position, reason: int, comment: str) -> None:
        """The broker closes a position, whole."""
        house = self._house
        price = house.current(position.symbol, buys=not position.buys)
        order = Order(
            ticket=house.ticket(),
            symbol=position.symbol,
            type=c.ORDER_TYPE_SELL if position.buys else c.ORDER_TYPE_BUY,
            volume=position.volume,
            left=position.volume,
            price=price,
            magic=position.magic,
            comment=comment,
            reason=reason,
            position=position.ticket,
            setup_ms=house.wall_ms(),
        )
        house.fill(order, position.volume, price, comment)
        house.file(order, c.ORDER_STATE_FILLED)

    def _protect(self, position: Position) -> None:
        price = self._house.current(position.symbol, buys=not position.buys)
        way = 1 if position.buys else -1
        if position.sl and (price - position.sl) * way <= 0:
            self.close_at_market(position, c.ORDER_REASON_SL, f"[sl {position.sl}]")
        elif position.tp and (price - position.tp) * way >= 0:
            self.close_at_market(position, c.ORDER_REASON_TP, f"[tp {position.tp}]")

    def _trigger(self, order: Order) -> None:
        at = self._house.current(order.symbol, buys=order.buys)
        beyond = at - order.price if order.buys else order.price - at
        if order.type in _LIMIT_OF:
            if beyond < 0:
                return
            order.type, order.price, order.stoplimit = _LIMIT_OF[order.type], order.stoplimit, Decimal(0)
            self._trigger(order)
        elif (beyond >= 0) if order.type in _STOPS else (beyond <= 0):
            self._fill(order, at)

    def _fill(self, order: Order, price: Decimal) -> None:
        house = self._house
        last = house.markets[order.symbol].last
        if house.closed and not house.listed[order.symbol].always_open:
            return
        taken = order.left if last is None or last.depth is None else min(order.left, last.depth)
        if order.filling == c.ORDER_FILLING_FOK and order.type in _STOPS and taken < order.left:
            house.file(order, c.ORDER_STATE_CANCELED)
            return
        if not taken:
            return
        if house.margin([(order.symbol, order.buys, taken, price)]) > house.equity:
            house.file(order, c.ORDER_STATE_REJECTED)
            return
        house.fill(order, taken, price)
        if not order.left:
            house.file(order, c.ORDER_STATE_FILLED)
        elif order.filling == c.ORDER_FILLING_IOC:
            house.file(order, c.ORDER_STATE_CANCELED)
        else:
            order.state = c.ORDER_STATE_PARTIAL

    def _stop_out(self) -> None:
        house = self._house
        while house.positions and (margin := house.margin()):
            level = house.equity / margin * 100
            if level > house.account.stop_out:
                return
            worst = min(house.positions.values(), key=house.ledger.floating)
            self.close_at_market(worst, c.ORDER_REASON_SO, f"[so {level:.2f}%/{house.equity}/{margin}]"[:31])
