"""The limits in front of the real engine: what leaves and what the gate writes down."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import framework_limits
import msgspec
import pytest
from framework_limits.allow_list import AllowListConfig
from framework_limits.max_open_positions import MaxOpenPositionsConfig
from framework_limits.order_limits import OrderLimitsConfig
from framework_limits.order_rate import OrderRateConfig
from framework_limits.price_collar import PriceCollarConfig
from nautilus_trader.model import BarType, Money, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.testkit import run_strategy, simulate

SPECS = {spec.name: spec for spec in framework_limits.register_risk()}


class BurstConfig(PluginConfig, frozen=True, kw_only=True):
    bar_types: Annotated[list[BarType], msgspec.Meta(description="Bars.")]
    quantities: Annotated[list[int], msgspec.Meta(description="Market orders to buy on the second bar.")] = (
        msgspec.field(default_factory=list)
    )
    limits: Annotated[
        list[str], msgspec.Meta(description="Limit prices to buy 1,000 at on the second bar.")
    ] = msgspec.field(default_factory=list)
    exit_on: Annotated[int, msgspec.Meta(description="Close everything on that bar.")] = 0


class Burst(Strategy):
    """Sends everything it has on the second bar of each instrument."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = {}

    def on_start(self):
        for bar_type in self.config.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        instrument_id = bar.bar_type.instrument_id
        number = self.seen[instrument_id] = self.seen.get(instrument_id, 0) + 1
        if number == 2:
            for size in self.config.quantities:
                self.submit_order(
                    self.order_factory.market(instrument_id, OrderSide.BUY, Quantity.from_int(size))
                )
            for price in self.config.limits:
                self.submit_order(
                    self.order_factory.limit(
                        instrument_id, OrderSide.BUY, Quantity.from_int(1_000), Price.from_str(price)
                    )
                )
        if number == self.config.exit_on:
            self.close_all_positions(instrument_id)


@pytest.fixture
def run(tmp_path):
    """Runs a burst over hourly bars flat at 1.10000."""

    def make(rule, config, *, presets=("EURUSD",), **burst):
        market = simulate(tmp_path / "seed", presets, length=6)

        def flat(tape):
            rows = [row._replace(prices=(110_000,) * 4, sizes=(10**9,)) for row in tape.rows]
            return replace(tape, rows=tuple(rows))

        market = market.rewritten(tmp_path / "catalog", flat)
        return run_strategy(
            StrategySpec(name="burst", strategy=Burst, config=BurstConfig),
            BurstConfig(bar_types=list(market.bar_types), **burst),
            catalog=market.catalog,
            rules=[(SPECS[rule], config)],
        )

    return make


def filled(result):
    return [int(float(size)) for size in result.fills["last_qty"]]


def test_an_order_over_the_cap_is_denied_and_one_at_it_is_not(run):
    config = OrderLimitsConfig(max_notional=Money.from_str("110000 USD"), max_mark_age="2h")
    result = run("order_limits", config, quantities=[100_000, 101_000])
    assert filled(result) == [100_000]
    assert [decision.reason for decision in result.denials] == [
        "111100.00000 USD of EUR/USD.SIM is over max_notional 110000.00 USD"
    ]


def test_an_order_over_the_cap_leaves_at_the_size_that_fits(run):
    config = OrderLimitsConfig(
        max_notional=Money.from_str("50000 USD"), max_mark_age="2h", on_excess="resize"
    )
    result = run("order_limits", config, quantities=[100_000])  # 50,000 / 1.10 = 45,454.5
    (decision,) = result.decisions
    assert (decision.verdict, decision.quantity, decision.resized_to) == ("resize", "100000", "45454")
    assert filled(result) == [45_454]


def test_limits_outside_the_collar_are_denied(run):
    config = PriceCollarConfig(ticks=500, max_mark_age="2h")
    result = run("price_collar", config, limits=["1.09500", "1.09499", "1.10500", "1.10501"])
    assert [decision.reason.split()[2] for decision in result.denials] == ["1.09499", "1.10501"]


def test_the_fourth_order_of_a_burst_is_denied_and_the_exit_is_not(run):
    config = OrderRateConfig(max_orders=3, window="1d")
    result = run("order_rate", config, quantities=[1_000, 2_000, 3_000, 4_000], exit_on=4)
    assert len(result.denials) == 1
    assert sorted(filled(result)) == [1_000, 2_000, 3_000, 6_000]


def test_a_second_instrument_is_one_position_too_many_even_before_the_first_fills(run):
    config = MaxOpenPositionsConfig(max_positions=1)
    result = run("max_open_positions", config, presets=("EURUSD", "6E"), limits=["1.00000"])
    assert [decision.instrument_id for decision in result.denials] == ["6E.SIM"]
    assert list(result.orders["status"]) == ["ACCEPTED", "DENIED"]


def test_adding_to_the_open_position_goes_on(run):
    result = run("max_open_positions", MaxOpenPositionsConfig(max_positions=1), quantities=[1_000, 2_000])
    assert result.denials == ()
    assert filled(result) == [1_000, 2_000]


def test_what_is_not_listed_never_leaves(run):
    config = AllowListConfig(instruments=["*.SIM"], order_types=["limit"])
    result = run("allow_list", config, quantities=[1_000], limits=["1.09000"])
    assert [decision.reason for decision in result.denials] == ["market is not on the list: limit"]
    assert result.fills.empty
