"""The exchange's back door, for whoever tests: faults, the market, manual trades, and the truth.

It listens on its own port, on this machine only, and takes no signature.
"""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_simexchange.server.market import Tick, quote
from framework_simexchange.server.record import told
from framework_simexchange.server.records import Refused, plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from framework_simexchange.server.venue import Venue


def application(venue: Venue) -> web.Application:
    """The HTTP application."""
    control = Control(venue)
    app = web.Application(middlewares=[_explained])
    app.add_routes(
        [
            web.get("/faults", control.faults),
            web.post("/faults", control.arm),
            web.delete("/faults", control.clear),
            web.post("/conditions", control.conditions),
            web.post("/cut", control.cut),
            web.post("/market", control.market),
            web.post("/quote", control.quote),
            web.post("/trade", control.trade),
            web.post("/cancel", control.cancel),
            web.get("/truth", control.truth),
            web.get("/events", control.events),
            web.get("/record", control.record),
        ]
    )
    return app


@web.middleware
async def _explained(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response({"error": f"{refused.code}: {refused.message}"}, status=refused.status)
    except (ValueError, KeyError, ArithmeticError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


class Control:
    """One method for each thing a test can do to the exchange."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def arm(self, request: web.Request) -> web.Response:
        """Arm a fault: `{"kind", "on", "when", "count", "seconds", "code"}`."""
        return web.json_response({"armed": plain(self._venue.faults.arm(await _body(request)))})

    async def faults(self, _: web.Request) -> web.Response:
        """What is armed and what has struck."""
        faults = self._venue.faults
        return web.json_response({"armed": [plain(fault) for fault in faults.armed], "struck": faults.log})

    async def clear(self, _: web.Request) -> web.Response:
        """Disarm every fault and set the clock right."""
        self._venue.faults.clear()
        self._venue.skew_ns = 0
        return web.json_response({"armed": []})

    async def conditions(self, request: web.Request) -> web.Response:
        """What lasts until it is changed: `skew_ms`, `latency_ms`, `refuse_streams`, `half_open`."""
        body = await _body(request)
        unknown = body.keys() - {"skew_ms", "latency_ms", "refuse_streams", "half_open"}
        if unknown:
            raise ValueError(f"no condition {', '.join(sorted(unknown))}")
        venue = self._venue
        venue.skew_ns = int(body.get("skew_ms", venue.skew_ns // 1_000_000)) * 1_000_000
        venue.faults.latency = max(0.0, body.get("latency_ms", venue.faults.latency * 1_000) / 1_000)
        venue.faults.refuse_streams = bool(body.get("refuse_streams", venue.faults.refuse_streams))
        venue.faults.muted = bool(body.get("half_open", venue.faults.muted))
        return web.json_response({"skew_ms": venue.skew_ns // 1_000_000})

    async def cut(self, _: web.Request) -> web.Response:
        """Cut every WebSocket without a farewell."""
        return web.json_response({"cut": self._venue.hub.cut()})

    async def market(self, request: web.Request) -> web.Response:
        """Pause, resume or step the market: `{"do": "step", "count": 10}`."""
        body = await _body(request)
        match body.get("do"):
            case "pause":
                self._venue.running.clear()
            case "resume":
                self._venue.running.set()
            case "step":
                if self._venue.running.is_set():
                    raise ValueError("pause the market before stepping it")
                done = self._venue.step(int(body.get("count", 1)))
                return web.json_response({"done": done, "ended": self._venue.ended})
            case other:
                raise ValueError(f"`do` must be pause, resume or step, not {other!r}")
        return web.json_response({"running": self._venue.running.is_set(), "ended": self._venue.ended})

    async def quote(self, request: web.Request) -> web.Response:
        """Set the best prices; with `"match": false` it is only published, whatever nonsense it is."""
        body = await _body(request)
        symbol = body["symbol"]
        if symbol not in self._venue.exchange.instruments:
            raise ValueError(f"{symbol!r} is not listed")
        if body.get("match", True):
            numbers = [Decimal(body[name]) for name in ("bid", "ask", "bid_size", "ask_size")]
            if not all(number.is_finite() and number > 0 for number in numbers) or numbers[0] > numbers[1]:
                raise ValueError("these prices can only be published with `match` false")
            self._venue.happen(quote(symbol, *numbers))
        else:
            fields = {name: str(body[name]) for name in ("bid", "ask", "bid_size", "ask_size")}
            self._venue.happen(Tick(symbol=symbol, kind="quote", body=fields))
        return web.json_response({"mseq": self._venue.hub.market_seq})

    async def trade(self, request: web.Request) -> web.Response:
        """Trade by hand on the account: an order that no node has sent."""
        venue, body = self._venue, await _body(request)
        number = len(venue.exchange.orders) + 1
        order = {"client_order_id": f"manual-{number}", "type": "MARKET", **body}
        venue.record(venue.exchange.submit(order, venue.ns(), "manual"))
        return web.json_response({"order": plain(venue.exchange.by_client[order["client_order_id"]])})

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an order as the exchange may do: nobody asked for it."""
        venue, body = self._venue, await _body(request)
        venue.record(venue.exchange.cancel(body["client_order_id"], venue.ns(), "BY_EXCHANGE"))
        return web.json_response({"order": plain(venue.exchange.by_client[body["client_order_id"]])})

    async def truth(self, _: web.Request) -> web.Response:
        """Everything that is so: orders, fills, books, balances, channels, and how often each id was sent."""
        venue = self._venue
        exchange = venue.exchange
        per_id = {
            name: {
                "orders": int(name in exchange.by_client),
                "arrivals": venue.arrivals.get(name, 0),
                "repeats": exchange.repeats.get(name, 0),
            }
            for name in dict.fromkeys((*exchange.by_client, *venue.arrivals))
        }
        return web.json_response(
            {
                "orders": [plain(order) for order in exchange.orders.values()],
                "fills": [plain(fill) for fill in exchange.fills],
                "books": {symbol: plain(book) for symbol, book in exchange.books.items()},
                "positions": venue.positions(),
                "balances": {name: format(total, "f") for name, total in exchange.balances.items()},
                "ids": per_id,
                "requests": dict(venue.requests),
                "session": exchange.session,
                "holder": venue.holder,
                "streams": len(venue.hub.streams),
                "channels": sorted({name for stream in venue.hub.streams for name in stream.channels}),
                "seq": exchange.seq,
                "mseq": venue.hub.market_seq,
                "ns": venue.ns(),
                "boot": venue.boot,
            }
        )

    async def events(self, request: web.Request) -> web.Response:
        """The log itself, after a sequence number."""
        await asyncio.sleep(0)
        after = int(request.query.get("after", "0"))
        return web.json_response({"events": list(self._venue.truth.read(after))})

    async def record(self, _: web.Request) -> web.Response:
        """The whole log in words that know nothing of this exchange, for a checker."""
        venue = self._venue
        rows = told(venue.truth.read(), venue.arrivals, time.time_ns(), venue.times)
        return web.json_response({"rows": list(rows)})


async def _body(request: web.Request) -> dict[str, Any]:
    body = json.loads(await request.read() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as a bad value
    return body
