"""The last word before the wire, and what an answer tells of a clock: a server of a socket that counts."""

import asyncio
import contextlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from framework_mt5.config import Mt5Config
from framework_mt5.rest import NotSent, Rest
from nautilus_trader.model import Money

from framework import Secret

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers every request with an empty object."""

    def __init__(self):
        self.connections, self.heard = 0, b""

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.closing(writer):
            while part := await reader.read(65536):
                self.heard += part
                writer.write(ANSWER)


@contextlib.asynccontextmanager
async def connected(monkeypatch):
    monkeypatch.setenv("MT5_KEY", "key")
    served = Server()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = Mt5Config(
        symbols=["EURUSD"], balances=[Money.from_str("1 USD")], url=url, key=Secret("env:MT5_KEY")
    )
    rest = Rest(settings)
    rest.open()
    try:
        yield rest, served
    finally:
        await rest.close()
        server.close()


def test_the_last_word_is_asked_for_when_there_is_a_connection_and_before_anything_is_written(monkeypatch):
    async def run():
        async with connected(monkeypatch) as (rest, served):
            with pytest.raises(NotSent, match="latched"):
                await rest.send("POST", "order", body={}, unless=lambda: "latched")
            await asyncio.sleep(0.05)
            assert (served.connections, served.heard) == (1, b"")
            assert await rest.send("POST", "order", body={}) == {}
            assert served.connections == 1, "the connection went back to the pool"
            assert served.heard.count(b"POST /order") == 1

    asyncio.run(run())


def test_an_answer_that_took_long_tells_of_the_clock_only_what_it_proves(monkeypatch):
    """In a time of the test's own: the question takes 0.01 s, and the answer `late` s."""
    now, skew, late = 1_800_000_000.0, 0.0, 0.0

    async def get(_path, *, attempts):
        nonlocal now
        now += 0.01
        told = {"now": datetime.fromtimestamp(now + skew, UTC).isoformat()}
        now += late
        return told

    async def run():
        nonlocal skew, late
        async with connected(monkeypatch) as (rest, _served):
            monkeypatch.setattr(rest, "get", get)
            for skew, late, offset in ((0, 0, 0), (0, 0.6, 0), (5, 0.6, 4.7), (5, 0, 5)):  # noqa: B007
                await rest.probe_clock()
                assert rest.offset == pytest.approx(offset, abs=0.01)

    monkeypatch.setattr("framework_mt5.rest.time", SimpleNamespace(time=lambda: now))
    asyncio.run(run())
