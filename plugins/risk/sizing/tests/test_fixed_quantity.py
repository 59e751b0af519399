"""Every entry the same quantity."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec
import pytest
from framework_sizing.fixed_quantity import FixedQuantity, FixedQuantityConfig
from nautilus_trader.model import Quantity

from framework import APPROVE, Deny, Resize


@pytest.fixture
def fixed(sizer):
    return partial(sizer, FixedQuantity, FixedQuantityConfig)


@pytest.mark.parametrize("asked", [1, 2, 7])
def test_an_entry_is_set_to_its_quantity_whatever_was_asked(fixed, propose, asked):
    verdict = fixed(quantity="3").check(propose("future", asked))
    assert verdict == Resize(Quantity.from_str("3"), "a fixed quantity of 3")


def test_an_entry_of_that_quantity_is_left_alone(fixed, propose):
    assert fixed(quantity="3").check(propose("future", 3)) is APPROVE


def test_it_needs_no_price(fixed, propose):
    assert fixed(quantity="3").check(propose("future", 1, None)).quantity == Quantity.from_str("3")


def test_what_is_between_two_increments_is_rounded_down(fixed, propose):
    assert fixed(quantity="0.123456").check(propose("spot", 1)).quantity == Quantity.from_str("0.12345")


def test_whole_lots_round_down_to_the_lot(fixed, propose):
    assert fixed(quantity="3999", whole_lots=True).check(propose("lots", 1)).quantity == Quantity.from_str(
        "3000"
    )
    assert fixed(quantity="3999").check(propose("lots", 1)).quantity == Quantity.from_str("3999")


def test_less_than_the_least_quantity_is_denied(fixed, propose):
    verdict = fixed(quantity="999").check(propose("fx", 5000))
    assert verdict == Deny("a fixed quantity of 999: 999 EUR/USD.SIM is below the least of 1000")
    assert fixed(quantity="1000").check(propose("fx", 5000)).quantity == Quantity.from_str("1000")


def test_less_than_a_lot_is_denied(fixed, propose):
    assert isinstance(fixed(quantity="999", whole_lots=True).check(propose("lots", 1)), Deny)


def test_more_than_the_most_an_order_may_have_is_held_to_it(fixed, propose):
    verdict = fixed(quantity="9000000").check(propose("lots", 1))
    assert verdict.quantity == Quantity.from_str("2500000")
    assert "held to the most" in verdict.reason


def test_instruments_have_quantities_of_their_own(fixed, propose):
    rule = fixed(quantity="3", instruments=[{"id": "EUR/USD.SIM", "quantity": "20000"}])
    assert rule.check(propose("fx", 1)).quantity == Quantity.from_str("20000")
    assert rule.check(propose("future", 1)).quantity == Quantity.from_str("3")


def test_an_instrument_without_a_quantity_is_denied(fixed, propose):
    rule = fixed(instruments=[{"id": "EUR/USD.SIM", "quantity": "20000"}])
    assert rule.check(propose("future", 1)) == Deny("there is no quantity for ESZ4.CME")


def test_an_order_for_an_amount_of_money_is_denied(fixed, propose):
    assert "cannot be sized" in fixed(quantity="1").check(propose("spot", "500.00", quote=True)).reason


@pytest.mark.parametrize(
    ("side", "held", "size"), [("sell", 5, 8), ("buy", -5, 8), ("buy", 5, 3), ("sell", -5, 3)]
)
def test_a_reversal_closes_what_is_held_and_opens_its_quantity(fixed, market, propose, side, held, size):
    market.open_position("future")
    order = propose("future", 7, side=side, position=Decimal(held))
    assert fixed(quantity="3").check(order).quantity == Quantity.from_int(size)


def test_at_a_hedging_venue_nothing_is_closed_by_an_entry(fixed, market, propose):
    market.open_position("future", hedged=True)
    order = propose("future", 7, side="sell", position=Decimal(5))
    assert fixed(quantity="3").check(order).quantity == Quantity.from_str("3")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "there is no quantity"),
        ({"quantity": "0"}, "quantity is 0"),
        ({"instruments": [{"id": "A.B", "quantity": "0"}]}, "quantity is 0"),
        ({"instruments": [{"id": "A.B", "quantity": "1"}] * 2}, "names A.B twice"),
        ({"quantity": "-1"}, "quantity"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fixed, settings, says):
    with pytest.raises((msgspec.ValidationError, ValueError), match=says):
        fixed(**settings)
