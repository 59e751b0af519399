"""The last word before the wire, with a server of a socket that counts what reaches it."""

import asyncio
import contextlib
from decimal import Decimal
from types import SimpleNamespace

import pytest
from framework_simexchange.config import SimExchangeConfig
from framework_simexchange.constants import MS
from framework_simexchange.rest import NotSent, Rest
from nautilus_trader.model import Money

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
    monkeypatch.setenv("SIMEXCHANGE_KEY", "key")
    monkeypatch.setenv("SIMEXCHANGE_SECRET", "secret")
    served = Server()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    settings = SimExchangeConfig(
        balances=[Money.from_str("1 USD")],
        maker=Decimal(0),
        taker=Decimal(0),
        url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
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
            asked = []

            def unless():
                asked.append(served.connections)
                return "latched"

            with pytest.raises(NotSent, match="latched"):
                await rest.send("POST", "/v1/orders", body={}, unless=unless)
            await asyncio.sleep(0.05)
            assert len(asked) == 1
            assert (served.connections, served.heard) == (1, b"")
            assert await rest.send("POST", "/v1/orders", body={}, unless=lambda: None) == {}
            assert served.heard.startswith(b"POST /v1/orders")
            assert served.connections == 1, "the connection went back to the pool"
            with pytest.raises(NotSent):
                await rest.send("POST", "/v1/orders", body={}, unless=lambda: "again")
            assert await rest.get("/v1/time") == {}, "a question is nobody's order"
            assert served.connections == 1
            assert served.heard.count(b"POST") == 1

    asyncio.run(run())


def test_the_last_words_of_requests_under_way_together_are_each_their_own(monkeypatch):
    async def run():
        async with connected(monkeypatch) as (rest, served):
            done = await asyncio.gather(
                *(
                    rest.send("POST", f"/{number}", unless=lambda odd=number % 2: "odd" if odd else None)
                    for number in range(40)
                ),
                return_exceptions=True,
            )
            assert [isinstance(one, NotSent) for one in done] == [bool(number % 2) for number in range(40)]
            assert served.heard.count(b"POST") == 20

    asyncio.run(run())


def test_an_answer_that_took_long_tells_of_the_clock_only_what_it_proves(monkeypatch):
    now_ns, skew_ns, late_ns = 1_700_000_000_000 * MS, 0, 2 * MS

    async def get(_path):
        nonlocal now_ns
        told = {"ns": now_ns + skew_ns}
        now_ns += late_ns
        return told

    async def run():
        nonlocal skew_ns, late_ns
        async with connected(monkeypatch) as (rest, _served):
            monkeypatch.setattr(rest, "get", get)
            monkeypatch.setattr("framework_simexchange.rest.time", SimpleNamespace(time_ns=lambda: now_ns))
            assert await rest.probe_clock() == -1 * MS
            late_ns = 600 * MS  # by itself it would say that the exchange is 0.3 s behind
            assert await rest.probe_clock() == -1 * MS
            skew_ns = 5_000 * MS
            assert await rest.probe_clock() == 4_700 * MS
            late_ns = 0
            assert await rest.probe_clock() == 5_000 * MS

    asyncio.run(run())
