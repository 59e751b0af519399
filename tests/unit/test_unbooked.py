"""A trade that the engine does not book stops its strategy, however much it goes on trading meanwhile."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from framework.engine.recover import Recovery
from framework.journal.state import State
from framework.risk.kill import KillSwitch

EURUSD = "EUR/USD.SIM"


class Quantity(int):
    def as_decimal(self):
        return Decimal(self)


class Node:
    """A strategy's trades and what the engine makes of them."""

    def __init__(self, *, of_balances=False):
        self.notes = []
        self.session = SimpleNamespace(
            known=State(), held=State(), trades=0, note=lambda kind, what: self.notes.append(what)
        )
        self.engine = 0
        netting = SimpleNamespace(of_balances=lambda name: of_balances)
        self.desk = SimpleNamespace(knows_position=True, netting=netting)
        self.kill = KillSwitch()
        books = SimpleNamespace(positions=lambda name: self.positions())
        parts = SimpleNamespace(desks={"one": self.desk}, books=books, gate=SimpleNamespace(kill=self.kill))
        self.run = SimpleNamespace(parts=parts)
        self.recovery = Recovery(self.session, ["one"])

    def positions(self):
        size, long = Quantity(abs(self.engine)), self.engine > 0
        return [SimpleNamespace(quantity=size, instrument_id=EURUSD, is_long=long)] if size else []

    def trade(self, quantity, *, booked=True):
        self.session.held.move("one", EURUSD, Decimal(quantity))
        self.session.trades += 1
        self.engine += quantity if booked else 0

    def look(self):
        self.recovery._compare(self.run)
        return self.kill.holds("one") is not None


@pytest.fixture
def node():
    return Node()


def test_what_is_booked_is_no_reason_to_stop(node):
    for quantity in (5, -3, -4, 2):
        node.trade(quantity)
        assert not node.look()


def test_what_is_not_booked_counts_when_it_is_seen_twice(node):
    node.trade(5)
    node.trade(-2, booked=False)
    assert not node.look()
    assert node.look()
    assert not node.desk.knows_position
    said = "one holds 3 EUR/USD.SIM by the journal and 5 by the engine: start the node again"
    assert (node.kill.holds("one").reason, node.notes) == (said, [{"recovery": said}])
    assert node.kill.holds("one").flat is False, "it would be closed by a position that is not so"
    node.look()
    assert len(node.notes) == 1, "it is said once"


def test_it_is_the_same_fault_when_other_trades_come_between(node):
    node.trade(-2, booked=False)
    node.look()
    node.trade(7)
    assert node.look()


def test_what_the_engine_books_a_moment_later_is_no_fault(node):
    node.trade(5, booked=False)
    node.look()
    node.engine = 5
    assert not node.look()
    assert not node.look()


def test_an_account_of_balances_is_not_compared():
    node = Node(of_balances=True)
    node.trade(5, booked=False)
    assert not any([node.look(), node.look()])
