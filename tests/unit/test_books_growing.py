"""An order that is being enlarged counts with the larger size until the venue has said what became of it."""

from dataclasses import dataclass, field

import pytest
from nautilus_trader.model import OrderStatus, Quantity

from framework.engine.books import Entries


def units(number):
    return Quantity.from_int(number)


@dataclass
class Order:
    """As much of the engine's order as the entries look at."""

    client_order_id: str = "O-1"
    quantity: Quantity = field(default_factory=lambda: units(10))
    filled_qty: Quantity = field(default_factory=lambda: units(4))
    status: OrderStatus = OrderStatus.PENDING_UPDATE

    @property
    def leaves_qty(self):
        return self.quantity - self.filled_qty


class Cache:
    def __init__(self, order):
        self.known = order

    def order(self, client_order_id):
        return self.known

    def is_order_closed(self, client_order_id):
        return self.known.status == OrderStatus.CANCELED


@pytest.fixture
def order():
    return Order()


@pytest.fixture
def entries(order):
    made = Entries(Cache(order))
    made.add("O-1", order)
    made.grow("O-1", units(30))
    made.left()
    return made


def left(entries):
    return [(int(order.quantity), int(order.leaves_qty)) for order in entries.working()]


def test_it_counts_with_what_it_may_become(entries):
    assert left(entries) == [(30, 26)]
    assert entries.working()[0].client_order_id == "O-1"


def test_until_the_change_has_left_the_engine_does_not_know(entries, order):
    order.status = OrderStatus.ACCEPTED
    entries.grow("O-1", units(40))
    assert left(entries) == [(40, 36)]
    entries.left()
    assert left(entries) == [(10, 6)]


def test_a_cancellation_of_it_that_is_under_way_changes_nothing(entries, order):
    order.status = OrderStatus.PENDING_CANCEL
    assert left(entries) == [(30, 26)]


def test_of_two_changes_under_way_the_larger_one_counts(entries):
    entries.grow("O-1", units(20))
    assert left(entries) == [(30, 26)]


def test_once_it_was_made_the_engine_knows(entries, order):
    order.quantity, order.status = units(30), OrderStatus.ACCEPTED
    assert entries.working() == [order]


def test_one_that_was_refused_is_forgotten(entries, order):
    order.status = OrderStatus.ACCEPTED
    assert left(entries) == [(10, 6)]
    order.status = OrderStatus.PENDING_UPDATE
    assert left(entries) == [(10, 6)]


def test_an_order_that_is_over_takes_its_change_along(entries, order):
    order.status = OrderStatus.CANCELED
    assert left(entries) == []


def test_an_order_that_is_not_being_changed_is_the_engines_own(order):
    entries = Entries(Cache(order))
    entries.add("O-1", order)
    other = Order("O-2", status=OrderStatus.ACCEPTED)
    entries.grow("O-2", units(30))
    assert entries.working() == [order]
    assert other.leaves_qty == units(6)
