"""Every entry loses the same at its stop: by hand, and against the engine's own sizer."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec
import pytest
from framework_sizing.risk_per_trade import RiskPerTrade, RiskPerTradeConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import Money, Price, Quantity
from nautilus_trader.risk import FixedRiskSizer

from framework import Deny, Resize


@pytest.fixture
def risk(sizer):
    return partial(sizer, RiskPerTrade, RiskPerTradeConfig, max_mark_age="1m")


@pytest.mark.parametrize(
    ("name", "account", "fraction", "side", "entry", "stop", "size"),
    [
        ("fx", "100000 USD", "0.01", "buy", "1.10000", "1.09500", "200000"),  # 1,000 / 0.005
        ("fx", "100000 USD", "0.01", "sell", "1.10000", "1.10667", "149925"),  # 1,000 / 0.00667 = 149,925.04
        ("future", "100000 USD", "0.02", "buy", "5000.00", "4990.00", "4"),  # 2,000 / (10 x 50)
        ("future", "100000 USD", "0.02", "buy", "5000.00", "4989.75", "3"),  # 2,000 / 512.50 = 3.9
        ("equity", "25000 USD", "0.01", "buy", "187.33", "185.10", "112"),  # 250 / 2.23 = 112.1
        ("spot", "10000 USDT", "0.01", "buy", "50000.00", "49300.00", "0.14285"),  # 100 / 700 = 0.142857
        # an inverse contract of 100 USD loses 100 x (1/49,000 - 1/50,000) BTC: 0.01 / 0.0000408163 = 245
        ("inverse", "1 BTC", "0.01", "buy", "50000.0", "49000.0", "245"),
        # and less on the way up: 0.01 x 50,000 x 51,000 / (100 x 1,000) = 255
        ("inverse", "1 BTC", "0.01", "sell", "50000.0", "51000.0", "255"),
        # a millionth of a bitcoin a dollar: 0.01 / (0.000001 x 50) = 200
        ("quanto", "1 BTC", "0.01", "buy", "2000.00", "1950.00", "200"),
    ],
)
def test_the_size_that_loses_the_fraction(
    risk, market, propose, name, account, fraction, side, entry, stop, size
):
    market.hold(account)
    rule = risk(fraction=fraction)
    at_market = rule.check(propose(name, 9999, entry, side=side, stop=stop))
    assert isinstance(at_market, Resize)
    assert at_market.quantity == Quantity.from_str(size)
    assert (
        rule.check(propose(name, 9999, None, side=side, limit=entry, stop=stop)).quantity
        == at_market.quantity
    )
    assert (
        rule.check(propose(name, 9999, None, side=side, trigger=entry, stop=stop)).quantity
        == at_market.quantity
    )


def test_fees_on_both_sides_are_part_of_the_loss(risk, propose):
    # 0.01 + 0.0002 x (1.10 + 1.09) = 0.010438 a unit: 1,000 / 0.010438 = 95,803.8
    rule = risk(fraction="0.01", fee_rate="0.0002")
    assert rule.check(propose("fx", 1, "1.10000", stop="1.09000")).quantity == Quantity.from_str("95803")


def test_a_loss_in_another_currency_is_counted_in_the_accounts(risk, market, propose):
    # 1,000 USD at risk is 150,000 JPY; a yen lost a unit
    market.prices["USD/JPY.SIM"] = "150.000"
    rule = risk(fraction="0.01")
    assert rule.check(propose("yen", 1, "150.000", stop="149.000")).quantity == Quantity.from_str("150000")
    with_help = risk(fraction="0.01", valued_by=["USD/JPY.SIM"])
    assert with_help.check(propose("cross", 1, "160.000", stop="158.500")).quantity == Quantity.from_str(
        "100000"
    )


def test_an_account_in_a_currency_that_no_price_turns_is_denied(risk, propose):
    verdict = risk(fraction="0.01").check(propose("cross", 1, "160.000", stop="159.000"))
    assert "costs JPY and the account at SIM holds USD" in verdict.reason


def test_what_is_held_in_the_traded_coin_is_part_of_equity(risk, market, propose):
    market.hold("10000 USDT", "1 BTC")
    market.prices["BTCUSDT.X"] = "50000.00"
    # 60,000 USDT x 1 % = 600; a stop 500 below: 1.2
    verdict = risk(fraction="0.01").check(propose("spot", 1, "50000.00", stop="49500.00"))
    assert verdict.quantity == Quantity.from_str("1.20000")


def test_no_stop_denies(risk, propose):
    verdict = risk(fraction="0.01").check(propose("fx", 1000, "1.10000"))
    assert verdict == Deny("no protective stop travels with the order, so what it risks is not known")


@pytest.mark.parametrize(("side", "stop"), [("buy", "1.10000"), ("buy", "1.10001"), ("sell", "1.09999")])
def test_a_stop_that_is_not_on_the_losing_side_denies(risk, propose, side, stop):
    verdict = risk(fraction="0.01").check(propose("fx", 1000, "1.10000", side=side, stop=stop))
    assert "not on the losing side" in verdict.reason


def test_a_market_order_needs_a_fresh_price_and_a_limit_order_does_not(risk, propose):
    rule = risk(fraction="0.01", max_mark_age="1m")
    assert isinstance(rule.check(propose("fx", 1, "1.10000", stop="1.09000", age=60 * 10**9)), Resize)
    assert "old" in rule.check(propose("fx", 1, "1.10000", stop="1.09000", age=60 * 10**9 + 1)).reason
    assert "no price" in rule.check(propose("fx", 1, None, stop="1.09000")).reason


@pytest.mark.parametrize("account", ["0 USD", "-500 USD"])
def test_an_account_with_nothing_left_denies(risk, market, propose, account):
    market.hold(account)
    assert "equity at SIM is" in risk(fraction="0.01").check(propose("fx", 1, "1.1", stop="1.0")).reason


def test_a_size_below_the_least_quantity_denies(risk, market, propose):
    market.hold("999 USD")  # 9.99 at risk over 0.01: 999, and 1,000 is the least
    assert (
        "below the least of 1000" in risk(fraction="0.01").check(propose("fx", 1, "1.10", stop="1.09")).reason
    )


def test_a_stop_a_tick_away_on_a_large_account_denies_instead_of_overflowing(risk, market, propose):
    market.hold("1000000000000 USD")
    verdict = risk(fraction="0.5").check(propose("fx", 1, "1.10000", stop="1.09999"))
    assert "more than an order can hold" in verdict.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cents=st.integers(10**4, 10**11),
    entry=st.integers(20_000, 300_000),
    ticks=st.integers(1, 10_000),
    basis_points=st.integers(1, 1_000),
)
def test_it_agrees_with_the_engines_sizer_on_a_linear_contract(
    risk, market, propose, cents, entry, ticks, basis_points
):
    market.hold(f"{Decimal(cents).scaleb(-2)} USD")
    fraction = Decimal(basis_points).scaleb(-4)
    start, stop = f"{Decimal(entry).scaleb(-5):.5f}", f"{Decimal(entry - ticks).scaleb(-5):.5f}"
    verdict = risk(fraction=str(fraction)).check(propose("fx", 1, start, stop=stop))
    engine = FixedRiskSizer(market.instruments["fx"]).calculate(
        Price.from_str(start),
        Price.from_str(stop),
        Money.from_str(f"{Decimal(cents).scaleb(-2)} USD"),
        fraction,
        unit_batch_size=Decimal(1),
    )
    at_risk = Decimal(cents).scaleb(-2) * fraction
    if isinstance(verdict, Resize):
        size, tick = verdict.quantity.as_decimal(), Decimal(ticks).scaleb(-5)
        assert size * tick <= at_risk < (size + 1) * tick
        assert verdict.quantity == engine
    else:
        assert at_risk < 1000 * Decimal(ticks).scaleb(-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entry=st.integers(2_000, 200_000),
    stop=st.integers(2_000, 200_000),
    satoshi=st.integers(10**6, 10**12),
)
def test_an_inverse_contract_never_loses_more_than_the_fraction(risk, market, propose, entry, stop, satoshi):
    side = "buy" if stop < entry else "sell"
    market.hold(f"{Decimal(satoshi).scaleb(-8)} BTC")
    prices = [Decimal(raw) / 2 for raw in (entry, stop)]
    verdict = risk(fraction="0.01").check(
        propose("inverse", 1, f"{prices[0]:.1f}", side=side, stop=f"{prices[1]:.1f}")
    )
    if isinstance(verdict, Resize):
        size = verdict.quantity.as_decimal()
        apart, product = abs(prices[0] - prices[1]) * 100, prices[0] * prices[1]
        assert size * apart <= Decimal(satoshi).scaleb(-10) * product < (size + 1) * apart


@pytest.mark.parametrize(
    ("given_settings", "says"),
    [
        ({"fraction": "0"}, "between 0 and 1"),
        ({"fraction": "1"}, "between 0 and 1"),
        ({"fraction": "NaN"}, "between 0 and 1"),
        ({"fraction": "0.01", "fee_rate": "-0.1"}, "from 0 to 0.1"),
        ({"fraction": "0.01", "fee_rate": "5"}, "from 0 to 0.1"),
        ({}, "fraction"),
    ],
)
def test_settings_that_make_no_sense_are_refused(risk, given_settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        risk(**given_settings)
