"""What traded of one symbol: the last trades, and klines made of all of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework_binance_sim.symbols import Symbol

KEPT = 1_500
MINUTE_MS = 60_000
INTERVALS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1_440 * MINUTE_MS,
}
DAY_MS = 1_440 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Print:
    """A trade of the market.

    Attributes:
        number: Its id.
        ms: When.
        price: At what price.
        size: How much.
        buyer_is_maker: Whether the buyer rested.
    """

    number: int
    ms: int
    price: Decimal
    size: Decimal
    buyer_is_maker: bool


@dataclass(slots=True)
class Kline:
    """What traded in one interval."""

    opened: int
    closed: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first: int
    last: int
    volume: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    bought_quote: Decimal = Decimal(0)
    count: int = 0

    def add(self, trade: Print) -> None:
        """Count a trade."""
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.close, self.last = trade.price, trade.number
        self.volume += trade.size
        self.quote += trade.size * trade.price
        if not trade.buyer_is_maker:
            self.bought += trade.size
            self.bought_quote += trade.size * trade.price
        self.count += 1

    def row(self, symbol: Symbol) -> list[Any]:
        """As REST writes it."""
        prices = [symbol.price(price) for price in (self.open, self.high, self.low, self.close)]
        bought = [symbol.size(self.bought), symbol.worth(self.bought_quote)]
        volume, quote = symbol.size(self.volume), symbol.worth(self.quote)
        return [self.opened, *prices, volume, self.closed, quote, self.count, *bought, "0"]

    def message(self, symbol: Symbol, interval: str, *, over: bool) -> dict[str, Any]:
        """As a stream writes it."""
        return {
            "t": self.opened,
            "T": self.closed,
            "s": symbol.symbol,
            "i": interval,
            "f": self.first,
            "L": self.last,
            "o": symbol.price(self.open),
            "c": symbol.price(self.close),
            "h": symbol.price(self.high),
            "l": symbol.price(self.low),
            "v": symbol.size(self.volume),
            "n": self.count,
            "x": over,
            "q": symbol.worth(self.quote),
            "V": symbol.size(self.bought),
            "Q": symbol.worth(self.bought_quote),
            "B": "0",
        }


class Tape:
    """The trades of one symbol.

    Attributes:
        trades: The last of them.
        klines: By interval, oldest first; the last one may still grow.
        count: How many trades there were.
    """

    def __init__(self) -> None:
        self.trades: deque[Print] = deque(maxlen=KEPT)
        self.klines: dict[str, deque[Kline]] = {name: deque(maxlen=KEPT) for name in INTERVALS}
        self.count = 0
        self._open = dict.fromkeys(INTERVALS, False)

    @property
    def last(self) -> Print | None:
        """The last trade."""
        return self.trades[-1] if self.trades else None

    def add(self, ms: int, price: Decimal, size: Decimal, *, buyer_is_maker: bool) -> Print:
        """Count a trade into every kline; call `over` with its time first."""
        self.count += 1
        trade = Print(self.count, ms, price, size, buyer_is_maker)
        self.trades.append(trade)
        for interval, length in INTERVALS.items():
            rows, opened = self.klines[interval], ms // length * length
            if not rows or rows[-1].opened != opened:
                closed = opened + length - 1
                rows.append(Kline(opened, closed, price, price, price, price, trade.number, trade.number))
            rows[-1].add(trade)
            self._open[interval] = True
        return trade

    def over(self, ms: int) -> list[tuple[str, Kline]]:
        """The klines that no trade at `ms` or later belongs to, each told once."""
        done = []
        for interval, rows in self.klines.items():
            if self._open[interval] and rows[-1].closed < ms:
                self._open[interval] = False
                done.append((interval, rows[-1]))
        return done

    def day(self, ms: int) -> Kline | None:
        """The last 24 hours as one kline, of the minutes that are kept."""
        rows = [row for row in self.klines["1m"] if row.closed > ms - DAY_MS]
        if not rows:
            return None
        first, last = rows[0], rows[-1]
        return Kline(
            opened=max(first.opened, ms - DAY_MS),
            closed=ms,
            open=first.open,
            high=max(row.high for row in rows),
            low=min(row.low for row in rows),
            close=last.close,
            first=first.first,
            last=last.last,
            volume=sum((row.volume for row in rows), Decimal(0)),
            quote=sum((row.quote for row in rows), Decimal(0)),
            count=sum(row.count for row in rows),
        )
