"""What spot streams say of the market. What happens on the account is told on the WebSocket API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from framework_binance_sim.prices import aggregate, day_event, mini_event, rows
from framework_binance_sim.refusals import Refused
from framework_binance_sim.streams import Stream
from framework_binance_sim.times import wanted

if TYPE_CHECKING:
    from framework_binance_sim.book import Level
    from framework_binance_sim.spot.public import Public
    from framework_binance_sim.streams import Hub
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print

SPEEDS = ("", "@100ms")


class Feed:
    """Publishes what happens on the market."""

    def __init__(self, hub: Hub, public: Public) -> None:
        self._hub = hub
        self._public = public
        self._market = public.market
        self._previous: dict[str, int] = {}

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """Changed levels, and the best prices."""
        name, update = symbol.symbol.lower(), self._market.books[symbol.symbol].update
        self._hub.publish(f"{name}@bookTicker", self._public.best_event(symbol))
        before = self._previous.get(symbol.symbol, update - 1)
        self._previous[symbol.symbol] = update
        difference = {
            "e": "depthUpdate",
            "E": self._market.ms(),
            "s": symbol.symbol,
            "U": before + 1,
            "u": update,
            "b": rows(symbol, bids),
            "a": rows(symbol, asks),
        }
        for speed in SPEEDS:
            self._hub.publish(f"{name}@depth{speed}", difference)
            for depth in (5, 10, 20):
                stream = f"{name}@depth{depth}{speed}"
                if self._hub.wanted(stream):
                    told = {"lastUpdateId": update, **self._public.sides(symbol, depth)}
                    self._hub.publish(stream, told)

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """A trade, and the klines it belongs to."""
        name = symbol.symbol.lower()
        short = aggregate(symbol, trade)
        head = {"E": self._market.ms(), "s": symbol.symbol}
        self._hub.publish(f"{name}@aggTrade", {"e": "aggTrade", **head, **short, "M": True})
        told = {
            "e": "trade",
            **head,
            "t": trade.number,
            **{key: short[key] for key in ("p", "q", "T", "m")},
            "M": True,
        }
        self._hub.publish(f"{name}@trade", told)
        for interval, klines in self._market.tapes[symbol.symbol].klines.items():
            self._kline(symbol, interval, klines[-1], over=False)

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """A kline that is over."""
        self._kline(symbol, interval, row, over=True)

    def second(self) -> None:
        """What is published every second: tickers and mean prices."""
        if not self._hub.streams:
            return
        minis = []
        for symbol in self._market.symbols.values():
            name, row = symbol.symbol.lower(), self._public.full_row(symbol)
            best = {"x": "prevClosePrice", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
            day = day_event(row) | {short: row[long] for short, long in best.items()}
            minis.append(mini_event(day))
            self._hub.publish(f"{name}@ticker", day)
            self._hub.publish(f"{name}@miniTicker", minis[-1])
        self._hub.publish("!miniTicker@arr", minis)

    def _kline(self, symbol: Symbol, interval: str, row: Kline, *, over: bool) -> None:
        stream = f"{symbol.symbol.lower()}@kline_{interval}"
        if self._hub.wanted(stream):
            told = row.message(symbol, interval, over=over)
            self._hub.publish(stream, {"e": "kline", "E": self._market.ms(), "s": symbol.symbol, "k": told})


def routes(hub: Hub) -> list[web.RouteDef]:
    """The WebSocket routes."""

    async def connect(request: web.Request) -> web.StreamResponse:
        if hub.faults.refuse_streams:
            return web.Response(status=503)
        combined = request.path.endswith("/stream")
        stream = Stream(hub, combined=combined)
        try:
            stream.in_microseconds = wanted(request.query.get("timeUnit"))
        except Refused as refused:
            return web.json_response(refused.body(), status=400)
        names = request.query.get("streams", "") if combined else request.match_info.get("names", "")
        stream.names.update(name for name in names.split("/") if name)
        return await stream.serve(request)

    return [web.get(path, connect) for path in ("/ws", "/ws/{names:.+}", "/stream")]
