"""The kit every strategy passes: fading in one instrument, breaking out in several within a schedule."""

from __future__ import annotations

import framework_vwap
from nautilus_trader.model import Quantity

from framework.testkit import StrategyKit

SPEC = next(iter(framework_vwap.register_strategies()))


class TestFade(StrategyKit):
    spec = SPEC
    step = "5-MINUTE"

    def config(self, market):
        return SPEC.config(
            bar_types=list(market.bar_types), quantity=Quantity.from_int(10_000), mode="fade", entry_band=1.5
        )


class TestBreakoutInSeveralInstruments(StrategyKit):
    spec = SPEC
    presets = ("EURUSD", "equity:AAPL", "BTCUSDT")
    step = "5-MINUTE"
    seed = 1

    def config(self, market):
        return SPEC.config(
            bar_types=list(market.bar_types),
            quantity=Quantity.from_int(20),
            mode="breakout",
            entry_band=1.0,
            time_zone="America/New_York",
            session_start="04:00",
        )
