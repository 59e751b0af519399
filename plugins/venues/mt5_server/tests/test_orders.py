"""When an order in doubt is given up: by the moment at which the books were asked."""

import asyncio

import pytest
from framework_mt5_server import orders
from framework_mt5_server.orders import IN_DOUBT, NOT_TAKEN, Orders
from framework_mt5_server.store import Store

SETTLE_SECONDS = 20


class SilentTerminal:
    """Its books do not show the order, and it takes a minute to say so."""

    def __init__(self, clock):
        self.clock = clock

    async def do(self, _work):
        self.clock[0] += 60_000


@pytest.fixture
def clock(monkeypatch):
    """Milliseconds."""
    now = [1_700_000_000_000]
    monkeypatch.setattr(orders, "_now_ms", lambda: now[0])
    return now


def test_an_order_that_may_have_turned_up_since_the_books_were_asked_stays_in_doubt(request, tmp_path, clock):
    store = Store(tmp_path / "orders.db")
    request.addfinalizer(store.close)
    desk = Orders(store, SilentTerminal(clock), None, None, SETTLE_SECONDS)
    with store.change() as connection:
        connection.execute(
            "INSERT INTO orders (client_id, fingerprint, request, tag, magic, state, made_ms) "
            "VALUES ('a', 'f', '{}', 't', 7, ?, ?)",
            (IN_DOUBT, clock[0]),
        )
    assert asyncio.run(desk.settle("a")).state == IN_DOUBT
    assert asyncio.run(desk.settle("a")).state == NOT_TAKEN
