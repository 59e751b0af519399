"""A bad network on request: a TCP proxy between the node and the exchange, on real sockets.

Bytes are passed on as they come; what it does to them is what networks do. There is no such thing as a
duplicated byte in a TCP stream: duplicated messages are the exchange's doing, on its control port.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 16 * 1024
SLICE_SECONDS = 0.02
PATIENCE = 5.0
RESET = struct.pack("ii", 1, 0)
"""Closed with this as its SO_LINGER, a socket is reset instead of ended in order."""


@dataclass(slots=True)
class Weather:
    """How the network is now.

    Attributes:
        refusing: New connections are reset.
        silent: Nothing gets through, and nobody is told: a half-open connection.
        delay: Seconds every piece is held back.
        rate: Bytes a second each way of a connection; None for as fast as it goes.
        truncate: Bytes after which the next piece towards a side is cut off, with the connection.
    """

    refusing: bool = False
    silent: bool = False
    delay: float = 0.0
    rate: float | None = None
    truncate: dict[str, int] = field(default_factory=dict)


class Proxy:
    """Listens on a free port of this machine and passes everything on to another.

    It runs on a thread of its own, so that whoever tests may block.

    Args:
        port: Where to.

    Attributes:
        port: Where it listens.
        accepted: How many connections there have been.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.accepted = 0
        self._to = port
        self._weather = Weather()
        self._writers: set[asyncio.StreamWriter] = set()
        self._calm = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def cut(self) -> int:
        """Reset every connection; new ones are taken. Returns how many there were."""
        return self._do(self._cut)

    def drop(self, seconds: float) -> None:
        """Reset every connection, and every new one for so long."""
        self._do(self._cut)
        self._for(seconds, "refusing", value=True)

    def half_open(self, seconds: float) -> None:
        """Let nothing through for so long, and tell nobody; then everything that was held back arrives."""
        self._for(seconds, "silent", value=True)

    def delay(self, seconds: float, ms: float) -> None:
        """Hold every piece back for so many milliseconds."""
        self._for(seconds, "delay", value=ms / 1_000)

    def throttle(self, seconds: float, bytes_per_s: float) -> None:
        """Let so many bytes a second through, each way of each connection."""
        self._for(seconds, "rate", value=bytes_per_s)

    def truncate(self, toward: Literal["node", "exchange"], bytes: int) -> None:  # noqa: A002 - as schedules say it
        """Cut the next piece towards that side off after so many bytes, and reset its connection."""
        self._do(lambda: self._weather.truncate.__setitem__(toward, bytes))

    def calm(self) -> None:
        """Let everything through again."""
        self._do(self._clear)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._calm.set()
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._cut()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    def _do[T](self, what: Callable[[], T]) -> T:
        async def done() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE)

    def _for(self, seconds: float, name: str, *, value: Any) -> None:
        """Set one thing for so long; the last one who asked decides when it is over."""
        weather = self._weather

        def begin() -> None:
            setattr(weather, name, value)
            self._look()
            self._loop.call_later(seconds, end)

        def end() -> None:
            setattr(weather, name, getattr(Weather(), name))
            self._look()

        self._do(begin)

    def _clear(self) -> None:
        for name in ("refusing", "silent", "delay", "rate"):
            setattr(self._weather, name, getattr(Weather(), name))
        self._weather.truncate.clear()
        self._look()

    def _look(self) -> None:
        (self._calm.clear if self._weather.silent else self._calm.set)()

    def _cut(self) -> int:
        count = len(self._writers) // 2
        for writer in tuple(self._writers):
            _reset(writer)
        self._writers.clear()
        return count

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._weather.refusing:
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            _reset(writer)
            return
        both = {writer, back}
        self._writers |= both
        try:
            await asyncio.gather(
                self._pass(reader, back, "exchange", both), self._pass(there, writer, "node", both)
            )
        except (OSError, ConnectionError):
            pass  # one side went away; the other is told below
        finally:
            for one in both:
                self._writers.discard(one)
                _reset(one)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        toward: str,
        both: set[asyncio.StreamWriter],
    ) -> None:
        while piece := await reader.read(CHUNK):
            weather = self._weather
            if weather.delay:
                await asyncio.sleep(weather.delay)
            await self._calm.wait()
            kept = weather.truncate.pop(toward, None)
            await self._send(writer, piece if kept is None else piece[:kept])
            if kept is not None:
                for one in both:
                    one.close()
                raise ConnectionResetError
        writer.write_eof()

    async def _send(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        while piece:
            rate = self._weather.rate
            now = len(piece) if rate is None else max(1, int(rate * SLICE_SECONDS))
            writer.write(piece[:now])
            await writer.drain()
            piece = piece[now:]
            if rate is not None:
                await asyncio.sleep(SLICE_SECONDS)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):  # it is gone already
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
