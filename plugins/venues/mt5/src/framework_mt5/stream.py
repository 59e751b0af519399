"""A WebSocket to the server that is always being kept, and never trusted to have told everything."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from framework_mt5.rest import NotSent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nautilus_trader.common import Logger

    from framework_mt5.rest import Rest

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
WELCOME_SECONDS = 5.0
STALE_HEARTBEATS = 2
TAKEN = 4409
"""What the server closes a stream with while another node has the account."""


class Stream:
    """Connects, hands on messages, and connects again when silent or cut.

    Args:
        rest: Where to connect.
        log: Where connections and their ends are written.
        on_up: Awaited after every connection with the server's welcome, before the first message is handed
            on: the place to subscribe again and to ask for what was missed.
        on_message: Awaited with every message.
    """

    _DOWN = (aiohttp.ClientError, OSError, TimeoutError, NotSent, ValueError, KeyError, TypeError)

    def __init__(
        self,
        rest: Rest,
        log: Logger,
        *,
        on_up: Callable[[dict[str, Any]], Awaitable[None]],
        on_message: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._rest = rest
        self._log = log
        self._on_up = on_up
        self._on_message = on_message
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.up = asyncio.Event()
        self.taken = False
        """Whether another node has the account."""
        self._began = False

    async def run(self) -> None:
        """Keep the connection until cancelled, or until another node has taken the account over."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connected()
            except self._DOWN as error:
                self._log.warning(f"stream is down: {type(error).__name__}: {error}")
            if self.taken and self._began:
                self._log.error("another node trades on this account; this one sends nothing any more")
                return
            if self.up.is_set():
                pause = FIRST_PAUSE
            self.up.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def say(self, message: dict[str, Any]) -> None:
        """Send a message, if there is a connection; `on_up` repeats what matters on the next one."""
        socket = self._socket
        if socket is not None and not socket.closed:
            await socket.send_str(json.dumps(message))

    async def _connected(self) -> None:
        async with asyncio.timeout(WELCOME_SECONDS):
            socket = await self._rest.socket(WELCOME_SECONDS)
        try:
            welcome = await _heard(socket, WELCOME_SECONDS)
            self.taken, self._began = False, True
            silence = STALE_HEARTBEATS * float(welcome["heartbeat_seconds"])
            self._socket = socket
            await self._on_up(welcome)
            self.up.set()
            while True:
                await self._on_message(await _heard(socket, silence))
        finally:
            self._socket = None
            self.taken = socket.close_code == TAKEN
            await socket.close()


async def _heard(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        message = await socket.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise aiohttp.ClientConnectionError(
            f"the server closed the stream: {socket.close_code} {message.extra or ''}".rstrip()
        )
    body = json.loads(message.data)
    if not isinstance(body, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004 - as bad as any other text
    return body
