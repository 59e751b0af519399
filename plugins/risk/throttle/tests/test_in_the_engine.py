"""The throttles in front of the real engine: who is stopped, and who trades on."""

from __future__ import annotations

import framework_throttle
import pytest
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec
from framework.testkit import run_node, simulate
from framework.testkit.nodes import VENUE

SPECS = tuple(framework_throttle.register_risk())


class TalkerConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    orders: int = 1
    cancels: bool = False
    rejected: bool = False


class Talker(Strategy):
    """On every bar sends so many limit orders far from the market, and cancels all of them if told to."""

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        instrument_id = bar.bar_type.instrument_id
        for _ in range(self.config.orders):
            post = {"post_only": True} if self.config.rejected else {}
            price = "5.00000" if self.config.rejected else "0.50000"
            self.submit_order(
                self.order_factory.limit(
                    instrument_id, OrderSide.BUY, Quantity.from_int(1_000), Price.from_str(price), **post
                )
            )
        if self.config.cancels:
            self.cancel_all_orders(instrument_id)


@pytest.fixture
def run(tmp_path):
    market = simulate(tmp_path / "catalog", ("EURUSD",), length=6)
    (bar_type,) = market.bar_types

    def make(rules, **talkers):
        return run_node(
            {
                "mode": "backtest",
                "name": "throttle",
                "catalog": str(market.catalog),
                "venues": [{"name": "SIM", "use": VENUE.name}],
                "data": list(market.streams()),
                "strategies": [
                    {"id": name, "use": "talker", "config": {"bar_type": str(bar_type), **config}}
                    for name, config in talkers.items()
                ],
                "risk": rules,
                "log": {"level": "off"},
            },
            specs=(*SPECS, VENUE, StrategySpec(name="talker", strategy=Talker, config=TalkerConfig)),
        )

    return make


def statuses(result, name):
    orders = result.orders[result.orders["strategy_id"] == name]
    return orders["status"].value_counts().to_dict()


def test_cancels_use_up_the_window_and_are_not_denied(run):
    """Six bars within the window: 2 orders and 2 cancels, then 2 more fill it; later ones are denied."""
    rule = {"use": "message_limit", "config": {"max_messages": 8, "window": "1d", "cancel_reserve": 3}}
    result = run([rule], quiet={"orders": 2, "cancels": True})
    # Bar 1: two orders, two cancels. Bar 2: a fifth message is all that entries may use, and its cancel.
    assert statuses(result, "quiet") == {"CANCELED": 3, "DENIED": 9}


def test_a_flood_is_stopped_alone_while_another_strategy_trades_on(run):
    rules = [
        {"use": "message_limit", "config": {"max_messages": 20, "window": "7d", "per": "strategy"}},
        {"use": "runaway", "config": {"window": "1s", "max_denials": 5}},
    ]
    result = run(rules, flood={"orders": 500}, calm={"orders": 1})
    assert statuses(result, "flood")["DENIED"] == 3_000 - 20
    assert statuses(result, "flood")["CANCELED"] == 20
    assert statuses(result, "calm") == {"ACCEPTED": 6}
    (halt,) = [decision for decision in result.decisions if decision.verdict == "halt"]
    assert (halt.rule, halt.scope) == ("runaway", "flood")
    reasons = [decision.reason for decision in result.denials if decision.scope == "flood"]
    # 5 denials are borne, the sixth halts, and what follows is denied by the latch.
    assert [reason.startswith("halted by runaway") for reason in reasons[:8]] == [False] * 6 + [True] * 2


def test_the_same_order_too_often_halts_and_cancels_what_rests(run):
    rule = {"use": "repeated_orders", "config": {"window": "1d", "max_orders": 3}}
    result = run([rule], loop={"orders": 1})
    assert statuses(result, "loop") == {"CANCELED": 3, "DENIED": 3}


def test_rejections_by_the_venue_halt(run):
    rule = {"use": "runaway", "config": {"window": "1d", "max_rejections": 2}}
    result = run([rule], refused={"rejected": True})
    assert statuses(result, "refused") == {"REJECTED": 3, "DENIED": 3}
    assert [d.reason for d in result.decisions if d.verdict == "halt"] == [
        "refused runs away: it was rejected more than 2 times within 1d"
    ]


def test_a_duplicate_is_denied_without_halting(run):
    rule = {"use": "duplicate_intents", "config": {"window": "1s"}}
    result = run([rule], twice={"orders": 2})
    assert statuses(result, "twice") == {"ACCEPTED": 6, "DENIED": 6}
