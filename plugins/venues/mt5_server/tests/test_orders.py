"""When an order in doubt is given up: by the moment at which the books were asked, and by whose they were."""

import asyncio
from types import SimpleNamespace

import pytest
from framework_mt5_server import orders
from framework_mt5_server.orders import IN_DOUBT, NOT_TAKEN, Orders
from framework_mt5_server.requests import Requests
from framework_mt5_server.settings import LimitSettings
from framework_mt5_server.store import Store
from framework_mt5_server.terminal import TerminalError
from framework_mt5_server.wallclock import ServerClock

SETTLE_SECONDS = 20
LOGIN = 5


class SilentTerminal:
    """Its books do not show the order."""

    def __init__(self, clock):
        self.clock = clock
        self.takes_ms, self.connected, self.login, self.down = 0, True, LOGIN, False

    async def do(self, work):
        self.clock[0] += self.takes_ms
        if self.down:
            raise TerminalError("orders_get", -10005, "IPC timeout")
        return work(self.ask)

    def ask(self, name, *_):
        return {
            "account_info": SimpleNamespace(login=self.login),
            "terminal_info": SimpleNamespace(connected=self.connected),
        }.get(name, ())


@pytest.fixture
def clock(monkeypatch):
    """Milliseconds."""
    now = [1_700_000_000_000]
    monkeypatch.setattr(orders, "_now_ms", lambda: now[0])
    return now


@pytest.fixture
def terminal(clock):
    return SilentTerminal(clock)


@pytest.fixture
def state(tmp_path, clock, terminal):
    """What becomes of an order in doubt when it is looked for so many seconds later."""
    store = Store(tmp_path / "orders.db")
    broker_clock = ServerClock("+0")
    requests = Requests(store, broker_clock, LimitSettings(), LOGIN)
    desk = Orders(store, terminal, requests, broker_clock, SETTLE_SECONDS)
    with store.change() as connection:
        connection.execute(
            "INSERT INTO orders (client_id, fingerprint, request, tag, magic, state, made_ms) "
            "VALUES ('a', 'f', '{}', 't', 7, ?, ?)",
            (IN_DOUBT, clock[0]),
        )

    def after(seconds):
        clock[0] += seconds * 1000
        return asyncio.run(desk.settle("a")).state

    yield after
    store.close()


def test_an_order_that_may_have_turned_up_since_the_books_were_asked_stays_in_doubt(state, terminal):
    terminal.takes_ms = 60_000
    assert state(0) == IN_DOUBT
    assert state(0) == NOT_TAKEN


@pytest.mark.parametrize(
    ("blind", "seeing"),
    [
        ({"connected": False}, {"connected": True}),
        ({"login": LOGIN + 1}, {"login": LOGIN}),
        ({"down": True}, {"down": False}),
    ],
)
def test_silence_counts_from_when_the_accounts_books_are_seen_again(state, terminal, blind, seeing):
    vars(terminal).update(blind)
    if terminal.down:
        with pytest.raises(TerminalError):
            state(60)
    else:
        assert state(60) == IN_DOUBT
        assert state(60) == IN_DOUBT
    vars(terminal).update(seeing)
    assert state(SETTLE_SECONDS - 1) == IN_DOUBT
    assert state(2) == NOT_TAKEN
