"""WebSocket connections: what each listens to, how long it lives, and what it may say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from framework_binance_sim.faults import STREAM_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.faults import Faults

BACKLOG = 20_000
STREAMS = 1_024
_SYMBOL_FIRST = re.compile(r"^[a-z0-9_!]+(@[a-zA-Z0-9_@]+)?$")


@dataclass(frozen=True, slots=True)
class Terms:
    """How long connections live.

    Attributes:
        ping: Seconds between two pings.
        patience: Seconds without a pong after which a connection is closed.
        life: Seconds after which it is closed in any case.
        warning: Seconds before that at which `serverShutdown` is sent.
        rate: Messages a client may send in a second.
    """

    ping: float = 180.0
    patience: float = 600.0
    life: float = 86_400.0
    warning: float = 600.0
    rate: int = 10


class Stream:
    """One connection to market or user streams."""

    def __init__(self, *, combined: bool) -> None:
        self.names: set[str] = set()
        self.private: set[str] = set()
        self.combined = combined
        self.opened = time.monotonic()
        self.warned = False
        self._socket = web.WebSocketResponse(autoping=False, max_msg_size=64 * 1024)
        self._transport: asyncio.Transport | None = None
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(BACKLOG)
        self._ponged = self._pinged = time.monotonic()
        self._said: list[float] = []

    async def serve(
        self, request: web.Request, hub: Hub, answer: Callable[[Stream, Any], dict[str, Any] | None]
    ) -> web.WebSocketResponse:
        """Hold the connection until either side ends it; `answer` makes a reply of a message."""
        await self._socket.prepare(request)
        self._transport = request.transport
        hub.streams.add(self)
        tasks = [asyncio.create_task(task) for task in (self._send(hub.faults), self._live(hub))]
        try:
            async for message in self._socket:
                if message.type is WSMsgType.PONG:
                    self._ponged = time.monotonic()
                elif message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    if not self._within(hub.terms.rate):
                        await self._socket.close(
                            code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests"
                        )
                        break
                    reply = answer(self, _loads(message.data))
                    if reply is not None:
                        self.put(reply)
        finally:
            hub.streams.discard(self)
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)
        return self._socket

    def put(self, message: dict[str, Any] | list[Any]) -> None:
        """Queue a message; a listener that is too slow is cut off."""
        try:
            self._queue.put_nowait(json.dumps(message, separators=(",", ":")))
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """Cut the connection without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """Close the connection after what is queued."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    async def _send(self, faults: Faults) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = await self._queue.get()
                if text is None:
                    await self._socket.close()
                    return
                if not faults.muted:
                    await self._socket.send_str(text)

    async def _live(self, hub: Hub) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await asyncio.sleep(min(hub.terms.ping, 1.0) / 4)
                now = time.monotonic()
                if now - self._ponged > hub.terms.patience:
                    self.cut()
                    return
                if now - self._pinged >= hub.terms.ping and not hub.faults.muted:
                    self._pinged = now
                    await self._socket.ping(str(int(time.time() * 1_000)).encode())
                age = now - self.opened
                if age >= hub.terms.life - hub.terms.warning and not self.warned:
                    self.warned = True
                    self.put({"e": "serverShutdown", "E": hub.ms()})
                if age >= hub.terms.life:
                    self.end()
                    return

    def _within(self, rate: int) -> bool:
        now = time.monotonic()
        self._said = [at for at in self._said if now - at < 1.0] + [now]
        return len(self._said) <= rate


class Hub:
    """Every connection of one product."""

    def __init__(self, faults: Faults, terms: Terms, ms: Callable[[], int]) -> None:
        self.streams: set[Stream] = set()
        self.faults = faults
        self.terms = terms
        self.ms = ms
        self._held: list[tuple[str, dict[str, Any]]] = []

    def wanted(self, name: str) -> bool:
        """Whether anybody listens to a stream."""
        return any(name in stream.names for stream in self.streams)

    def publish(self, name: str, message: dict[str, Any] | list[Any]) -> None:
        """Send a message to those who listen to a stream."""
        for stream in self.streams:
            if name in stream.names:
                stream.put({"stream": name, "data": message} if stream.combined else message)

    def private(self, key: str, message: dict[str, Any]) -> None:
        """Send an event of the account to those who listen to a key, in the way the armed faults have it."""
        fault = self.faults.strike(STREAM_KINDS, message["e"])
        match None if fault is None else fault.kind:
            case "lose":
                return
            case "late":
                seconds = fault.seconds if fault else 0
                asyncio.get_running_loop().call_later(seconds, self._tell, key, message)
                return
            case "reorder":
                self._held.append((key, message))
                return
            case "duplicate":
                self._tell(key, message)
        self._tell(key, message)
        held, self._held = self._held[::-1], []
        for earlier in held:
            self._tell(*earlier)

    def listening(self, key: str) -> list[Stream]:
        """Who listens to a key."""
        return [stream for stream in self.streams if key in stream.private]

    def cut(self, *, private: bool | None = None) -> int:
        """Cut connections: all, or only those with (or without) events of the account."""
        chosen = [s for s in self.streams if private is None or bool(s.private) is private]
        for stream in chosen:
            stream.cut()
        return len(chosen)

    def end(self) -> int:
        """Close every connection as the 24 hours do, with a warning first."""
        for stream in self.streams:
            stream.put({"e": "serverShutdown", "E": self.ms()})
            stream.end()
        return len(self.streams)

    def _tell(self, key: str, message: dict[str, Any]) -> None:
        for stream in self.listening(key):
            stream.put({"stream": key, "data": message} if stream.combined else message)


def market_request(stream: Stream, asked: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - a table of answers
    """Answer SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY and GET_PROPERTY."""
    if not isinstance(asked, dict):
        return {"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}
    number, params = asked.get("id"), asked.get("params", [])
    match asked.get("method"):
        case "SUBSCRIBE" | "UNSUBSCRIBE" as method:
            if not isinstance(params, list) or not all(
                isinstance(p, str) and _SYMBOL_FIRST.match(p) for p in params
            ):
                return {
                    "error": {"code": 2, "msg": "Invalid request: params must be an array of streams"},
                    "id": number,
                }
            if method == "SUBSCRIBE" and len(stream.names | set(params)) > STREAMS:
                return {
                    "error": {"code": 2, "msg": f"Invalid request: at most {STREAMS} streams"},
                    "id": number,
                }
            change = stream.names.update if method == "SUBSCRIBE" else stream.names.difference_update
            change(params)
            return {"result": None, "id": number}
        case "LIST_SUBSCRIPTIONS":
            return {"result": sorted(stream.names), "id": number}
        case "SET_PROPERTY" if params[:1] == ["combined"] and isinstance(params[-1], bool):
            stream.combined = params[-1]
            return {"result": None, "id": number}
        case "GET_PROPERTY" if params[:1] == ["combined"]:
            return {"result": stream.combined, "id": number}
    return {"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number}


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
