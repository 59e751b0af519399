"""Markets and plans for the array pass, and a strategy that turns with one order."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, Signals, StrategySpec
from framework.testkit import simulate
from framework.testkit.nodes import plan_node


class LadderConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `Ladder`."""

    bar_type: Annotated[BarType, msgspec.Meta(description="Bars to trade on.")]
    quantity: Annotated[Quantity, msgspec.Meta(description="Size of a rung.")]
    rungs: Annotated[list[int], msgspec.Meta(description="Positions in rungs, one a bar, over and over.")]
    peeks: Annotated[bool, msgspec.Meta(description="The array form knows where the bars end.")] = False
    lies: Annotated[bool, msgspec.Meta(description="The array form has one rung more than the class.")] = (
        False
    )
    answers: Annotated[
        Literal["int64", "float64", "short"], msgspec.Meta(description="What the array form is made of.")
    ] = "int64"


class Ladder(Strategy):
    """Holds what it is told, bar by bar; from any position to any other with one market order."""

    def __init__(self, config):
        super().__init__(config)
        self.settings, self.count, self.held = config, 0, 0

    def on_start(self):
        self.subscribe_bars(self.settings.bar_type)

    def on_bar(self, bar):
        rungs = self.settings.rungs
        wanted = rungs[self.count % len(rungs)]
        self.count += 1
        if wanted != self.held:
            step = self.settings.quantity.as_decimal()
            order = self.order_factory.market(
                self.settings.bar_type.instrument_id,
                OrderSide.BUY if wanted > self.held else OrderSide.SELL,
                Quantity.from_decimal_dp(abs(wanted - self.held) * step, self.settings.quantity.precision),
            )
            self.submit_order(order)
            self.held = wanted

    def on_reset(self):
        self.count = self.held = 0


def ladder_signals(config, bars):
    target = np.resize(np.array(config.rungs, np.int64), len(bars)) * bars.steps(config.quantity)
    if config.peeks:
        target[-1] = 0
    if config.lies:
        target[len(bars) // 2] += bars.steps(config.quantity)
    if config.answers == "float64":
        target = target.astype(float)
    return Signals(
        target[: 3 if config.answers == "short" else None], closes_at_end=False, turns_at_once=True
    )


LADDER = StrategySpec(name="ladder", strategy=Ladder, config=LadderConfig, signals=ladder_signals)


@pytest.fixture(scope="session")
def ladder():
    return LADDER


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """Three hundred hours of EUR/USD."""
    return simulate(tmp_path_factory.mktemp("market") / "catalog", length=300, seed=3)


@pytest.fixture
def node_of(market):
    """A node over the market as a mapping, with any of its parts changed."""

    def make(strategy="ladder", settings=None, **changes):
        bars = str(market.bar_types[0])
        settings = {"bar_type": bars, "quantity": "1000", "rungs": [0, 1, -1, 2]} | (settings or {})
        venue = {
            "account_type": "margin",
            "balances": ["100000 USD"],
            "leverage": "30",
            "fees": {"model": "maker_taker", "maker": "0.0001", "taker": "0.0002"},
        } | changes.pop("venue", {})
        return {
            "catalog": str(market.catalog),
            "venues": [{"name": "SIM", "use": "simulated", "config": venue}],
            "data": [{"bars": bars}],
            "strategies": [{"id": "subject", "use": strategy, "config": settings}],
            "log": {"level": "off"},
        } | changes

    return make


@pytest.fixture
def plan_of(node_of, ladder):
    """The plan of such a node."""

    def make(*arguments, **changes):
        return plan_node(node_of(*arguments, **changes), specs=[ladder])

    return make
