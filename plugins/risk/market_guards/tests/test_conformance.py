"""Both guards pass the framework's kit for risk rules, on a flow of orders they intervene in."""

from __future__ import annotations

from decimal import Decimal

import framework_market_guards
from framework_market_guards.price_guard import PriceGuardConfig
from framework_market_guards.slippage_guard import SlippageGuardConfig

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_market_guards.register_risk()}


class TestPriceGuard(RiskRuleKit):
    spec = SPECS["price_guard"]

    def config(self, market):
        return PriceGuardConfig(max_mark_age="2h", max_jump=Decimal("0.15"))


class TestSlippageGuard(RiskRuleKit):
    spec = SPECS["slippage_guard"]
    sizes = (100_000, 50_000_000)

    def config(self, market):
        return SlippageGuardConfig(max_bps=Decimal("0.01"), times=5)
