"""Smaller parts of the engine the framework holds on to."""

from __future__ import annotations

import importlib.metadata

import pytest
from nautilus_trader.analysis import CAGR, CalmarRatio, MaxDrawdown
from nautilus_trader.common import DataActor, DataActorConfig, MessageBus
from nautilus_trader.model import ActorId, OrderSide, OrderStatus, TraderId

BUY = OrderSide.BUY


@pytest.mark.contract(
    "C-951",
    says="The engine installed is the release these tests were written for.",
    leans="pyproject.toml pins it; move the pin only with this number and after every test here "
    "was looked at.",
)
def test_the_engine_is_the_pinned_release():
    assert importlib.metadata.version("nautilus_trader") == "2.0.0rc7"


@pytest.mark.contract(
    "C-952",
    says="Making a common.MessageBus replaces the running bus: no further bar arrives and no order moves.",
    leans="framework makes none, anywhere.",
)
def test_making_a_message_bus_stops_the_run_in_silence(lab):
    plan = {2: lambda s, bar: MessageBus(TraderId("OTHER-001")), "every": lambda s, bar: s.market(BUY, 1000)}
    probe, engine = lab.run(plan, bars=lab.wavy(8))
    assert engine.get_result().iterations == 8
    assert probe.n < 8
    assert len(engine.cache.orders()) <= 1


@pytest.mark.contract(
    "C-953",
    says="Statistics registered on the node's portfolio before the run are in stats_returns "
    "after it; ours too.",
    leans="framework/engine/backtest.py registers MaxDrawdown, CAGR and CalmarRatio for the report.",
)
def test_registered_statistics_are_in_the_result(lab):
    class FortyTwo:
        name = "Forty Two"

        def calculate_from_returns(self, returns):
            return 42.0

        def calculate_from_realized_pnls(self, pnls):
            return None

        def calculate_from_positions(self, positions):
            return None

    node = lab.node(lab.catalog(lab.wavy(3000)), [lab.Probe(plan={2: lambda s, bar: s.market(BUY, 1000)})])
    portfolio = node.get_engine_portfolio("run")
    for statistic in (MaxDrawdown(), CAGR(), CalmarRatio(), FortyTwo()):
        portfolio.register_statistic(statistic)
    (result,) = node.run()
    assert {"Max Drawdown", "CAGR (252 days)", "Calmar Ratio (252 days)"} < set(result.stats_returns)
    assert result.stats_returns["Forty Two"] == 42.0


@pytest.mark.contract(
    "C-954",
    says="The clock of the execution algorithm shows the time of the data in strategies and "
    "actors; 0 before the run.",
    leans="framework/engine/books.py now() is the door's clock.",
)
def test_the_algorithms_clock_is_everybodys_time(lab):
    door, seen = lab.Door(), []

    class Watcher(DataActor):
        def on_start(self):
            self.subscribe_bars(lab.bar_type)

        def on_bar(self, bar):
            seen.append(door.clock.timestamp_ns() - bar.ts_event)

    probe = lab.Probe(plan={"every": lambda s, bar: seen.append(door.clock.timestamp_ns() - bar.ts_event)})
    actor = Watcher(DataActorConfig(actor_id=ActorId("WATCH-001")))
    engine = lab.engine(data=lab.wavy(3), strategies=[probe], actors=[actor], algorithms=[door])
    assert door.clock.timestamp_ns() == 0
    engine.run()
    assert seen == [0] * 6


@pytest.mark.contract(
    "C-955",
    says="An order submitted in this handler is neither open nor in flight nor emulated nor "
    "closed: only in orders().",
    leans="framework/engine/desk.py flatten() must look at its own approved entries too, or it misses it.",
)
def test_an_order_on_its_way_is_in_no_list(lab):
    def step(strategy, bar):
        order = strategy.limit(BUY, 1000, "1.05000")
        cache = strategy.cache
        strategy.notes["lists"] = [
            len(found)
            for found in (
                cache.orders_open(),
                cache.orders_inflight(),
                cache.orders_emulated(),
                cache.orders_closed(),
                cache.orders(),
            )
        ]
        strategy.notes["closed"] = cache.is_order_closed(order.client_order_id)
        strategy.cancel_order(order.client_order_id)

    probe, engine = lab.run({2: step})
    assert probe.notes == {"lists": [0, 0, 0, 0, 1], "closed": False}
    assert engine.cache.orders()[0].status == OrderStatus.CANCELED, "but it can be cancelled"
    assert probe.events() == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderCanceled"]


@pytest.mark.contract(
    "C-956",
    says="cache.client_order_ids(strategy_id=...) holds every order of a strategy, the "
    "engine's own exits included.",
    leans="framework/engine/backtest.py _refuse_strays finds orders that did not pass the gate with it.",
)
def test_the_cache_lists_the_engines_own_orders_too(lab):
    plan = {2: lambda s, bar: s.market(BUY, 1000), 4: lambda s, bar: s.close_all_positions(lab.id)}
    probe, engine = lab.run(plan)
    assert len(engine.cache.client_order_ids(strategy_id=probe.strategy_id)) == 2
