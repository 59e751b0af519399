"""The market of one product: books, trades and klines of every symbol, and who is told of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from framework_binance_sim.book import Book
from framework_binance_sim.refusals import INVALID_SYMBOL, Refused
from framework_binance_sim.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework_binance_sim.book import Level
    from framework_binance_sim.script import Tick
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print


class Clock:
    """The exchange's clock: this machine's, and how far it is set wrong."""

    skew_us = 0

    def us(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1_000 + self.skew_us

    def ms(self) -> int:
        """Milliseconds since 1970."""
        return self.us() // 1_000


class Listener(Protocol):
    """Is told what happens on a market, in this order: quotes, trades, klines."""

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """Levels changed."""

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """Somebody else traded."""

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """An interval is over."""


class Market:
    """Books and tapes by symbol.

    Attributes:
        symbols: What is listed.
        books: The book of each.
        tapes: The trades of each.
        listeners: Who is told.
    """

    def __init__(self, symbols: Mapping[str, Symbol], clock: Clock) -> None:
        self.symbols = dict(symbols)
        self.books = {name: Book(symbol) for name, symbol in symbols.items()}
        self.tapes = {name: Tape() for name in symbols}
        self.listeners: list[Listener] = []
        self._clock = clock
        self._recorded: int | None = None

    def ms(self) -> int:
        """The market's time: recorded while something recorded is played, otherwise the clock's."""
        return self._clock.ms() if self._recorded is None else self._recorded

    def symbol(self, name: str) -> Symbol:
        """The symbol called `name`.

        Raises:
            Refused: It is not listed.
        """
        symbol = self.symbols.get(name)
        if symbol is None:
            raise Refused(INVALID_SYMBOL)
        return symbol

    def happen(self, tick: Tick) -> None:
        """Let one thing happen: klines that are over, then new prices, then a trade."""
        if tick.ms is not None:
            self._recorded = tick.ms
        symbol = self.symbols[tick.symbol]
        self.close_klines(tick.symbol)
        if tick.book is not None:
            bids, asks = self.books[tick.symbol].show(*tick.book)
            for listener in self.listeners:
                listener.quoted(symbol, bids, asks)
        if tick.changes is not None:
            self.books[tick.symbol].change(*tick.changes)
            for listener in self.listeners:
                listener.quoted(symbol, *tick.changes)
        if tick.trade is not None:
            price, size, buyer_is_maker = tick.trade
            trade = self.tapes[tick.symbol].add(self.ms(), price, size, buyer_is_maker=buyer_is_maker)
            for listener in self.listeners:
                listener.traded(symbol, trade)
        if tick.until is not None:
            self._recorded = tick.until
            self.close_klines(tick.symbol)

    def close_klines(self, name: str | None = None) -> None:
        """Tell of the klines that are over by now."""
        for each in self.symbols if name is None else (name,):
            for interval, row in self.tapes[each].over(self.ms()):
                for listener in self.listeners:
                    listener.kline(self.symbols[each], interval, row)
