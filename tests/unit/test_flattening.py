"""A flattening that is asked for at every price: what was refused is tried again, less and less often."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from nautilus_trader.model import InstrumentId, Quantity, StrategyId

from framework.engine.books import Entries
from framework.engine.desk import Desk
from framework.engine.pace import Pace

SECOND = 1_000_000_000
EURUSD = InstrumentId.from_str("EUR/USD.SIM")


@dataclass
class Position:
    """As much of the engine's position as closing it looks at."""

    id: str = "P-1"
    instrument_id: InstrumentId = EURUSD
    quantity: Quantity = Quantity.from_int(100)  # noqa: RUF009 - it never changes
    is_long: bool = True
    size_precision: int = 0
    ts_opened: int = 1
    event_count: int = 1


class Cache:
    def orders_open(self, **_which):
        return []

    orders_inflight = orders_emulated = orders_open

    def is_order_closed(self, _client_order_id):
        return True


class Books:
    def __init__(self):
        self.cache = Cache()
        self.entries = {"one": Entries(self.cache)}
        self.held = [Position()]
        self.time = 0

    def now(self):
        return self.time

    def positions(self, _strategy_id):
        return self.held


class Gate:
    def covers(self, _strategy_id):
        return True


class Strategy:
    """Its closing orders are refused, every one."""

    def __init__(self):
        self.closed = []

    def close_position(self, position):
        self.closed.append(position.quantity.as_decimal())


@pytest.fixture
def books():
    return Books()


@pytest.fixture
def strategy():
    return Strategy()


@pytest.fixture
def flatten(books, strategy):
    """Asks at a second of the data's time."""
    desk = Desk(0, "one", StrategyId("one-1"), Gate(), books, None, None)

    def at(second):
        books.time = int(second * SECOND)
        desk.flatten(strategy)
        return len(strategy.closed)

    return at


def test_a_close_that_is_refused_is_paced(flatten):
    tries = [flatten(tick / 10) for tick in range(1_000)]
    first = [tries.index(count) / 10 for count in range(1, tries[-1] + 1)]
    assert first == [0, 1, 3, 7, 15, 31, 61, 91]


def test_a_position_that_has_changed_is_closed_at_once(flatten, books):
    assert [flatten(0), flatten(0.1)] == [1, 1]
    books.held = [Position(event_count=2, quantity=Quantity.from_int(60))]
    assert flatten(0.2) == 2


def test_a_position_that_was_opened_again_is_closed_at_once(flatten, books):
    assert flatten(0) == 1
    books.held = []
    assert flatten(0.1) == 1
    books.held = [Position(ts_opened=2)]
    assert flatten(0.2) == 2


def test_each_position_has_a_pace_of_its_own(flatten, books, strategy):
    assert flatten(0) == 1
    books.held.append(Position(id="P-2", quantity=Quantity.from_int(7)))
    assert flatten(0.5) == 2
    assert strategy.closed == [Decimal(100), Decimal(7)]


def test_what_is_gone_is_forgotten():
    pace = Pace()
    assert pace.is_due("A", 0)
    assert not pace.is_due("A", SECOND - 1)
    pace.keep({"B"})
    assert pace.is_due("A", SECOND - 1)
