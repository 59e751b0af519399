"""The door of one product: every request passes limits, signature and the faults that were asked for."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import parse_qsl

from aiohttp import web

from framework_binance_sim.access import unsigned
from framework_binance_sim.faults import REQUEST_KINDS
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused
from framework_binance_sim.times import microseconds, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from framework_binance_sim.access import KeyRing
    from framework_binance_sim.faults import Fault, Faults
    from framework_binance_sim.market import Clock
    from framework_binance_sim.weights import Meter

OK, NOT_FOUND, BANNED = 200, 404, 418
BINARY = "application/sbe"
BAD_SCHEMA_HEADER = (-1152, "Invalid `X-MBX-SBE` header; expected `<SCHEMA_ID>:<VERSION>`.")
UNKNOWN_SCHEMA = (-1153, "Unsupported SBE schema ID or version specified in the `X-MBX-SBE` header.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Something that can be asked.

    Attributes:
        method: The HTTP method.
        path: The path.
        answer: Makes the answer of the parameters; may be a coroutine.
        weight: What it costs; a function of the parameters where it depends on them.
        access: What the request has to carry: nothing, an API key, or a signature.
        orders: New orders it counts as.
        action: What faults and the WebSocket API call it: `order.place`.
    """

    method: str
    path: str
    answer: Callable[[Params], Any]
    weight: int | Callable[[Params], int] = 1
    access: Literal["none", "key", "signed"] = "none"
    orders: int = 0
    action: str = "other"

    def cost(self, params: Params) -> int:
        """The request weight."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


class Binary(Protocol):
    """Answers and events in binary, for who asks for them."""

    def supports(self, schema: str, version: str) -> bool:
        """Whether a schema is known here."""

    def answer(self, action: str, told: Any) -> bytes:
        """An answer to what is called `action`."""

    def error(self, body: dict[str, Any]) -> bytes:
        """What was refused."""

    def event(self, told: dict[str, Any], subscription: int) -> bytes:
        """An event of the account."""

    def reply(self, number: Any, status: int, result: bytes, limits: list[dict[str, Any]]) -> bytes:
        """An answer on the WebSocket API."""

    def shutdown(self, ms: int) -> bytes:
        """That the connection will be closed."""


class Door:
    """Lets requests in, over REST and over the WebSocket API.

    Attributes:
        endpoints: What can be asked.
        keys: Who may ask.
        meter: How much.
        faults: What goes wrong on request.
        requests: How often each action was asked for.
        clock: The exchange's.
        binary: How answers are written in binary, where that, and microseconds, can be asked for.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        keys: KeyRing,
        meter: Meter,
        clock: Clock,
        faults: Faults,
        binary: Binary | None = None,
    ) -> None:
        self.endpoints = list(endpoints)
        self.keys = keys
        self.meter = meter
        self.faults = faults
        self.requests: dict[str, int] = {}
        self.clock = clock
        self.binary = binary

    def routes(self) -> list[web.RouteDef]:
        """The REST routes."""
        return [web.route(e.method, e.path, self._rest(e)) for e in self.endpoints]

    def methods(self, paths: Mapping[str, tuple[str, str]]) -> dict[str, Endpoint]:
        """The endpoints by what the WebSocket API calls them."""
        found = {(e.method, e.path): e for e in self.endpoints}
        return {name: found[at] for name, at in paths.items()}

    def _rest(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(self.faults.latency)
            fault = self.faults.strike(REQUEST_KINDS, endpoint.action, "before")
            if fault is not None and (struck := await self._struck(fault, request)) is not None:
                return struck
            headers: dict[str, str] = {}
            try:
                self._check_schema(request)
                self._in_microseconds(request)
                body = (await request.read()).decode()
                answer = await self._asked(endpoint, request.rel_url.raw_query_string, body, request)
                status = 200
            except Refused as refused:
                answer, status, headers = refused.body(), refused.status, refused.headers
            fault = self.faults.strike(REQUEST_KINDS, endpoint.action, "after")
            if fault is not None and (struck := await self._struck(fault, request)) is not None:
                return struck
            headers = {**self.meter.headers(orders=bool(endpoint.orders)), **headers}
            return self._written(request, endpoint.action, answer, status, headers)

        return handle

    def _check_schema(self, request: web.Request) -> None:
        """Refuse a binary answer in a schema that is none, unless JSON is as welcome."""
        accepted = request.headers.get("Accept", "")
        if self.binary is None or BINARY not in accepted or "application/json" in accepted:
            return
        schema, colon, version = request.headers.get("X-MBX-SBE", "").partition(":")
        if not (colon and schema.isdigit() and version.isdigit()):
            raise Refused(BAD_SCHEMA_HEADER)
        if not self.binary.supports(schema, version):
            raise Refused(UNKNOWN_SCHEMA)

    def _in_microseconds(self, request: web.Request) -> bool:
        """Whether times are asked for in microseconds, where that can be."""
        return self.binary is not None and wanted(request.headers.get("X-MBX-TIME-UNIT"))

    def _written(
        self,
        request: web.Request,
        action: str,
        answer: Any,
        status: int,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """The answer in binary where that is asked for, else in JSON."""
        accepted = request.headers.get("Accept", "")
        schema = request.headers.get("X-MBX-SBE", "").partition(":")
        binary = self.binary if BINARY in accepted else None
        if binary is None or ("application/json" in accepted and not binary.supports(schema[0], schema[2])):
            if status == OK and self._in_microseconds(request):
                answer = microseconds(answer)
            return web.json_response(answer, status=status, headers=headers)
        body = binary.answer(action, answer) if status == OK else binary.error(answer)
        return web.Response(body=body, status=status, headers=headers, content_type=BINARY)

    async def _asked(self, endpoint: Endpoint, query: str, body: str, request: web.Request) -> Any:
        pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
        params = Params(dict(pairs))
        self.count(endpoint, params)
        if len(params.values) != len(pairs):
            raise Refused((-1101, "Duplicate values for a parameter detected."))
        name = request.headers.get("X-MBX-APIKEY")
        if endpoint.access == "signed":
            self.keys.check(name, params.values, unsigned(query) + unsigned(body), self.clock.us())
        elif endpoint.access == "key":
            self.keys.known(name)
        return await self.answer(endpoint, params)

    async def _struck(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """What a fault makes of the answer; None when it only took time."""
        match fault.kind:
            case "slow":
                await asyncio.sleep(fault.seconds)
                return None
            case "silence":
                await asyncio.sleep(fault.seconds)
                _abort(request)
            case "drop":
                _abort(request)
            case "garbage":
                return web.Response(
                    text="<html><body>Bad Gateway</body></html>", content_type="text/html", status=200
                )
        if fault.status in {429, 418}:
            return self._limited(fault, request)
        return self._written(request, "", fault.body(), fault.status)

    def _limited(self, fault: Fault, request: web.Request) -> web.Response:
        wait = {"Retry-After": str(max(1, int(fault.seconds)))}
        until = self.clock.ms() + int(fault.seconds * 1_000)
        meter = self.meter
        text = meter.banned(until) if fault.status == BANNED else meter.too_much()
        return self._written(request, "", {"code": -1003, "msg": text}, fault.status, wait)

    # what the WebSocket API needs

    def count(self, endpoint: Endpoint, params: Params) -> None:
        """Count a request, and what it costs.

        Raises:
            Refused: It is one too many.
        """
        self.requests[endpoint.action] = self.requests.get(endpoint.action, 0) + 1
        self.meter.request(endpoint.cost(params), self.clock.us() / 1e6)

    async def answer(self, endpoint: Endpoint, params: Params) -> Any:
        """The answer to a request that was let in.

        Raises:
            Refused: With the exchange's code.
        """
        if endpoint.orders:
            self.meter.order(self.clock.us() / 1e6, endpoint.orders)
        answer = endpoint.answer(params)
        return await answer if inspect.isawaitable(answer) else answer


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("the connection was cut on request")


@web.middleware
async def explain_unknown_paths(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """A path that is none is answered as Binance does."""
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        if error.status != NOT_FOUND:
            raise
        body = {"code": -5000, "msg": f"Path {request.path}, Method {request.method} is invalid"}
        return web.json_response(body, status=NOT_FOUND)
    return answer
