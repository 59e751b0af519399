"""A filter beside a strategy: composed by name, shown every bar first, and asked before an entry leaves."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import msgspec
import pytest
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import (
    CheckFailed,
    CompositionError,
    ConfigError,
    FilterSpec,
    PluginBroken,
    PluginConfig,
    PluginNotFound,
    RunError,
    Signal,
    SignalFilter,
    StrategySpec,
    read_settings,
)
from framework.engine import backtest
from framework.engine.outcome import resolved
from framework.explain import explanation, render
from framework.testkit import FilterKit, simulate
from framework.testkit.nodes import VENUE, offered, plan_node

BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


class BuyerConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Buyer(Strategy):
    signal_filter = SignalFilter()

    def __init__(self, config):
        super().__init__(config)
        self.settings = config
        self.seen = []

    def on_start(self):
        self.subscribe_bars(self.settings.bar_type)

    def on_bar(self, bar):
        self.seen.append(("strategy", bar.ts_event))
        signal = Signal(
            bar_type=bar.bar_type, direction=1, ts_event=bar.ts_event, price=bar.close.as_double()
        )
        if self.signal_filter.accepts(signal):
            self.submit_order(
                self.order_factory.market(bar.bar_type.instrument_id, OrderSide.BUY, Quantity.from_int(1_000))
            )


class Deaf(Strategy):
    pass


class EveryConfig(PluginConfig, frozen=True, kw_only=True):
    nth: Annotated[int, msgspec.Meta(ge=1, description="Accepts every nth.")] = 10


class Every(SignalFilter):
    """Accepts at every nth bar."""

    def __init__(self, config):
        self.config = config
        self.calls = []

    def start(self, strategy, bar_types):
        self.bars = 0
        self.calls.append(("start", [str(bar_type) for bar_type in bar_types]))

    def on_bar(self, bar):
        self.bars += 1
        self.calls.append(("bar", bar.ts_event))

    def accepts(self, signal):
        self.calls.append(("accepts", signal.ts_event))
        return self.bars % self.config.nth == 0


BUYER = StrategySpec(name="buyer", strategy=Buyer, config=BuyerConfig)
DEAF = StrategySpec(name="deaf", strategy=Deaf, config=BuyerConfig)
EVERY = FilterSpec(name="every", filter=Every, config=EveryConfig, summary="Every nth.")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("filter") / "catalog", ("EURUSD",), step="1-HOUR", length=100)


def node(market, *, use="buyer", chosen=None, **changes):
    strategy = {"id": "subject", "use": use, "config": {"bar_type": BARS}}
    if chosen is not None:
        strategy["filter"] = chosen
    return {
        "catalog": str(market.catalog),
        "venues": [{"name": "SIM", "use": VENUE.name}],
        "data": [{"bars": BARS}],
        "strategies": [strategy],
        "log": {"level": "off"},
        **changes,
    }


def plan_of(market, spec=EVERY, **changes):
    return plan_node(node(market, **changes), specs=[BUYER, DEAF, VENUE, *([spec] if spec else [])])


def run(plan):
    built = backtest.build(plan)
    try:
        backtest.replay(built)
        orders = built.engine.get_engine_cache(backtest.RUN).orders()
        return built.strategies["subject"], len(orders)
    finally:
        built.engine.dispose()


def test_it_is_started_once_sees_every_bar_before_the_strategy_and_is_asked_about_entries(market):
    strategy, orders = run(plan_of(market, chosen={"use": "every", "config": {"nth": 4}}))
    calls = strategy.signal_filter.calls
    assert calls[0] == ("start", [BARS])
    assert [what for what, _ in calls[1:]] == ["bar", "accepts"] * 100
    assert [ts for what, ts in calls if what == "bar"] == [ts for _, ts in strategy.seen]
    assert orders == 25


def test_without_a_filter_every_entry_is_sent(market):
    strategy, orders = run(plan_of(market))
    assert type(strategy.signal_filter) is SignalFilter
    assert orders == 100


def test_a_filter_that_raises_fails_the_run_with_its_exception(market):
    class Breaks(Every):
        def on_bar(self, bar):
            raise ZeroDivisionError("a bug of the filter")

    spec = FilterSpec(name="breaks", filter=Breaks, config=EveryConfig)
    with pytest.raises(RunError, match="ZeroDivisionError: a bug of the filter"):
        run(plan_of(market, spec, chosen={"use": "breaks"}))


def test_a_filter_that_cannot_be_built_is_named(market):
    class Breaks(Every):
        def __init__(self, config):
            raise OSError("no such model")

    spec = FilterSpec(name="breaks", filter=Breaks, config=EveryConfig)
    with pytest.raises(RunError, match=r'filter of strategy "subject" could not be built: OSError: no such'):
        run(plan_of(market, spec, chosen={"use": "breaks"}))


def test_a_refusal_of_its_own_keeps_its_kind(market):
    class Refuses(Every):
        def __init__(self, config):
            raise CheckFailed("the model was changed")

    spec = FilterSpec(name="refuses", filter=Refuses, config=EveryConfig)
    with pytest.raises(CheckFailed, match="the model was changed"):
        run(plan_of(market, spec, chosen={"use": "refuses"}))


def test_a_strategy_that_asks_no_filter_is_given_none(market):
    with pytest.raises(CompositionError, match='"subject" asks no filter') as raised:
        plan_of(market, use="deaf", chosen={"use": "every"})
    assert raised.value.path == "strategies[0].filter"


def test_a_misspelt_filter_is_named_with_what_there_is(market):
    with pytest.raises(PluginNotFound, match='no filter "evry"; did you mean "every"') as raised:
        plan_of(market, chosen={"use": "evry"})
    assert raised.value.path == "strategies[0].filter.use"


def test_its_settings_are_checked_where_they_stand(market):
    with pytest.raises(ConfigError, match="nth") as raised:
        plan_of(market, chosen={"use": "every", "config": {"nth": 0}})
    assert raised.value.path == "strategies[0].filter.config.nth"
    assert "filter plugin every" in str(raised.value)


def test_settling_knows_where_and_when_and_what_it_gives_is_what_runs(market, tmp_path):
    told = []

    def settle(config, deployment):
        told.append(deployment)
        return msgspec.structs.replace(config, nth=20)

    spec = dataclasses.replace(EVERY, settle=settle)
    asked = node(market, chosen={"use": "every", "config": {"nth": 4}}, start="2023-12-01", end="2025-01-01")
    plan = plan_node(asked, specs=[BUYER, VENUE, spec], folder=tmp_path)
    (deployment,) = told
    assert (deployment.folder, deployment.mode) == (tmp_path, "backtest")
    assert (deployment.start, deployment.end) == (plan.start, plan.end)
    assert [str(bar_type) for bar_type in deployment.bar_types] == [BARS]
    assert run(plan)[1] == 5
    assert resolved(plan)["strategies"][0]["filter"] == {"use": "every", "config": {"nth": 20}}
    assert explanation(plan)["strategies"][0]["filter"]["config"] == {"nth": 20}
    assert plan.versions.keys() >= {explanation(plan)["strategies"][0]["filter"]["distribution"]}


def test_a_refusal_at_composition_says_where_in_the_file(market):
    def settle(config, deployment):
        raise CompositionError("it has seen this data", remedy="Begin later.")

    spec = dataclasses.replace(EVERY, settle=settle)
    with pytest.raises(CompositionError, match=r"node\.yaml:\d+:\d+: it has seen this data") as raised:
        plan_of(market, spec, chosen={"use": "every", "config": {"nth": 4}})
    assert raised.value.path == "strategies[0].filter.config"


def test_explain_shows_it_below_its_strategy(market):
    import io

    from rich.console import Console

    page = io.StringIO()
    Console(width=200, file=page).print(render(plan_of(market, chosen={"use": "every"})))
    text = page.getvalue()
    assert "filtered by: every" in text
    assert "nth: 10" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter": Buyer}, "not a subclass of framework.SignalFilter"),
        ({"filter": Every(EveryConfig())}, "not a subclass of framework.SignalFilter"),
        ({"settle": 4}, "not a function"),
        ({"config": dict}, "not a subclass of framework.PluginConfig"),
    ],
)
def test_a_spec_that_is_none_is_refused_when_loaded(changes, message):
    with pytest.raises(PluginBroken, match=message):
        offered([dataclasses.replace(EVERY, **changes)])


def test_a_settings_file_is_read_as_strictly_as_a_node(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("nth: 3\n")
    assert read_settings(file, EveryConfig) == EveryConfig(nth=3)
    file.write_text("nth: 3\nnht: 4\n")
    with pytest.raises(ConfigError, match=r"settings\.yaml:2:1.*nht"):
        read_settings(file, EveryConfig)


class TestKit(FilterKit):
    spec = EVERY
    length = 300

    def config(self, market):
        return EveryConfig(nth=3)
