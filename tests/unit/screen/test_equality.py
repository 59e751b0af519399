"""Arrays and engine give the same fills and the same money, for every strategy that offers signals."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import BarType

from framework import plugins
from framework.errors import CompositionError
from framework.screen import Screen
from framework.testkit import simulate
from framework.testkit.nodes import plan_node

ROOT = Path(__file__).parents[3]
PRESETS = {"EURUSD": "33333", "ES": "7", "BTCUSDT-PERP": "1.234", "equity:AAPL": "300"}
FILES = {
    "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL": "100000",
    "AAPL.XNAS-1-DAY-LAST-EXTERNAL": "100",
    "IBM.XNYS-1-DAY-LAST-EXTERNAL": "7",
}
SIDES = st.sampled_from(["long", "short", "both"])
DRAWN = {
    "trend": st.tuples(st.integers(1, 12), st.integers(1, 30), SIDES, st.booleans()).map(
        lambda drawn: {
            "fast": drawn[0],
            "slow": drawn[0] + drawn[1],
            "side": drawn[2],
            "close_on_stop": drawn[3],
        }
    ),
    "mean_reversion": st.fixed_dictionaries(
        {
            "lookback": st.integers(8, 40),
            "entry": st.floats(0.6, 1.8),
            "exit": st.sampled_from([0.0, 0.1, 0.5]),
            "stop": st.sampled_from([None, 2.0, 2.3]),
            "side": SIDES,
            "max_bars": st.sampled_from([None, 1, 5, 20]),
            "min_volatility": st.sampled_from([0.0, 1e-4, 1e-3]),
            "max_volatility": st.sampled_from([None, 0.002, 0.01]),
            "close_on_stop": st.booleans(),
        }
    ),
}
"""Settings of every strategy that offers signals."""


def node(catalog, bars, strategy, config, fee="0.00007"):
    instrument = BarType.from_str(bars).instrument_id
    venue = {
        "account_type": "margin",
        "balances": ["10000000 USD", "10000000 USDT"],
        "leverage": "20",
        "fees": {"model": "maker_taker", "maker": "0", "taker": fee},
    }
    return {
        "catalog": str(catalog),
        "venues": [{"name": str(instrument.venue), "use": "simulated", "config": venue}],
        "data": [{"bars": bars}],
        "strategies": [{"id": "subject", "use": strategy, "config": {"bar_types": [bars], **config}}],
        "log": {"level": "off"},
    }


def same(plan):
    """The fills of a plan, which the array pass has confirmed."""
    work = Screen()
    score = work.score(0, {}, plan)
    assert score.problem is None
    return len(work.confirm(score, plan).fills)


@pytest.fixture(scope="module")
def markets(tmp_path_factory):
    """Catalogs of all kinds: gaps, silence, and bars of one to five steps of volume."""
    made = []
    for number, preset in enumerate(PRESETS):
        folder = tmp_path_factory.mktemp("market")
        market = simulate(folder / "plain", [preset], length=400, seed=number, gaps=0.1, silent=0.2)
        made.append((preset, market))
        made += [
            (preset, market.rewritten(folder / f"thin-{steps}", lambda tape, n=steps: tape.thinned(n)))
            for steps in (1, 3, 5)
        ]
    return made


def test_every_installed_strategy_that_offers_signals_is_tried_here():
    offering = {offer.spec.name for offer in plugins.load().offers("strategy") if offer.spec.signals}
    assert offering == set(DRAWN)


def try_one(markets, data, strategy):
    preset, market = data.draw(st.sampled_from(markets))
    config = {"quantity": PRESETS[preset], **data.draw(DRAWN[strategy])}
    fee = data.draw(st.sampled_from(["0", "0.00007", "0.001", "-0.0001"]))
    same(plan_node(node(market.catalog, str(market.bar_types[0]), strategy, config, fee)))


PATIENT = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("strategy", DRAWN)
@settings(PATIENT, max_examples=15)
@given(data=st.data())
def test_fills_and_money_are_the_same(markets, data, strategy):
    try_one(markets, data, strategy)


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.parametrize("strategy", DRAWN)
@settings(PATIENT, max_examples=400)
@given(data=st.data())
def test_fills_and_money_are_the_same_for_many_settings(markets, data, strategy):
    try_one(markets, data, strategy)


@pytest.mark.parametrize("bars", FILES)
@pytest.mark.parametrize(
    ("strategy", "config"),
    [
        ("trend", {"fast": 5, "slow": 20}),
        ("trend", {"fast": 10, "slow": 60, "side": "long", "close_on_stop": False}),
        ("mean_reversion", {"lookback": 24, "entry": 1.5, "exit": 0.0, "stop": 2.5}),
        ("mean_reversion", {"lookback": 50, "entry": 2.0, "stop": None, "max_bars": 12}),
    ],
)
def test_they_are_the_same_on_the_shipped_sample(bars, strategy, config):
    plan = plan_node(node(ROOT / "catalog" / "sample", bars, strategy, {"quantity": FILES[bars], **config}))
    assert same(plan) > 20


def test_one_order_that_changes_sides_is_the_same_too(plan_of):
    assert same(plan_of(settings={"rungs": [0, 1, -1, -3, 2, 2, 5, -4, 0]})) > 200


@pytest.mark.parametrize("size", ["1000", "400000", "3000000"])
def test_orders_larger_than_the_book_are_the_same(plan_of, size):
    venue = {"balances": ["10000000000 USD"]}
    assert same(plan_of(settings={"quantity": size, "rungs": [1, 3, -2, 0, 4]}, venue=venue)) > 200


def test_what_the_engine_could_not_pay_the_arrays_do_not_claim_to_know(plan_of):
    rng = random.Random(4)
    known = unknown = 0
    for _ in range(25):
        balance = rng.randint(20, 400)
        plan = plan_of(
            settings={"rungs": [1, -1, 0, 2]}, venue={"balances": [f"{balance} USD"], "leverage": "1"}
        )
        work = Screen()
        score = work.score(0, {}, plan)
        if score.problem is None:
            work.confirm(score, plan)
            known += 1
        else:
            assert "may not be able to pay" in score.problem
            unknown += 1
    assert known > 3
    assert unknown > 3


def test_settings_without_an_array_form_are_refused(markets):
    preset, market = markets[0]
    for strategy in DRAWN:
        config = {"quantity": PRESETS[preset], "stop_atr": 2.0}
        plan = plan_node(node(market.catalog, str(market.bar_types[0]), strategy, config))
        with pytest.raises(CompositionError, match="`stop_atr` has no array form"):
            Screen().score(0, {}, plan)
