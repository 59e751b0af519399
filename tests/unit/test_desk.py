"""What the desk takes for an exit, in front of the real engine."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec, StrategySpec, VenueSpec
from framework.testkit import run_strategy, simulate

BUY, SELL = OrderSide.BUY, OrderSide.SELL


class OneBarType(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


class Steps(Strategy):
    """Calls one of its steps on every bar."""

    steps = ()

    def on_start(self):
        self.bars = 0
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        if self.bars < len(self.steps):
            self.steps[self.bars](self)
        self.bars += 1

    def trade(self, side, quantity, position_id=None, **options):
        head = (self.config.bar_type.instrument_id, side, Quantity.from_int(quantity))
        self.submit_order(self.order_factory.market(*head, **options), position_id)

    def rest(self, position_id=None):
        """A take-profit out of reach that is not reduce-only."""
        head = (self.config.bar_type.instrument_id, SELL, Quantity.from_int(500), Price.from_str("9.00000"))
        self.submit_order(self.order_factory.limit(*head), position_id)

    def pull(self):
        (order,) = self.cache.orders_open(strategy_id=self.strategy_id)
        self.modify_order(order.client_order_id, price=Price.from_str("8.00000"))

    def long(self):
        return next(one for one in self.cache.positions_open(strategy_id=self.strategy_id) if one.is_long).id


@pytest.fixture
def run(tmp_path):
    """Runs steps, and what a rule was shown of each proposal: the position, and whether it reduces."""

    def go(oms, *steps, judges=True):
        seen = []

        class Looks(RiskRule):
            judges_exits = judges

            def check(self, proposal):
                seen.append((int(proposal.position), proposal.reduces))
                return APPROVE if proposal.side == BUY or judges else Deny("no short")

        def venue(name, config, seed):
            del config, seed
            return BacktestVenueConfig(
                name=name,
                oms_type=oms,
                account_type="MARGIN",
                starting_balances=["1000000 USD"],
                fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
            )

        market = simulate(tmp_path / "catalog", ("EURUSD",), length=10, step="1-HOUR")
        result = run_strategy(
            StrategySpec(name="steps", strategy=type("Steps", (Steps,), {"steps": steps}), config=OneBarType),
            OneBarType(bar_type=market.bar_types[0]),
            catalog=market.catalog,
            rules=[(RiskSpec(name="looks", rule=Looks, config=NoConfig), NoConfig())],
            venue=(VenueSpec(name="own", config=NoConfig, backtest=venue), NoConfig()),
        )
        return seen, result

    return go


@pytest.mark.parametrize(("oms", "exit_"), [("NETTING", True), ("HEDGING", False)])
def test_a_plain_opposite_order_is_an_exit_only_where_orders_net(run, oms, exit_):
    seen, _ = run(oms, lambda s: s.trade(BUY, 1_000), lambda s: s.trade(SELL, 1_000))
    assert seen == [(0, False), (1_000, exit_)]


def test_on_a_hedging_account_a_rule_that_judges_no_exits_is_asked_about_it(run):
    seen, result = run("HEDGING", lambda s: s.trade(BUY, 1_000), lambda s: s.trade(SELL, 1_000), judges=False)
    assert seen == [(0, False), (1_000, False)]
    assert [decision.reason for decision in result.decisions] == ["no short"]


def test_on_a_hedging_account_an_order_that_names_the_position_or_is_reduce_only_is_an_exit(run):
    seen, _ = run(
        "HEDGING",
        lambda s: s.trade(BUY, 1_000),
        lambda s: s.trade(SELL, 400, s.long()),
        lambda s: s.trade(SELL, 200, s.long(), reduce_only=True),
        lambda s: s.close_all_positions(s.config.bar_type.instrument_id),
    )
    assert seen == [(0, False), (1_000, True), (600, True), (400, True)]


@pytest.mark.parametrize("oms", ["NETTING", "HEDGING"])
def test_a_change_of_an_order_that_names_the_position_is_judged_by_that_position(run, oms):
    seen, _ = run(oms, lambda s: s.trade(BUY, 1_000), lambda s: s.rest(s.long()), lambda s: s.pull())
    assert seen == [(0, False), (1_000, True), (1_000, True)]


def test_on_a_hedging_account_a_change_of_one_that_does_not_is_a_change_of_an_entry(run):
    seen, _ = run("HEDGING", lambda s: s.trade(BUY, 1_000), lambda s: s.rest(), lambda s: s.pull())
    assert seen == [(0, False), (1_000, False), (1_000, False)]
