"""Which prices keep entries out, and for how long."""

from __future__ import annotations

import msgspec
import pytest
from framework_market_guards.price_guard import PriceGuard, PriceGuardConfig
from framework_market_guards.quarantine import Quarantine
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Price

from framework import APPROVE, Deny, Mark

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def guard(bench):
    return lambda **settings: bench.rule(PriceGuard, PriceGuardConfig, **{"max_mark_age": "5s", **settings})


def feed(rule, bench, *prices, name="fx"):
    """Marks of one instrument, and what an entry after each of them is answered: True when it passes."""
    passed = []
    for price in prices:
        rule.on_mark(Mark(bench.instruments[name].id, Price.from_str(price), NOW))
        passed.append(rule.check(bench.propose(name, 1_000, price)) is APPROVE)
    return passed


def test_no_price_and_an_old_price_deny(guard, propose):
    rule = guard()
    assert rule.check(propose("fx", 1_000)) == Deny("no price of EUR/USD.SIM is known yet")
    assert rule.check(propose("fx", 1_000, "1.10000", age=5 * SECOND)) is APPROVE
    assert rule.check(propose("fx", 1_000, "1.10000", age=5 * SECOND + 1)) == Deny(
        "the last price of EUR/USD.SIM is 5 s old, and max_mark_age is 5 s"
    )


def test_a_price_from_the_future_denies_beyond_the_offset(guard, propose):
    rule = guard()
    assert rule.check(propose("fx", 1_000, "1.10000", age=-SECOND // 2)) is APPROVE
    assert rule.check(propose("fx", 1_000, "1.10000", age=-SECOND)) == Deny(
        "the last price of EUR/USD.SIM is 1000 ms ahead of the clock, and max_clock_offset is 500ms"
    )


@pytest.mark.parametrize("price", ["0.00000", "-0.00001"])
def test_a_price_of_nothing_or_less_denies_unless_it_is_natural(guard, propose, price):
    assert guard().check(propose("fx", 1_000, price)) == Deny(
        f"the last price of EUR/USD.SIM is {price}, which is none"
    )
    assert guard(below_zero="allow").check(propose("spread", 1, price)) is APPROVE


def test_a_crossed_book_denies_and_a_locked_one_does_not(guard, bench):
    rule = guard()
    bench.quotes["EUR/USD.SIM"] = ("1.10001", "1.10000")
    assert rule.check(bench.propose("fx", 1_000, "1.10000")) == Deny(
        "the book of EUR/USD.SIM is crossed: bid 1.10001, ask 1.10000"
    )
    bench.quotes["EUR/USD.SIM"] = ("1.10000", "1.10000")
    assert rule.check(bench.propose("fx", 1_000, "1.10000")) is APPROVE


def test_a_hundredfold_tick_is_quarantined_and_one_good_price_ends_it(guard, bench):
    rule = guard(max_jump="10")
    assert feed(rule, bench, "1.10000", "110.00000", "1.10000") == [True, False, True]


def test_a_true_jump_costs_as_many_prices_as_confirm_it(guard, bench):
    rule = guard(max_jump="10", confirm=3)
    assert feed(rule, bench, "100.00", "150.00", "151.00", "152.00", "152.00") == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_strange_prices_that_disagree_confirm_nothing(guard, bench):
    rule = guard(max_jump="10", confirm=2)
    assert feed(rule, bench, "100.00", "150.00", "300.00", "150.00", "300.00") == [True] + [False] * 4


def test_a_price_exactly_at_the_jump_is_good(guard, bench):
    # 10 % of 100.00 is 10.00
    assert feed(guard(max_jump="10"), bench, "100.00", "110.00") == [True, True]
    assert feed(guard(max_jump="10"), bench, "100.00", "110.01") == [True, False]


def test_zero_is_never_confirmed(guard, bench):
    rule = guard(max_jump="10", confirm=2)
    assert feed(rule, bench, "1.10000", *["0.00000"] * 10, "1.10000") == [True, *[False] * 10, True]


def test_zero_at_the_very_first_does_not_stay(guard, bench):
    rule = guard(max_jump="10")
    assert feed(rule, bench, "0.00000", "1.10000") == [False, True]


def test_instruments_are_quarantined_apart(guard, bench):
    rule = guard(max_jump="10")
    feed(rule, bench, "1.10000", "110.00000")
    assert feed(rule, bench, "180.00", name="equity") == [True]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_jump": "0"}, "write a number above 0"),
        ({"max_jump": "NaN"}, "write a number above 0"),
        ({"confirm": 1}, "confirm"),
        ({"max_mark_age": "-5s"}, "max_mark_age"),
        ({"below_zero": "maybe"}, "below_zero"),
    ],
)
def test_settings_that_make_no_sense_are_refused(guard, settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        guard(**settings)


@given(st.lists(st.integers(90, 110), min_size=1, max_size=40), st.data())
def test_single_bad_ticks_in_a_quiet_market_are_all_caught(prices, data):
    """The market stays within a fifth of itself; whatever is ten times or a tenth of it is bad."""
    from decimal import Decimal

    quarantine = Quarantine(Decimal(30), 2)
    quarantine.add(100, possible=True)
    for price in prices:
        if data.draw(st.booleans()):
            quarantine.add(price * data.draw(st.sampled_from((10, 100))), possible=True)
            assert quarantine.holds
        quarantine.add(price, possible=True)
        assert not quarantine.holds
