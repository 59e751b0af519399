"""Market and user streams: what each connection listens to, and what it may say."""

from __future__ import annotations

import json
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, web

from framework_binance_sim.connections import Connection
from framework_binance_sim.faults import Courier

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.connections import Terms
    from framework_binance_sim.faults import Faults

STREAMS = 1_024
_SYMBOL_FIRST = re.compile(r"^[a-z0-9_!]+(@[a-zA-Z0-9_@]+)?$")


class Stream(Connection):
    """One connection to market or user streams."""

    def __init__(self, hub: Hub, *, combined: bool) -> None:
        super().__init__(hub.faults, hub.terms, hub.ms)
        self.names: set[str] = set()
        self.private: set[str] = set()
        self.combined = combined
        self._hub = hub
        self._said: list[float] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold the connection until either side ends it."""
        self._hub.streams.add(self)
        try:
            return await super().serve(request)
        finally:
            self._hub.streams.discard(self)

    async def heard(self, text: str) -> None:
        """Answer a message, unless there are too many."""
        if not self._within(self.terms.rate):
            await self.close(WSCloseCode.POLICY_VIOLATION, b"Too many requests")
            return
        self.put(market_request(self, _loads(text)))

    def warn(self) -> None:
        """Say that the connection will be closed."""
        told = {"e": "serverShutdown", "E": self.ms()}
        self.put({"stream": "!serverShutdown", "data": told} if self.combined else told)

    def _within(self, rate: int) -> bool:
        now = time.monotonic()
        self._said = [at for at in self._said if now - at < 1.0] + [now]
        return len(self._said) <= rate


class Hub:
    """Every connection to the streams of one product."""

    def __init__(self, faults: Faults, terms: Terms, ms: Callable[[], int]) -> None:
        self.streams: set[Stream] = set()
        self.faults = faults
        self.terms = terms
        self.ms = ms
        self._courier = Courier(faults)

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
        self._courier.deliver(message["e"], partial(self._tell, key, message))

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
            stream.warn()
            stream.end()
        return len(self.streams)

    def _tell(self, key: str, message: dict[str, Any]) -> None:
        for stream in self.listening(key):
            stream.put({"stream": key, "data": message} if stream.combined else message)


def market_request(stream: Stream, asked: Any) -> dict[str, Any]:  # noqa: PLR0911 - a table of answers
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
