"""The benches: proposals are what they say, every instrument is its kind, the doors do as they are told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model import Currency, InstrumentId, Money, OrderSide, Price, Quantity, Venue
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, RiskRule, StrategySpec
from framework.testkit import RuleBench, StrategyBench


class LimitConfig(PluginConfig, frozen=True, kw_only=True):
    most: Quantity


class Limit(RiskRule[LimitConfig]):
    def check(self, proposal):
        if proposal.quantity > self.config.most:
            return Deny(
                f"{proposal.quantity} of {proposal.instrument_id} is over the {self.config.most} allowed"
            )
        return APPROVE


class BuyConfig(PluginConfig, frozen=True, kw_only=True):
    quantity: Quantity


class BuyOnce(Strategy):
    """Buys on the second bar; written to the bench's own instrument."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(StrategyBench.bars([(1, 1, 1, 1)])[0].bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen == 2:
            order = self.order_factory.market(bar.bar_type.instrument_id, OrderSide.BUY, self.config.quantity)
            self.submit_order(order)


ROWS = [(100, 101, 99, 100), (100, 105, 100, 104), (104, 104, 103, 103)]


@pytest.fixture
def bench():
    spec = StrategySpec(name="buy_once", strategy=BuyOnce, config=BuyConfig)
    return StrategyBench(spec, {"quantity": "100"})


def test_a_rule_made_from_plain_settings_judges_a_proposal():
    bench = RuleBench()
    rule = bench.rule(Limit, LimitConfig, most="1000")
    assert rule.market is bench
    assert rule.check(bench.propose("fx", 1000)) is APPROVE
    assert rule.check(bench.propose("fx", 1001)) == Deny("1001 of EUR/USD.SIM is over the 1000 allowed")


@pytest.mark.parametrize(
    ("prices", "kind"),
    [
        ({}, "MARKET"),
        ({"limit": "1.1"}, "LIMIT"),
        ({"trigger": "1.2"}, "STOP_MARKET"),
        ({"limit": "1.1", "trigger": "1.2"}, "STOP_LIMIT"),
    ],
)
def test_the_order_of_a_proposal_is_of_the_kind_its_prices_make_it(prices, kind):
    proposal = RuleBench().propose("fx", 5, "1.15", side="sell", age=7, stop="1.3", strategy="fade", **prices)
    assert proposal.order.order_type.name == kind
    assert proposal.order.side == proposal.side == OrderSide.SELL
    assert str(proposal.order.strategy_id) == "fade-0001"
    assert proposal.strategy_id == "fade"
    assert proposal.price == (Price.from_str(prices["limit"]) if "limit" in prices else None)
    assert proposal.trigger_price == (Price.from_str(prices["trigger"]) if "trigger" in prices else None)
    assert proposal.stop_price == Price.from_str("1.3")
    assert proposal.now - proposal.mark.ts_event == 7


def test_any_field_of_a_proposal_can_be_set():
    proposal = RuleBench().propose("fx", 5, action="modify", position=Decimal(-5), reduces=True)
    assert (proposal.action, proposal.position, proposal.reduces, proposal.mark) == ("modify", -5, True, None)


# What ten units are worth at a price of 100, by each contract's own rule.
WORTH = {
    "fx": "1000 USD",
    "lots": "1000 USD",
    "yen": "1000 JPY",
    "cross": "1000 JPY",
    "spot": "1000 USDT",
    "equity": "1000 USD",
    "future": "50000 USD",
    "spread": "50000 USD",
    "linear": "1000 USDT",
    "inverse": "10 BTC",  # 10 x 100 USD / 100
    "dated": "10 BTC",
    "quanto": "0.001 BTC",  # 10 x 100 x a millionth
}


def test_there_is_one_instrument_of_every_kind_and_it_is_worth_what_its_kind_is():
    instruments = RuleBench().instruments
    ten, price = Quantity.from_int(10), Price.from_str("100")
    found = {name: item.notional_value(ten, price) for name, item in instruments.items()}
    assert found == {name: Money.from_str(text) for name, text in WORTH.items()}


def test_the_market_is_what_the_test_says():
    bench = RuleBench()
    eurusd, venue = InstrumentId.from_str("EUR/USD.SIM"), Venue("SIM")
    assert bench.mark(eurusd) is None
    bench.prices["EUR/USD.SIM"] = "1.10000"
    assert bench.mark(eurusd).price == Price.from_str("1.10000")
    bench.hold("5 USDT", "2 BTC")
    assert bench.equity(venue)[Currency.from_str("BTC")] == Money.from_str("2 BTC")
    assert len(bench.equity(venue)) == bench.readings == 2
    assert bench.instrument(eurusd) is bench.instruments["fx"]
    assert bench.instrument(InstrumentId.from_str("A.B")) is None


def test_positions_belong_to_a_strategy_and_only_netted_ones_carry_its_name():
    bench = RuleBench()
    bench.open_position("fx")
    bench.open_position("fx", "fade", hedged=True)
    assert [str(held.strategy_id) for held in bench.open_positions()] == ["trend-0001", "fade-0001"]
    assert [held.id for held in bench.open_positions("trend")] == ["EUR/USD.SIM-trend-0001"]
    assert "fade" not in bench.open_positions("fade")[0].id


def test_what_a_strategy_sent_and_what_filled_carry_the_number_of_the_bar(bench):
    bench.play(ROWS)
    assert bench.sent == [(2, [("MARKET", "BUY", 100, "", False)])]
    assert bench.fills() == [(2, "BUY", 100, "104.00")]
    assert bench.bars_seen == 3


def test_a_denied_order_never_leaves_and_the_strategy_is_told_why(bench):
    bench.deny = lambda orders: "not today"
    bench.play(ROWS)
    assert bench.fills() == []
    (denied,) = [event for _, event in bench.events if type(event).__name__ == "OrderDenied"]
    assert denied.reason == "not today"


def test_what_leaves_can_be_changed_and_settings_too(bench):
    bench.change = lambda orders: []
    bench.play(ROWS, quantity="7")
    assert bench.sent == [(2, [("MARKET", "BUY", 7, "", False)])]
    assert bench.fills() == []


def test_what_a_handler_raises_fails_the_test_though_the_engine_goes_on(bench):
    def spoil(strategy, number):
        strategy.seen = None

    bench.each_bar = spoil
    with pytest.raises(AssertionError):
        bench.play(ROWS)
    assert {type(error) for error in bench.failures} == {TypeError}
