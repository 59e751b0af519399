"""The broker's levels: by hand, as the simulated broker has them, and in front of the engine."""

from decimal import Decimal
from types import SimpleNamespace

import framework_mt5
import msgspec
import pytest
from framework_mt5.levels import Levels, Mt5Levels, Mt5LevelsConfig
from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.account import Account
from framework_mt5_terminal.broker.house import House
from framework_mt5_terminal.broker.window import Window
from nautilus_trader.model import BarType, OrderSide, OrderType, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, StrategySpec
from framework.testkit import RuleBench, run_strategy, simulate

BID, ASK = "1.10000", "1.10002"
# side, limit, stop; and whether 20 points of 0.00001 away from 1.10000 / 1.10002 are kept
ORDERS = [
    ("buy", "1.09982", None, True),
    ("buy", "1.09983", None, False),
    ("buy", "1.10002", None, False),
    ("buy", "1.10003", None, False),
    ("sell", "1.10020", None, True),
    ("sell", "1.10019", None, False),
    ("sell", "1.10000", None, False),
    ("buy", None, "1.10022", True),
    ("buy", None, "1.10021", False),
    ("buy", None, "1.10000", False),
    ("sell", None, "1.09980", True),
    ("sell", None, "1.09981", False),
    ("buy", "1.10002", "1.10022", True),
    ("buy", "1.10003", "1.10022", False),
    ("sell", "1.10000", "1.09980", True),
    ("sell", "1.09999", "1.09980", False),
]


@pytest.fixture
def bench():
    bench = RuleBench()
    bench.quotes["EUR/USD.SIM"] = (BID, ASK)
    return bench


@pytest.fixture
def rule(bench):
    levels = {"EUR/USD.SIM": {"stops": "0.00020", "freeze": "0.00010"}}
    return bench.rule(Mt5Levels, Mt5LevelsConfig, levels=levels)


@pytest.mark.parametrize(("side", "limit", "stop", "taken"), ORDERS)
def test_an_order_is_as_near_as_the_stops_level_or_denied(rule, bench, side, limit, stop, taken):
    verdict = rule.check(bench.propose("fx", 1_000, "1.10001", side=side, limit=limit, trigger=stop))
    assert (verdict is APPROVE) == taken
    if not taken:
        assert verdict.reason.startswith("10015")


@pytest.mark.parametrize(("side", "limit", "stop", "taken"), ORDERS)
def test_the_simulated_broker_says_the_same(side, limit, stop, taken):
    house = House(
        Account(login=1, currency="USD", balance=Decimal(10_000), leverage=100, hedging=True, trade_mode=0),
        zone="UTC",
        seed=1,
        history=2,
    )
    house.listed["EURUSD"].stops_level = 20
    house.markets["EURUSD"].set(Decimal(BID), Decimal(ASK), None)
    buys = side == "buy"
    kinds = {
        (True, False): (c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_SELL_LIMIT),
        (False, True): (c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_SELL_STOP),
        (True, True): (c.ORDER_TYPE_BUY_STOP_LIMIT, c.ORDER_TYPE_SELL_STOP_LIMIT),
    }[limit is not None, stop is not None]
    request = {
        "action": c.TRADE_ACTION_PENDING,
        "symbol": "EURUSD",
        "volume": 0.01,
        "type": kinds[0 if buys else 1],
        "price": float(stop or limit),
        "type_filling": c.ORDER_FILLING_RETURN,
    }
    if limit and stop:
        request["stoplimit"] = float(limit)
    result, _ = Window(house).answer("order_send", [request])
    assert result[0] == (c.TRADE_RETCODE_DONE if taken else c.TRADE_RETCODE_INVALID_PRICE)


def test_a_frozen_order_cannot_be_changed_and_another_can(rule, bench):
    def change(held, wanted):
        resting = bench.propose("fx", 1_000, "1.10001", limit=held)
        return rule.check(
            bench.propose("fx", 1_000, "1.10001", limit=wanted, action="modify", order=resting.order)
        )

    frozen = change("1.09992", "1.09900")
    assert isinstance(frozen, Deny)
    assert frozen.reason.startswith("10029")
    assert change("1.09991", "1.09900") is APPROVE
    assert change("1.09991", "1.09990").reason.startswith("10015")


def test_market_orders_other_instruments_and_no_price(rule, bench):
    assert rule.check(bench.propose("fx", 1_000, "1.10001")) is APPROVE
    far = SimpleNamespace(order_type=OrderType.LIMIT)
    assert rule.check(bench.propose("future", 1, order=far)) is APPROVE
    bench.quotes.clear()
    assert rule.check(bench.propose("fx", 1_000, limit="1.0")).reason.startswith("10021")
    assert rule.check(bench.propose("fx", 1_000, "1.10000", limit="1.09981")).reason.startswith("10015")
    assert rule.check(bench.propose("fx", 1_000, "1.10000", limit="1.09980")) is APPROVE


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"levels": {"EURUSD": {}}}, "SYMBOL.VENUE"),
        ({"levels": {"EURUSD.MT5": {"stops": "-1"}}}, "distance in price"),
        ({"levels": {}}, "length"),
    ],
)
def test_levels_that_make_no_sense_are_refused(plain, words):
    with pytest.raises((ValueError, msgspec.ValidationError), match=words):
        msgspec.convert(plain, Mt5LevelsConfig)
    assert Levels().stops == 0


class StopperConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Stopper(Strategy):
    """Buys once, then protects the position by a stop that is too near and by one that is far enough."""

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)
        self.bars = 0

    def on_bar(self, bar):
        self.bars += 1
        instrument, size = bar.bar_type.instrument_id, Quantity.from_int(1_000)
        if self.bars == 1:
            self.submit_order(self.order_factory.market(instrument, OrderSide.BUY, size))
        if self.bars == 2:
            for away in (19, 2_000):
                stop = Price.from_decimal_dp(
                    bar.close.as_decimal() - away * Price.from_str("0.00001").as_decimal(), 5
                )
                self.submit_order(
                    self.order_factory.stop_market(instrument, OrderSide.SELL, size, stop, reduce_only=True)
                )


def test_in_a_backtest_a_stop_that_is_too_near_is_denied_although_it_closes(tmp_path):
    market = simulate(tmp_path / "catalog", ("EURUSD",), length=10)
    config = msgspec.convert({"levels": {"EUR/USD.SIM": {"stops": "0.00020"}}}, Mt5LevelsConfig)
    (spec,) = framework_mt5.register_risk()
    result = run_strategy(
        StrategySpec(name="stopper", strategy=Stopper, config=StopperConfig),
        StopperConfig(bar_type=market.bar_types[0]),
        catalog=market.catalog,
        rules=[(spec, config)],
    )
    (denial,) = result.denials
    assert denial.reason.startswith("10015: the stop")
