"""The breakers in front of the real engine. Equity is worked out by hand from prices and fees."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import framework_drawdown
import msgspec
import pytest
from framework_drawdown.daily_loss import DailyLossConfig
from framework_drawdown.max_drawdown import MaxDrawdownConfig
from nautilus_trader.model import BarType, Money, OrderSide, Quantity, Venue
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.testkit import run_strategy, simulate

SPECS = {spec.name: spec for spec in framework_drawdown.register_risk()}


class BuyConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: Annotated[BarType, msgspec.Meta(description="Bars.")]
    bars: Annotated[list[int], msgspec.Meta(description="On which bars to buy.")]


class Buy(Strategy):
    """Buys 100,000 euros at the close of the bars told."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen in self.config.bars:
            self.submit_order(
                self.order_factory.market(
                    bar.bar_type.instrument_id, OrderSide.BUY, Quantity.from_int(100_000)
                )
            )


@pytest.fixture
def closes(tmp_path):
    """A market of hourly EUR/USD bars from Monday midnight, each flat at one price."""

    def make(prices):
        market = simulate(tmp_path / "seed", ["EURUSD"], length=len(prices))

        def flat(tape):
            ticks = [round(float(price) * 100_000) for price in prices]
            rows = [
                row._replace(prices=(tick,) * 4, sizes=(10**9,))
                for row, tick in zip(tape.rows, ticks, strict=True)
            ]
            return replace(tape, rows=tuple(rows))

        return market.rewritten(tmp_path / "catalog", flat)

    return make


def run(market, rule, config, *, buy):
    spec = StrategySpec(name="buy", strategy=Buy, config=BuyConfig)
    return run_strategy(
        spec,
        BuyConfig(bar_type=market.bar_types[0], bars=buy),
        catalog=market.catalog,
        rules=[(SPECS[rule], config)],
    )


def said(result):
    return [(decision.verdict, (decision.ts // 3_600_000_000_000) % 24) for decision in result.decisions]


# Bought at 1.10000, 100,000 euros cost a fee of 0.2 basis points: 2.20 USD. At a price p the day has lost
# 100,000 x (1.10000 - p) + 2.20, which is 999.20 at 1.09003 and 1,000.20 at 1.09002.
DOWN = ["1.10000", "1.10000", "1.09003", "1.09002", "1.09002", "1.09002"]


def test_the_position_is_closed_at_the_mark_that_shows_the_loss_and_entries_stop(closes):
    config = DailyLossConfig(venue=Venue("SIM"), amount=Money.from_str("1000 USD"))
    result = run(closes(DOWN), "daily_loss", config, buy=[2, 5])
    assert said(result) == [("flatten", 4), ("deny", 5)]
    assert "1000.20 USD reached the 1000.00 USD" in result.decisions[0].reason
    assert list(result.fills["order_side"]) == ["BUY", "SELL"]


def test_a_loss_a_cent_larger_than_allowed_by_a_cent_more_never_trips(closes):
    config = DailyLossConfig(venue=Venue("SIM"), amount=Money.from_str("1000.21 USD"))
    result = run(closes(DOWN), "daily_loss", config, buy=[2])
    assert said(result) == []
    assert list(result.fills["order_side"]) == ["BUY"]


def test_entries_start_again_with_the_next_day(closes):
    # bars close at 01:00, 02:00, ...; the day ends at 06:00 UTC
    config = DailyLossConfig(venue=Venue("SIM"), amount=Money.from_str("1000 USD"), day_start="06:00")
    result = run(closes([*DOWN, "1.09002", "1.09002"]), "daily_loss", config, buy=[2, 5, 6, 7])
    assert said(result) == [("flatten", 4), ("deny", 5)]
    assert list(result.fills["order_side"]) == ["BUY", "SELL", "BUY", "BUY"]


def test_a_single_bad_bar_trips_nothing_when_two_must_confirm(closes):
    prices = ["1.10000", "1.10000", "1.00000", "1.10000", "1.05000", "1.05000", "1.05000"]
    config = MaxDrawdownConfig(venue=Venue("SIM"), amount=Money.from_str("1000 USD"), confirm=2)
    result = run(closes(prices), "max_drawdown", config, buy=[2])
    assert said(result) == [("halt", 6)]


def test_after_the_drawdown_the_run_ends_flat_and_stays_so(closes):
    # the peak is 100,000 x 0.01 - 2.20 above the start, at 1.11000; 1,500 below it is 1.09500
    prices = ["1.10000", "1.10000", "1.11000", "1.09501", "1.09500", "1.12000", "1.12000"]
    config = MaxDrawdownConfig(venue=Venue("SIM"), amount=Money.from_str("1500 USD"))
    result = run(closes(prices), "max_drawdown", config, buy=[2, 6])
    assert said(result) == [("halt", 5), ("deny", 6)]
    assert "equity 9999497.80 USD, at its peak 10000997.80 USD" in result.decisions[0].reason
    assert list(result.fills["order_side"]) == ["BUY", "SELL"]
