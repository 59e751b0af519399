"""Every entry moves equity the same in an ordinary move."""

from __future__ import annotations

import statistics
from decimal import Decimal
from functools import partial
from itertools import pairwise

import msgspec
import pytest
from framework_sizing.volatility_parity import VolatilityParity, VolatilityParityConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import Price, Quantity

from framework import Deny, Mark

HOUR = 3_600_000_000_000


@pytest.fixture
def parity(sizer):
    return partial(sizer, VolatilityParity, VolatilityParityConfig, max_mark_age="1m")


@pytest.fixture
def feed(market):
    def show(rule, name, *prices, step=HOUR, start=0):
        for count, price in enumerate(prices):
            rule.on_mark(Mark(market.instruments[name].id, Price.from_str(str(price)), start + count * step))

    return show


MOVES = ("100.00", "101.00", "99.00", "102.00", "100.00")  # changes of 1, -2, 3, -2


def test_an_ordinary_move_is_the_standard_deviation_of_the_changes(parity, feed, propose):
    # squares 1 + 4 + 9 + 4 = 18 around a mean of 0; 18 / 3 = 6, whose root is 2.44949: 122.47 USD a contract.
    # 100,000 x 0.005 = 500: 4.08 contracts
    rule = parity(fraction="0.005", marks=4)
    feed(rule, "future", *MOVES)
    assert rule.check(propose("future", 1, "100.00")).quantity == Quantity.from_str("4")


def test_or_the_mean_of_their_sizes(parity, feed, propose):
    # (1 + 2 + 3 + 2) / 4 = 2: 100 USD a contract, and 500 / 100 = 5
    rule = parity(fraction="0.005", marks=4, measure="mean_absolute")
    feed(rule, "future", *MOVES)
    assert rule.check(propose("future", 1, "100.00")).quantity == Quantity.from_str("5")


def test_an_inverse_contract_moves_by_the_inverse_of_its_price(parity, feed, market, propose):
    # 1/50,000 to 1/40,000 and back: 0.000005 each time; 100 USD: 0.0005 BTC. 1 BTC x 0.1 = 0.1: 200 contracts
    market.hold("1 BTC")
    rule = parity(fraction="0.1", marks=2, measure="mean_absolute")
    feed(rule, "inverse", "50000.0", "40000.0", "50000.0")
    assert rule.check(propose("inverse", 1, "50000.0")).quantity == Quantity.from_str("200")


def test_one_change_too_few_denies(parity, feed, propose):
    rule = parity(fraction="0.005", marks=5)
    assert "0 of the 5 changes" in rule.check(propose("future", 1, "100.00")).reason
    feed(rule, "future", *MOVES)
    assert rule.check(propose("future", 1, "100.00")) == Deny("4 of the 5 changes of ESZ4.CME are known yet")
    feed(rule, "future", "101.00", start=5 * HOUR)
    assert not isinstance(rule.check(propose("future", 1, "100.00")), Deny)


def test_only_the_last_changes_count(parity, feed, propose):
    rule = parity(fraction="0.005", marks=4)
    feed(rule, "future", "5.00", "900.00", "3.00", *MOVES)
    assert rule.check(propose("future", 1, "100.00")).quantity == Quantity.from_str("4")


def test_each_instrument_has_moves_of_its_own(parity, feed, propose):
    rule = parity(fraction="0.005", marks=4)
    feed(rule, "future", *MOVES)
    assert "0 of the 4 changes of AAPL.XNAS" in rule.check(propose("equity", 1, "100.00")).reason


def test_marks_closer_together_than_told_are_passed_over(parity, feed, propose):
    rule = parity(fraction="0.005", marks=4, measure="mean_absolute", every="1h")
    doubled = [price for price in MOVES for price in (price, "7.00")]
    feed(rule, "future", *doubled, step=HOUR // 2)
    assert rule.check(propose("future", 1, "100.00")).quantity == Quantity.from_str("5")


def test_a_price_that_never_moved_denies(parity, feed, propose):
    rule = parity(fraction="0.005", marks=2)
    feed(rule, "future", "100.00", "100.00", "100.00")
    assert "has not moved" in rule.check(propose("future", 1, "100.00")).reason


def test_a_stale_or_missing_price_denies(parity, feed, propose):
    rule = parity(fraction="0.005", marks=4)
    feed(rule, "future", *MOVES)
    assert "old" in rule.check(propose("future", 1, "100.00", age=60 * 10**9 + 1)).reason
    assert "no price" in rule.check(propose("future", 1, None)).reason


def test_an_account_in_a_currency_that_no_price_turns_is_denied(parity, feed, market, propose):
    market.hold("1000 EUR")
    rule = parity(fraction="0.005", marks=4)
    feed(rule, "future", *MOVES)
    assert "costs USD and the account at CME holds EUR" in rule.check(propose("future", 1, "100.00")).reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ticks=st.lists(st.integers(1, 10**6), min_size=3, max_size=30),
    fraction=st.integers(1, 999).map(lambda raw: Decimal(raw).scaleb(-3)),
)
def test_it_agrees_with_the_standard_librarys_deviation(parity, feed, propose, ticks, fraction):
    prices = [Decimal(raw).scaleb(-5) for raw in ticks]
    rule = parity(fraction=str(fraction), marks=len(prices) - 1)
    feed(rule, "fx", *[f"{price:.5f}" for price in prices])
    deviation = statistics.stdev(after - before for before, after in pairwise(prices))
    verdict = rule.check(propose("fx", 1, "1.10000"))
    if deviation == 0:
        assert "has not moved" in verdict.reason
        return
    expected = 100_000 * fraction / deviation // 1
    if isinstance(verdict, Deny):
        assert expected < 1000
    else:
        assert verdict.quantity.as_decimal() == expected


@pytest.mark.parametrize(
    ("given_settings", "says"),
    [
        ({"fraction": "0", "marks": 5}, "between 0 and 1"),
        ({"fraction": "0.01", "marks": 1}, "marks"),
        ({"fraction": "0.01"}, "marks"),
        ({"fraction": "0.01", "marks": 5, "every": "often"}, "every"),
        ({"fraction": "0.01", "marks": 5, "measure": "atr"}, "atr"),
    ],
)
def test_settings_that_make_no_sense_are_refused(parity, given_settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        parity(**given_settings)
