"""How the server is, and the push stream."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from framework_mt5_server import __version__
from framework_mt5_server.events import Events, Listener
from framework_mt5_server.holder import TAKEN
from framework_mt5_server.requests import HALTED
from framework_mt5_server.wallclock import iso

if TYPE_CHECKING:
    from framework_mt5_server.keys import Keys
    from framework_mt5_server.server import Server

SYMBOLS = 1_000
KEY_SECONDS = 1.0
"""How often a stream's key is looked up."""
REVOKED = 4401
"""What a stream is closed with when its key was revoked."""


def routes(server: Server) -> APIRouter:
    """Health and events."""
    router = APIRouter()
    events = server.events

    @router.get("/health")
    async def health() -> dict[str, Any]:
        """How the server, its terminal and its clock are."""
        looked = events.looked_at
        return {
            "version": __version__,
            "boot": events.boot,
            "now": iso(int(time.time() * 1000)),
            "connected": not server.terminal.trouble,
            "trouble": server.terminal.trouble or None,
            "waiting": server.terminal.waiting,
            "wedged_seconds": round(server.terminal.wedged_seconds, 3),
            "looked_seconds_ago": None if looked is None else round(time.monotonic() - looked, 3),
            "clock": server.settings.terminal.clock,
            "clock_trouble": server.clock.trouble(),
            "halted": server.store.flag(HALTED) or None,
            "in_doubt": len(server.orders.unsettled()),
        }

    @router.websocket("/events")
    async def stream(socket: WebSocket) -> None:
        if len(events.listeners) >= server.settings.events.clients:
            await socket.close(1013, "too many streams")
            return
        await socket.accept()
        with server.holder.stream(socket.headers) as held:
            if held:
                await _listen(socket, events, server.keys, server.settings.events.heartbeat_seconds)
            else:
                await socket.close(TAKEN, "another node trades on this account")

    return router


async def _listen(socket: WebSocket, events: Events, keys: Keys, heartbeat: float) -> None:
    listener = Listener()
    events.listeners.add(listener)
    tasks = [
        asyncio.create_task(part)
        for part in (
            _hear(socket, listener, events),
            _tell(socket, listener, heartbeat, events),
            _revoked(keys, socket.state.key.id),
        )
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if tasks[-1] in done:
            tasks[1].cancel()
            async with asyncio.timeout(KEY_SECONDS):
                await socket.close(REVOKED, "the key was revoked")
    except (WebSocketDisconnect, RuntimeError, TimeoutError):
        pass  # the listener has gone
    finally:
        events.listeners.discard(listener)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _revoked(keys: Keys, name: str) -> None:
    """Wait until a key is none any more; another process may have revoked it."""
    while keys.holds(name):  # noqa: ASYNC110 - nothing in this process tells of it
        await asyncio.sleep(KEY_SECONDS)


async def _tell(socket: WebSocket, listener: Listener, heartbeat: float, events: Events) -> None:
    await socket.send_json(events.welcome())
    while not listener.behind:
        if not listener.waiting:
            listener.news.clear()
            try:
                async with asyncio.timeout(heartbeat):
                    await listener.news.wait()
            except TimeoutError:
                await socket.send_json({"type": "heartbeat", "seq": events.seq})
                continue
        await socket.send_json(listener.waiting.popleft())
    await socket.close(1013, "too far behind")


async def _hear(socket: WebSocket, listener: Listener, events: Events) -> None:
    """Take subscriptions until the socket closes; nonsense closes it."""
    while True:
        try:
            message = await socket.receive_json()
            symbols = {name for name in message["symbols"] if isinstance(name, str)}
            if message["op"] == "subscribe" and len(symbols | listener.symbols) <= SYMBOLS:
                events.subscribe(listener, symbols)
                continue
            if message["op"] == "unsubscribe":
                listener.symbols -= symbols
                continue
        except (ValueError, KeyError, TypeError):
            pass  # answered as any other nonsense
        await socket.close(1007, "say op and symbols")
        return
