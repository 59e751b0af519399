"""The kit every strategy passes: in one instrument, in several, and with a stop order on every entry."""

from __future__ import annotations

import framework_trend
from nautilus_trader.model import Quantity

from framework.testkit import StrategyKit

SPEC = next(iter(framework_trend.register_strategies()))


class TestOneInstrument(StrategyKit):
    spec = SPEC

    def config(self, market):
        return SPEC.config(
            bar_types=list(market.bar_types), quantity=Quantity.from_int(10_000), fast=5, slow=20
        )


class TestSeveralInstrumentsWithStops(StrategyKit):
    spec = SPEC
    presets = ("EURUSD", "equity:AAPL", "ES")
    step = "15-MINUTE"
    seed = 1

    def config(self, market):
        return SPEC.config(
            bar_types=list(market.bar_types), quantity=Quantity.from_int(20), fast=4, slow=15, stop_atr=3.0
        )
