"""Each setting of the venue changes what an order costs by an amount worked out by hand."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import framework_simulated
import msgspec
import pytest
import yaml
from framework_simulated.config import nanos
from nautilus_trader.backtest import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestNode,
    BacktestRunConfig,
)
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import (
    Bar,
    BarType,
    Currency,
    CurrencyPair,
    InstrumentId,
    NautilusDataType,
    OrderSide,
    Price,
    Quantity,
    Symbol,
    Venue,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from framework import CompositionError

EURUSD = InstrumentId.from_str("EUR/USD.SIM")
BARS = BarType.from_str("EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL")
MINUTE = 60_000_000_000
START = 1_600_000_000_000_000_000

# open, high, low, close, volume: a quarter of 4000 trades at each of the four prices
FIRST = ("1.10000", "1.10100", "1.09900", "1.10050", 4000)
SECOND = ("1.10060", "1.10200", "1.10000", "1.10100", 4000)
THIRD = ("1.10110", "1.10150", "1.10080", "1.10120", 4000)

SPEC = next(iter(framework_simulated.register_venues()))


def settings(**changes):
    plain = {
        "account_type": "margin",
        "balances": ["1000000 USD"],
        "leverage": "30",
        "fees": {"model": "none"},
    } | changes
    plain = {key: value for key, value in plain.items() if value is not msgspec.UNSET}
    return msgspec.convert(plain, SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))


def eurusd():
    return CurrencyPair(
        instrument_id=EURUSD,
        raw_symbol=Symbol("EUR/USD"),
        base_currency=Currency.from_str("EUR"),
        quote_currency=Currency.from_str("USD"),
        price_precision=5,
        size_precision=0,
        price_increment=Price.from_str("0.00001"),
        size_increment=Quantity.from_int(1),
        margin_init=Decimal("0.03"),
        margin_maint=Decimal("0.03"),
        ts_event=0,
        ts_init=0,
    )


class Orders(msgspec.Struct, frozen=True):
    plan: dict


class Trader(Strategy):
    """Sends what the plan holds for the n-th bar and writes down what came back."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0
        self.events = []
        self.failures = []

    def on_start(self):
        self.subscribe_bars(BARS)

    def on_bar(self, bar):
        self.seen += 1
        for send in self.config.plan.get(self.seen, ()):
            try:
                send(self)
            except Exception as error:  # noqa: BLE001 - the engine would swallow it; the test must not
                self.failures.append(error)

    def on_order_event(self, event):
        self.events.append((self.seen, event))

    def fills(self):
        return [
            (seen, str(e.last_px), int(e.last_qty.as_decimal()), e.commission.as_decimal())
            for seen, e in self.events
            if type(e).__name__ == "OrderFilled"
        ]

    def named(self, name):
        return [event for _, event in self.events if type(event).__name__ == name]


def market(side, quantity):
    return lambda s: s.submit_order(s.order_factory.market(EURUSD, side, Quantity.from_int(quantity)))


def limit(side, quantity, price):
    return lambda s: s.submit_order(
        s.order_factory.limit(EURUSD, side, Quantity.from_int(quantity), Price.from_str(price))
    )


def stop(side, quantity, price):
    return lambda s: s.submit_order(
        s.order_factory.stop_market(EURUSD, side, Quantity.from_int(quantity), Price.from_str(price))
    )


BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.fixture
def trade(tmp_path):
    def run(plan, *, bars=(FIRST, SECOND, THIRD), seed=7, **changes):
        root = tmp_path / f"catalog-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        catalog = ParquetDataCatalog(str(root))
        catalog.write_instruments([eurusd()])
        catalog.write_bars(
            [
                Bar(
                    BARS,
                    *(Price.from_str(price) for price in prices),
                    Quantity.from_int(volume),
                    START + MINUTE * i,
                    START + MINUTE * i,
                )
                for i, (*prices, volume) in enumerate(bars)
            ]
        )
        config = BacktestRunConfig(
            venues=[SPEC.backtest("SIM", settings(**changes), seed)],
            data=[
                BacktestDataConfig(
                    NautilusDataType.Bar, str(root), instrument_ids=[EURUSD], bar_types=[str(BARS)]
                )
            ],
            engine=BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)),
            id="run",
            dispose_on_completion=False,
            raise_exception=True,
        )
        node = BacktestNode([config])
        node.build()
        trader = Trader(Orders(plan))
        node.add_strategy("run", trader)
        node.run()
        assert not trader.failures
        trader.node = node
        return trader

    return run


# fees


def test_no_fees_charge_nothing(trade):
    assert trade({1: [market(BUY, 1000)]}).fills() == [(1, "1.10050", 1000, Decimal(0))]


def test_maker_taker_charges_the_taker_rate_to_a_market_order_and_the_maker_rate_to_a_resting_one(trade):
    fees = {"model": "maker_taker", "maker": "0.001", "taker": "0.002"}
    fills = trade({1: [market(BUY, 1000), limit(SELL, 1000, "1.10150")]}, fees=fees).fills()
    assert fills == [
        (1, "1.10050", 1000, Decimal("2.20")),  # 1000 x 1.10050 x 0.002 = 2.201
        (1, "1.10150", 1000, Decimal("1.10")),  # 1000 x 1.10150 x 0.001 = 1.1015
    ]


def test_a_negative_maker_rate_is_a_rebate(trade):
    fees = {"model": "maker_taker", "maker": "-0.001", "taker": "0"}
    fills = trade({1: [limit(SELL, 1000, "1.10150")]}, fees=fees).fills()
    assert fills == [(1, "1.10150", 1000, Decimal("-1.10"))]


def test_per_contract_fees_grow_with_the_quantity(trade):
    fees = {"model": "per_contract", "commission": "0.02 USD"}
    assert trade({1: [market(BUY, 300)]}, fees=fees).fills() == [(1, "1.10050", 300, Decimal("6.00"))]


def test_a_fixed_fee_is_charged_once_an_order_unless_every_fill_is_asked_for(trade):
    plan = {1: [market(BUY, 1500)]}
    once = trade(plan, fees={"model": "fixed", "commission": "1.50 USD"}).fills()
    each = trade(plan, fees={"model": "fixed", "commission": "1.50 USD", "every_fill": True}).fills()
    assert [fee for *_, fee in once] == [Decimal("1.50"), Decimal(0)]
    assert [fee for *_, fee in each] == [Decimal("1.50"), Decimal("1.50")]


# fills on bars


def test_a_market_order_beyond_a_quarter_of_the_bars_volume_pays_one_more_tick(trade):
    fills = trade({1: [market(BUY, 2500)]}).fills()
    assert [(px, qty) for _, px, qty, _ in fills] == [("1.10050", 1000), ("1.10051", 1500)]


def test_a_resting_limit_takes_a_quarter_of_the_volume_a_bar_and_fills_at_its_price(trade):
    fills = trade({1: [limit(BUY, 1800, "1.10020")]}, bars=(FIRST, SECOND, SECOND)).fills()
    assert [(n, px, qty) for n, px, qty, _ in fills] == [(1, "1.10020", 1000), (2, "1.10020", 800)]


def test_a_stop_fills_at_its_trigger_and_at_the_open_when_the_bar_gaps_over_it(trade):
    gap = ("1.10300", "1.10400", "1.10250", "1.10350", 4000)
    through = trade({1: [stop(BUY, 1000, "1.10150")]}).fills()
    over = trade({1: [stop(BUY, 1000, "1.10150")]}, bars=(FIRST, gap)).fills()
    assert [(px, qty) for _, px, qty, _ in through] == [("1.10150", 1000)]
    assert [(px, qty) for _, px, qty, _ in over] == [("1.10300", 1000)]


def test_a_bar_without_volume_moves_no_price_so_orders_fill_at_the_last_bar_that_had_some(trade):
    silent = (*SECOND[:4], 0)
    assert trade({2: [market(BUY, 1000)]}, bars=(FIRST, silent)).fills()[0][:3] == (2, "1.10050", 1000)
    rejected = trade({2: [market(BUY, 1000)]}, bars=(silent, silent)).named("OrderRejected")
    assert [event.reason for event in rejected] == ["No market for EUR/USD.SIM"]


@pytest.mark.parametrize(
    ("fills", "expected"),
    [
        ({"model": "default"}, [("1.10050", 1000), ("1.10051", 1000)]),
        ({"model": "default", "prob_slippage": 1.0}, [("1.10051", 1000), ("1.10052", 1000)]),
        ({"model": "best_price"}, [("1.10050", 2000)]),
        ({"model": "one_tick"}, [("1.10051", 2000)]),
        ({"model": "two_tier"}, [("1.10050", 10), ("1.10051", 1990)]),
        ({"model": "three_tier"}, [("1.10050", 50), ("1.10051", 30), ("1.10052", 20)]),
        ({"model": "volume_sensitive"}, [("1.10050", 250), ("1.10051", 1750)]),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_each_fill_model_prices_a_market_order_of_2000_its_own_way(trade, fills, expected):
    trader = trade({1: [market(BUY, 2000)]}, fills=fills)
    assert [(px, qty) for _, px, qty, _ in trader.fills()] == expected


def test_the_probabilistic_model_tosses_its_coin_from_the_runs_seed(trade):
    plan = {1: [market(BUY, 100) for _ in range(64)]}
    first, again, other = (
        [px for _, px, *_ in trade(plan, fills={"model": "probabilistic"}, seed=seed).fills()]
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert set(first) == {"1.10050", "1.10051"}


def test_a_touched_limit_fills_or_not_by_the_probability_given(trade):
    at_the_low = {1: [limit(BUY, 500, "1.10000")]}
    touching = (FIRST, SECOND)
    assert len(trade(at_the_low, bars=touching).fills()) == 1
    never = {"model": "default", "prob_fill_on_limit": 0.0}
    assert trade(at_the_low, bars=touching, fills=never).fills() == []


@pytest.mark.parametrize(
    ("model", "prices"),
    [
        ("default", ["1.10150"]),
        ("best_price", ["1.10200"]),
        ("one_tick", ["1.10199"]),
        ("two_tier", ["1.10200", "1.10199"]),
        ("three_tier", ["1.10200", "1.10199", "1.10198"]),
        ("volume_sensitive", ["1.10200", "1.10199"]),
    ],
)
def test_models_that_simulate_a_book_fill_a_resting_limit_at_the_bars_extreme_which_flatters_it(
    trade, model, prices
):
    trader = trade({1: [limit(SELL, 1000, "1.10150")]}, bars=(FIRST, SECOND), fills={"model": model})
    assert [px for _, px, *_ in trader.fills()] == prices


def test_three_tier_never_completes_a_market_order_of_more_than_its_hundred_units(trade):
    trader = trade({1: [market(BUY, 101)]}, fills={"model": "three_tier"})
    assert sum(qty for _, _, qty, _ in trader.fills()) == 100
    assert trader.node.generate_orders_report("run")["status"].tolist() == ["PARTIALLY_FILLED"]


@pytest.mark.parametrize(
    ("volume", "price"), [(1, "1.10050"), (2, "1.09900"), (3, "1.09900"), (4, "1.10050"), (5, "1.10050")]
)
def test_a_volume_of_two_or_three_units_does_not_reach_the_close(trade, volume, price):
    assert trade({1: [market(BUY, 1)]}, bars=((*FIRST[:4], volume),)).fills()[0][1] == price


def test_prob_slippage_fills_a_resting_limit_one_tick_beyond_its_price(trade):
    plan = {1: [limit(SELL, 1000, "1.10150")]}
    slipped = trade(plan, fills={"model": "default", "prob_slippage": 1.0}).fills()
    assert [px for _, px, *_ in slipped] == ["1.10149"]


# latency


def test_on_bars_any_latency_moves_a_market_order_to_the_close_of_the_next_bar(trade):
    plan = {1: [market(BUY, 1000)]}
    assert [(n, px) for n, px, *_ in trade(plan).fills()] == [(1, "1.10050")]
    for latency in ({"base": "5ms"}, {"insert": "250us"}):
        assert [px for _, px, *_ in trade(plan, latency=latency).fills()] == ["1.10100"]


def test_cancel_latency_lets_a_resting_order_fill_before_its_cancellation_arrives(trade):
    cancel_all = [lambda s: s.cancel_all_orders(EURUSD)]
    plan = {1: [limit(SELL, 1000, "1.10150"), *cancel_all]}
    assert trade(plan).fills() == []
    late = trade(plan, latency={"cancel": "2s"}).fills()
    assert [px for _, px, *_ in late] == ["1.10150"]


# account and positions


def test_a_cash_account_refuses_to_sell_short_or_to_buy_beyond_its_balance(trade):
    poor = {"account_type": "cash", "leverage": "1", "balances": ["1000 USD"]}
    beyond = trade({1: [market(BUY, 1000)]}, **poor)
    within = trade({1: [market(BUY, 900)]}, **poor)
    assert (len(beyond.fills()), len(beyond.named("OrderDenied"))) == (0, 1)
    assert len(within.fills()) == 1


@pytest.mark.parametrize(("leverage", "fills"), [("30", 1), ("1", 0)])
def test_leverage_divides_the_margin_an_order_needs(trade, leverage, fills):
    # 900 x 1.1005 x 0.03 = 29.71 USD of margin; a thirtieth of it is 0.99 USD
    trader = trade({1: [market(BUY, 900)]}, balances=["5 USD"], leverage=leverage)
    assert len(trader.fills()) == fills


def test_leverage_of_one_instrument_overrides_the_venues(trade):
    changes = {"balances": ["5 USD"], "leverage": "1", "leverages": {"EUR/USD.SIM": "30"}}
    assert len(trade({1: [market(BUY, 900)]}, **changes).fills()) == 1


@pytest.mark.parametrize(("oms", "positions"), [("netting", 1), ("hedging", 2)])
def test_netting_keeps_one_position_and_hedging_one_for_each_opening_order(trade, oms, positions):
    trader = trade({1: [market(BUY, 100)], 2: [market(BUY, 100)]}, oms=oms)
    assert len(trader.node.generate_positions_report("run")) == positions


def test_profit_reaches_the_balance_to_the_cent(trade):
    trader = trade(
        {1: [market(BUY, 1000)], 2: [market(SELL, 1000)]},
        fees={"model": "maker_taker", "maker": "0", "taker": "0.002"},
    )
    report = trader.node.generate_account_report("run", Venue("SIM"))
    # 1000 x (1.10100 - 1.10050) = 0.50; fees 2.20 (of 2.2010) and 2.20 (of 2.2020)
    assert Decimal(report["total"].iloc[-1]) == Decimal(1000000) + Decimal("0.50") - Decimal("4.40")


# order of high and low, liquidity


@pytest.mark.parametrize(("adaptive", "expected"), [(False, "1.10195"), (True, "1.10065")])
def test_adaptive_ordering_walks_to_the_nearer_extreme_first(trade, adaptive, expected):
    above = ("1.10000", "1.10100", "1.09900", "1.10090", 4000)
    near_low = ("1.10080", "1.10200", "1.10060", "1.10100", 4000)
    pair = [stop(SELL, 500, "1.10065"), limit(SELL, 500, "1.10195")]
    trader = trade({1: pair}, bars=(above, near_low), bar_adaptive_high_low_ordering=adaptive)
    assert trader.fills()[0][1] == expected


def test_liquidity_consumption_gives_a_price_level_away_once(trade):
    plan = {1: [limit(BUY, 9000, "1.10020")]}
    same = (FIRST, SECOND, SECOND, SECOND)
    assert sum(qty for _, _, qty, _ in trade(plan, bars=same).fills()) == 3000
    assert sum(qty for _, _, qty, _ in trade(plan, bars=same, liquidity_consumption=True).fills()) == 1000


# refusals


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"balances": []}, "length >= 1"),
        ({"balances": ["0 USD"]}, "start with more than nothing"),
        ({"balances": ["1 USD", "2 USD"]}, "names a currency twice"),
        ({"base_currency": "EUR"}, "leave `base_currency` out"),
        ({"leverage": "0.5"}, "below 1"),
        ({"leverage": "NaN"}, "below 1"),
        ({"account_type": "cash"}, "a cash account has no leverage"),
        ({"account_type": "broker"}, "Invalid enum value"),
        ({"leverages": {"EURUSD": "2"}}, "write SYMBOL.VENUE"),
        ({"fees": {"model": "maker_taker", "maker": "2", "taker": "0"}}, "is not a fee rate"),
        ({"fees": {"model": "maker_taker", "maker": "0"}}, "missing required field `taker`"),
        ({"fees": {"model": "free"}}, "Invalid value 'free'"),
        ({"fees": {"model": "fixed", "commission": "-1 USD"}}, "is negative"),
        ({"fills": {"model": "default", "prob_slippage": 1.5}}, "<= 1.0"),
        ({"fills": {"model": "defualt"}}, "Invalid value 'defualt'"),
        ({"latency": {"base": "5"}}, "matching regex"),
        ({"latency": {"base": "5 minutes"}}, "matching regex"),
        ({"colour": "blue"}, "unknown field `colour`"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_to_write(changes, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        settings(**changes)


def test_fees_must_be_stated():
    with pytest.raises(msgspec.ValidationError, match="missing required field `fees`"):
        settings(fees=msgspec.UNSET)


def test_leverage_for_an_instrument_of_another_venue_does_not_fit():
    with pytest.raises(CompositionError, match=r"EUR/USD\.OTHER") as caught:
        SPEC.backtest("SIM", settings(leverages={"EUR/USD.OTHER": "2"}), 1)
    assert "EUR/USD.SIM" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0ms", 0), ("7ns", 7), ("250us", 250_000), ("5ms", 5_000_000), ("2s", 2 * 10**9)],
)
def test_durations_are_whole_numbers_with_a_unit(text, nanoseconds):
    assert nanos(text) == nanoseconds


def test_the_readmes_yaml_builds_a_venue():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    block = yaml.safe_load(re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)[1])
    (venue,) = block["venues"]
    assert (venue["name"], venue["use"]) == ("SIM", SPEC.name)
    config = msgspec.convert(venue["config"], SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))
    assert SPEC.backtest("SIM", config, 1).starting_balances == ["100000.00 USD"]
