"""What becomes of a cancel when the server says that it was asked too often: a server of canned answers."""

import asyncio
import contextlib
import logging
from types import SimpleNamespace

import pytest
from aiohttp import web
from framework_mt5.config import Mt5Config
from framework_mt5.desk import Desk
from framework_mt5.knowledge import Known
from framework_mt5.rest import Rest
from nautilus_trader.model import Money

from framework import Secret

LOG = logging.getLogger("test_desk")
RATE = (429, {"code": "RATE", "message": "more requests than this key may send", "sent": False})
REMOVED = (200, {"state": "done", "answer": {"retcode": 10009}})
GONE = (409, {"code": "NOT_ACTIVE", "message": "the order is canceled", "sent": False})
ROW = {"ticket": 1, "state": "canceled"}
VIEW = (200, {"client_id": "a", "state": "done", "ticket": 1, "order": ROW, "deals": []})


class Engine:
    """Of the execution client, what a cancel needs."""

    def __init__(self):
        self.rejected = []
        order = SimpleNamespace(venue_order_id="1")
        self.cache = SimpleNamespace(order=lambda _: order)
        self.clock = SimpleNamespace(timestamp_ns=lambda: 0)

    def generate_order_cancel_rejected(self, _order, _number, reason, _at):
        self.rejected.append(reason)


class Rows:
    """Of what is proven, the rows that were heard."""

    def __init__(self):
        self.heard, self.known = [], Known(accepted=True)

    def of(self, _name):
        return self.known

    def order(self, row):
        self.heard.append(row["state"])
        self.known.over = True

    def short(self):
        return []


@contextlib.asynccontextmanager
async def desk_on(canned, monkeypatch):
    """A desk, its engine and its rows; the server has so many answers to each method."""

    async def answer(request):
        status, body = canned[request.method].pop(0)
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/order/a", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv("MT5_KEY", "key")
    settings = Mt5Config(
        symbols=["EURUSD"],
        balances=[Money.from_str("1 USD")],
        url=f"http://127.0.0.1:{port}",
        key=Secret("env:MT5_KEY"),
    )
    rest, engine, rows = Rest(settings), Engine(), Rows()
    rest.open()
    try:
        yield Desk(engine, settings, {}, rest=rest, stream=None, knowledge=rows, log=LOG), engine, rows
    finally:
        await rest.close()
        await runner.cleanup()


@pytest.mark.parametrize(
    "canned",
    [
        {"DELETE": [RATE, RATE, REMOVED], "GET": [VIEW]},
        {"DELETE": [REMOVED], "GET": [RATE, VIEW]},
        {"DELETE": [GONE], "GET": [RATE, VIEW]},
    ],
)
def test_a_cancel_and_the_look_after_it_wait_for_the_rate(monkeypatch, canned):
    async def run():
        async with desk_on(canned, monkeypatch) as (desk, engine, rows):
            await desk._take_away("a")
            assert (rows.heard, engine.rejected) == (["canceled"], [])

    asyncio.run(run())
    assert not any(canned.values()), "every answer was asked for once"
