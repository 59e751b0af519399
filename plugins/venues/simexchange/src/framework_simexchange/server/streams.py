"""The exchange's WebSocket side: who listens to what, and what is sent to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from framework_simexchange.server.faults import STREAM_KINDS

if TYPE_CHECKING:
    from aiohttp import web

    from framework_simexchange.server.faults import Faults

BACKLOG = 10_000
KEPT = 50_000


class Stream:
    """One connection: what it subscribed to, and a queue that its own task sends from."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.channels: set[str] = set()
        self.private = False
        self._socket = socket
        self._transport = transport
        self._queue: asyncio.Queue[str] = asyncio.Queue(BACKLOG)

    def put(self, message: dict[str, Any]) -> None:
        """Queue a message; a listener that is too slow is cut off."""
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """Cut the connection without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    async def send(self, faults: Faults) -> None:
        """Send what is queued, for as long as the connection lasts."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = await self._queue.get()
                if not faults.muted:
                    await self._socket.send_str(text)


class Hub:
    """Every connection, what was published to all, and what is wrong with private messages."""

    def __init__(self, faults: Faults) -> None:
        self.streams: set[Stream] = set()
        self.market_seq = 0
        self.private_seq = 0
        self.kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.latest: dict[str, dict[str, Any]] = {}
        self._faults = faults
        self._held: list[dict[str, Any]] = []

    def market(self, message: dict[str, Any]) -> None:
        """Publish something of the market to those who subscribed to it."""
        self.market_seq += 1
        message = {**message, "mseq": self.market_seq}
        self.kept.append(message)
        channel = f"{message['type']}:{message['symbol']}"
        if message["type"] == "quote":
            self.latest[channel] = message
        for stream in self.streams:
            if channel in stream.channels:
                stream.put(message)

    def subscribe(self, stream: Stream, channels: list[str]) -> None:
        """Add channels to a connection; a new quote channel begins with the latest quote."""
        for channel in channels:
            if channel in self.latest and channel not in stream.channels:
                stream.put(self.latest[channel])
            stream.channels.add(channel)

    def private(self, message: dict[str, Any]) -> None:
        """Send something of the account to those who logged in, in the way the armed faults have it."""
        self.private_seq += 1
        message = {**message, "pseq": self.private_seq}
        fault = self._faults.strike(STREAM_KINDS, message["type"])
        match None if fault is None else fault.kind:
            case "lose":
                return
            case "late":
                asyncio.get_running_loop().call_later(fault.seconds if fault else 0, self._send, message)
                return
            case "reorder":
                self._held.append(message)
                return
            case "duplicate":
                self._send(message)
        self._send(message)
        held, self._held = self._held[::-1], []
        for earlier in held:
            self._send(earlier)

    def heartbeat(self, message: dict[str, Any]) -> None:
        """Tell everybody that the connection lives, and how far the sequences are."""
        for stream in self.streams:
            stream.put({**message, "mseq": self.market_seq, "pseq": self.private_seq})

    def cut(self) -> int:
        """Cut every connection; returns how many there were."""
        streams = list(self.streams)
        for stream in streams:
            stream.cut()
        return len(streams)

    def _send(self, message: dict[str, Any]) -> None:
        for stream in self.streams:
            if stream.private:
                stream.put(message)
