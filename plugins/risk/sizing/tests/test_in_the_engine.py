"""The sizes that fill in the real engine, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import framework_sizing
import msgspec
import pytest
from framework_sizing.fixed_quantity import FixedQuantityConfig
from framework_sizing.risk_per_trade import RiskPerTradeConfig
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.testkit import run_strategy, simulate

SPECS = {spec.name: spec for spec in framework_sizing.register_risk()}


class ScriptConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: Annotated[BarType, msgspec.Meta(description="Bars.")]
    market: Annotated[dict[str, str], msgspec.Meta(description="Bar number: side of a market order.")] = (
        msgspec.field(default_factory=dict)
    )
    bracket: Annotated[dict[str, str], msgspec.Meta(description="Bar number: stop of a bracket to buy.")] = (
        msgspec.field(default_factory=dict)
    )


class Script(Strategy):
    """Sends what it is told, always 10,000 units: the rule decides how many leave."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        number, instrument_id, quantity = (
            str(self.seen),
            bar.bar_type.instrument_id,
            Quantity.from_int(10_000),
        )
        if number in self.config.market:
            side = OrderSide.from_str(self.config.market[number])
            self.submit_order(self.order_factory.market(instrument_id, side, quantity))
        if number in self.config.bracket:
            self.submit_order_list(
                self.order_factory.bracket(
                    instrument_id,
                    OrderSide.BUY,
                    quantity,
                    sl_trigger_price=Price.from_str(self.config.bracket[number]),
                    tp_price=Price.from_str("1.20000"),
                )
            )


@pytest.fixture
def run(tmp_path):
    """Runs a script over hourly EUR/USD bars, each flat at one price; gives the fills."""

    def make(prices, rule, config, **script):
        market = simulate(tmp_path / "seed", ["EURUSD"], length=len(prices))

        def flat(tape):
            ticks = [round(float(price) * 100_000) for price in prices]
            rows = [
                row._replace(prices=(tick,) * 4, sizes=(10**9,))
                for row, tick in zip(tape.rows, ticks, strict=True)
            ]
            return replace(tape, rows=tuple(rows))

        market = market.rewritten(tmp_path / "catalog", flat)
        result = run_strategy(
            StrategySpec(name="script", strategy=Script, config=ScriptConfig),
            ScriptConfig(bar_type=market.bar_types[0], **script),
            catalog=market.catalog,
            rules=[(SPECS[rule], config)],
        )
        return [
            (side, int(Decimal(str(size))))
            for side, size in result.fills[["order_side", "last_qty"]].to_numpy()
        ]

    return make


def test_a_bracket_is_sized_by_its_stop_and_its_stop_closes_all_of_it(run):
    # 10,000,000 USD x 0.01 % = 1,000 at risk over 0.00500: 200,000 euros, stopped out at 1.09500
    fills = run(
        ["1.10000", "1.10000", "1.09000", "1.09000"],
        "risk_per_trade",
        RiskPerTradeConfig(fraction=Decimal("0.0001"), max_mark_age="2h"),
        bracket={"2": "1.09500"},
    )
    assert fills == [("BUY", 200_000), ("SELL", 200_000)]


def test_a_reversal_in_a_netted_position_closes_it_and_opens_its_size(run):
    fills = run(
        ["1.10000"] * 5,
        "fixed_quantity",
        FixedQuantityConfig(quantity=Quantity.from_int(3_000)),
        market={"2": "buy", "3": "sell", "4": "buy"},
    )
    assert fills == [("BUY", 3_000), ("SELL", 6_000), ("BUY", 6_000)]
