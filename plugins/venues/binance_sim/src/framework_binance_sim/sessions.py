"""The WebSocket API: requests over one connection, logged on once for all where the key is Ed25519."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_binance_sim.access import in_time, sorted_payload
from framework_binance_sim.connections import Connection
from framework_binance_sim.faults import REQUEST_KINDS, Courier
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused
from framework_binance_sim.times import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework_binance_sim.access import Key
    from framework_binance_sim.connections import Terms
    from framework_binance_sim.door import Binary, Door, Endpoint
    from framework_binance_sim.faults import Fault

SESSION_WEIGHT = 2
NOT_LOGGED_ON = (-2015, "Invalid API-key, IP, or permissions for action.")


class Sessions:
    """Every connection to the WebSocket API of one product.

    Args:
        door: What lets requests in.
        methods: What can be asked, by method.
        terms: How long connections live.
        events: Whether events of the account can be subscribed to here, as they can on spot.
    """

    def __init__(self, door: Door, methods: Mapping[str, Endpoint], terms: Terms, *, events: bool) -> None:
        self.door = door
        self.methods = methods
        self.terms = terms
        self.events = events
        self.all: set[Session] = set()
        self._courier = Courier(door.faults)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Handle a WebSocket."""
        if self.door.faults.refuse_streams:
            error = {
                "code": -1001,
                "msg": "Internal error; unable to process your request. Please try again.",
            }
            return web.json_response(error, status=503)
        if self._binary(request) is None and request.query.get("responseFormat", "json") != "json":
            error = {"code": -1153, "msg": "Invalid SBE schema ID or version specified."}
            return web.json_response(error, status=400)
        session = Session(self, request, self._binary(request))
        try:
            session.in_microseconds = self.events and wanted(request.query.get("timeUnit"))
        except Refused as refused:
            return web.json_response(refused.body(), status=400)
        self.all.add(session)
        try:
            return await session.serve(request)
        finally:
            self.all.discard(session)
            await session.forget()

    def _binary(self, request: web.Request) -> Binary | None:
        """How a connection wants its answers in binary, if it does."""
        query, binary = request.query, self.door.binary
        if binary is None or query.get("responseFormat") != "sbe":
            return None
        schema, version = (query.get(name, "") for name in ("sbeSchemaId", "sbeSchemaVersion"))
        return binary if binary.supports(schema, version) else None

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event of the account to every subscription, in the way the armed faults have it."""
        self._courier.deliver(event["e"], partial(self._tell, event))

    @property
    def listening(self) -> list[Session]:
        """Those with a subscription."""
        return [session for session in self.all if session.subscriptions]

    def end(self, *, warn: bool = False) -> int:
        """Close every connection; the 24 hours' end comes with a warning."""
        for session in self.all:
            if warn:
                session.warn()
            session.end()
        return len(self.all)

    def cut(self) -> int:
        """Cut the connections that have a subscription."""
        chosen = self.listening
        for session in chosen:
            session.cut()
        return len(chosen)

    def expire(self) -> None:
        """End every subscription, and say so."""
        for session in self.all:
            session.unsubscribe(set(session.subscriptions))

    def _tell(self, event: dict[str, Any]) -> None:
        for session in self.all:
            session.told(event)


class Session(Connection):
    """One connection to the WebSocket API.

    Attributes:
        subscriptions: Those to the account's events, and whether each came of the logon.
    """

    def __init__(self, sessions: Sessions, request: web.Request, binary: Binary | None) -> None:
        door = sessions.door
        super().__init__(door.faults, sessions.terms, door.clock.ms)
        self.subscriptions: dict[int, bool] = {}
        self._sessions = sessions
        self._door = door
        self._request = request
        self._binary = binary
        self._key: Key | None = None
        self._since = 0
        self._connected = self.ms()
        self._next = 0
        self._limits = request.query.get("returnRateLimits", "true") != "false"
        self._tasks: set[asyncio.Task[None]] = set()
        self._own: dict[str, Callable[[dict[str, str]], Any]] = {
            "session.logon": self._logon,
            "session.status": lambda _: self._status(),
            "session.logout": self._logout,
        }
        if sessions.events:
            self._own |= {
                "session.subscriptions": lambda _: [{"subscriptionId": n} for n in self.subscriptions],
                "userDataStream.subscribe": self._subscribe,
                "userDataStream.subscribe.signature": self._subscribe_signed,
                "userDataStream.unsubscribe": self._unsubscribe,
            }

    async def heard(self, text: str) -> None:
        """Answer a request, without keeping the next one waiting."""
        task = asyncio.create_task(self._reply(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def forget(self) -> None:
        """Drop what was not answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def told(self, event: dict[str, Any]) -> None:
        """Pass an event of the account on to the subscriptions."""
        for number in self.subscriptions:
            self._tell(event, number)

    def warn(self) -> None:
        """Say that the connection will be closed."""
        if self._binary is not None:
            self.put(self._binary.shutdown(self.ms()))
        else:
            self.put({"event": {"e": "serverShutdown", "E": self.ms()}})

    def unsubscribe(self, numbers: set[int]) -> None:
        """End subscriptions, and say so."""
        for number in sorted(numbers):
            del self.subscriptions[number]
            self._tell({"e": "eventStreamTerminated", "E": self.ms()}, number)

    def _tell(self, event: dict[str, Any], number: int) -> None:
        if self._binary is not None:
            self.put(self._binary.event(event, number))
        else:
            self.put({"subscriptionId": number, "event": event})

    async def _reply(self, text: str) -> None:
        door = self._door
        try:
            asked = json.loads(text)
            number, name = asked.get("id"), asked["method"]
            fields = {key: _text(value) for key, value in (asked.get("params") or {}).items()}
        except (ValueError, KeyError, AttributeError, TypeError):
            self._refuse(None, 400, {"code": -1135, "msg": "Invalid JSON Request."})
            return
        await asyncio.sleep(door.faults.latency)
        fault = door.faults.strike(REQUEST_KINDS, name, "before")
        if fault is not None and await self._struck(fault, number):
            return
        try:
            say = partial(self._answer, number, name, await self._result(name, fields))
        except Refused as refused:
            say = partial(self._refuse, number, refused.status, refused.body())
        fault = door.faults.strike(REQUEST_KINDS, name, "after")
        if fault is not None and await self._struck(fault, number):
            return
        say()

    def _answer(self, number: Any, name: str, result: Any) -> None:
        limits = self._door.meter.table() if self._limits else []
        if self._binary is not None:
            self.put(self._binary.reply(number, 200, self._binary.answer(name, result), limits))
            return
        answer = {"id": number, "status": 200, "result": result}
        self.put({**answer, "rateLimits": limits} if self._limits else answer)

    def _refuse(self, number: Any, status: int, body: dict[str, Any]) -> None:
        limits = self._door.meter.table() if self._limits else []
        if self._binary is not None:
            self.put(self._binary.reply(number, status, self._binary.error(body), limits))
            return
        answer = {"id": number, "status": status, "error": body}
        self.put({**answer, "rateLimits": limits} if self._limits else answer)

    async def _result(self, name: str, fields: dict[str, str]) -> Any:
        door, now = self._door, self._door.clock.us()
        own = self._own.get(name)
        if own is not None:
            door.meter.request(SESSION_WEIGHT, now / 1e6)
            return own(fields)
        endpoint = self._sessions.methods.get(name)
        if endpoint is None:
            raise Refused((-1020, "This operation is not supported."))
        params = Params(fields)
        door.count(endpoint, params)
        if endpoint.access == "signed" and not (self._key is not None and "signature" not in fields):
            self._signed(fields)
        elif endpoint.access == "signed":
            in_time(fields, now)
        elif endpoint.access == "key" and self._key is None:
            door.keys.known(fields.get("apiKey"))
        return await door.answer(endpoint, params)

    def _signed(self, fields: dict[str, str]) -> Key:
        door = self._door
        return door.keys.check(fields.get("apiKey"), fields, sorted_payload(fields), door.clock.us())

    # the session itself

    def _logon(self, fields: dict[str, str]) -> dict[str, Any]:
        key = self._signed(fields)
        if key.kind != "ed25519":
            raise Refused((-4056, "Invalid api key type."))
        self._key, self._since = key, self.ms()
        return self._status()

    def _logout(self, _: dict[str, str]) -> dict[str, Any]:
        self._key = None
        self.unsubscribe({number for number, of_logon in self.subscriptions.items() if of_logon})
        return self._status()

    def _status(self) -> dict[str, Any]:
        return {
            "apiKey": self._key.name if self._key else None,
            "authorizedSince": self._since if self._key else None,
            "connectedSince": self._connected,
            "returnRateLimits": self._limits,
            "serverTime": self.ms(),
            "userDataStream": bool(self.subscriptions) if self._sessions.events else None,
        }

    def _subscribe(self, _: dict[str, str]) -> dict[str, Any]:
        if self._key is None:
            raise Refused(NOT_LOGGED_ON, status=401)
        return self._subscribed(of_logon=True)

    def _subscribe_signed(self, fields: dict[str, str]) -> dict[str, Any]:
        self._signed(fields)
        return self._subscribed(of_logon=False)

    def _subscribed(self, *, of_logon: bool) -> dict[str, Any]:
        if self.subscriptions:  # every key is of the one account
            raise Refused((-2035, "User Data Stream subscription already active."))
        number, self._next = self._next, self._next + 1
        self.subscriptions[number] = of_logon
        return {"subscriptionId": number}

    def _unsubscribe(self, fields: dict[str, str]) -> dict[str, Any]:
        number = Params(fields).maybe_whole("subscriptionId")
        wanted = set(self.subscriptions) if number is None else {number}
        if not wanted or not wanted <= self.subscriptions.keys():
            raise Refused((-2036, "User Data Stream subscription not active."))
        self.unsubscribe(wanted)
        return {}

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
                self.put("<html>")
                return True
        if fault.status in {429, 418}:
            body = {"code": -1003, "msg": self._door.meter.too_much()}
        else:
            body = fault.body()
        self._refuse(number, fault.status, body)
        return True


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list | dict) else str(value)
