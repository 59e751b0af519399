"""How many positions may be open or on their way."""

from __future__ import annotations

import msgspec
import pytest
from framework_limits.max_open_positions import MaxOpenPositions, MaxOpenPositionsConfig

from framework import APPROVE, Deny


@pytest.fixture
def cap(bench):
    def make(**settings):
        return bench.rule(MaxOpenPositions, MaxOpenPositionsConfig, **{"max_positions": 2, **settings})

    return make


def test_positions_up_to_the_number_may_be_opened(cap, bench, propose):
    rule = cap()
    bench.open_position("future")
    assert rule.check(propose("fx", 1000)) is APPROVE
    bench.open_position("equity")
    assert rule.check(propose("fx", 1000)) == Deny(
        "2 positions are open or on their way, and max_positions is 2"
    )


def test_a_working_entry_counts_before_it_fills(cap, bench, propose):
    rule = cap()
    bench.open_position("future")
    bench.entries.append(propose("equity", 10, limit="180.00").order)
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_two_working_entries_of_one_instrument_are_one_position(cap, bench, propose):
    rule = cap()
    bench.entries += [propose("equity", 10, limit="180.00").order, propose("equity", 10, side="sell").order]
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_a_partly_filled_entry_and_its_position_are_one(cap, bench, propose):
    rule = cap()
    bench.open_position("equity")
    bench.entries.append(propose("equity", 10, limit="180.00").order)
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_adding_to_a_position_passes_even_when_the_number_is_reached(cap, bench, propose):
    rule = cap(max_positions=1)
    bench.open_position("fx")
    assert rule.check(propose("fx", 1000)) is APPROVE


def test_adding_can_be_denied(cap, bench, propose):
    rule = cap(adding="deny")
    bench.open_position("fx")
    verdict = rule.check(propose("fx", 1000))
    assert verdict == Deny("EUR/USD.SIM already has a position or a working entry")
    assert rule.check(propose("future", 1)) is APPROVE


def test_adding_can_count_as_another_position(cap, bench, propose):
    rule = cap(adding="count")
    bench.open_position("fx")
    assert rule.check(propose("fx", 1000)) is APPROVE
    bench.open_position("fx")
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_counting_each_entry_counts_each_that_is_working(cap, bench, propose):
    rule = cap(adding="count")
    bench.entries += [propose("fx", 1000, limit="1.1").order, propose("fx", 1000, limit="1.2").order]
    assert isinstance(rule.check(propose("fx", 1000)), Deny)


def test_another_strategy_in_the_same_instrument_has_a_position_of_its_own(cap, bench, propose):
    rule = cap(max_positions=1)
    bench.open_position("fx", "fade")
    assert isinstance(rule.check(propose("fx", 1000, strategy="trend")), Deny)


def test_strategies_can_be_counted_apart(cap, bench, propose):
    rule = cap(max_positions=1, per="strategy")
    bench.open_position("future", "fade")
    bench.entries.append(propose("equity", 10, strategy="fade").order)
    assert rule.check(propose("fx", 1000, strategy="trend")) is APPROVE
    assert isinstance(rule.check(propose("fx", 1000, strategy="fade")), Deny)


def test_a_change_to_a_working_order_opens_nothing(cap, bench, propose):
    rule = cap(max_positions=1)
    bench.open_position("future")
    assert rule.check(propose("fx", 1000, action="modify")) is APPROVE


@pytest.mark.parametrize("settings", [{"max_positions": 0}, {"adding": "maybe"}, {"per": "venue"}])
def test_settings_that_make_no_sense_are_refused(cap, settings):
    with pytest.raises(msgspec.ValidationError):
        cap(**settings)
