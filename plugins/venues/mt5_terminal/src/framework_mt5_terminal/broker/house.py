"""The broker's books and how a deal changes them: positions by hedging or by netting, money, history."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.account import Account, Ledger
from framework_mt5_terminal.broker.books import ZERO, Deal, Order, Position
from framework_mt5_terminal.broker.faults import Faults
from framework_mt5_terminal.broker.listed import Listed, offered
from framework_mt5_terminal.broker.market import Market
from framework_mt5_terminal.broker.time import BrokerTime

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

FIRST_TICKET = 200_000_001


@dataclass(slots=True)
class Shelf:
    """The books of one moment."""

    orders: dict[int, Order]
    past: dict[int, Order]
    deals: list[Deal]
    positions: dict[int, Position]


class House:
    """Everything the broker knows.

    Args:
        account: The one account.
        zone: What its clock shows; see `BrokerTime`.
        seed: Of the prices.
        history: Minutes of prices before the first tick.
        comments: What becomes of comments: `keep`, or `overwrite` as some brokers do.
        placed: The return code of a pending order that was placed; live brokers say 10009.
        bare_answers: Deals and prices are left out of answers, as under market execution at some brokers.
    """

    def __init__(
        self,
        account: Account,
        *,
        zone: str = "Europe/Athens",
        seed: int = 7,
        history: int = 600,
        comments: str = "keep",
        placed: int = c.TRADE_RETCODE_DONE,
        bare_answers: bool = False,
    ) -> None:
        self.time = BrokerTime(zone)
        self.account = account
        self.listed: dict[str, Listed] = offered()
        self.markets = {
            name: Market(listed, self.time, seed=seed, history=history)
            for name, listed in self.listed.items()
        }
        for market in self.markets.values():
            listed = market.listed
            market.set(listed.price, listed.price + listed.spread * listed.point)
        self.ledger = Ledger(account, self.markets)
        self.faults = Faults()
        self.comments = comments
        self.placed = placed
        self.bare_answers = bare_answers
        self.closed = False
        self.trade_allowed = True
        self.orders: dict[int, Order] = {}
        self.past: dict[int, Order] = {}
        self.deals: list[Deal] = []
        self.positions: dict[int, Position] = {}
        self.sent: list[dict[str, object]] = []
        self.overlaps = 0
        self.remembered: Shelf | None = None
        self._tickets = itertools.count(FIRST_TICKET)

    # what the terminal sees

    @property
    def connected(self) -> bool:
        """Whether the terminal is connected to the broker; without it, it shows what it remembers."""
        return self.remembered is None

    @connected.setter
    def connected(self, value: bool) -> None:
        if not value and self.remembered is None:
            self.remembered = copy.deepcopy(Shelf(self.orders, self.past, self.deals, self.positions))
        elif value:
            self.remembered = None

    @property
    def shown(self) -> Shelf:
        """The books as the terminal shows them."""
        return self.remembered or Shelf(self.orders, self.past, self.deals, self.positions)

    # time and money

    def now_ns(self) -> int:
        """UTC."""
        return self.time.now_ns()

    def wall_ms(self) -> int:
        """The broker's clock."""
        return self.time.wall_ms(self.now_ns())

    def ticket(self) -> int:
        """The next number, for orders and deals alike."""
        return next(self._tickets)

    @property
    def profit(self) -> Decimal:
        """What all open positions come to."""
        return sum((self.ledger.floating(p) + p.swap for p in self.positions.values()), ZERO)

    @property
    def equity(self) -> Decimal:
        """Balance and open profit."""
        return self.account.balance + self.profit

    def margin(self, extra: Iterable[tuple[str, bool, Decimal, Decimal]] = ()) -> Decimal:
        """What open positions hold back: the larger side of each symbol, at the prices paid."""
        sides: dict[tuple[str, bool], Decimal] = {}
        held = [(p.symbol, p.buys, p.volume, p.price) for p in self.positions.values()]
        for symbol, buys, volume, price in [*held, *extra]:
            margin = self.ledger.margin(self.listed[symbol], volume, price)
            sides[symbol, buys] = sides.get((symbol, buys), ZERO) + margin
        symbols = {symbol for symbol, _ in sides}
        return sum((max(sides.get((s, True), ZERO), sides.get((s, False), ZERO)) for s in symbols), ZERO)

    def current(self, symbol: str, *, buys: bool) -> Decimal:
        """The price at which somebody who buys, or sells, trades now."""
        last = self.markets[symbol].last
        return ZERO if last is None else last.ask if buys else last.bid

    def netted(self, symbol: str) -> Position | None:
        """The symbol's one position on a netting account."""
        return next((p for p in self.positions.values() if p.symbol == symbol), None)

    # changing the books

    def file(self, order: Order, state: int) -> None:
        """An order is over; the history shows it after the lag."""
        order.state = state
        order.done_ms = self.wall_ms()
        order.seen_ns = self._seen_ns()
        self.orders.pop(order.ticket, None)
        self.past[order.ticket] = order

    def fill(self, order: Order, volume: Decimal, price: Decimal, comment: str | None = None) -> int:
        """A deal of an order; returns its ticket."""
        order.left -= volume
        self.markets[order.symbol].used(volume)
        if not self.account.hedging:
            return self._fill_netting(order, volume, price, comment)
        if order.position not in {0, order.ticket}:
            return self._fill_out(order, self.positions[order.position], volume, price, comment)
        return self._fill_in(order, volume, price, comment)

    def close_by(self, order: Order, one: Position, other: Position) -> list[int]:
        """Close two opposite positions against each other at the price of the first."""
        volume = min(one.volume, other.volume)
        order.left = ZERO
        first = self._fill_out(order, one, volume, other.price, None, c.DEAL_ENTRY_OUT_BY)
        second = self._fill_out(order, other, volume, other.price, None, c.DEAL_ENTRY_OUT_BY, buys=one.buys)
        return [first, second]

    def book(self, kind: int, amount: Decimal, comment: str) -> None:
        """Money in or out: a deposit, a swap charged to the balance."""
        self.account.balance += amount
        self._deal(None, kind, c.DEAL_ENTRY_IN, 0, ZERO, ZERO, profit=amount, comment=comment)

    def said(self, comment: str) -> str:
        """What the broker makes of a comment."""
        return comment if self.comments == "keep" else ""

    # how

    def _fill_in(self, order: Order, volume: Decimal, price: Decimal, comment: str | None) -> int:
        position = self.positions.get(order.ticket)
        now = self.wall_ms()
        if position is None:
            position = Position(
                ticket=order.ticket, identifier=order.ticket, symbol=order.symbol, buys=order.buys,
                volume=volume, price=price, sl=order.sl, tp=order.tp, magic=order.magic,
                comment=order.comment, opened_ms=now, changed_ms=now,
            )  # fmt: skip
            self.positions[position.ticket] = position
        else:
            self._add(position, volume, price)
        return self._deal(order, None, c.DEAL_ENTRY_IN, position.identifier, volume, price, comment=comment)

    def _fill_out(
        self, order: Order, position: Position, volume: Decimal, price: Decimal, comment: str | None,
        entry: int = c.DEAL_ENTRY_OUT, *, buys: bool | None = None,
    ) -> int:  # fmt: skip
        profit = self.ledger.profit(
            self.listed[position.symbol],
            buys=position.buys,
            volume=volume,
            opened=position.price,
            closed=price,
        )
        swap = (position.swap * volume / position.volume).quantize(self.account.cent)
        position.swap -= swap
        position.volume -= volume
        position.changed_ms = self.wall_ms()
        if not position.volume:
            del self.positions[position.ticket]
        self.account.balance += profit + swap
        closing = (not position.buys) if buys is None else buys
        kind = c.DEAL_TYPE_BUY if closing else c.DEAL_TYPE_SELL
        return self._deal(
            order, kind, entry, position.identifier, volume, price, profit=profit, swap=swap, comment=comment
        )

    def _fill_netting(self, order: Order, volume: Decimal, price: Decimal, comment: str | None) -> int:
        position = self.netted(order.symbol)
        if position is None:
            return self._fill_in(order, volume, price, comment)
        if position.buys == order.buys:
            self._add(position, volume, price)
            position.sl, position.tp = order.sl or position.sl, order.tp or position.tp
            return self._deal(
                order, None, c.DEAL_ENTRY_IN, position.identifier, volume, price, comment=comment
            )
        if volume <= position.volume:
            return self._fill_out(order, position, volume, price, comment)
        profit = self.ledger.profit(
            self.listed[position.symbol], buys=position.buys, volume=position.volume,
            opened=position.price, closed=price,
        )  # fmt: skip
        swap, position.swap = position.swap, ZERO
        self.account.balance += profit + swap
        del self.positions[position.ticket]
        position.ticket = order.ticket
        position.buys, position.volume, position.price = order.buys, volume - position.volume, price
        position.sl, position.tp, position.changed_ms = order.sl, order.tp, self.wall_ms()
        self.positions[position.ticket] = position
        return self._deal(
            order, None, c.DEAL_ENTRY_INOUT, position.identifier, volume, price,
            profit=profit, swap=swap, comment=comment,
        )  # fmt: skip

    def _add(self, position: Position, volume: Decimal, price: Decimal) -> None:
        together = position.volume + volume
        position.price = (position.price * position.volume + price * volume) / together
        position.volume = together
        position.changed_ms = self.wall_ms()

    def _deal(
        self, order: Order | None, kind: int | None, entry: int, position: int, volume: Decimal,
        price: Decimal, *, profit: Decimal = ZERO, swap: Decimal = ZERO, comment: str | None = None,
    ) -> int:  # fmt: skip
        commission = ZERO
        if order is not None:
            commission = -(self.listed[order.symbol].commission * volume).quantize(self.account.cent)
            self.account.balance += commission
            order.position = order.position or position
        if kind is None:
            kind = c.DEAL_TYPE_BUY if order is not None and order.buys else c.DEAL_TYPE_SELL
        deal = Deal(
            ticket=self.ticket(),
            order=0 if order is None else order.ticket,
            wall_ms=self.wall_ms(),
            type=kind,
            entry=entry,
            magic=0 if order is None else order.magic,
            position=position,
            reason=_REASONS.get(
                c.ORDER_REASON_EXPERT if order is None else order.reason, c.DEAL_REASON_EXPERT
            ),
            volume=volume,
            price=price,
            commission=commission,
            swap=swap,
            profit=profit,
            symbol="" if order is None else order.symbol,
            comment=comment if comment is not None else "" if order is None else order.comment,
            seen_ns=self._seen_ns(),
        )
        self.deals.append(deal)
        return deal.ticket

    def _seen_ns(self) -> int:
        return self.now_ns() + int(self.faults.history_lag * 1e9)


_REASONS = {
    c.ORDER_REASON_CLIENT: c.DEAL_REASON_CLIENT,
    c.ORDER_REASON_EXPERT: c.DEAL_REASON_EXPERT,
    c.ORDER_REASON_SL: c.DEAL_REASON_SL,
    c.ORDER_REASON_TP: c.DEAL_REASON_TP,
    c.ORDER_REASON_SO: c.DEAL_REASON_SO,
}
