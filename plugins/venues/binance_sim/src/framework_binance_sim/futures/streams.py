"""What futures streams say: the market's for everybody, the account's for who has a listen key."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_binance_sim.door import Endpoint
from framework_binance_sim.prices import aggregate, day_event, mini_event, rows
from framework_binance_sim.refusals import Refused
from framework_binance_sim.streams import Stream

if TYPE_CHECKING:
    from framework_binance_sim.book import Level
    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.futures.public import Public
    from framework_binance_sim.params import Params
    from framework_binance_sim.streams import Hub
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Kline, Print

NO_KEY = (
    -1125,
    "This listenKey does not exist. Please use `POST /fapi/v1/listenKey` to recreate `listenKey`",
)
SPEEDS = ("", "@0ms", "@100ms", "@250ms", "@500ms")


class ListenKeys:
    """The listen keys that are alive. An account has one at a time.

    Attributes:
        life: Milliseconds that a key lives without a sign of its user.
    """

    def __init__(self, exchange: Exchange, hub: Hub, life: int = 3_600_000) -> None:
        self.life = life
        self._alive: dict[str, int] = {}
        self._exchange = exchange
        self._hub = hub

    def endpoints(self) -> list[Endpoint]:
        """What is asked about listen keys."""
        path = "/fapi/v1/listenKey"
        return [
            Endpoint("POST", path, self.make, 1, "key", 0, "userDataStream.start"),
            Endpoint("PUT", path, self.keep, 1, "key", 0, "userDataStream.ping"),
            Endpoint("DELETE", path, self.close, 1, "key", 0, "userDataStream.stop"),
        ]

    def make(self, _: Params) -> dict[str, Any]:
        """The key that is alive, for another hour; or a new one."""
        self.expire_old()
        key = next(iter(self._alive), None) or secrets.token_urlsafe(48)
        self._alive[key] = self._exchange.ms() + self.life
        return {"listenKey": key}

    def keep(self, _: Params) -> dict[str, Any]:
        """Another hour for the key."""
        self.expire_old()
        key = next(iter(self._alive), None)
        if key is None:
            raise Refused(NO_KEY)
        self._alive[key] = self._exchange.ms() + self.life
        return {"listenKey": key}

    def close(self, _: Params) -> dict[str, Any]:
        """No key any more."""
        self._alive.clear()
        return {}

    def alive(self, key: str) -> bool:
        """Whether a key may be listened to."""
        self.expire_old()
        return key in self._alive

    def expire_old(self, *, all_of_them: bool = False) -> None:
        """End the keys whose time is over, and tell who listens to them."""
        now = self._exchange.ms()
        for key in [k for k, ends in self._alive.items() if all_of_them or ends <= now]:
            del self._alive[key]
            self._hub.private(key, {"e": "listenKeyExpired", "E": now, "listenKey": key})
            for stream in self._hub.listening(key):
                stream.private.discard(key)

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event of the account to every key."""
        for key in self._alive:
            self._hub.private(key, event)


class Feed:
    """Publishes what happens on the market."""

    def __init__(self, hub: Hub, public: Public, exchange: Exchange) -> None:
        self._hub = hub
        self._public = public
        self._exchange = exchange
        self._market = exchange.market
        self._previous: dict[str, int] = {}

    def quoted(self, symbol: Symbol, bids: list[Level], asks: list[Level]) -> None:
        """Changed levels, and the best prices."""
        name, book, ms = symbol.symbol.lower(), self._market.books[symbol.symbol], self._market.ms()
        head = {"E": ms, "T": ms, "s": symbol.symbol}
        best = {"e": "bookTicker", **head, **self._public.best_event(symbol)}
        for stream in (f"{name}@bookTicker", "!bookTicker"):
            self._hub.publish(stream, best)
        before = self._previous.get(symbol.symbol, book.update - 1)
        self._previous[symbol.symbol] = book.update
        numbers = {"U": before + 1, "u": book.update, "pu": before}
        difference = {
            "e": "depthUpdate",
            **head,
            **numbers,
            "b": rows(symbol, bids),
            "a": rows(symbol, asks),
        }
        for speed in SPEEDS:
            self._hub.publish(f"{name}@depth{speed}", difference)
            for depth in (5, 10, 20):
                stream = f"{name}@depth{depth}{speed}"
                if self._hub.wanted(stream):
                    sides = (rows(symbol, list(side.items())[:depth]) for side in (book.bids, book.asks))
                    self._hub.publish(stream, {**difference, **dict(zip("ba", sides, strict=True))})

    def traded(self, symbol: Symbol, trade: Print) -> None:
        """A trade, and the klines it belongs to."""
        name, ms = symbol.symbol.lower(), self._market.ms()
        short = {"e": "aggTrade", "E": ms, "s": symbol.symbol, **aggregate(symbol, trade)}
        self._hub.publish(f"{name}@aggTrade", short)
        if self._hub.wanted(f"{name}@trade"):
            told = {
                "e": "trade",
                "E": ms,
                "T": trade.ms,
                "s": symbol.symbol,
                "t": trade.number,
                "p": symbol.price(trade.price),
                "q": symbol.size(trade.size),
                "X": "MARKET",
                "m": trade.buyer_is_maker,
            }
            self._hub.publish(f"{name}@trade", told)
        for interval, klines in self._market.tapes[symbol.symbol].klines.items():
            self._kline(symbol, interval, klines[-1], over=False)

    def kline(self, symbol: Symbol, interval: str, row: Kline) -> None:
        """A kline that is over."""
        self._kline(symbol, interval, row, over=True)

    def second(self) -> None:
        """What is published every second: mark prices and tickers."""
        marks, days, minis = [], [], []
        for symbol in self._market.symbols.values():
            name = symbol.symbol.lower()
            mark = _mark(self._public.mark_row(symbol))
            marks.append(mark)
            for speed in ("", "@1s", "@3s"):
                self._hub.publish(f"{name}@markPrice{speed}", mark)
            if self._hub.streams:
                day = day_event(self._public.day_row(symbol))
                days.append(day)
                minis.append(mini_event(day))
                self._hub.publish(f"{name}@ticker", day)
                self._hub.publish(f"{name}@miniTicker", minis[-1])
        for stream, told in (("!ticker@arr", days), ("!miniTicker@arr", minis), ("!markPrice@arr", marks)):
            self._hub.publish(stream, told)
        self._hub.publish("!markPrice@arr@1s", marks)

    def _kline(self, symbol: Symbol, interval: str, row: Kline, *, over: bool) -> None:
        stream = f"{symbol.symbol.lower()}@kline_{interval}"
        if self._hub.wanted(stream):
            told = row.message(symbol, interval, over=over)
            self._hub.publish(stream, {"e": "kline", "E": self._market.ms(), "s": symbol.symbol, "k": told})


def routes(hub: Hub, keys: ListenKeys) -> list[web.RouteDef]:
    """The WebSocket routes, with and without the newer prefixes of market, public and private streams."""

    async def connect(request: web.Request) -> web.StreamResponse:
        if hub.faults.refuse_streams:
            return web.Response(status=503)
        combined = request.path.endswith("/stream")
        stream = Stream(hub, combined=combined)
        names = (
            request.query.get("streams", "").split("/") if combined else [request.match_info.get("names", "")]
        )
        names += [request.query.get("listenKey", "")]
        for name in {name for part in names for name in part.split("/") if name}:
            if keys.alive(name):
                stream.private.add(name)
            elif "@" in name or name.startswith("!"):
                stream.names.add(name)
            else:
                return web.json_response({"code": NO_KEY[0], "msg": NO_KEY[1]}, status=400)
        return await stream.serve(request)

    prefixes = ("", "/market", "/public", "/private")
    paths = [f"{prefix}{path}" for prefix in prefixes for path in ("/ws", "/ws/{names:.+}", "/stream")]
    return [web.get(path, connect) for path in paths]


def _mark(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "e": "markPriceUpdate",
        "E": row["time"],
        "s": row["symbol"],
        "p": row["markPrice"],
        "ap": row["markPrice"],
        "i": row["indexPrice"],
        "P": row["estimatedSettlePrice"],
        "r": row["lastFundingRate"],
        "T": row["nextFundingTime"],
    }
