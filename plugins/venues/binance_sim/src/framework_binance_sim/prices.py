"""What both products tell of a market: books, trades, klines, and the last 24 hours."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim.tape import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from framework_binance_sim.book import Level
    from framework_binance_sim.market import Market
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Print

ZERO = Decimal(0)
MOST_TRADES = 1_000


class Prices:
    """One method for each thing that can be asked."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def sides(self, symbol: Symbol, limit: int) -> dict[str, list[list[str]]]:
        """The book's levels, best first."""
        book = self.market.books[symbol.symbol]
        return {
            name: rows(symbol, list(levels.items())[:limit])
            for name, levels in (("bids", book.bids), ("asks", book.asks))
        }

    def trades(self, params: Params) -> list[dict[str, Any]]:
        """The last trades."""
        symbol = self.market.symbol(params.text("symbol"))
        start, limit = params.maybe_whole("fromId"), params.limit(500, MOST_TRADES)
        found = [t for t in self.market.tapes[symbol.symbol].trades if t.number >= (start or 0)]
        return [
            {
                "id": trade.number,
                "price": symbol.price(trade.price),
                "qty": symbol.size(trade.size),
                "quoteQty": symbol.worth(trade.price * trade.size),
                "time": trade.ms,
                "isBuyerMaker": trade.buyer_is_maker,
            }
            for trade in (found[-limit:] if start is None else found[:limit])
        ]

    def aggregated(self, params: Params) -> list[dict[str, Any]]:
        """The last trades in the short form; every trade is an aggregate of itself."""
        symbol = self.market.symbol(params.text("symbol"))
        start = params.maybe_whole("fromId") or 0
        found = [
            t for t in self.market.tapes[symbol.symbol].trades if t.number >= start and params.within(t.ms)
        ]
        return [aggregate(symbol, trade) for trade in found[-params.limit(500, MOST_TRADES) :]]

    def klines(self, params: Params, most: int) -> list[list[Any]]:
        """Klines by time."""
        symbol = self.market.symbol(params.maybe("symbol") or params.text("pair"))
        interval = params.choice("interval", INTERVALS, (-1120, "Invalid interval."))
        found = [
            row for row in self.market.tapes[symbol.symbol].klines[interval] if params.within(row.opened)
        ]
        limit = params.limit(500, most)
        return [row.row(symbol) for row in (found[:limit] if "startTime" in params else found[-limit:])]

    def day_row(self, symbol: Symbol) -> dict[str, Any]:
        """The last 24 hours of one symbol."""
        tape, now = self.market.tapes[symbol.symbol], self.market.ms()
        row, last = tape.day(now), tape.last
        opened = row.open if row else symbol.start
        price = row.close if row else symbol.start
        change = price - opened
        mean = row.quote / row.volume if row and row.volume else price
        return {
            "symbol": symbol.symbol,
            "priceChange": symbol.price(change),
            "priceChangePercent": format(change * 100 / opened, ".3f"),
            "weightedAvgPrice": symbol.price(mean),
            "lastPrice": symbol.price(price),
            "lastQty": symbol.size(last.size if last else ZERO),
            "openPrice": symbol.price(opened),
            "highPrice": symbol.price(row.high if row else price),
            "lowPrice": symbol.price(row.low if row else price),
            "volume": symbol.size(row.volume if row else ZERO),
            "quoteVolume": symbol.worth(row.quote if row else ZERO),
            "openTime": row.opened if row else now,
            "closeTime": now,
            "firstId": row.first if row else 0,
            "lastId": row.last if row else 0,
            "count": row.count if row else 0,
        }

    def last(self, symbol: Symbol) -> Decimal:
        """The last price, or where the symbol began."""
        last = self.market.tapes[symbol.symbol].last
        return last.price if last else symbol.start

    def best_row(self, symbol: Symbol) -> dict[str, Any]:
        """The best prices."""
        book = self.market.books[symbol.symbol]
        (bid, bid_size), (ask, ask_size) = book.bid or (ZERO, ZERO), book.ask or (ZERO, ZERO)
        return {
            "symbol": symbol.symbol,
            "bidPrice": symbol.price(bid),
            "bidQty": symbol.size(bid_size),
            "askPrice": symbol.price(ask),
            "askQty": symbol.size(ask_size),
        }

    def best_event(self, symbol: Symbol) -> dict[str, Any]:
        """The best prices as a stream tells them."""
        row = self.best_row(symbol)
        names = {"s": "symbol", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
        return {
            "u": self.market.books[symbol.symbol].update,
            **{short: row[name] for short, name in names.items()},
        }

    def each(self, params: Params, row: Callable[[Symbol], dict[str, Any]]) -> Any:
        """A row of the symbol that is asked for, or of every one."""
        if "symbol" in params:
            return row(self.market.symbol(params.text("symbol")))
        return [row(symbol) for symbol in self.market.symbols.values()]


def rows(symbol: Symbol, levels: Iterable[Level]) -> list[list[str]]:
    """Levels as they are written."""
    return [[symbol.price(price), symbol.size(size)] for price, size in levels]


def aggregate(symbol: Symbol, trade: Print) -> dict[str, Any]:
    """A trade in the short form."""
    return {
        "a": trade.number,
        "p": symbol.price(trade.price),
        "q": symbol.size(trade.size),
        "f": trade.number,
        "l": trade.number,
        "T": trade.ms,
        "m": trade.buyer_is_maker,
    }


def day_event(row: dict[str, Any]) -> dict[str, Any]:
    """The last 24 hours as a stream tells them."""
    names = {
        "s": "symbol",
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "O": "openTime",
        "C": "closeTime",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    return {"e": "24hrTicker", "E": row["closeTime"], **{short: row[name] for short, name in names.items()}}


def mini_event(day: dict[str, Any]) -> dict[str, Any]:
    """The short form of such an event."""
    return {**{name: day[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q")}, "e": "24hrMiniTicker"}
