"""The dealing desk: what becomes of a request, and the return code that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.books import BUYS, ZERO, Order
from framework_mt5_terminal.broker.listed import FLAG_BOC, FLAG_FOK, FLAG_IOC

if TYPE_CHECKING:
    from framework_mt5_terminal.broker.house import House
    from framework_mt5_terminal.broker.listed import Listed
    from framework_mt5_terminal.broker.market import Quote

MARKET = {c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL}
LIMITS = {c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_SELL_LIMIT}
STOPS = {c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_SELL_STOP}
STOP_LIMITS = {c.ORDER_TYPE_BUY_STOP_LIMIT, c.ORDER_TYPE_SELL_STOP_LIMIT}
PENDING = LIMITS | STOPS | STOP_LIMITS
MAX_ORDERS = 200
_FLAGS = {c.ORDER_FILLING_FOK: FLAG_FOK, c.ORDER_FILLING_IOC: FLAG_IOC, c.ORDER_FILLING_BOC: FLAG_BOC}
_WORDS = {
    c.TRADE_RETCODE_REQUOTE: "Requote",
    c.TRADE_RETCODE_REJECT: "Request rejected",
    c.TRADE_RETCODE_PLACED: "Request placed",
    c.TRADE_RETCODE_DONE: "Request executed",
    c.TRADE_RETCODE_DONE_PARTIAL: "Request executed partially",
    c.TRADE_RETCODE_INVALID: "Invalid request",
    c.TRADE_RETCODE_INVALID_VOLUME: "Invalid volume",
    c.TRADE_RETCODE_INVALID_PRICE: "Invalid price",
    c.TRADE_RETCODE_INVALID_STOPS: "Invalid stops",
    c.TRADE_RETCODE_TRADE_DISABLED: "Trade disabled",
    c.TRADE_RETCODE_MARKET_CLOSED: "Market closed",
    c.TRADE_RETCODE_NO_MONEY: "No money",
    c.TRADE_RETCODE_PRICE_OFF: "Off quotes",
    c.TRADE_RETCODE_NO_CHANGES: "No changes",
    c.TRADE_RETCODE_CLIENT_DISABLES_AT: "AutoTrading disabled by client",
    c.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    c.TRADE_RETCODE_CONNECTION: "No connection",
    c.TRADE_RETCODE_POSITION_CLOSED: "Position closed",
}


@dataclass(slots=True)
class Answer:
    """What the trade server says; the fields of the official result."""

    retcode: int
    deal: int = 0
    order: int = 0
    volume: Decimal = ZERO
    price: Decimal = ZERO
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    comment: str = field(default="")

    def row(self, request_id: int) -> list[object]:
        """The values of an official result, but for the request."""
        words = self.comment or _WORDS.get(self.retcode, f"Return code {self.retcode}")
        prices = (float(self.price), float(self.bid), float(self.ask))
        return [self.retcode, self.deal, self.order, float(self.volume), *prices, words, request_id, 0]


class No(Exception):  # noqa: N818 - the desk's answer, not a malfunction
    """The desk refuses, with a return code."""

    def __init__(self, retcode: int, comment: str = "") -> None:
        super().__init__(retcode)
        self.answer = Answer(retcode, comment=comment)


class Desk:
    """Takes requests of one account."""

    def __init__(self, house: House) -> None:
        self._house = house

    def send(self, request: dict[str, Any]) -> Answer:
        """Do what a request says, or say why not."""
        actions = {
            c.TRADE_ACTION_DEAL: self._deal,
            c.TRADE_ACTION_PENDING: self._pend,
            c.TRADE_ACTION_SLTP: self._protect,
            c.TRADE_ACTION_MODIFY: self._modify,
            c.TRADE_ACTION_REMOVE: self._remove,
            c.TRADE_ACTION_CLOSE_BY: self._close_by,
        }
        wrong = any(isinstance(value, float) and not math.isfinite(value) for value in request.values())
        action = actions.get(request.get("action", 0))
        if not self._house.connected:
            return Answer(c.TRADE_RETCODE_CONNECTION)
        if not self._house.trade_allowed:
            return Answer(c.TRADE_RETCODE_CLIENT_DISABLES_AT)
        if wrong or action is None:
            return Answer(c.TRADE_RETCODE_INVALID)
        try:
            return action(request)
        except No as no:
            return no.answer

    def check(self, request: dict[str, Any]) -> Answer:
        """Whether there would be money for a deal."""
        try:
            listed, quote = self._tradable(request)
            buys = request.get("type") in BUYS
            self._afford(listed, buys=buys, volume=_lots(request), price=quote.ask if buys else quote.bid)
        except No as no:
            return no.answer
        return Answer(0, comment="Done")

    # market orders

    def _deal(self, request: dict[str, Any]) -> Answer:
        house = self._house
        listed, quote = self._tradable(request)
        kind = request.get("type")
        if kind not in MARKET:
            raise No(c.TRADE_RETCODE_INVALID)
        buys = kind == c.ORDER_TYPE_BUY
        volume = self._volume(listed, request)
        price = self._dealt_price(listed, quote, request, buys=buys)
        filling = self._filling(listed, request, market=True)
        position = self._closed_position(listed, request, buys=buys, volume=volume)
        if not position and not self._reduces(listed, buys=buys, volume=volume):
            self._may_open(listed, buys=buys, volume=volume)
            self._afford(listed, buys=buys, volume=volume, price=price)
        sl, tp = self._stops(listed, request, buys=buys, at=quote.bid if buys else quote.ask)
        taken = self._available(quote, volume, filling)
        order = self._order(request, listed, volume=volume, price=price, sl=sl, tp=tp)
        order.position, order.filling = position, filling
        if not taken:
            house.file(order, c.ORDER_STATE_CANCELED)
            raise No(c.TRADE_RETCODE_REJECT, "No liquidity at this price")
        deal = house.fill(order, taken, price)
        house.file(order, c.ORDER_STATE_CANCELED if order.left else c.ORDER_STATE_FILLED)
        retcode = c.TRADE_RETCODE_DONE_PARTIAL if order.left else c.TRADE_RETCODE_DONE
        if house.bare_answers:
            return Answer(retcode, 0, order.ticket, taken, ZERO, quote.bid, quote.ask)
        return Answer(retcode, deal, order.ticket, taken, price, quote.bid, quote.ask)

    def _dealt_price(self, listed: Listed, quote: Quote, request: dict[str, Any], *, buys: bool) -> Decimal:
        price = quote.ask if buys else quote.bid
        if self._house.faults.due("order_send", "before", {"requote"}):
            return self._requote(quote)
        if listed.exemode != c.SYMBOL_TRADE_EXECUTION_INSTANT:
            return price
        wanted = _price(request, "price")
        if not wanted:
            raise No(c.TRADE_RETCODE_INVALID_PRICE)
        if abs(wanted - price) > int(request.get("deviation", 0)) * listed.point:
            return self._requote(quote)
        return price

    @staticmethod
    def _requote(quote: Quote) -> Decimal:
        no = No(c.TRADE_RETCODE_REQUOTE)
        no.answer.bid, no.answer.ask = quote.bid, quote.ask
        raise no

    def _closed_position(
        self, listed: Listed, request: dict[str, Any], *, buys: bool, volume: Decimal
    ) -> int:
        ticket = int(request.get("position", 0))
        if not ticket:
            return 0
        position = self._house.positions.get(ticket)
        if position is None:
            raise No(c.TRADE_RETCODE_POSITION_CLOSED)
        if position.symbol != listed.name or position.buys == buys:
            raise No(c.TRADE_RETCODE_INVALID)
        if volume > position.volume:
            raise No(c.TRADE_RETCODE_INVALID_CLOSE_VOLUME)
        return ticket

    def _reduces(self, listed: Listed, *, buys: bool, volume: Decimal) -> bool:
        held = None if self._house.account.hedging else self._house.netted(listed.name)
        return held is not None and held.buys != buys and volume <= held.volume

    # pending orders

    def _pend(self, request: dict[str, Any]) -> Answer:
        house = self._house
        listed, quote = self._tradable(request)
        kind = request.get("type")
        if kind not in PENDING:
            raise No(c.TRADE_RETCODE_INVALID)
        buys = kind in BUYS
        volume = self._volume(listed, request)
        self._may_open(listed, buys=buys, volume=volume)
        if len(house.orders) >= MAX_ORDERS:
            raise No(c.TRADE_RETCODE_LIMIT_ORDERS)
        filling = self._filling(listed, request, market=False)
        price, stoplimit = _price(request, "price"), _price(request, "stoplimit")
        self._place_allowed(listed, quote, kind, price, stoplimit)
        sl, tp = self._stops(listed, request, buys=buys, at=stoplimit or price)
        order = self._order(request, listed, volume=volume, price=price, sl=sl, tp=tp)
        order.stoplimit, order.filling = stoplimit, filling
        order.time, order.expiration = self._lifetime(request)
        order.state = c.ORDER_STATE_PLACED
        house.orders[order.ticket] = order
        return Answer(house.placed, 0, order.ticket, volume, ZERO, quote.bid, quote.ask)

    def _modify(self, request: dict[str, Any]) -> Answer:
        order = self._resting(request)
        listed, quote = self._tradable({"symbol": order.symbol})
        price, stoplimit = _price(request, "price"), _price(request, "stoplimit")
        self._place_allowed(listed, quote, order.type, price, stoplimit)
        sl, tp = self._stops(listed, request, buys=order.buys, at=stoplimit or price)
        time, expiration = self._lifetime(request)
        wanted = (price, stoplimit, sl, tp, time, expiration)
        if wanted == (order.price, order.stoplimit, order.sl, order.tp, order.time, order.expiration):
            raise No(c.TRADE_RETCODE_NO_CHANGES)
        order.price, order.stoplimit, order.sl, order.tp, order.time, order.expiration = wanted
        return Answer(c.TRADE_RETCODE_DONE, 0, order.ticket, order.left, price, quote.bid, quote.ask)

    def _remove(self, request: dict[str, Any]) -> Answer:
        order = self._resting(request)
        self._tradable({"symbol": order.symbol})
        self._house.file(order, c.ORDER_STATE_CANCELED)
        return Answer(c.TRADE_RETCODE_DONE, 0, order.ticket)

    def _resting(self, request: dict[str, Any]) -> Order:
        order = self._house.orders.get(int(request.get("order", 0)))
        if order is None:
            raise No(c.TRADE_RETCODE_INVALID)
        listed, last = self._house.listed[order.symbol], self._house.markets[order.symbol].last
        near = last is not None and abs(order.price - self._house.current(order.symbol, buys=order.buys))
        if listed.freeze_level and last is not None and near <= listed.freeze_level * listed.point:
            raise No(c.TRADE_RETCODE_FROZEN)
        return order

    def _lifetime(self, request: dict[str, Any]) -> tuple[int, int]:
        time, expiration = int(request.get("type_time", c.ORDER_TIME_GTC)), int(request.get("expiration", 0))
        if time not in {
            c.ORDER_TIME_GTC,
            c.ORDER_TIME_DAY,
            c.ORDER_TIME_SPECIFIED,
            c.ORDER_TIME_SPECIFIED_DAY,
        }:
            raise No(c.TRADE_RETCODE_INVALID_EXPIRATION)
        if time in {c.ORDER_TIME_GTC, c.ORDER_TIME_DAY}:
            return time, 0
        if expiration * 1000 <= self._house.wall_ms():
            raise No(c.TRADE_RETCODE_INVALID_EXPIRATION)
        return time, expiration

    def _place_allowed(
        self, listed: Listed, quote: Quote, kind: int, price: Decimal, stoplimit: Decimal
    ) -> None:
        gap, at = listed.stops_level * listed.point, quote.ask if kind in BUYS else quote.bid
        below = kind in {c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_SELL_STOP, c.ORDER_TYPE_SELL_STOP_LIMIT}
        if price <= 0 or (at - price if below else price - at) < max(gap, ZERO) or price == at:
            raise No(c.TRADE_RETCODE_INVALID_PRICE)
        if (kind in STOP_LIMITS) != bool(stoplimit):
            raise No(c.TRADE_RETCODE_INVALID_PRICE)
        if kind in STOP_LIMITS:
            better = price - stoplimit if kind in BUYS else stoplimit - price
            if better < gap or stoplimit <= 0:
                raise No(c.TRADE_RETCODE_INVALID_PRICE)

    # positions

    def _protect(self, request: dict[str, Any]) -> Answer:
        position = self._house.positions.get(int(request.get("position", 0)))
        if position is None:
            raise No(c.TRADE_RETCODE_POSITION_CLOSED)
        listed, quote = self._tradable({"symbol": position.symbol})
        at = quote.bid if position.buys else quote.ask
        sl, tp = self._stops(listed, request, buys=position.buys, at=at)
        if (sl, tp) == (position.sl, position.tp):
            raise No(c.TRADE_RETCODE_NO_CHANGES)
        position.sl, position.tp, position.changed_ms = sl, tp, self._house.wall_ms()
        return Answer(c.TRADE_RETCODE_DONE, 0, 0, ZERO, ZERO, quote.bid, quote.ask)

    def _close_by(self, request: dict[str, Any]) -> Answer:
        house = self._house
        one = house.positions.get(int(request.get("position", 0)))
        other = house.positions.get(int(request.get("position_by", 0)))
        if one is None or other is None:
            raise No(c.TRADE_RETCODE_POSITION_CLOSED)
        if not house.account.hedging or one.symbol != other.symbol or one.buys == other.buys:
            raise No(c.TRADE_RETCODE_INVALID)
        listed, _ = self._tradable({"symbol": one.symbol})
        volume = min(one.volume, other.volume)
        order = self._order(
            {**request, "type": c.ORDER_TYPE_CLOSE_BY},
            listed,
            volume=volume,
            price=other.price,
            sl=ZERO,
            tp=ZERO,
        )
        order.position, order.position_by = one.identifier, other.identifier
        deals = house.close_by(order, one, other)
        house.file(order, c.ORDER_STATE_FILLED)
        return Answer(c.TRADE_RETCODE_DONE, deals[0], order.ticket, volume, order.price)

    # what every request must respect

    def _tradable(self, request: dict[str, Any]) -> tuple[Listed, Quote]:
        listed = self._house.listed.get(str(request.get("symbol", "")))
        if listed is None:
            raise No(c.TRADE_RETCODE_INVALID)
        if listed.trade_mode == c.SYMBOL_TRADE_MODE_DISABLED:
            raise No(c.TRADE_RETCODE_TRADE_DISABLED)
        if self._house.closed and not listed.always_open:
            raise No(c.TRADE_RETCODE_MARKET_CLOSED)
        last = self._house.markets[listed.name].last
        if last is None:
            raise No(c.TRADE_RETCODE_PRICE_OFF)
        return listed, last

    @staticmethod
    def _volume(listed: Listed, request: dict[str, Any]) -> Decimal:
        volume = _lots(request)
        whole = volume % listed.volume_step == 0
        if not (listed.volume_min <= volume <= listed.volume_max and whole):
            raise No(c.TRADE_RETCODE_INVALID_VOLUME)
        return volume

    def _may_open(self, listed: Listed, *, buys: bool, volume: Decimal) -> None:
        refused = {
            c.SYMBOL_TRADE_MODE_CLOSEONLY: c.TRADE_RETCODE_CLOSE_ONLY,
            c.SYMBOL_TRADE_MODE_LONGONLY: 0 if buys else c.TRADE_RETCODE_LONG_ONLY,
            c.SYMBOL_TRADE_MODE_SHORTONLY: c.TRADE_RETCODE_SHORT_ONLY if buys else 0,
        }.get(listed.trade_mode, 0)
        if refused:
            raise No(refused)
        held = [p for p in self._house.positions.values() if p.symbol == listed.name and p.buys == buys]
        waiting = [o for o in self._house.orders.values() if o.symbol == listed.name and o.buys == buys]
        together = sum((p.volume for p in held), ZERO) + sum((o.left for o in waiting), ZERO) + volume
        if listed.volume_limit and together > listed.volume_limit:
            raise No(c.TRADE_RETCODE_LIMIT_VOLUME)

    def _afford(self, listed: Listed, *, buys: bool, volume: Decimal, price: Decimal) -> None:
        if self._house.margin([(listed.name, buys, volume, price)]) > self._house.equity:
            raise No(c.TRADE_RETCODE_NO_MONEY)

    @staticmethod
    def _filling(listed: Listed, request: dict[str, Any], *, market: bool) -> int:
        filling = int(request.get("type_filling", c.ORDER_FILLING_FOK))
        exchange = listed.exemode == c.SYMBOL_TRADE_EXECUTION_EXCHANGE
        if filling == c.ORDER_FILLING_RETURN:
            allowed = exchange or not market
        elif filling == c.ORDER_FILLING_BOC:
            allowed = not market and bool(listed.filling & FLAG_BOC) and request.get("type") in LIMITS
        else:
            allowed = filling in _FLAGS and bool(listed.filling & _FLAGS[filling])
        if not allowed:
            raise No(c.TRADE_RETCODE_INVALID_FILL)
        return filling

    def _stops(
        self, listed: Listed, request: dict[str, Any], *, buys: bool, at: Decimal
    ) -> tuple[Decimal, Decimal]:
        sl, tp = _price(request, "sl"), _price(request, "tp")
        gap, way = listed.stops_level * listed.point, 1 if buys else -1
        if (sl and (at - sl) * way <= 0) or (sl and (at - sl) * way < gap):
            raise No(c.TRADE_RETCODE_INVALID_STOPS)
        if (tp and (tp - at) * way <= 0) or (tp and (tp - at) * way < gap):
            raise No(c.TRADE_RETCODE_INVALID_STOPS)
        return sl, tp

    @staticmethod
    def _available(quote: Quote, volume: Decimal, filling: int) -> Decimal:
        if quote.depth is None or quote.depth >= volume:
            return volume
        return ZERO if filling == c.ORDER_FILLING_FOK else quote.depth

    def _order(
        self, request: dict[str, Any], listed: Listed, *, volume: Decimal, price: Decimal, sl: Decimal,
        tp: Decimal,
    ) -> Order:  # fmt: skip
        return Order(
            ticket=self._house.ticket(),
            symbol=listed.name,
            type=int(request["type"]),
            volume=volume,
            left=volume,
            price=price,
            sl=sl,
            tp=tp,
            magic=int(request.get("magic", 0)),
            comment=self._house.said(str(request.get("comment", ""))),
            setup_ms=self._house.wall_ms(),
        )


def _lots(request: dict[str, Any]) -> Decimal:
    return Decimal(str(request.get("volume", 0)))


def _price(request: dict[str, Any], name: str) -> Decimal:
    return Decimal(str(request.get(name, 0)))
