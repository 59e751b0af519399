"""Every rule passes the framework's kit for risk rules, on a flow of orders it intervenes in."""

from __future__ import annotations

from decimal import Decimal

import framework_exposure
from framework_exposure.capital_budget import CapitalBudgetConfig
from framework_exposure.correlation_guard import CorrelationGuardConfig
from framework_exposure.exposure_limit import ExposureLimitConfig
from framework_exposure.margin_guard import MarginGuardConfig
from framework_exposure.net_position import NetPositionConfig
from nautilus_trader.model import Currency, InstrumentId, Money, Venue

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_exposure.register_risk()}


class TestExposureLimit(RiskRuleKit):
    spec = SPECS["exposure_limit"]

    def config(self, market):
        return ExposureLimitConfig(
            max_gross=Money.from_str("400000 USD"), max_net=Money.from_str("300000 USD"), max_mark_age="2h"
        )


class TestExposureLimitPerInstrument(RiskRuleKit):
    spec = SPECS["exposure_limit"]

    def config(self, market):
        return ExposureLimitConfig(
            max_gross=Money.from_str("300000 USD"), per="instrument", oms="hedging", max_mark_age="2h"
        )


class TestNetPosition(RiskRuleKit):
    spec = SPECS["net_position"]

    def config(self, market):
        return NetPositionConfig(
            underlying="AAPL", instruments=[InstrumentId.from_str("AAPL.SIM")], max_net=Decimal(2_000)
        )


class TestCapitalBudget(RiskRuleKit):
    spec = SPECS["capital_budget"]

    def config(self, market):
        return CapitalBudgetConfig(
            capital=Money.from_str("100000 USD"), leverage=Decimal(3), max_mark_age="2h"
        )


class TestMarginGuard(RiskRuleKit):
    spec = SPECS["margin_guard"]

    def config(self, market):
        return MarginGuardConfig(
            venue=Venue("SIM"),
            currency=Currency.from_str("USD"),
            max_leverage=Decimal("0.02"),
            stop_leverage=Decimal("0.04"),
            max_margin_use=Decimal("0.5"),
            action="flatten",
            max_mark_age="2h",
        )


class TestCorrelationGuard(RiskRuleKit):
    spec = SPECS["correlation_guard"]

    def config(self, market):
        return CorrelationGuardConfig(
            max_exposure=Money.from_str("300000 USD"), threshold=Decimal("0.1"), max_mark_age="2h"
        )
