"""The guards in front of the real engine: a bad tick never trades, a gap through a stop ends it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import framework_market_guards
import pytest
from framework_market_guards.price_guard import PriceGuardConfig
from framework_market_guards.slippage_guard import SlippageGuardConfig
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.testkit import run_strategy, simulate

SPECS = {spec.name: spec for spec in framework_market_guards.register_risk()}
SIZE = Quantity.from_int(1_000)


class BuyerConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    stop: str = ""


class Buyer(Strategy):
    """Buys a little on every bar, at the market or by a stop."""

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        make, head = self.order_factory, (bar.bar_type.instrument_id, OrderSide.BUY, SIZE)
        if self.config.stop:
            self.submit_order(make.stop_market(*head, Price.from_str(self.config.stop)))
        else:
            self.submit_order(make.market(*head))


@pytest.fixture
def run(tmp_path):
    """Runs a buyer over hourly bars that stand still at the closes given, in ticks."""

    def make(rule, config, closes, **buyer):
        market = simulate(tmp_path / "seed", ("EURUSD",), length=len(closes), step="1-HOUR")

        def still(tape):
            rows = zip(tape.rows, closes, strict=True)
            return replace(
                tape,
                rows=tuple(row._replace(prices=(close,) * 4, sizes=(10**9,)) for row, close in rows),
            )

        market = market.rewritten(tmp_path / "catalog", still)
        return run_strategy(
            StrategySpec(name="buyer", strategy=Buyer, config=BuyerConfig),
            BuyerConfig(bar_type=market.bar_types[0], **buyer),
            catalog=market.catalog,
            rules=[(SPECS[rule], config)],
        )

    return make


def test_nothing_is_bought_at_a_hundredfold_tick(run):
    config = PriceGuardConfig(max_mark_age="2h", max_jump=Decimal(10))
    result = run("price_guard", config, [110_000, 110_000, 11_000_000, 110_000])
    assert [str(price) for price in result.fills["last_px"]] == ["1.10000"] * 3
    (denial,) = result.denials
    assert "110.00000, is more than 10 % from the last good one" in denial.reason


def test_a_true_move_trades_again_once_confirmed(run):
    config = PriceGuardConfig(max_mark_age="2h", max_jump=Decimal(10), confirm=2)
    result = run("price_guard", config, [110_000, 150_000, 150_000, 150_000])
    assert [str(price) for price in result.fills["last_px"]] == ["1.10000", "1.50000", "1.50000"]


def test_a_gap_through_the_stop_halts_and_closes(run):
    """A stop at 1.10500 fills at the gap's 1.12000: 150 / 11,050 is 136 basis points."""
    config = SlippageGuardConfig(max_bps=Decimal(100))
    result = run("slippage_guard", config, [110_000, 112_000, 112_000], stop="1.10500")
    halts = [decision for decision in result.decisions if decision.verdict == "halt"]
    assert [halt.reason for halt in halts] == [
        "EUR/USD.SIM was sent at 1.10500 and filled at 1.12000, more than 100 basis points worse"
    ]
    assert list(result.fills["order_side"]) == ["BUY", "SELL"]


def test_the_same_gap_within_the_distance_goes_on(run):
    config = SlippageGuardConfig(max_bps=Decimal(136))
    result = run("slippage_guard", config, [110_000, 112_000], stop="1.10500")
    # 0.01500 * 10,000 is 150; 136 * 1.10500 is 150.28
    assert result.decisions == ()
