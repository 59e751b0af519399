"""The caps on one order. Numbers are worked out by hand beside each case."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from framework_limits.order_limits import OrderLimits, OrderLimitsConfig
from framework_limits.worth import Worth, notional
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Currency, Money, Price, Quantity

from framework import APPROVE, Deny, Resize

SECOND = 1_000_000_000


def limits(**settings):
    def decode(kind, value):
        return kind.from_str(str(value))

    settings.setdefault("max_mark_age", "5s")
    return OrderLimits(msgspec.convert(settings, OrderLimitsConfig, dec_hook=decode))


@pytest.mark.parametrize(
    ("name", "cap", "quantity", "over", "mark"),
    [
        # 100,000 EUR at 1.10000 = 110,000 USD; one more EUR is 110,001.10
        ("fx", "110000 USD", "100000", "100001", "1.10000"),
        # ES is 50 USD a point: 2 x 50 x 5000.25 = 500,025 USD
        ("future", "500025 USD", "2", "3", "5000.25"),
        # 133 x 187.33 = 24,914.89 USD; 134 x 187.33 = 25,102.22
        ("equity", "24914.89 USD", "133", "134", "187.33"),
        # 0.14285 x 50,000 = 7,142.5 USDT
        ("spot", "7142.5 USDT", "0.14285", "0.14286", "50000.00"),
        # 1.5 x 40,000.1 = 60,000.15 USDT
        ("linear", "60000.15 USDT", "1.500", "1.501", "40000.1"),
        # contracts of 100 USD: 250 x 100 / 50,000 = 0.5 BTC
        ("inverse", "0.5 BTC", "250", "251", "50000.0"),
        # the same contracts in dollars, whatever the price: 250 x 100 = 25,000 USD
        ("inverse", "25000 USD", "250", "251", "12345.5"),
        # a millionth of a bitcoin a dollar: 100 x 2,000 x 0.000001 = 0.2 BTC
        ("quanto", "0.2 BTC", "100", "101", "2000.00"),
        # a spread may trade below zero: 4 x 50 x 12.50 = 2,500 USD
        ("spread", "2500 USD", "4", "5", "-12.50"),
    ],
)
def test_an_order_worth_exactly_the_cap_passes_and_one_increment_more_does_not(
    propose, name, cap, quantity, over, mark
):
    rule = limits(max_notional=cap)
    assert rule.check(propose(name, quantity, mark)) is APPROVE
    denied = rule.check(propose(name, over, mark))
    assert isinstance(denied, Deny)
    assert "is over max_notional" in denied.reason


@pytest.mark.parametrize(
    ("name", "cap", "over", "mark", "fits"),
    [
        ("fx", "50000 USD", "100000", "1.10000", "45454"),  # 50,000 / 1.1 = 45,454.5
        ("future", "600000 USD", "9", "5000.25", "2"),  # 600,000 / 250,012.5 = 2.4
        ("spot", "1000 USDT", "1", "30000.00", "0.03333"),  # 1,000 / 30,000 = 0.033333
        ("inverse", "0.1 BTC", "999", "33333.5", "33"),  # 0.1 x 33,333.5 / 100 = 33.3
    ],
)
def test_a_resize_keeps_the_largest_quantity_on_the_grid_that_fits(propose, name, cap, over, mark, fits):
    verdict = limits(max_notional=cap, on_excess="resize").check(propose(name, over, mark))
    assert isinstance(verdict, Resize)
    assert verdict.quantity == Quantity.from_str(fits)
    assert verdict.quantity.precision == Quantity.from_str(fits).precision


def test_the_quantity_cap_includes_its_own_value(propose):
    rule = limits(max_quantity="5")
    assert rule.check(propose("future", "5")) is APPROVE
    assert rule.check(propose("future", "6")) == Deny("6 of ESZ4.CME is over max_quantity 5")


def test_of_two_caps_the_tighter_one_sets_the_size(propose):
    rule = limits(max_quantity="30000", max_notional="22000 USD", on_excess="resize")
    assert rule.check(propose("fx", "50000", "1.10000")).quantity == Quantity.from_str("20000")


def test_what_fits_below_the_least_quantity_is_denied(propose):
    rule = limits(max_notional="1099 USD", on_excess="resize")  # 999 EUR at 1.10, and 1,000 is the least
    verdict = rule.check(propose("fx", "5000", "1.10000"))
    assert isinstance(verdict, Deny)
    assert "below the least" in verdict.reason
    exactly = limits(max_notional="1100 USD", on_excess="resize")
    assert exactly.check(propose("fx", "5000", "1.10000")).quantity == Quantity.from_str("1000")


def test_a_buy_is_valued_at_its_limit_because_it_cannot_pay_more(propose):
    rule = limits(max_notional="100000 USD")
    assert rule.check(propose("fx", "100000", "1.10000", limit="1.00000")) is APPROVE
    assert isinstance(rule.check(propose("fx", "100000", "1.00000", limit="1.00001")), Deny)


def test_a_sell_limit_far_below_the_market_is_valued_at_the_market_it_will_fill_at(propose):
    verdict = limits(max_notional="50000 USD").check(
        propose("fx", "100000", "1.10000", side="sell", limit="0.00001")
    )
    assert verdict == Deny("110000.00000 USD of EUR/USD.SIM is over max_notional 50000.00 USD")


def test_an_inverse_buy_limit_far_above_the_market_is_valued_at_the_market(propose):
    # 100 contracts of 100 USD: 0.2 BTC at 50,000, and only 0.01 BTC at a limit of 1,000,000
    rule = limits(max_notional="0.1 BTC")
    assert isinstance(rule.check(propose("inverse", "100", "50000.0", limit="1000000.0")), Deny)


def test_a_buy_stop_is_valued_at_its_trigger(propose):
    rule = limits(max_notional="110000 USD")
    assert rule.check(propose("fx", "100000", "1.05000", trigger="1.10000")) is APPROVE
    assert isinstance(rule.check(propose("fx", "100000", "1.05000", trigger="1.10001")), Deny)


def test_an_order_for_an_amount_of_money_is_worth_that_amount(propose):
    rule = limits(max_notional="500 USDT")
    assert rule.check(propose("spot", "500.00", "50000.00", quote=True)) is APPROVE
    assert isinstance(rule.check(propose("spot", "500.01", "50000.00", quote=True)), Deny)
    shrinks = limits(max_notional="500 USDT", on_excess="resize")
    assert shrinks.check(propose("spot", "800.00", "50000.00", quote=True)).quantity == Quantity.from_str(
        "500.00"
    )


def test_an_order_for_an_amount_of_money_is_counted_in_units_for_the_quantity_cap(propose):
    rule = limits(max_quantity="0.01")  # 500 USDT at 50,000 = 0.01 BTC
    assert rule.check(propose("spot", "500.00", "50000.00", quote=True)) is APPROVE
    assert isinstance(rule.check(propose("spot", "500.01", "50000.00", quote=True)), Deny)


@pytest.mark.parametrize("limit", [None, "1.10000"])
def test_no_price_denies(propose, limit):
    verdict = limits(max_notional="1000000 USD").check(propose("fx", "1000", None, limit=limit))
    assert verdict == Deny("no price of EUR/USD.SIM is known yet")


def test_a_price_is_fresh_up_to_its_age_and_stale_a_nanosecond_later(propose):
    rule = limits(max_notional="1000000 USD", max_mark_age="5s")
    assert rule.check(propose("fx", "1000", "1.1", age=5 * SECOND)) is APPROVE
    verdict = rule.check(propose("fx", "1000", "1.1", age=5 * SECOND + 1))
    assert verdict == Deny("the last price of EUR/USD.SIM is 5 s old, and max_mark_age is 5 s")


def test_the_quantity_cap_alone_needs_no_price(propose):
    assert limits(max_quantity="5", max_mark_age=None).check(propose("future", "5")) is APPROVE


def test_a_cap_in_another_currency_denies_and_says_which_is_needed(propose):
    verdict = limits(max_notional="50000 EUR").check(propose("fx", "1000", "1.10000"))
    assert verdict == Deny(
        "max_notional is in EUR and EUR/USD.SIM is worth USD; "
        "write its max_notional in USD under `instruments`"
    )


@pytest.mark.parametrize("name", ["inverse", "dated"])
def test_an_inverse_contract_may_be_capped_in_either_of_two_currencies(propose, name):
    verdict = limits(max_notional="50000 EUR").check(propose(name, "10", "50000.0"))
    assert "is worth BTC or USD; write" in verdict.reason
    # 10 contracts of 100 USD are 0.02 BTC at 50,000
    assert limits(max_notional="0.02 BTC").check(propose(name, "10", "50000.0")) is APPROVE
    assert isinstance(limits(max_notional="0.02 BTC").check(propose(name, "11", "50000.0")), Deny)


def test_an_instrument_with_its_own_caps_takes_the_rest_from_the_rule(propose):
    rule = limits(
        max_notional="1000000 USD",
        max_quantity="100000",
        instruments=[
            {"id": "ESZ4.CME", "max_quantity": "2"},
            {"id": "BTCUSDT.X", "max_notional": "100 USDT"},
        ],
    )
    assert isinstance(rule.check(propose("future", "3", "5000.00")), Deny)
    assert rule.check(propose("future", "2", "5000.00")) is APPROVE
    assert isinstance(
        rule.check(propose("future", "2", "50000.00")), Deny
    )  # 5,000,000 USD: the rule's cap holds
    assert isinstance(rule.check(propose("spot", "0.01000", "50000.00")), Deny)
    assert rule.check(propose("fx", "100000", "1.10000")) is APPROVE


def test_the_worth_of_a_unit_agrees_with_the_engine(propose, bench):
    cases = [
        ("fx", "1.23456", USD),
        ("future", "4321.25", USD),
        ("inverse", "43210.5", BTC),
        ("quanto", "1999.95", BTC),
    ]
    for name, price, currency in cases:
        worth = notional(propose(name, "1000", price), currency)
        engine = bench.instruments[name].notional_value(Quantity.from_str("1000"), Price.from_str(price))
        assert engine.currency == currency
        assert Money.from_decimal(worth.of(Decimal(1000)), currency) == engine


USD, BTC = Currency.from_str("USD"), Currency.from_str("BTC")
prices = st.integers(1, 10**9).map(lambda raw: Decimal(raw).scaleb(-5))


@given(price=prices, cap=st.integers(1, 10**12), quantity=st.integers(1, 10**9))
def test_what_is_approved_or_resized_never_exceeds_the_cap_and_is_as_large_as_fits(
    propose, price, cap, quantity
):
    money = Decimal(cap).scaleb(-2)
    rule = limits(max_notional=f"{money} USD", on_excess="resize")
    verdict = rule.check(propose("fx", quantity, f"{price:.5f}"))
    if verdict is APPROVE:
        assert quantity * price <= money
        return
    assert quantity * price > money
    if isinstance(verdict, Resize):
        assert verdict.quantity.as_decimal() * price <= money < (verdict.quantity.as_decimal() + 1) * price
        assert 1000 <= verdict.quantity.as_decimal() < quantity
    else:
        assert 1000 * price > money


@given(
    price=st.integers(1, 10**7).map(lambda raw: Decimal(raw) / 2),
    cap=st.integers(1, 10**12),
    quantity=st.integers(1, 10**9),
)
def test_the_same_holds_for_an_inverse_contract(propose, price, cap, quantity):
    coins = Decimal(cap).scaleb(-8)
    rule = limits(max_notional=f"{coins:f} BTC", on_excess="resize")
    verdict = rule.check(propose("inverse", quantity, f"{price:.1f}"))
    if verdict is APPROVE:
        assert quantity * 100 <= coins * price
        return
    assert quantity * 100 > coins * price
    if isinstance(verdict, Resize):
        size = verdict.quantity.as_decimal()
        assert 0 < size < quantity
        assert size * 100 <= coins * price < (size + 1) * 100
    else:
        assert coins * price < 100


@given(
    numerator=st.decimals("0.00001", 10**6, places=5),
    denominator=st.decimals("0.00001", 10**6, places=5),
    cap=st.decimals("0.01", 10**9, places=2),
    step=st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("0.00001"), Decimal(100)]),
)
def test_the_most_that_fits_is_on_the_grid_and_one_step_more_does_not_fit(numerator, denominator, cap, step):
    worth = Worth(numerator, denominator)
    most = worth.most(cap, step)
    assert most % step == 0
    assert not worth.exceeds(most, cap)
    assert worth.exceeds(most + step, cap)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "there is no limit"),
        ({"max_quantity": "0"}, "denies every order"),
        ({"max_notional": "0 USD"}, "above 0"),
        ({"max_notional": "-5 USD"}, "above 0"),
        ({"max_notional": "5 USD", "max_mark_age": None}, "needs max_mark_age"),
        ({"max_notional": "5 USD", "max_mark_age": "5"}, "max_mark_age"),
        ({"max_notional": "5 USD", "max_mark_age": "0s"}, "max_mark_age"),
        ({"max_quantity": "5", "on_excess": "shrink"}, "shrink"),
        ({"instruments": [{"id": "EUR/USD.SIM"}]}, "EUR/USD.SIM has no cap"),
        ({"instruments": [{"id": "EUR/USD.SIM", "max_quantity": "0"}]}, "denies every order"),
        ({"instruments": [{"id": "A.B", "max_quantity": "1"}] * 2}, "names A.B twice"),
        ({"max_quantity": "5", "max_size": "5"}, "max_size"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        limits(**settings)
