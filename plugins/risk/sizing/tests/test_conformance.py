"""Every way of sizing passes the framework's kit for risk rules."""

from __future__ import annotations

from decimal import Decimal

import framework_sizing
from framework_sizing.fixed_notional import FixedNotionalConfig
from framework_sizing.fixed_quantity import FixedQuantityConfig
from framework_sizing.risk_per_trade import RiskPerTradeConfig
from framework_sizing.volatility_parity import VolatilityParityConfig
from nautilus_trader.model import Money, Quantity

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_sizing.register_risk()}


class TestFixedQuantity(RiskRuleKit):
    spec = SPECS["fixed_quantity"]

    def config(self, market):
        return FixedQuantityConfig(quantity=Quantity.from_str("1500"))


class TestFixedNotional(RiskRuleKit):
    spec = SPECS["fixed_notional"]

    def config(self, market):
        return FixedNotionalConfig(amount=Money.from_str("20000 USD"), max_mark_age="2h")


class TestRiskPerTrade(RiskRuleKit):
    spec = SPECS["risk_per_trade"]

    def config(self, market):
        return RiskPerTradeConfig(fraction=Decimal("0.00001"), max_mark_age="2h")


class TestVolatilityParity(RiskRuleKit):
    spec = SPECS["volatility_parity"]

    def config(self, market):
        return VolatilityParityConfig(fraction=Decimal("0.0000001"), marks=30, max_mark_age="2h")
