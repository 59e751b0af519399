"""The kit every strategy passes: in one instrument, in several, and with a stop order on every entry."""

from __future__ import annotations

import framework_mean_reversion
from nautilus_trader.model import Quantity

from framework.testkit import StrategyKit

SPEC = next(iter(framework_mean_reversion.register_strategies()))


class TestOneInstrument(StrategyKit):
    spec = SPEC

    def config(self, market):
        return SPEC.config(bar_types=list(market.bar_types), quantity=Quantity.from_int(10_000), lookback=20)


class TestSeveralInstrumentsWithStops(StrategyKit):
    spec = SPEC
    presets = ("EURUSD", "equity:AAPL", "ES")
    step = "15-MINUTE"
    seed = 1

    def config(self, market):
        return SPEC.config(
            bar_types=list(market.bar_types),
            quantity=Quantity.from_int(20),
            lookback=30,
            entry=1.5,
            exit=0.25,
            stop=3.0,
            stop_atr=3.0,
        )
