"""Every throttle passes the framework's kit for risk rules, on a flow of orders it intervenes in."""

from __future__ import annotations

import framework_throttle
from framework_throttle.duplicate_intents import DuplicateIntentsConfig
from framework_throttle.message_limit import MessageLimitConfig
from framework_throttle.repeated_orders import RepeatedOrdersConfig
from framework_throttle.runaway import RunawayConfig

from framework.testkit import RiskRuleKit

SPECS = {spec.name: spec for spec in framework_throttle.register_risk()}


class TestMessageLimit(RiskRuleKit):
    spec = SPECS["message_limit"]

    def config(self, market):
        return MessageLimitConfig(max_messages=5, window="12h", cancel_reserve=2)


class TestRepeatedOrders(RiskRuleKit):
    spec = SPECS["repeated_orders"]
    sizes = (1, 2)

    def config(self, market):
        return RepeatedOrdersConfig(max_orders=4, window="1d")


class TestRepeatedFills(RiskRuleKit):
    spec = SPECS["repeated_orders"]

    def config(self, market):
        return RepeatedOrdersConfig(max_fills=4, window="1d")


class TestDuplicateIntents(RiskRuleKit):
    spec = SPECS["duplicate_intents"]
    sizes = (1, 2)

    def config(self, market):
        return DuplicateIntentsConfig(window="3d")


class TestRunaway(RiskRuleKit):
    spec = SPECS["runaway"]

    def config(self, market):
        return RunawayConfig(max_orders=8, max_denials=20, max_rejections=5, window="12h")
