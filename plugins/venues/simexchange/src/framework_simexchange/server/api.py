"""The exchange's public door: HTTP requests and the WebSocket stream, signed, limited and made to fail."""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from framework_simexchange import signing
from framework_simexchange.server.faults import REQUEST_KINDS
from framework_simexchange.server.records import Refused, plain
from framework_simexchange.server.streams import Stream
from framework_simexchange.server.venue import MS, background

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from framework_simexchange.server.faults import Fault
    from framework_simexchange.server.records import Fill, Order
    from framework_simexchange.server.venue import Venue

PUBLIC = {"/v1/time", "/v1/instruments", "/v1/quotes", "/v1/market", "/v1/stream"}
ACTIONS = {"POST": "submit", "PATCH": "modify", "DELETE": "cancel", "GET": "query"}
LONGEST_WINDOW_MS = 60_000
LONGEST_LEASE = 60
PAGE = 1_000


class Door:
    """Who may come in: one API key, its secret, and so many requests a second."""

    def __init__(self, key: str, secret: str, *, rate: float, burst: int) -> None:
        self._key = key
        self._secret = secret
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled = time.monotonic()

    def check(self, claims: Mapping[str, str], *, method: str, path: str, body: bytes, now_ms: int) -> None:
        """Refuse a request that is not signed with the secret, or is not of this moment.

        Raises:
            Refused: With the reason.
        """
        stamp = claims.get(signing.TIME_HEADER, "")
        window = claims.get(signing.WINDOW_HEADER, "")
        expected = signing.signature(
            self._secret, timestamp_ms=stamp, window_ms=window, method=method, path=path, body=body
        )
        if claims.get(signing.KEY_HEADER) != self._key or not signing.same(
            expected, claims.get(signing.SIGNATURE_HEADER, "")
        ):
            raise Refused("BAD_SIGNATURE", "the key or the signature is wrong", 401)
        if not (_digits(stamp) and _digits(window)) or not 0 < int(window) <= LONGEST_WINDOW_MS:
            raise Refused("BAD_TIME", "time and window are whole milliseconds; at most 60000 of window", 401)
        if int(stamp) >= now_ms + signing.AHEAD_MS or now_ms - int(stamp) > int(window):
            raise Refused("OUTSIDE_WINDOW", f"the exchange's time is {now_ms}", 401)

    def admit(self) -> float:
        """Seconds to wait before there is room for one more request; 0 when it may pass."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


def application(venue: Venue, door: Door) -> web.Application:
    """The HTTP application."""
    api = Api(venue, door)
    app = web.Application(middlewares=[api.guard], client_max_size=64 * 1024)
    app.add_routes(
        [
            web.get("/v1/time", api.time),
            web.get("/v1/instruments", api.instruments),
            web.get("/v1/quotes", api.quotes),
            web.get("/v1/market", api.market),
            web.get("/v1/stream", api.stream),
            web.post("/v1/session", api.open_session),
            web.put("/v1/session", api.renew_session),
            web.delete("/v1/session", api.close_session),
            web.post("/v1/orders", api.submit),
            web.get("/v1/orders", api.orders),
            web.delete("/v1/orders", api.cancel_all),
            web.post("/v1/cancels", api.cancel_many),
            web.get("/v1/orders/{id}", api.order),
            web.patch("/v1/orders/{id}", api.modify),
            web.delete("/v1/orders/{id}", api.cancel),
            web.get("/v1/fills", api.fills),
            web.get("/v1/positions", api.positions),
            web.get("/v1/account", api.account),
        ]
    )
    return app


class Api:
    """One method for each thing that can be asked."""

    def __init__(self, venue: Venue, door: Door) -> None:
        self._venue = venue
        self._door = door

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Latency, faults before, limits, signature, the request itself, faults after."""
        if request.path == "/v1/stream":
            return await handler(request)
        venue = self._venue
        action = _action(request)
        venue.requests[action] += 1
        await asyncio.sleep(venue.faults.latency)
        try:
            if action == "submit":
                venue.arrived(_loads(await request.read()).get("client_order_id"))
            fault = venue.faults.strike(REQUEST_KINDS, action, "before")
            if fault is not None and (struck := await _struck(fault, request)) is not None:
                return struck
            await self._let_in(request)
            answer = await handler(request)
        except Refused as refused:
            answer = web.json_response(
                {"code": refused.code, "message": refused.message, "ns": venue.ns()}, status=refused.status
            )
        fault = venue.faults.strike(REQUEST_KINDS, action, "after")
        return answer if fault is None else await _struck(fault, request) or answer

    async def _let_in(self, request: web.Request) -> None:
        wait = self._door.admit()
        if wait > 0:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(math.ceil(wait))})
        if request.path not in PUBLIC:
            now_ms = self._venue.ns() // MS
            path = str(request.rel_url)
            body = await request.read()
            self._door.check(request.headers, method=request.method, path=path, body=body, now_ms=now_ms)
        if request.path.startswith(("/v1/orders", "/v1/cancels")) and request.method != "GET":
            token = request.headers.get(signing.SESSION_HEADER, "")
            if self._venue.holder is None or token != str(self._venue.exchange.session):
                raise Refused("FENCED", "another session has the account, or there is none", 403)

    async def time(self, _: web.Request) -> web.Response:
        """The exchange's clock, and which run of the exchange this is."""
        return web.json_response({"ns": self._venue.ns(), "boot": self._venue.boot})

    async def instruments(self, _: web.Request) -> web.Response:
        """What is listed."""
        listed = [plain(item) for item in self._venue.exchange.instruments.values()]
        return web.json_response({"instruments": listed})

    async def quotes(self, request: web.Request) -> web.Response:
        """The best prices now."""
        symbol = request.query.get("symbol", "")
        book = self._venue.exchange.books.get(symbol)
        if book is None:
            raise Refused("NO_MARKET", f"there is no price for {symbol!r}", 404)
        return web.json_response({"symbol": symbol, **plain(book), "ns": self._venue.ns()})

    async def market(self, request: web.Request) -> web.Response:
        """What was published after `after`, of the given channels; `missed` when some is gone."""
        hub = self._venue.hub
        after, channels = _number(request, "after"), request.query.get("channels", "").split(",")
        wanted = [
            message
            for message in hub.kept
            if message["mseq"] > after and f"{message['type']}:{message['symbol']}" in channels
        ]
        first = hub.kept[0]["mseq"] if hub.kept else 1
        return web.json_response(
            {
                "boot": self._venue.boot,
                "mseq": wanted[PAGE - 1]["mseq"] if len(wanted) > PAGE else hub.market_seq,
                "missed": after + 1 < first,
                "more": len(wanted) > PAGE,
                "messages": wanted[:PAGE],
            }
        )

    async def open_session(self, request: web.Request) -> web.Response:
        """Take the account: `{"holder": name, "seconds": how long}` gives a fencing token."""
        body = _loads(await request.read())
        holder = body.get("holder")
        if not isinstance(holder, str) or not holder:
            raise Refused("BAD_REQUEST", "`holder` is needed", 400)
        token = self._venue.lease(holder, _seconds(body))
        if token is None:
            raise Refused("ACCOUNT_TAKEN", f"{self._venue.holder} has the account", 409)
        return web.json_response({"token": token, "ns": self._venue.ns(), "boot": self._venue.boot})

    async def renew_session(self, request: web.Request) -> web.Response:
        """Keep the account for `seconds` more."""
        body = _loads(await request.read())
        venue = self._venue
        if venue.holder is None or body.get("token") != venue.exchange.session:
            raise Refused("FENCED", "another session has the account, or there is none", 403)
        venue.lease_ends = time.monotonic() + _seconds(body)
        return web.json_response({"token": venue.exchange.session, "ns": venue.ns()})

    async def close_session(self, request: web.Request) -> web.Response:
        """Give the account back."""
        if _loads(await request.read()).get("token") == self._venue.exchange.session:
            self._venue.holder = None
        return web.json_response({"ns": self._venue.ns()})

    async def submit(self, request: web.Request) -> web.Response:
        """Take an order; a client order id that is known gives its first order back."""
        venue, body = self._venue, _loads(await request.read())
        events = venue.exchange.submit(body, venue.ns())
        venue.record(events)
        order = venue.exchange.by_client[str(body["client_order_id"])]
        repeated = events[0]["kind"] == "repeat"
        return self._order_answer(order, 200 if repeated else 201, repeated=repeated)

    async def orders(self, request: web.Request) -> web.Response:
        """Orders by what changed last: open ones (`open=1`), after event `after`, not before `since_ns`."""
        exchange = self._venue.exchange
        source = exchange.open if request.query.get("open") == "1" else exchange.orders
        after, since = _number(request, "after"), _number(request, "since_ns")
        wanted = [order for order in source.values() if order.seq > after and order.changed_ns >= since]
        return self._page("orders", sorted(wanted, key=lambda order: order.seq))

    async def order(self, request: web.Request) -> web.Response:
        """One order by its client order id."""
        order = self._venue.exchange.by_client.get(request.match_info["id"])
        if order is None:
            raise Refused("ORDER_NOT_FOUND", f"no order {request.match_info['id']!r}", 404)
        return self._order_answer(order, 200)

    async def modify(self, request: web.Request) -> web.Response:
        """Change an order."""
        venue = self._venue
        changes = _loads(await request.read())
        venue.record(venue.exchange.modify(request.match_info["id"], changes, venue.ns()))
        return self._order_answer(venue.exchange.by_client[request.match_info["id"]], 200)

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an order."""
        venue = self._venue
        venue.record(venue.exchange.cancel(request.match_info["id"], venue.ns()))
        return self._order_answer(venue.exchange.by_client[request.match_info["id"]], 200)

    async def cancel_many(self, request: web.Request) -> web.Response:
        """Cancel up to 1,000 orders by their client order ids; answers what became of each that exists."""
        venue, names = self._venue, _loads(await request.read()).get("client_order_ids")
        if not isinstance(names, list) or len(names) > PAGE or not all(isinstance(n, str) for n in names):
            raise Refused("BAD_REQUEST", f"`client_order_ids` must be a list of at most {PAGE}", 400)
        venue.record(venue.exchange.cancel_many(names, venue.ns()))
        known = [venue.exchange.by_client[name] for name in names if name in venue.exchange.by_client]
        return web.json_response({"orders": [plain(order) for order in known], "ns": venue.ns()})

    async def cancel_all(self, request: web.Request) -> web.Response:
        """Cancel every open order, of one symbol or side when given."""
        venue, query = self._venue, request.query
        events = venue.exchange.cancel_all(venue.ns(), query.get("symbol"), query.get("side"))
        venue.record(events)
        return web.json_response({"canceled": len(events), "ns": venue.ns()})

    async def fills(self, request: web.Request) -> web.Response:
        """Fills after a sequence number, of one order when given, one page at a time."""
        after, since = _number(request, "after"), _number(request, "since_ns")
        name = request.query.get("client_order_id")
        wanted = [
            fill
            for fill in self._venue.exchange.fills
            if fill.seq > after and fill.ts_ns >= since and name in {None, fill.client_order_id}
        ]
        return self._page("fills", wanted)

    async def positions(self, _: web.Request) -> web.Response:
        """What is held."""
        return web.json_response({"positions": self._venue.positions(), "ns": self._venue.ns()})

    async def account(self, _: web.Request) -> web.Response:
        """What is owned."""
        return web.json_response(self._venue.account())

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket: `login`, `subscribe`, `unsubscribe`; heartbeats from the exchange."""
        venue = self._venue
        if venue.faults.refuse_streams:
            return web.json_response({"code": "UNAVAILABLE"}, status=503)
        socket = web.WebSocketResponse(max_msg_size=64 * 1024)
        await socket.prepare(request)
        stream = Stream(socket, request.transport)
        venue.hub.streams.add(stream)
        stream.put(
            {
                "type": "welcome",
                "boot": venue.boot,
                "heartbeat": venue.heartbeat,
                "ns": venue.ns(),
                "pseq": venue.hub.private_seq,
            }
        )
        try:
            async with background(stream.send(venue.faults)):
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        stream.put(self._asked(stream, message.data.encode()))
        finally:
            venue.hub.streams.discard(stream)
        return socket

    def _asked(self, stream: Stream, text: bytes) -> dict[str, Any]:
        venue = self._venue
        try:
            op = self._done(stream, _loads(text))
        except Refused as refused:
            return {"type": "refused", "code": refused.code, "message": refused.message, "ns": venue.ns()}
        return {"type": "done", "op": op, "mseq": venue.hub.market_seq, "ns": venue.ns()}

    def _done(self, stream: Stream, body: Mapping[str, Any]) -> str:
        channels = body.get("channels", [])
        if not isinstance(channels, list) or not all(isinstance(name, str) for name in channels):
            raise Refused("BAD_REQUEST", "`channels` must be a list of names", 400)
        match op := body.get("op"):
            case "login":
                claims = {name: str(body.get(name, "")) for name in _CLAIMS}
                now_ms = self._venue.ns() // MS
                self._door.check(claims, method="GET", path="/v1/stream", body=b"", now_ms=now_ms)
                stream.private = True
            case "subscribe":
                self._venue.hub.subscribe(stream, channels)
            case "unsubscribe":
                stream.channels.difference_update(channels)
            case _:
                raise Refused("BAD_REQUEST", "`op` must be login, subscribe or unsubscribe", 400)
        return str(op)

    def _page(self, name: str, rows: Sequence[Order | Fill]) -> web.Response:
        """One page of rows; `seq` is what to ask for the next one after."""
        page, more = rows[:PAGE], len(rows) > PAGE
        seq = page[-1].seq if more else self._venue.exchange.seq
        body = {name: [plain(row) for row in page], "more": more, "seq": seq, "ns": self._venue.ns()}
        return web.json_response(body)

    def _order_answer(self, order: Any, status: int, *, repeated: bool = False) -> web.Response:
        answer = {"order": plain(order), "repeated": repeated, "ns": self._venue.ns()}
        return web.json_response(answer, status=status)


_CLAIMS = (signing.KEY_HEADER, signing.TIME_HEADER, signing.WINDOW_HEADER, signing.SIGNATURE_HEADER)


def _action(request: web.Request) -> str:
    if request.path == "/v1/session":
        return "session"
    if request.path == "/v1/time":
        return "time"
    if request.path == "/v1/cancels":
        return "cancel"
    return ACTIONS.get(request.method, "query")


async def _struck(fault: Fault, request: web.Request) -> web.Response | None:
    """What a fault makes of a request; `None` when it may go on."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.seconds)
            return None
        case "status":
            return web.json_response({"code": "UNAVAILABLE"}, status=fault.code)
        case "rate_limit" | "ban":
            headers = {"Retry-After": format(fault.seconds, "g")}
            return web.Response(status=429 if fault.kind == "rate_limit" else 418, headers=headers)
        case "garbage":
            return web.Response(text='{"order": {"client', content_type="application/json")
        case "timeout":
            await asyncio.sleep(fault.seconds)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _loads(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("BAD_REQUEST", "the body must be a JSON object", 400)
    return body


def _seconds(body: Mapping[str, Any]) -> float:
    seconds = body.get("seconds")
    if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_LEASE:
        raise Refused("BAD_REQUEST", f"`seconds` must be above 0 and at most {LONGEST_LEASE}", 400)
    return float(seconds)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16  # noqa: PLR2004 - microseconds still fit


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004 - nanoseconds fit
        raise Refused("BAD_REQUEST", f"`{name}` must be a whole number", 400)
    return int(text)
