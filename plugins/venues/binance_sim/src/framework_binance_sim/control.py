"""The back door, for whoever tests: the market, faults, the account, and the truth.

It listens on its own port, on this machine only, and takes no signature.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_binance_sim.book import LEVELS, ladder
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused
from framework_binance_sim.script import Tick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from framework_binance_sim.stage import Stage

CONDITIONS = {"skew_ms", "latency_ms", "refuse_streams", "half_open"}


def application(stage: Stage) -> web.Application:
    """The HTTP application."""
    control = Control(stage)
    app = web.Application(middlewares=[_explained])
    app.add_routes(
        [
            web.get("/truth", control.truth),
            web.post("/market", control.market),
            web.post("/quote", control.quote),
            web.post("/trade", control.trade),
            web.post("/cancel", control.cancel),
            web.get("/faults", control.faults),
            web.post("/faults", control.arm),
            web.delete("/faults", control.clear),
            web.post("/conditions", control.conditions),
            web.post("/ban", control.ban),
            web.post("/cut", control.cut),
            web.post("/expire", control.expire),
            *stage.product.back_doors(),
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
        return web.json_response({"error": str(refused)}, status=400)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


class Control:
    """One method for each thing a test can do to the exchange."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def truth(self, _: web.Request) -> web.Response:
        """Everything that is so: orders, fills, what is owned, how often each client order id came in."""
        return web.json_response({**self._stage.product.truth(), "ended": self._stage.ended})

    async def market(self, request: web.Request) -> web.Response:
        """Pause, resume or step the market: `{"do": "step", "count": 10}`."""
        body, stage = await body_of(request), self._stage
        match body.get("do"):
            case "pause":
                stage.running.clear()
            case "resume":
                stage.running.set()
            case "step":
                if stage.running.is_set():
                    raise ValueError("pause the market before stepping it")
                return web.json_response(
                    {"done": stage.step(int(body.get("count", 1))), "ended": stage.ended}
                )
            case other:
                raise ValueError(f"`do` must be pause, resume or step, not {other!r}")
        return web.json_response({"running": stage.running.is_set(), "ended": stage.ended})

    async def quote(self, request: web.Request) -> web.Response:
        """Set the best prices, with `levels` of `bid_size` and `ask_size`; `last` prints a trade too."""
        body, market = await body_of(request), self._stage.product.market
        symbol = market.symbol(body["symbol"])
        bid, ask = Decimal(body["bid"]), Decimal(body["ask"])
        sizes = [Decimal(body.get(name, "10")) for name in ("bid_size", "ask_size")]
        numbers = (bid, ask, *sizes)
        if not all(n.is_finite() and n >= 0 for n in numbers) or not 0 < bid < ask:
            raise ValueError(
                "bid and ask must be positive, the bid below the ask, and sizes no less than zero"
            )
        count = int(body.get("levels", LEVELS))
        sides = ladder(symbol, (bid, sizes[0]), (ask, sizes[1]))
        book = ([x for x in sides[0] if x[1]][:count], [x for x in sides[1] if x[1]][:count])
        trade = None
        if "last" in body:
            trade = (Decimal(body["last"]), Decimal(body.get("last_size", "1")), Decimal(body["last"]) <= bid)
        market.happen(Tick(symbol=symbol.symbol, book=book, trade=trade))
        return web.json_response({"update": market.books[symbol.symbol].update})

    async def trade(self, request: web.Request) -> web.Response:
        """Trade by hand on the account, as another client of it would: the parameters of an order."""
        body = {name: str(value) for name, value in (await body_of(request)).items()}
        return web.json_response(self._stage.product.trade(Params({"type": "MARKET", **body})))

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel by hand on the account, as another client of it would."""
        body = {name: str(value) for name, value in (await body_of(request)).items()}
        return web.json_response(self._stage.product.cancel(Params(body)))

    async def arm(self, request: web.Request) -> web.Response:
        """Arm a fault: `{"kind", "on", "when", "count", "seconds", "status"}`."""
        self._stage.faults.arm(await body_of(request))
        return await self.faults(request)

    async def faults(self, _: web.Request) -> web.Response:
        """What is armed and what has struck."""
        faults = self._stage.faults
        armed = [{n: getattr(fault, n) for n in fault.__dataclass_fields__} for fault in faults.armed]
        return web.json_response({"armed": armed, "struck": faults.struck})

    async def clear(self, request: web.Request) -> web.Response:
        """Disarm every fault, forgive every ban, set the clock right."""
        self._stage.faults.clear()
        self._stage.clock.skew_us = 0
        self._stage.product.meter.pardon()
        return await self.faults(request)

    async def conditions(self, request: web.Request) -> web.Response:
        """What lasts until it is changed: `skew_ms`, `latency_ms`, `refuse_streams`, `half_open`."""
        body, stage = await body_of(request), self._stage
        unknown = body.keys() - CONDITIONS
        if unknown:
            raise ValueError(
                f"no condition {', '.join(sorted(unknown))}; there are {', '.join(sorted(CONDITIONS))}"
            )
        stage.clock.skew_us = int(body.get("skew_ms", stage.clock.skew_us // 1_000)) * 1_000
        stage.faults.latency = max(0.0, body.get("latency_ms", stage.faults.latency * 1_000) / 1_000)
        stage.faults.refuse_streams = bool(body.get("refuse_streams", stage.faults.refuse_streams))
        stage.faults.muted = bool(body.get("half_open", stage.faults.muted))
        return web.json_response({"skew_ms": stage.clock.skew_us // 1_000})

    async def ban(self, request: web.Request) -> web.Response:
        """Ban everybody for `seconds`: 418."""
        body, stage = await body_of(request), self._stage
        stage.product.meter.ban(float(body.get("seconds", 120)), stage.clock.us() / 1e6)
        return web.json_response({"until": stage.product.meter.banned_until})

    async def cut(self, request: web.Request) -> web.Response:
        """Cut connections: `which` is all, market, user, trading, or day for the 24 hours' end."""
        product = self._stage.product
        hub, sessions = product.hub, product.sessions
        match (await body_of(request)).get("which", "all"):
            case "all":
                count = sessions.end() + hub.cut()
            case "trading":
                count = sessions.end()
            case "user":
                count = hub.cut(private=True) + sessions.cut()
            case "market":
                count = hub.cut(private=False)
            case "day":
                count = hub.end() + sessions.end(warn=True)
            case _:
                raise ValueError("`which` is all, market, user, trading or day")
        return web.json_response({"cut": count})

    async def expire(self, _: web.Request) -> web.Response:
        """End every listen key, or every subscription to the account's events, now."""
        self._stage.product.expire()
        return web.json_response({})


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; nothing is an empty one."""
    body = json.loads(await request.read() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as a bad value
    return body
