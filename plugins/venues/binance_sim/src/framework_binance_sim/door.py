"""The door of one product: every request passes limits, signature and the faults that were asked for."""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from framework_binance_sim.access import sorted_payload, unsigned
from framework_binance_sim.faults import REQUEST_KINDS
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from framework_binance_sim.access import Key, KeyRing
    from framework_binance_sim.faults import Fault, Faults
    from framework_binance_sim.market import Clock
    from framework_binance_sim.weights import Meter

NOT_FOUND = 404


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


class Door:
    """Lets requests in, over REST and over the WebSocket API."""

    def __init__(
        self, endpoints: Iterable[Endpoint], keys: KeyRing, meter: Meter, clock: Clock, faults: Faults
    ) -> None:
        self.endpoints = list(endpoints)
        self.keys = keys
        self.meter = meter
        self.faults = faults
        self.requests: dict[str, int] = {}
        self.sockets: set[web.WebSocketResponse] = set()
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """The REST routes."""
        return [web.route(e.method, e.path, self._rest(e)) for e in self.endpoints]

    def _rest(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(self.faults.latency)
            fault = self.faults.strike(REQUEST_KINDS, endpoint.action, "before")
            if fault is not None and (struck := await self._struck(fault, request)) is not None:
                return struck
            headers: dict[str, str] = {}
            try:
                body = (await request.read()).decode()
                answer = await self._asked(endpoint, request.rel_url.raw_query_string, body, request)
                status = 200
            except Refused as refused:
                answer, status, headers = refused.body(), refused.status, refused.headers
            fault = self.faults.strike(REQUEST_KINDS, endpoint.action, "after")
            if fault is not None and (struck := await self._struck(fault, request)) is not None:
                return struck
            headers = {**self.meter.headers(orders=bool(endpoint.orders)), **headers}
            return web.json_response(answer, status=status, headers=headers)

        return handle

    async def _asked(self, endpoint: Endpoint, query: str, body: str, request: web.Request) -> Any:
        pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
        params = Params(dict(pairs))
        self._count(endpoint, params)
        if len(params.values) != len(pairs):
            raise Refused((-1101, "Duplicate values for a parameter detected."))
        name = request.headers.get("X-MBX-APIKEY")
        if endpoint.access == "signed":
            self.keys.check(name, params.values, unsigned(query) + unsigned(body), self._clock.us())
        elif endpoint.access == "key":
            self.keys.known(name)
        return await self._answer(endpoint, params)

    def _count(self, endpoint: Endpoint, params: Params) -> None:
        self.requests[endpoint.action] = self.requests.get(endpoint.action, 0) + 1
        self.meter.request(endpoint.cost(params), self._clock.us() / 1e6)

    async def _answer(self, endpoint: Endpoint, params: Params) -> Any:
        if endpoint.orders:
            self.meter.order(self._clock.us() / 1e6, endpoint.orders)
        answer = endpoint.answer(params)
        return await answer if inspect.isawaitable(answer) else answer

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
            return self._limited(fault)
        return web.json_response(fault.body(), status=fault.status)

    def _limited(self, fault: Fault) -> web.Response:
        wait = {"Retry-After": str(max(1, int(fault.seconds)))}
        until = self._clock.ms() + int(fault.seconds * 1_000)
        text = (
            f"Too many requests; current limit is {self.meter.weight.limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        if fault.status == 418:  # noqa: PLR2004 - the status of a ban
            text = (
                f"Way too many requests; IP banned until {until}. "
                "Please use the websocket for live updates to avoid bans."
            )
        return web.json_response({"code": -1003, "msg": text}, status=fault.status, headers=wait)

    # the WebSocket API

    def socket(self, methods: Mapping[str, Endpoint]) -> Callable[[web.Request], Any]:
        """A handler of the WebSocket API that offers `methods`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self.faults.refuse_streams:
                return web.json_response(
                    {
                        "code": -1001,
                        "msg": "Internal error; unable to process your request. Please try again.",
                    },
                    status=503,
                )
            socket = web.WebSocketResponse(heartbeat=180, max_msg_size=64 * 1024)
            await socket.prepare(request)
            self.sockets.add(socket)
            session = Session(self, methods, socket, request)
            try:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await session.heard(message.data)
            finally:
                self.sockets.discard(socket)
                await session.close()
            return socket

        return handle


class Session:
    """One connection of the WebSocket API; with an Ed25519 key it may be logged on once for all."""

    def __init__(
        self, door: Door, methods: Mapping[str, Endpoint], socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        self._door = door
        self._methods = methods
        self._socket = socket
        self._request = request
        self._key: Key | None = None
        self._since = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def heard(self, text: str) -> None:
        """Answer a request, without keeping the next one waiting."""
        task = asyncio.create_task(self._reply(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Forget what was not answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reply(self, text: str) -> None:
        door = self._door
        try:
            asked = json.loads(text)
            number, name = asked.get("id"), asked["method"]
            fields = {key: _text(value) for key, value in (asked.get("params") or {}).items()}
        except (ValueError, KeyError, AttributeError, TypeError):
            error = {"code": -1135, "msg": "Invalid JSON Request."}
            await self._say({"id": None, "status": 400, "error": error})
            return
        await asyncio.sleep(door.faults.latency)
        fault = door.faults.strike(REQUEST_KINDS, name, "before")
        if fault is not None and await self._struck(fault, number):
            return
        try:
            answer: dict[str, Any] = {"id": number, "status": 200, "result": await self._result(name, fields)}
        except Refused as refused:
            answer = {"id": number, "status": refused.status, "error": refused.body()}
        fault = door.faults.strike(REQUEST_KINDS, name, "after")
        if fault is not None and await self._struck(fault, number):
            return
        await self._say({**answer, "rateLimits": door.meter.table()})

    async def _result(self, name: str, fields: dict[str, str]) -> Any:
        door, now = self._door, self._door._clock.us()  # noqa: SLF001 - a session is part of its door
        if name in {"session.logon", "session.status", "session.logout"}:
            return self._session(name, fields, now)
        endpoint = self._methods.get(name)
        if endpoint is None:
            raise Refused((-1020, "This operation is not supported."))
        params = Params(fields)
        door._count(endpoint, params)  # noqa: SLF001
        if endpoint.access == "signed" and not (self._key is not None and "signature" not in fields):
            door.keys.check(fields.get("apiKey"), fields, sorted_payload(fields), now)
        elif endpoint.access == "key" and self._key is None:
            door.keys.known(fields.get("apiKey"))
        return await door._answer(endpoint, params)  # noqa: SLF001

    def _session(self, name: str, fields: dict[str, str], now: int) -> dict[str, Any]:
        if name == "session.logon":
            key = self._door.keys.check(fields.get("apiKey"), fields, sorted_payload(fields), now)
            if key.kind != "ed25519":
                raise Refused((-4056, "Invalid api key type."))
            self._key, self._since = key, now // 1_000
        elif name == "session.logout":
            self._key = None
        return {
            "apiKey": self._key.name if self._key else None,
            "authorizedSince": self._since if self._key else None,
            "connectedSince": self._since or now // 1_000,
            "returnRateLimits": True,
            "serverTime": now // 1_000,
        }

    async def _struck(self, fault: Fault, number: Any) -> bool:
        match fault.kind:
            case "slow":
                await asyncio.sleep(fault.seconds)
                return False
            case "silence":
                return True
            case "drop":
                if self._request.transport is not None:
                    self._request.transport.abort()
                return True
            case "garbage":
                await self._socket.send_str("<html>")
                return True
        if fault.status in {429, 418}:
            body = {"code": -1003, "msg": "Too many requests; please use the websocket for live updates."}
        else:
            body = fault.body()
        await self._say({"id": number, "status": fault.status, "error": body})
        return True

    async def _say(self, answer: dict[str, Any]) -> None:
        if not self._socket.closed and not self._door.faults.muted:
            await self._socket.send_str(json.dumps(answer, separators=(",", ":")))


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("the connection was cut on request")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


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
