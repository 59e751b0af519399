"""What a rule hears of cancels, denials and orders that end, in front of the real engine."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, Halt, PluginConfig, RiskRule, RiskSpec, StrategySpec, VenueSpec
from framework.testkit import run_strategy, simulate


class OneBarType(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


class Scripted(Strategy):
    """Calls `step_N` on bar N."""

    def on_start(self):
        self.bars = 0
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.bars += 1
        getattr(self, f"step_{self.bars}", lambda: None)()

    def rest(self, side=OrderSide.BUY, price="0.50000", **options):
        order = self.order_factory.limit(
            self.config.bar_type.instrument_id,
            side,
            Quantity.from_int(1_000),
            Price.from_str(price),
            **options,
        )
        self.submit_order(order)
        return order.client_order_id


@pytest.fixture
def heard(tmp_path):
    """What a rule is told while a strategy runs, and the result."""

    def run(strategy, verdict=lambda proposal: APPROVE, reaction=lambda proposal: None):
        told = []

        class Hears(RiskRule):
            def check(self, proposal):
                return verdict(proposal)

            def on_denied(self, proposal, *, mine):
                told.append(("denied", proposal.action, mine))
                return reaction(proposal)

            def on_cancel(self, strategy_id, orders, now):
                assert now == self.market.now()
                told.append(("cancel", strategy_id, orders))

            def on_order(self, event):
                told.append((type(event).__name__, self.market.owner(event)))

        market = simulate(tmp_path / "catalog", ("EURUSD",), length=8, step="1-HOUR")
        result = run_strategy(
            StrategySpec(name="scripted", strategy=strategy, config=OneBarType),
            OneBarType(bar_type=market.bar_types[0]),
            catalog=market.catalog,
            rules=[(RiskSpec(name="hears", rule=Hears, config=NoConfig), NoConfig())],
        )
        return told, result

    return run


def test_every_way_to_cancel_is_counted_by_the_orders_it_cancels(heard):
    class Cancels(Scripted):
        def step_1(self):
            self.cancel_order(self.rest())
            self.cancel_order(client_order_id=self.rest())

        def step_2(self):
            self.resting = [self.rest() for _ in range(3)]

        def step_3(self):
            self.cancel_orders(self.resting[:2])

        def step_4(self):
            self.rest()
            self.rest(OrderSide.SELL, "5.00000")

        def step_5(self):
            self.cancel_all_orders(self.config.bar_type.instrument_id, OrderSide.SELL)

        def step_6(self):
            self.cancel_all_orders(self.config.bar_type.instrument_id)

        def step_7(self):
            self.cancel_all_orders(self.config.bar_type.instrument_id)

    told, result = heard(Cancels)
    # one, one, two of the three, the only sell, the two buys that are left, and an empty request
    assert [item[2] for item in told if item[0] == "cancel"] == [1, 1, 2, 1, 2, 1]
    assert set(result.orders["status"]) == {"CANCELED"}
    assert [item for item in told if item[0] == "OrderCanceled"] == [("OrderCanceled", "subject")] * 7


def test_cancels_go_on_when_the_strategy_has_cancelling_of_its_own(heard):
    class Own(Scripted):
        def cancel_order(self, *args, **kwargs):
            self.mine = True
            super().cancel_order(*args, **kwargs)

        def step_1(self):
            self.cancel_order(self.rest())

        def on_stop(self):
            assert self.mine

    told, result = heard(Own)
    assert ("cancel", "subject", 1) in told
    assert list(result.orders["status"]) == ["CANCELED"]


def test_a_rejection_is_heard_and_what_the_gate_denied_is_no_order_that_ended(heard):
    class Refused(Scripted):
        def step_1(self):
            self.rest(price="5.00000", post_only=True)

        def step_2(self):
            self.rest()

    told, _ = heard(Refused, lambda proposal: Deny("no") if str(proposal.price) == "0.50000" else APPROVE)
    assert told == [("OrderRejected", "subject"), ("denied", "submit", True)]


def test_a_halt_over_a_denied_order_cancels_what_rests_and_denies_the_rest(heard):
    class Insists(Scripted):
        def step_1(self):
            self.rest()

        def step_2(self):
            self.rest(price="0.60000")
            self.rest()

    told, result = heard(
        Insists,
        lambda proposal: Deny("no") if str(proposal.price) == "0.60000" else APPROVE,
        lambda proposal: Halt("enough", (proposal.strategy_id,)),
    )
    assert list(result.orders["status"]) == ["CANCELED", "DENIED", "DENIED"]
    assert [decision.verdict for decision in result.decisions] == ["deny", "halt", "deny"]
    assert ("cancel", "subject", 1) in told


def test_a_halt_over_one_leg_of_a_list_denies_the_list_and_cancels_only_what_was_sent(heard):
    class Lists(Scripted):
        def step_1(self):
            self.rest()

        def step_2(self):
            instrument_id = self.config.bar_type.instrument_id
            self.submit_order_list(
                [
                    self.order_factory.limit(
                        instrument_id, OrderSide.BUY, Quantity.from_int(1_000), Price.from_str(price)
                    )
                    for price in ("0.50000", "0.60000")
                ]
            )

    told, result = heard(
        Lists,
        lambda proposal: Deny("no") if str(proposal.price) == "0.60000" else APPROVE,
        lambda proposal: Halt("enough"),
    )
    assert list(result.orders["status"]) == ["CANCELED", "DENIED", "DENIED"]
    assert [item for item in told if item[0] == "cancel"] == [("cancel", "subject", 1)]


def test_a_halt_over_a_denied_change_cancels_the_order(heard):
    class Changes(Scripted):
        def step_1(self):
            self.order_id = self.rest()

        def step_2(self):
            self.modify_order(self.order_id, quantity=Quantity.from_int(9_000))

    _, result = heard(
        Changes,
        lambda proposal: Deny("no") if proposal.action == "modify" else APPROVE,
        lambda proposal: Halt("enough"),
    )
    assert list(result.orders["status"]) == ["CANCELED"]


@pytest.mark.parametrize(
    ("account", "required"),
    [("MARGIN", True), ("CASH", False)],
)
def test_margin_is_the_accounts_and_nothing_for_cash(tmp_path, account, required):
    seen = []

    class Looks(RiskRule):
        def check(self, proposal):
            return APPROVE

        def on_fill(self, fill):
            seen.append(self.market.owner(fill))

        def on_mark(self, mark):
            if seen:
                seen.append(self.market.margin(mark.instrument_id.venue))

    class Buys(Scripted):
        def step_1(self):
            head = (self.config.bar_type.instrument_id, OrderSide.BUY, Quantity.from_int(10_000))
            self.submit_order(self.order_factory.market(*head))

    def venue(name, config, seed):
        del config, seed
        return BacktestVenueConfig(
            name=name,
            oms_type="NETTING",
            account_type=account,
            starting_balances=["1000000 USD", "1000000 EUR"],
            fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
        )

    market = simulate(tmp_path / "catalog", ("EURUSD",), length=4, step="1-HOUR")
    run_strategy(
        StrategySpec(name="buys", strategy=Buys, config=OneBarType),
        OneBarType(bar_type=market.bar_types[0]),
        catalog=market.catalog,
        rules=[(RiskSpec(name="looks", rule=Looks, config=NoConfig), NoConfig())],
        venue=(VenueSpec(name="own", config=NoConfig, backtest=venue), NoConfig()),
    )
    owner, *_, margin = seen
    assert owner == "subject"
    assert [str(currency) for currency in margin] == (["USD"] if required else [])


@pytest.mark.parametrize("oms", ["NETTING", "HEDGING"])
def test_a_proposal_knows_the_position_however_many_fills_it_grew_by(tmp_path, oms):
    """Eighty buys of a thousand, then fifty sales of a thousand, each proposed beside what is held."""
    seen = []

    class Looks(RiskRule):
        judges_exits = True

        def check(self, proposal):
            seen.append(int(proposal.position))
            return APPROVE

    class Piles(Scripted):
        def on_bar(self, bar):
            self.bars += 1
            side = OrderSide.BUY if self.bars <= 80 else OrderSide.SELL
            head = (self.config.bar_type.instrument_id, side, Quantity.from_int(1_000))
            self.submit_order(self.order_factory.market(*head))

    def venue(name, config, seed):
        del config, seed
        return BacktestVenueConfig(
            name=name,
            oms_type=oms,
            account_type="MARGIN",
            starting_balances=["1000000 USD"],
            fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
        )

    market = simulate(tmp_path / "catalog", ("EURUSD",), length=130, step="1-HOUR")
    run_strategy(
        StrategySpec(name="piles", strategy=Piles, config=OneBarType),
        OneBarType(bar_type=market.bar_types[0]),
        catalog=market.catalog,
        rules=[(RiskSpec(name="looks", rule=Looks, config=NoConfig), NoConfig())],
        venue=(VenueSpec(name="own", config=NoConfig, backtest=venue), NoConfig()),
    )
    assert seen == [*range(0, 80_000, 1_000), *range(80_000, 30_000, -1_000)]
