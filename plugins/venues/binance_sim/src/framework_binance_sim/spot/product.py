"""Spot put together: the market, the account, the door, the streams and the WebSocket API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_binance_sim.connections import Terms
from framework_binance_sim.door import Door
from framework_binance_sim.market import Market
from framework_binance_sim.sessions import Sessions
from framework_binance_sim.spot import messages, private, public, trading
from framework_binance_sim.spot.exchange import Exchange
from framework_binance_sim.spot.lists import Lists
from framework_binance_sim.spot.streams import Feed, routes
from framework_binance_sim.streams import Hub
from framework_binance_sim.weights import SPOT, Count, Meter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from framework_binance_sim.access import KeyRing
    from framework_binance_sim.faults import Faults
    from framework_binance_sim.market import Clock
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol

WEIGHT_A_MINUTE = 6_000
TERMS = Terms(ping=20.0, patience=60.0, rate=5)


class Spot:
    """The product.

    Attributes:
        market: Its books and trades.
        exchange: The account's orders.
        lists: Its order lists.
        hub: Its market streams.
        door: Its limits and endpoints.
        sessions: Its WebSocket API, which also tells the account's events.
        meter: The limits themselves.
    """

    def __init__(
        self,
        symbols: Mapping[str, Symbol],
        start: Mapping[str, Decimal],
        clock: Clock,
        faults: Faults,
        ring: KeyRing,
        terms: Terms = TERMS,
        weight: int = WEIGHT_A_MINUTE,
    ) -> None:
        self.market = Market(symbols, clock)
        self.exchange = Exchange(self.market, clock, start)
        self.lists = Lists(self.exchange)
        orders = {"10S": Count(10, 100), "1D": Count(86_400, 200_000)}
        self.meter = Meter(Count(60, weight), orders, SPOT)
        self.hub = Hub(faults, terms, clock.ms)
        self._feed = Feed(self.hub, public.Public(self.exchange, self.meter))
        self.market.listeners = [self._feed, self.exchange]
        self._trading = trading.Trading(self.exchange, self.lists, self.meter)
        endpoints = [
            *public.endpoints(self.exchange, self.meter),
            *private.endpoints(self.exchange, self.meter),
            *trading.endpoints(self._trading),
        ]
        self.door = Door(endpoints, ring, self.meter, clock, faults, messages)
        methods = {endpoint.action: endpoint for endpoint in endpoints}
        self.sessions = Sessions(self.door, methods, terms, events=True)
        self.exchange.tell = self.sessions.tell

    def routes(self) -> list[web.RouteDef]:
        """Every route of the product."""
        return [*self.door.routes(), *routes(self.hub), web.get("/ws-api/v3", self.sessions.connect)]

    def back_doors(self) -> list[web.RouteDef]:
        """Nothing that only spot has."""
        return []

    def passed(self) -> None:
        """Nothing of spot ends by time."""

    def second(self) -> None:
        """A second has passed."""
        self.market.close_klines()
        self._feed.second()

    def trade(self, params: Params) -> dict[str, Any]:
        """An order by hand, as another client of the account would send it."""
        return self.exchange.place(params).full()

    def cancel(self, params: Params) -> dict[str, Any]:
        """A cancellation by hand."""
        return self._trading.cancel(params)

    def expire(self) -> None:
        """End every subscription to the account's events."""
        self.sessions.expire()

    def truth(self) -> dict[str, Any]:
        """Everything that is so."""
        exchange = self.exchange
        return {
            "orders": [order.body() for order in exchange.orders.values()],
            "lists": [each.body() for each in self.lists.all.values()],
            "fills": [fill.body() for fill in exchange.fills],
            "balances": exchange.account.rows(),
            "arrivals": exchange.arrivals,
            "requests": self.door.requests,
            "streams": len(self.hub.streams),
            "users": len(self.sessions.listening),
            "sockets": len(self.sessions.all),
            "weight": self.meter.weight.used,
            "ms": exchange.ms(),
        }
