"""The back doors that only futures have: mark prices and funding."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web

from framework_binance_sim.control import body_of

if TYPE_CHECKING:
    from framework_binance_sim.futures.algos import Algos
    from framework_binance_sim.futures.exchange import Exchange


def back_doors(exchange: Exchange, algos: Algos) -> list[web.RouteDef]:
    """The routes."""

    async def mark(request: web.Request) -> web.Response:
        """Set a mark price; null lets it follow the book again."""
        body = await body_of(request)
        symbol = exchange.market.symbol(body["symbol"])
        exchange.marks.pop(symbol.symbol, None)
        if body.get("price") is not None:
            exchange.marks[symbol.symbol] = Decimal(body["price"])
        algos.quoted(symbol, [], [])
        return web.json_response({"mark": str(exchange.mark(symbol))})

    async def funding(request: web.Request) -> web.Response:
        """Pay funding now at `rate`, or at the rate that is due."""
        body = await body_of(request)
        symbol = exchange.market.symbol(body["symbol"])
        exchange.fund(symbol, Decimal(body.get("rate", exchange.funding_rate[symbol.symbol])))
        return web.json_response({"incomes": len(exchange.incomes)})

    return [web.post("/mark", mark), web.post("/funding", funding)]
