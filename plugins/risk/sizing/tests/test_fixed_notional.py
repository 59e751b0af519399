"""Every entry worth the same amount. The sizes are worked out by hand beside each case."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec
import pytest
from framework_sizing.fixed_notional import FixedNotional, FixedNotionalConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import Quantity

from framework import Deny, Resize


@pytest.fixture
def fixed(sizer):
    return partial(sizer, FixedNotional, FixedNotionalConfig, max_mark_age="1m")


@pytest.mark.parametrize(
    ("name", "amount", "mark", "size"),
    [
        ("fx", "50000 USD", "1.10000", "45454"),  # 45,454.54
        ("future", "600000 USD", "5000.00", "2"),  # 250,000 USD each
        ("equity", "10000 USD", "187.33", "53"),  # 53.38
        ("spot", "1000 USDT", "30000.00", "0.03333"),  # 0.033333
        ("linear", "60000.15 USDT", "40000.1", "1.500"),  # exactly
        ("inverse", "0.1 BTC", "33333.5", "33"),  # 0.1 x 33,333.5 / 100 = 33.33
        ("inverse", "5050 USD", "33333.5", "50"),  # contracts of 100 USD
        ("quanto", "0.2 BTC", "2000.00", "100"),  # a millionth of a bitcoin a dollar: 0.002 BTC each
    ],
)
def test_the_largest_quantity_worth_no_more_than_the_amount(fixed, propose, name, amount, mark, size):
    verdict = fixed(amount=amount).check(propose(name, 1 if size != "1" else 2, mark))
    assert isinstance(verdict, Resize)
    assert verdict.quantity == Quantity.from_str(size)
    assert verdict.quantity.precision == Quantity.from_str(size).precision


def test_an_amount_in_another_currency_is_turned_by_a_named_price(fixed, market, propose):
    market.prices["USD/JPY.SIM"] = "150.000"
    rule = fixed(amount="10000 USD", valued_by=["USD/JPY.SIM"])
    # 10,000 USD = 1,500,000 JPY; EUR/JPY at 160: 9,375 EUR
    assert rule.check(propose("cross", 1, "160.000")).quantity == Quantity.from_str("9375")


def test_the_traded_pairs_own_price_turns_its_base_currency(fixed, market, propose):
    market.prices["EUR/USD.SIM"] = "1.10000"
    verdict = fixed(amount="20000 EUR").check(propose("fx", 1, "1.10000"))
    assert verdict.quantity == Quantity.from_str("20000")


def test_an_amount_that_no_price_turns_is_denied(fixed, propose):
    verdict = fixed(amount="10000 USD").check(propose("cross", 1, "160.000"))
    assert verdict == Deny(
        "amount is in USD and EUR/JPY.SIM is worth JPY; "
        "name an instrument under valued_by that turns one into the other"
    )


def test_a_buy_is_priced_at_its_limit_and_a_sell_no_lower_than_the_market(fixed, propose):
    rule = fixed(amount="50000 USD")
    assert rule.check(propose("fx", 1, "1.10000", limit="1.00000")).quantity == Quantity.from_str("50000")
    sell = propose("fx", 1, "1.10000", side="sell", limit="0.00001")
    assert rule.check(sell).quantity == Quantity.from_str("45454")


def test_a_stale_or_missing_price_denies(fixed, propose):
    rule = fixed(amount="50000 USD", max_mark_age="1m")
    assert isinstance(rule.check(propose("fx", 1, "1.10000", age=60 * 10**9)), Resize)
    assert "60 s old" in rule.check(propose("fx", 1, "1.10000", age=60 * 10**9 + 1)).reason
    assert rule.check(propose("fx", 1, None)) == Deny("no price of EUR/USD.SIM is known yet")


def test_a_price_of_zero_or_less_denies(fixed, propose):
    assert "no notional" in fixed(amount="500 USD").check(propose("spread", 1, "-1.00")).reason


def test_an_amount_too_large_for_any_order_denies(fixed, propose):
    verdict = fixed(amount="10000000000 USD").check(propose("fx", 1, "0.00001"))
    assert "more than an order can hold" in verdict.reason


def test_an_instrument_without_an_amount_is_denied(fixed, propose):
    rule = fixed(instruments=[{"id": "EUR/USD.SIM", "amount": "5000 USD"}])
    assert rule.check(propose("future", 1, "5000.00")) == Deny("there is no amount for ESZ4.CME")
    assert rule.check(propose("fx", 1, "1.00000")).quantity == Quantity.from_str("5000")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.integers(1, 10**7), cents=st.integers(1, 10**10))
def test_never_worth_more_than_the_amount_and_one_more_would_be(fixed, propose, raw, cents):
    price, amount = Decimal(raw).scaleb(-5), Decimal(cents).scaleb(-2)
    verdict = fixed(amount=f"{amount} USD").check(propose("fx", 999, f"{price:.5f}"))
    if isinstance(verdict, Resize):
        size = verdict.quantity.as_decimal()
        assert size * price <= amount < (size + 1) * price
        assert size >= 1000
    else:
        assert amount < 1000 * price


@pytest.mark.parametrize(
    ("given_settings", "says"),
    [
        ({}, "there is no amount"),
        ({"amount": "0 USD"}, "above 0"),
        ({"amount": "1 USD", "max_mark_age": "never"}, "max_mark_age"),
        ({"instruments": [{"id": "A.B", "amount": "-1 USD"}]}, "above 0"),
        ({"instruments": [{"id": "A.B", "amount": "1 USD"}] * 2}, "names A.B twice"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fixed, given_settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        fixed(**given_settings)
