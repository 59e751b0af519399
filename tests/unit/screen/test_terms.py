"""What the array pass cannot honour is refused by name, with what to use instead."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel

from framework.errors import CompositionError
from framework.screen import Screen
from framework.screen.terms import FEES, FILLS, check_limits
from framework.testkit.nodes import plan_node

RULE = [{"use": "order_limits", "config": {"max_quantity": "1000000"}}]


def refused(plan):
    with pytest.raises(CompositionError) as caught:
        Screen().score(0, {}, plan)
    assert "framework sweep" in caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("venue", "says"),
    [
        ({"oms": "hedging"}, "keeps a position for every entry (hedging)"),
        ({"account_type": "cash", "leverage": "1"}, "a cash account refuses"),
        ({"fills": {"model": "one_tick"}}, "OneTickSlippageFillModel, or slippage, decides what fills"),
        ({"fills": {"model": "default", "prob_slippage": 0.5}}, "DefaultFillModel, or slippage, decides"),
        ({"latency": {"base": "5ms"}}, "latency_model is StaticLatencyModel"),
        ({"bar_adaptive_high_low_ordering": True}, "bar_adaptive_high_low_ordering is True"),
        ({"liquidity_consumption": True}, "liquidity_consumption is True"),
        ({"fees": {"model": "fixed", "commission": "1 USD"}}, "charges by FixedFeeModel"),
        ({"fees": {"model": "per_contract", "commission": "1 USD"}}, "charges by PerContractFeeModel"),
        ({"balances": ["100000 EUR"]}, "the account holds no USD"),
        ({"balances": ["100000 EUR"], "base_currency": "EUR"}, "the account is kept in EUR"),
    ],
)
def test_a_venue_that_does_more_than_arrays_know(plan_of, venue, says):
    error = refused(plan_of(venue=venue))
    assert says in error.message
    assert 'venue "SIM"' in error.message or "the account" in error.message
    assert error.path == "venues[0].config"


def test_risk_rules(plan_of):
    error = refused(plan_of(risk=RULE))
    assert "the node has order_limits" in error.message
    assert error.path == "risk"


def test_a_strategy_without_signals(node_of, ladder, market):
    node = node_of()
    settings = {"bar_types": [str(market.bar_types[0])], "quantity": "1000", "mode": "fade"}
    node["strategies"] = [{"id": "subject", "use": "vwap", "config": settings}]
    error = refused(plan_node(node, specs=[ladder]))
    assert 'strategy "subject" (vwap) offers no signals' in error.message
    assert error.path == "strategies[0].use"


def test_two_strategies(node_of, ladder):
    node = node_of()
    node["strategies"].append({**node["strategies"][0], "id": "other"})
    error = refused(plan_node(node, specs=[ladder]))
    assert "2 strategies (subject, other)" in error.message


def test_two_streams(node_of, ladder, market):
    node = node_of()
    node["data"].append({"quotes": str(market.instrument_ids[0])})
    error = refused(plan_node(node, specs=[ladder]))
    assert "2 streams of data" in error.message


LIMITS = {"min_quantity": None, "max_quantity": None, "min_notional": None, "max_notional": None}


@pytest.mark.parametrize(
    ("limit", "value", "allowed"),
    [
        ("min_quantity", "10", True),
        ("min_quantity", "10.1", False),
        ("max_quantity", "40", True),
        ("max_quantity", "39.9", False),
        ("min_notional", "30", True),  # 10 at 1.50, twice
        ("min_notional", "31", False),
        ("max_notional", "200", True),  # 40 at 2.50, twice
        ("max_notional", "199", False),
    ],
)
def test_orders_beyond_the_instruments_limits(limit, value, allowed):
    def number(text):
        return SimpleNamespace(as_decimal=lambda: Decimal(text))

    instrument = SimpleNamespace(
        id="X.SIM",
        size_precision=0,
        multiplier=number("2"),
        size_increment=number("1"),
        **{**LIMITS, limit: number(value)},
    )
    orders, prices = (10, 40), (Decimal("1.5"), Decimal("2.5"))
    if allowed:
        check_limits(instrument, orders, prices)
    else:
        with pytest.raises(CompositionError, match=limit):
            check_limits(instrument, orders, prices)


def test_a_quantity_of_too_many_decimals(plan_of):
    with pytest.raises(CompositionError, match="more decimals than EUR/USD.SIM trades in"):
        Screen().score(0, {}, plan_of(settings={"quantity": "1000.5"}))


def test_amounts_beyond_64_bits(plan_of):
    with pytest.raises(CompositionError, match="beyond 64 bits"):
        Screen().score(0, {}, plan_of(settings={"quantity": "9000000000000", "rungs": [0, 1000]}))


# The engine's models show their numbers in their repr and nowhere else.


@pytest.mark.parametrize("rate", ["0.0002", "0", "-0.0001", "0.00003123456789012"])
def test_a_fee_models_repr_says_its_rates(rate):
    found = FEES.fullmatch(repr(MakerTakerFeeModel(Decimal("0.1"), Decimal(rate))))
    assert Decimal(found["taker"]) == Decimal(rate)


@pytest.mark.parametrize(("slippage", "known"), [(0.0, True), (0.01, False), (1e-9, False)])
def test_a_fill_models_repr_says_its_slippage(slippage, known):
    assert bool(FILLS.fullmatch(repr(DefaultFillModel(1.0, slippage, 7)))) is known
