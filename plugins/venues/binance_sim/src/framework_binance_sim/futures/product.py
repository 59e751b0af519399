"""USD-M futures put together: the market, the account, the door and the streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_binance_sim.door import Door
from framework_binance_sim.futures import private, public, trading
from framework_binance_sim.futures.algos import Algos
from framework_binance_sim.futures.control import back_doors
from framework_binance_sim.futures.exchange import Exchange
from framework_binance_sim.futures.records import money
from framework_binance_sim.futures.streams import Feed, ListenKeys, routes
from framework_binance_sim.market import Market
from framework_binance_sim.sessions import Sessions
from framework_binance_sim.streams import Hub
from framework_binance_sim.weights import Count, Meter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from framework_binance_sim.access import KeyRing
    from framework_binance_sim.connections import Terms
    from framework_binance_sim.faults import Faults
    from framework_binance_sim.market import Clock
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol

WEIGHT_A_MINUTE = 2_400
METHODS = {
    "order.place": ("POST", "/fapi/v1/order"),
    "order.test": ("POST", "/fapi/v1/order/test"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}


class Futures:
    """The product.

    Attributes:
        market: Its books and trades.
        exchange: The account's orders.
        algos: Its conditional orders.
        hub: Its streams.
        keys: Its listen keys.
        door: Its limits and endpoints.
        sessions: Its WebSocket API.
        meter: The limits themselves.
    """

    def __init__(
        self,
        symbols: Mapping[str, Symbol],
        wallet: Mapping[str, Decimal],
        clock: Clock,
        faults: Faults,
        ring: KeyRing,
        terms: Terms,
        weight: int = WEIGHT_A_MINUTE,
    ) -> None:
        self.market = Market(symbols, clock)
        self.exchange = Exchange(self.market, clock, wallet)
        self.algos = Algos(self.exchange)
        self.meter = Meter(Count(60, weight), {"1M": Count(60, 1_200), "10S": Count(10, 300)})
        self.hub = Hub(faults, terms, clock.ms)
        self.keys = ListenKeys(self.exchange, self.hub)
        self.exchange.tell = self.keys.tell
        self._feed = Feed(self.hub, public.Public(self.exchange, self.meter), self.exchange)
        self.market.listeners = [self._feed, self.exchange, self.algos]
        endpoints = [
            *public.endpoints(self.exchange, self.meter),
            *private.endpoints(self.exchange, self.meter),
            *trading.endpoints(self.exchange, self.algos),
            *self.keys.endpoints(),
        ]
        self.door = Door(endpoints, ring, self.meter, clock, faults)
        self.sessions = Sessions(self.door, self.door.methods(METHODS), terms, events=False)

    def routes(self) -> list[web.RouteDef]:
        """Every route of the product."""
        return [
            *self.door.routes(),
            *routes(self.hub, self.keys),
            web.get("/ws-fapi/v1", self.sessions.connect),
        ]

    def back_doors(self) -> list[web.RouteDef]:
        """Routes of the control port that only futures have."""
        return back_doors(self.exchange, self.algos)

    def passed(self) -> None:
        """Time has passed."""
        self.exchange.passed()
        self.algos.passed()
        self.keys.expire_old()

    def second(self) -> None:
        """A second has passed."""
        self.market.close_klines()
        self._feed.second()

    def trade(self, params: Params) -> dict[str, Any]:
        """An order by hand, as another client of the account would send it."""
        return self.exchange.place(params).body()

    def cancel(self, params: Params) -> dict[str, Any]:
        """A cancellation by hand."""
        return self.exchange.cancel(params).body()

    def expire(self) -> None:
        """End every listen key."""
        self.keys.expire_old(all_of_them=True)

    def truth(self) -> dict[str, Any]:
        """Everything that is so."""
        exchange = self.exchange
        return {
            "orders": [order.body() for order in exchange.orders.values()],
            "algos": [algo.body() for algo in self.algos.all.values()],
            "fills": [fill.body() for fill in exchange.fills],
            "positions": [exchange.position_event(position) for position in exchange.account.held()],
            "wallet": {asset: money(amount) for asset, amount in exchange.account.wallet.items()},
            "incomes": exchange.incomes,
            "arrivals": exchange.arrivals,
            "hedge": exchange.account.hedge,
            "leverage": dict(exchange.account.leverage),
            "isolated": sorted(exchange.account.isolated),
            "requests": self.door.requests,
            "streams": len(self.hub.streams),
            "users": sum(bool(stream.private) for stream in self.hub.streams),
            "sockets": len(self.sessions.all),
            "weight": self.meter.weight.used,
            "ms": exchange.ms(),
        }
