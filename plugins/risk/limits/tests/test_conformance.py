"""Every limit passes the framework's kit for risk rules, on a flow of orders it intervenes in."""

from __future__ import annotations

import framework_limits
from framework_limits.allow_list import AllowListConfig
from framework_limits.max_open_positions import MaxOpenPositionsConfig
from framework_limits.order_limits import Caps, OrderLimitsConfig
from framework_limits.order_rate import OrderRateConfig
from framework_limits.permissions import Grant, PermissionsConfig
from framework_limits.price_collar import PriceCollarConfig
from nautilus_trader.model import InstrumentId, Money, Quantity

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_limits.register_risk()}


class TestOrderLimits(RiskRuleKit):
    spec = SPECS["order_limits"]

    def config(self, market):
        return OrderLimitsConfig(
            max_notional=Money.from_str("3000 USD"),
            max_mark_age="2h",
            instruments=[
                Caps(
                    id=InstrumentId.from_str("AAPL.SIM"),
                    max_quantity=Quantity.from_str("2000"),
                    max_notional=Money.from_str("250000 USD"),
                )
            ],
        )


class TestOrderLimitsThatResize(TestOrderLimits):
    def config(self, market):
        plain = super().config(market)
        return OrderLimitsConfig(
            max_notional=plain.max_notional,
            max_mark_age=plain.max_mark_age,
            instruments=plain.instruments,
            on_excess="resize",
        )


class TestPriceCollar(RiskRuleKit):
    spec = SPECS["price_collar"]

    def config(self, market):
        return PriceCollarConfig(ticks=50, max_mark_age="2h")


class TestOrderRate(RiskRuleKit):
    spec = SPECS["order_rate"]

    def config(self, market):
        return OrderRateConfig(max_orders=3, window="12h")


class TestMaxOpenPositions(RiskRuleKit):
    spec = SPECS["max_open_positions"]

    def config(self, market):
        return MaxOpenPositionsConfig(max_positions=1)


class TestMaxOpenPositionsWithoutAdding(RiskRuleKit):
    spec = SPECS["max_open_positions"]

    def config(self, market):
        return MaxOpenPositionsConfig(max_positions=2, adding="deny")


class TestAllowList(RiskRuleKit):
    spec = SPECS["allow_list"]

    def config(self, market):
        return AllowListConfig(instruments=["AAPL.SIM"], sides=["buy"], order_types=["market", "limit"])


class TestPermissions(RiskRuleKit):
    spec = SPECS["permissions"]

    def config(self, market):
        return PermissionsConfig(grants=[Grant(strategy="subject", instruments=["AAPL.SIM"])])
