"""How many positions may be open or on their way."""

from __future__ import annotations

import msgspec
import pytest
from framework_limits.max_open_positions import MaxOpenPositions, MaxOpenPositionsConfig

from framework import APPROVE, Deny


@pytest.fixture
def cap(books):
    def make(**settings):
        rule = MaxOpenPositions(msgspec.convert({"max_positions": 2, **settings}, MaxOpenPositionsConfig))
        rule.start(books)
        return rule

    return make


def test_positions_up_to_the_number_may_be_opened(cap, books, propose):
    rule = cap()
    books.hold("future")
    assert rule.check(propose("fx", 1000)) is APPROVE
    books.hold("equity")
    assert rule.check(propose("fx", 1000)) == Deny(
        "2 positions are open or on their way, and max_positions is 2"
    )


def test_a_working_entry_counts_before_it_fills(cap, books, propose):
    rule = cap()
    books.hold("future")
    books.entries.append(propose("equity", 10, limit="180.00").order)
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_two_working_entries_of_one_instrument_are_one_position(cap, books, propose):
    rule = cap()
    books.entries += [propose("equity", 10, limit="180.00").order, propose("equity", 10, side="sell").order]
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_a_partly_filled_entry_and_its_position_are_one(cap, books, propose):
    rule = cap()
    books.hold("equity")
    books.entries.append(propose("equity", 10, limit="180.00").order)
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_adding_to_a_position_passes_even_when_the_number_is_reached(cap, books, propose):
    rule = cap(max_positions=1)
    books.hold("fx")
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_adding_can_be_denied(cap, books, propose):
    rule = cap(adding="deny")
    books.hold("fx")
    verdict = rule.check(propose("fx", 1000))
    assert verdict == Deny("EUR/USD.SIM already has a position or a working entry")
    assert rule.check(propose("future", 1)) is APPROVE


def test_adding_can_count_as_another_position(cap, books, propose):
    rule = cap(adding="count")
    books.hold("fx")
    assert rule.check(propose("fx", 1000)) is APPROVE
    books.hold("fx")
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_counting_each_entry_counts_each_that_is_working(cap, books, propose):
    rule = cap(adding="count")
    books.entries += [propose("fx", 1000, limit="1.1").order, propose("fx", 1000, limit="1.2").order]
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_another_strategy_in_the_same_instrument_has_a_position_of_its_own(cap, books, propose):
    rule = cap(max_positions=1)
    books.hold("fx", "fade")
    assert isinstance(rule.check(propose("fx", 1000, strategy="trend")), Deny)


def test_strategies_can_be_counted_apart(cap, books, propose):
    rule = cap(max_positions=1, per="strategy")
    books.hold("future", "fade")
    books.entries.append(propose("equity", 10, strategy="fade").order)
    assert rule.check(propose("fx", 1000, strategy="trend")) is APPROVE
    assert isinstance(rule.check(propose("fx", 1000, strategy="fade")), Deny)


def test_a_change_to_a_working_order_opens_nothing(cap, books, propose):
    rule = cap(max_positions=1)
    books.hold("future")
    assert rule.check(propose("fx", 1000, action="modify")) is APPROVE


@pytest.mark.parametrize("settings", [{"max_positions": 0}, {"adding": "maybe"}, {"per": "venue"}])
def test_settings_that_make_no_sense_are_refused(cap, settings):
    with pytest.raises(msgspec.ValidationError):
        cap(**settings)
