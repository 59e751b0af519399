"""The table of fills is the engine's own, whatever the flow; expected is what the engine makes of it."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from nautilus_trader.analysis import ReportProvider
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.engine import backtest, fills
from framework.engine.fills import fills_report
from framework.testkit import simulate
from framework.testkit.nodes import plan_strategy


class FlowConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `Flow`."""

    bar_types: list[BarType]
    seed: int = 0
    size: int = 3_000
    share: float = 0.2


class Flow(Strategy):
    """Market and limit orders of random sizes in several instruments, some of them never filled."""

    def __init__(self, config):
        super().__init__(config)
        self.settings = config

    def on_start(self):
        self.dice = random.Random(self.settings.seed)
        for bar_type in self.settings.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        if self.dice.random() > self.settings.share:
            return
        instrument = self.cache.instrument(bar.bar_type.instrument_id)
        side = self.dice.choice([OrderSide.BUY, OrderSide.SELL])
        size = Quantity.from_str(str(self.dice.randrange(1, self.settings.size)))
        size = Quantity.from_decimal_dp(size.as_decimal(), instrument.size_precision)
        if self.dice.random() < 0.5:
            self.submit_order(self.order_factory.market(instrument.id, side, size))
        else:
            self.submit_order(self.order_factory.limit(instrument.id, side, size, bar.low))


SPEC = StrategySpec(name="flow", strategy=Flow, config=FlowConfig)


def orders_of(folder, presets=("EURUSD",), thin=None, **settings):
    market = simulate(folder / "catalog", presets, step="1-MINUTE", length=300, seed=4)
    if thin:
        market = market.rewritten(folder / "thin", lambda tape: tape.thinned(thin))
    config = FlowConfig(bar_types=list(market.bar_types), **settings)
    node = backtest.build(plan_strategy(SPEC, config, catalog=market.catalog, data=market.streams()))
    try:
        backtest.replay(node)
        return node.engine.get_engine_cache("run").orders()
    finally:
        node.engine.dispose()


@pytest.fixture
def asked(monkeypatch):
    """Whether the engine's own way was gone."""
    calls = []

    class Provider(ReportProvider):
        @staticmethod
        def generate_fills_report(orders):
            calls.append(len(orders))
            return ReportProvider.generate_fills_report(orders)

    monkeypatch.setattr(fills, "ReportProvider", Provider)
    return calls


@pytest.mark.parametrize(
    ("presets", "thin", "settings"),
    [
        (("EURUSD",), None, {}),
        (("EURUSD",), 40, {}),
        (("EURUSD", "BTCUSDT-PERP", "ES"), None, {"size": 20}),
        (("EURUSD",), None, {"share": 0.004}),
    ],
    ids=["market and limit", "in parts", "several instruments", "a few"],
)
def test_the_table_is_the_engines(tmp_path, asked, presets, thin, settings):
    orders = orders_of(tmp_path, presets, thin, **settings)
    made, wanted = fills_report(orders), ReportProvider.generate_fills_report(orders)
    assert asked == []
    assert len(made) > 0
    pd.testing.assert_frame_equal(made, wanted)
    if thin:
        assert made.index.has_duplicates


def test_no_orders_and_no_fills_are_the_engines_too(tmp_path):
    pd.testing.assert_frame_equal(fills_report([]), ReportProvider.generate_fills_report([]))
    orders = [order for order in orders_of(tmp_path) if not order.trade_ids]
    assert orders
    pd.testing.assert_frame_equal(fills_report(orders), ReportProvider.generate_fills_report(orders))


FILL = {"client_order_id": "O-1", "type": "OrderFilled", "last_qty": "1", "ts_event": 1, "ts_init": 2}


@pytest.mark.parametrize(
    "other",
    [FILL | {"liquidity": "TAKER"}, {name: FILL[name] for name in list(FILL)[:-1]}, FILL | {"last_qty": 5}],
    ids=["one field more", "one field less", "another type"],
)
def test_rows_that_are_not_alike_are_left_to_the_engine(other):
    assert fills._frame([FILL, FILL | {"client_order_id": "O-2"}]) is not None
    assert fills._frame([FILL, other]) is None


def test_what_is_left_to_the_engine_is_its_table(tmp_path, asked, monkeypatch):
    orders = orders_of(tmp_path)
    monkeypatch.setattr(fills, "_frame", lambda fills: None)
    pd.testing.assert_frame_equal(fills_report(orders), ReportProvider.generate_fills_report(orders))
    assert asked == [len(orders)]
