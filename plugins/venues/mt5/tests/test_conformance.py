"""The venue kit: in a backtest the broker is replaced by the engine's own exchange."""

from __future__ import annotations

import framework_mt5
import msgspec

from framework.testkit import RiskRuleKit, VenueKit

SPEC = next(iter(framework_mt5.register_venues()))


class TestTwin(VenueKit):
    spec = SPEC
    starts_with = ("100000 USD",)
    hedging = True

    def config(self, *, hedging=False):
        plain = {
            "symbols": ["EUR/USD"],
            "balances": ["100000 USD"],
            "leverage": "20",
            "commission": {"EUR/USD": "0.00007"},
            "oms": "hedging" if hedging else "netting",
        }
        return msgspec.convert(plain, SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))


class TestLevels(RiskRuleKit):
    spec = next(iter(framework_mt5.register_risk()))
    may_deny_exits = True

    def config(self, market):
        plain = {"levels": {"EUR/USD.SIM": {"stops": "0.00500", "freeze": "0.00200"}}}
        return msgspec.convert(plain, self.spec.config)
