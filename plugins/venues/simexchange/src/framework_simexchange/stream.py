"""A WebSocket to the exchange that is always being kept, and never trusted to have told everything."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from framework_simexchange.rest import NotSent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nautilus_trader.common import Logger

    from framework_simexchange.rest import Rest

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
WELCOME_SECONDS = 2.0
STALE_HEARTBEATS = 2


class Stale(Exception):  # noqa: N818 - a fact, not a malfunction
    """Nothing was heard for two heartbeats."""


class Stream:
    """Connects, logs in when asked to, hands on messages, and connects again when silent or cut.

    Args:
        rest: Where to connect, and what signs the login.
        log: Where connections and their ends are written.
        private: Whether to log in.
        on_up: Awaited after every connection, before the first message is handed on, with the exchange's
            welcome: the place to subscribe again and to ask for what was missed. What arrives meanwhile
            waits. When it raises, the connection is given up and made again.
        on_message: Awaited with every message.
    """

    _DOWN = (aiohttp.ClientError, OSError, TimeoutError, NotSent, Stale, ValueError, KeyError, TypeError)

    def __init__(
        self,
        rest: Rest,
        log: Logger,
        *,
        private: bool,
        on_up: Callable[[dict[str, Any]], Awaitable[None]],
        on_message: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._rest = rest
        self._log = log
        self._private = private
        self._on_up = on_up
        self._on_message = on_message
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.up = asyncio.Event()
        self.connections = 0

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connected()
            except self._DOWN as error:
                self._log.warning(f"stream is down: {type(error).__name__}: {error}")
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
            socket = await self._rest.socket()
        try:
            welcome = await _heard(socket, WELCOME_SECONDS)
            silence = STALE_HEARTBEATS * float(welcome["heartbeat"])
            self._socket = socket
            if self._private:
                await self.say({"op": "login", **self._rest.claims("GET", "/v1/stream")})
            await self._on_up(welcome)
            self.connections += 1
            self.up.set()
            while True:
                message = await _heard(socket, silence)
                if message.get("type") == "refused":
                    raise ValueError(f"{message.get('code')}: {message.get('message')}")
                await self._on_message(message)
        finally:
            self._socket = None
            await socket.close()


async def _heard(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            message = await socket.receive()
    except TimeoutError as error:
        raise Stale(f"nothing heard for {seconds:g} s") from error
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise aiohttp.ClientConnectionError("the exchange closed the stream")
    body = json.loads(message.data)
    if not isinstance(body, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004 - as bad as any other text
    return body
