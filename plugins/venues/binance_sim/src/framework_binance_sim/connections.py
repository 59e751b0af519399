"""WebSocket connections: how long each lives, what keeps it alive, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from framework_binance_sim.times import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.faults import Faults

BACKLOG = 20_000


@dataclass(frozen=True, slots=True)
class Terms:
    """How long connections live.

    Attributes:
        ping: Seconds between two pings.
        patience: Seconds without a pong after which a connection is closed.
        life: Seconds after which it is closed in any case.
        warning: Seconds before that at which `serverShutdown` is sent.
        rate: Messages a client may send in a second on a stream.
    """

    ping: float = 180.0
    patience: float = 600.0
    life: float = 86_400.0
    warning: float = 600.0
    rate: int = 10


class Connection:
    """One WebSocket. What is said is queued, so that a slow listener keeps nobody waiting.

    Attributes:
        in_microseconds: How times are told; otherwise in milliseconds.
    """

    def __init__(self, faults: Faults, terms: Terms, ms: Callable[[], int]) -> None:
        self.faults = faults
        self.terms = terms
        self.ms = ms
        self.in_microseconds = False
        self.opened = time.monotonic()
        self._warned = False
        self._socket = web.WebSocketResponse(autoping=False, max_msg_size=64 * 1024)
        self._transport: asyncio.Transport | None = None
        self._queue: asyncio.Queue[str | bytes | None] = asyncio.Queue(BACKLOG)
        self._ponged = self._pinged = time.monotonic()

    async def heard(self, text: str) -> None:
        """Do what a message of the client asks for."""
        raise NotImplementedError

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold the connection until either side ends it."""
        await self._socket.prepare(request)
        self._transport = request.transport
        tasks = [asyncio.create_task(task) for task in (self._send(), self._live())]
        try:
            async for message in self._socket:
                if message.type is WSMsgType.PONG:
                    self._ponged = time.monotonic()
                elif message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    await self.heard(message.data)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)
        return self._socket

    def put(self, message: dict[str, Any] | list[Any] | str | bytes) -> None:
        """Queue a message; a listener that is too slow is cut off."""
        if self.in_microseconds:
            message = microseconds(message)
        ready = message if isinstance(message, str | bytes) else json.dumps(message, separators=(",", ":"))
        try:
            self._queue.put_nowait(ready)
        except asyncio.QueueFull:
            self.cut()

    def warn(self) -> None:
        """Say that the connection will be closed."""
        self.put({"e": "serverShutdown", "E": self.ms()})

    def cut(self) -> None:
        """Cut the connection without a farewell."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """Close the connection after what is queued."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    async def close(self, code: int, reason: bytes) -> None:
        """Close the connection at once, and say why."""
        await self._socket.close(code=code, message=reason)

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                message = await self._queue.get()
                if message is None:
                    await self._socket.close()
                    return
                if self.faults.muted:
                    continue
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_str(message)

    async def _live(self) -> None:
        terms = self.terms
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await asyncio.sleep(min(terms.ping, 1.0) / 4)
                now = time.monotonic()
                if now - self._ponged > terms.patience:
                    self.cut()
                    return
                if now - self._pinged >= terms.ping and not self.faults.muted:
                    self._pinged = now
                    await self._socket.ping(str(int(time.time() * 1_000)).encode())
                age = now - self.opened
                if age >= terms.life - terms.warning and not self._warned:
                    self._warned = True
                    self.warn()
                if age >= terms.life:
                    self.end()
                    return
