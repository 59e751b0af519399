"""Past orders and deals after a time: of one window, whatever stands across its edge."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from framework_mt5_server.books import Books
from framework_mt5_server.orders import Orders
from framework_mt5_server.requests import Requests
from framework_mt5_server.settings import LimitSettings
from framework_mt5_server.store import Store
from framework_mt5_server.wallclock import ServerClock
from framework_mt5_server.words import Writer

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
SINCE = int((NOW - 24 * HOUR).timestamp() * 1000)
FILLED = 4


def ms(hours_ago):
    return int((NOW - hours_ago * HOUR).timestamp() * 1000)


def order(ticket, placed, done, *, volume=0.2, left=0.0):
    fields = dict.fromkeys(
        (
            "type",
            "time_expiration",
            "type_time",
            "type_filling",
            "magic",
            "position_id",
            "position_by_id",
            "reason",
        ),
        0,
    ) | dict.fromkeys(("price_open", "sl", "tp", "price_current", "price_stoplimit"), 1.1)
    times = {"time_setup_msc": ms(placed), "time_done_msc": ms(done) if done else 0}
    return SimpleNamespace(
        **fields, **times, ticket=ticket, symbol="EURUSD", comment="", state=FILLED if done else 3,
        volume_initial=volume, volume_current=left,
    )  # fmt: skip


def deal(ticket, of, ago, volume=0.2):
    fields = dict.fromkeys(
        ("type", "entry", "magic", "position_id", "reason", "commission", "swap", "fee", "profit"), 0
    )
    return SimpleNamespace(
        **fields, ticket=ticket, order=of, symbol="EURUSD", comment="", time_msc=ms(ago), price=1.1,
        volume=volume,
    )  # fmt: skip


class History:
    """A terminal whose history goes by when an order was placed, or by when it was done."""

    def __init__(self, by, active, past, deals):
        self.by, self.active, self.past, self.deals = by, active, past, deals

    async def do(self, work):
        return work(self.ask)

    def ask(self, name, *window, ticket=None):
        def kept(at, number):
            if ticket is not None:
                return number == ticket
            return window[0].timestamp() * 1000 <= at <= window[1].timestamp() * 1000

        match name:
            case "orders_get":
                return self.active
            case "history_orders_get":
                return [row for row in self.past if kept(getattr(row, self.by), row.ticket)]
            case "history_deals_get":
                return [row for row in self.deals if kept(row.time_msc, row.order)]
            case "account_info":
                return SimpleNamespace(login=5)
            case "symbol_info":
                raise AssertionError("the digits are known")


@pytest.mark.parametrize("by", ["time_setup_msc", "time_done_msc"])
def test_no_past_order_comes_without_its_deals_and_no_deal_without_its_order(tmp_path, by):
    past = [
        order(1, placed=36, done=36),  # before the window, within the day that the terminal is asked for more
        order(2, placed=36, done=1),
        order(3, placed=200, done=1),
        order(4, placed=30, done=2),  # filled in part before the window
        order(5, placed=3, done=2),
    ]
    active = [order(6, placed=90, done=None, left=0.1)]
    deals = [
        deal(11, 1, 36),
        deal(12, 2, 1),
        deal(13, 3, 1),
        deal(14, 4, 25, volume=0.1),
        deal(15, 4, 2, volume=0.1),
        deal(16, 5, 2),
        deal(17, 6, 80, volume=0.1),
    ]
    store = Store(tmp_path / "state.db")
    clock, terminal = ServerClock("+0"), History(by, active, past, deals)
    requests, writer = Requests(store, clock, LimitSettings(), 5), Writer(clock)
    writer.digits["EURUSD"] = 5
    books = Books(terminal, Orders(store, terminal, requests, clock, 1.0), requests, writer, clock)
    ended = asyncio.run(books.orders(SINCE, active=False))
    traded = asyncio.run(books.deals(SINCE, None))
    store.close()
    assert sorted(row["ticket"] for row in ended) == [2, 3, 4, 5]
    assert sorted(row["ticket"] for row in traded) == [12, 13, 14, 15, 16, 17]
