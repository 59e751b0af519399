"""Both breakers pass the framework's kit for risk rules, on a flow of orders that trips them."""

from __future__ import annotations

from decimal import Decimal

import framework_drawdown
from framework_drawdown.daily_loss import DailyLossConfig
from framework_drawdown.max_drawdown import MaxDrawdownConfig
from nautilus_trader.model import Currency, Money, Venue

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_drawdown.register_risk()}


class TestDailyLoss(RiskRuleKit):
    spec = SPECS["daily_loss"]

    def config(self, market):
        return DailyLossConfig(
            venue=Venue("SIM"),
            amount=Money.from_str("500 USD"),
            timezone="America/New_York",
            day_start="17:00",
        )


class TestDailyLossConfirmed(RiskRuleKit):
    spec = SPECS["daily_loss"]

    def config(self, market):
        return DailyLossConfig(
            venue=Venue("SIM"), fraction=Decimal("0.0001"), currency=Currency.from_str("USD"), confirm=2
        )


class TestMaxDrawdown(RiskRuleKit):
    spec = SPECS["max_drawdown"]

    def config(self, market):
        return MaxDrawdownConfig(venue=Venue("SIM"), amount=Money.from_str("5000 USD"))
