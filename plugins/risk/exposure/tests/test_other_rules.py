"""Net positions, budgets, margin and correlation. Numbers are worked out by hand beside each case."""

from __future__ import annotations

import math
from types import SimpleNamespace

import msgspec
import pytest
from framework_exposure.capital_budget import CapitalBudget, CapitalBudgetConfig
from framework_exposure.correlation_guard import CorrelationGuard, CorrelationGuardConfig
from framework_exposure.margin_guard import MarginGuard, MarginGuardConfig
from framework_exposure.net_position import NetPosition, NetPositionConfig
from framework_exposure.returns import Returns
from nautilus_trader.model import Money, OrderSide, Price, Quantity

from framework import APPROVE, Deny, Flatten, Halt, Mark

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


@pytest.fixture
def net(bench):
    bench.prices |= {"BTCUSDT.X": "60000.00", "BTCUSDT-PERP.X": "60000.0"}
    names = [str(bench.instruments[name].id) for name in ("spot", "linear", "inverse")]
    bench.prices[names[2]] = "60000.0"
    return lambda **settings: bench.rule(
        NetPosition, NetPositionConfig, **{"underlying": "BTC", "instruments": names, **settings}
    )


@pytest.fixture
def budget(bench):
    bench.prices["EUR/USD.SIM"] = "1.00000"
    return lambda **settings: bench.rule(
        CapitalBudget, CapitalBudgetConfig, **{"capital": "10000 USD", "max_mark_age": "5s", **settings}
    )


@pytest.fixture
def margin(bench):
    bench.prices["EUR/USD.SIM"] = "1.00000"
    bench.hold("10000 USD")
    return lambda **settings: bench.rule(
        MarginGuard,
        MarginGuardConfig,
        **{"venue": "SIM", "currency": "USD", "max_mark_age": "5s", **settings},
    )


def fill(bench, name, side, quantity, price, *, fee="0 USD", strategy="trend"):
    return SimpleNamespace(
        strategy_id=f"{strategy}-0001",
        instrument_id=bench.instruments[name].id,
        order_side=OrderSide.from_str(side),
        last_qty=Quantity.from_str(str(quantity)),
        last_px=Price.from_str(price),
        commission=Money.from_str(fee),
        ts_event=NOW,
    )


def tick(bench, name, price, ts=NOW):
    return Mark(bench.instruments[name].id, Price.from_str(price), ts)


def test_instruments_of_one_underlying_are_set_off_against_each_other(net, bench, propose):
    rule = net(max_net="1")
    bench.open_position("spot", quantity=2)
    bench.open_position("linear", quantity="-1.5")
    assert rule.check(propose("linear", "0.500", "60000.0")) is APPROVE
    assert rule.check(propose("linear", "0.501", "60000.0")) == Deny(
        "the net position in BTC could become 1.001, and max_net is 1"
    )


def test_an_inverse_contract_counts_for_what_it_is_at_the_price(net, propose):
    # 600 contracts of 100 USD at 60,000 are one bitcoin
    assert net(max_net="1").check(propose("inverse", 600, "60000.0")) is APPROVE
    assert isinstance(net(max_net="1").check(propose("inverse", 601, "60000.0")), Deny)
    assert isinstance(net(max_net="1").check(propose("inverse", 600, "60000.0", limit="59000.0")), Deny)


def test_an_order_of_unknown_fate_keeps_its_place(net, bench, propose):
    bench.entries.append(propose("spot", "0.8", limit="60000.00").order)
    assert isinstance(net(max_net="1").check(propose("linear", "0.201", "60000.0")), Deny)


def test_other_underlyings_are_not_its_business(net, propose):
    assert net(max_net="1").check(propose("fx", 1_000_000)) is APPROVE


def test_a_strategy_may_use_its_capital_and_no_more(budget, propose):
    rule = budget(leverage="2")
    assert rule.check(propose("fx", 20_000, "1.00000")) is APPROVE
    assert rule.check(propose("fx", 20_001, "1.00000")) == Deny(
        "exposure of trend could become 20001.00 USD, and its capital reaches for 20000.00 USD"
    )


def test_losses_and_commissions_make_it_smaller_and_profits_do_not_make_it_larger(budget, bench, propose):
    rule = budget()
    rule.on_fill(fill(bench, "fx", "BUY", 5_000, "1.10000", fee="5 USD"))
    rule.on_fill(fill(bench, "fx", "SELL", 5_000, "1.00000", fee="5 USD"))
    # lost 500 and paid 10: 9,490 left
    assert rule.check(propose("fx", 9_490, "1.00000")) is APPROVE
    assert rule.check(propose("fx", 9_491, "1.00000")) == Deny(
        "exposure of trend could become 9491.00 USD, and its capital reaches for 9490.00 USD after a loss of "
        "510.00 USD"
    )
    assert rule.check(propose("fx", 10_000, "1.00000", strategy="fade")) is APPROVE
    rule.on_fill(fill(bench, "fx", "SELL", 10_000, "2.00000", strategy="fade"))
    rule.on_fill(fill(bench, "fx", "BUY", 10_000, "1.00000", strategy="fade"))
    assert isinstance(rule.check(propose("fx", 10_001, "1.00000", strategy="fade")), Deny)


def test_an_open_loss_counts_at_the_mark(budget, bench, propose):
    rule = budget()
    rule.on_fill(fill(bench, "fx", "BUY", 5_000, "1.20000"))
    bench.open_position("fx", quantity=5_000)
    # bought for 6,000 and worth 5,000: 9,000 left, 5,000 of it in use
    assert rule.check(propose("fx", 4_000, "1.00000")) is APPROVE
    assert isinstance(rule.check(propose("fx", 4_001, "1.00000")), Deny)


def test_an_inverse_contract_is_booked_in_its_base_currency(bench, propose):
    name = str(bench.instruments["inverse"].id)
    bench.prices[name] = "50000.0"
    rule = bench.rule(CapitalBudget, CapitalBudgetConfig, capital="1 BTC", max_mark_age="5s")
    # 100 contracts of 100 USD bought at 62,500 (0.16 BTC) and sold at 50,000 (0.2 BTC) lose 0.04 BTC
    rule.on_fill(fill(bench, "inverse", "BUY", 100, "62500.0", fee="0 BTC"))
    rule.on_fill(fill(bench, "inverse", "SELL", 100, "50000.0", fee="0 BTC"))
    # 0.96 BTC are 480 contracts at 50,000
    assert rule.check(propose("inverse", 480, "50000.0")) is APPROVE
    assert isinstance(rule.check(propose("inverse", 481, "50000.0")), Deny)


def test_leverage_counts_what_is_on_its_way(margin, bench, propose):
    rule = margin(max_leverage="3")
    bench.open_position("fx", quantity=10_000)
    bench.entries.append(propose("fx", 10_000, limit="1.00000").order)
    assert rule.check(propose("fx", 10_000, "1.00000")) is APPROVE
    assert rule.check(propose("fx", 10_001, "1.00000")) == Deny(
        "exposure at SIM could become 30001.00 USD, and max_leverage 3 allows 30000.00 USD on an equity of "
        "10000.00 USD"
    )


def test_margin_use_denies_from_its_limit_on(margin, bench, propose):
    rule = margin(max_margin_use="0.5")
    bench.require("4999.99 USD")
    assert rule.check(propose("fx", 1_000, "1.00000")) is APPROVE
    bench.require("5000 USD")
    assert rule.check(propose("fx", 1_000, "1.00000")) == Deny(
        "maintenance margin takes 5000.00 USD of an equity of 10000.00 USD, and max_margin_use is 0.5"
    )


def test_an_account_without_equity_takes_no_entries(margin, bench, propose):
    bench.hold("0 USD")
    assert margin(max_leverage="3").check(propose("fx", 1_000, "1.00000")) == Deny(
        "the account at SIM has no equity: 0.00 USD"
    )


def test_another_venue_is_not_its_business(margin, propose):
    assert margin(max_leverage="0.001").check(propose("equity", 1_000, "200.00")) is APPROVE


def test_a_stop_is_reached_when_prices_carry_leverage_there(margin, bench):
    rule = margin(max_leverage="2", stop_leverage="3")
    bench.open_position("fx", quantity=20_000)
    assert rule.on_mark(tick(bench, "fx", "1.00000")) is None
    bench.hold("6666.67 USD")  # 20,000 / 6,666.67 is just below 3
    assert rule.on_mark(tick(bench, "fx", "1.00000")) is None
    bench.hold("6666.66 USD")
    assert rule.on_mark(tick(bench, "fx", "1.00000")) == Halt(
        "exposure of 20000.00 USD on an equity of 6666.66 USD reached stop_leverage 3"
    )


def test_one_bad_mark_reaches_no_stop_that_must_be_confirmed(margin, bench):
    rule = margin(stop_margin_use="0.8", action="flatten", confirm=2)
    bench.open_position("fx", quantity=20_000)
    for required, answer in (("9000", None), ("100", None), ("9000", None)):
        bench.require(f"{required} USD")
        assert rule.on_mark(tick(bench, "fx", "1.00000")) is answer
    assert isinstance(rule.on_mark(tick(bench, "fx", "1.00000")), Flatten)


def test_a_stop_asks_again_only_after_a_while(margin, bench):
    rule = margin(stop_margin_use="0.8", action="flatten")
    bench.open_position("fx", quantity=20_000)
    bench.require("9000 USD")
    answers = [rule.on_mark(tick(bench, "fx", "1.00000", NOW + second * SECOND)) for second in range(7)]
    assert [answer is not None for answer in answers] == [True, False, False, False, False, True, False]


def test_nothing_is_read_while_nothing_is_held(margin, bench):
    rule = margin(stop_margin_use="0.8")
    for _ in range(100):
        rule.on_mark(tick(bench, "fx", "1.00000"))
    assert bench.readings == 0
    bench.open_position("fx", quantity=1)
    rule.on_fill(fill(bench, "fx", "BUY", 1, "1.00000"))
    rule.on_mark(tick(bench, "fx", "1.00000"))
    assert bench.readings == 1


@pytest.fixture
def guard(bench):
    bench.prices |= {"EUR/USD.SIM": "1.00000", "GBP/USD.SIM": "1.00000"}
    return lambda **settings: bench.rule(
        CorrelationGuard,
        CorrelationGuardConfig,
        **{"max_exposure": "10000 USD", "max_mark_age": "5s", "samples": 10, "least": 5, **settings},
    )


def walk(rule, bench, **closes):
    """Hourly closes of instruments; the last is of an interval that has not ended."""
    for name, prices in closes.items():
        for hour, price in enumerate(prices):
            rule.on_mark(tick(bench, name, price, NOW + hour * HOUR))


UP = ("1.00", "1.10", "1.05", "1.20", "1.10", "1.30", "1.25", "1.40", "1.40")
DOWN = ("1.40", "1.30", "1.36", "1.20", "1.31", "1.12", "1.16", "1.02", "1.02")


@pytest.mark.parametrize(
    ("other", "side", "passes"),
    [(UP, "buy", False), (UP, "sell", True), (DOWN, "buy", True), (DOWN, "sell", False)],
)
def test_what_moves_along_counts_and_what_moves_against_does_not(guard, bench, propose, other, side, passes):
    rule = guard()
    walk(rule, bench, fx=UP, lots=other)
    bench.open_position("lots", quantity=8_000)
    verdict = rule.check(propose("fx", 2_001, "1.00000", side=side))
    assert (verdict is APPROVE) == passes
    if not passes:
        direction = "up" if side == "buy" else "down"
        assert verdict == Deny(
            f"exposure {direction} in EUR/USD.SIM together with GBP/USD.SIM could become 10001.00 USD, and "
            "max_exposure is 10000.00 USD"
        )


def test_until_there_are_enough_returns_instruments_count_together_unless_told_apart(guard, bench, propose):
    bench.open_position("lots", quantity=8_000)
    together, apart = guard(), guard(unknown="apart")
    for rule in (together, apart):
        walk(rule, bench, fx=UP[:5], lots=UP[:5])
    assert isinstance(together.check(propose("fx", 2_001, "1.00000")), Deny)
    assert apart.check(propose("fx", 2_001, "1.00000")) is APPROVE


def test_correlation_is_pearsons_over_the_completed_intervals():
    """Returns 1, -1, 2 and 2, -1, 1 tenths: products of deviations add to 33/9, squares to 42/9 each."""
    returns = Returns(1, 10, 3)
    first, second = [1.0], [1.0]
    for one, other in ((0.1, 0.2), (-0.1, -0.1), (0.2, 0.1)):
        first.append(first[-1] * (1 + one))
        second.append(second[-1] * (1 + other))
    for moment, prices in enumerate(zip([*first, 999.0], [*second, 0.001], strict=True)):
        for name, price in zip(("A", "B"), prices, strict=True):
            returns.add(name, price, moment)
    assert math.isclose(returns.correlation("A", "B"), 11 / 14, rel_tol=1e-9)


def test_a_gap_gives_no_returns_around_it_and_old_closes_are_forgotten():
    returns = Returns(1, 5, 3)
    for moment in range(1_000):
        if moment % 10:
            returns.add("A", 1.0 + moment % 7, moment)
            returns.add("B", 1.0 + moment % 7, moment)
    assert len(returns._closes["A"]) <= 14
    assert math.isclose(returns.correlation("A", "B"), 1.0)


def test_prices_that_never_change_correlate_with_nothing():
    returns = Returns(1, 10, 3)
    for moment in range(10):
        returns.add("A", 1.0, moment)
        returns.add("B", 1.0 + moment, moment)
    assert returns.correlation("A", "B") is None


@pytest.mark.parametrize(
    ("rule", "config", "settings", "says"),
    [
        (NetPosition, NetPositionConfig, {"max_net": "0"}, "above 0"),
        (NetPosition, NetPositionConfig, {"max_net": "1", "instruments": []}, "instruments"),
        (CapitalBudget, CapitalBudgetConfig, {"capital": "0 USD"}, "above 0"),
        (CapitalBudget, CapitalBudgetConfig, {"leverage": "NaN"}, "above 0"),
        (MarginGuard, MarginGuardConfig, {}, "nothing is limited"),
        (MarginGuard, MarginGuardConfig, {"max_leverage": "-1"}, "above 0"),
        (MarginGuard, MarginGuardConfig, {"max_leverage": "3", "stop_leverage": "3"}, "a stop above"),
        (CorrelationGuard, CorrelationGuardConfig, {"threshold": "1.1"}, "up to 1"),
        (CorrelationGuard, CorrelationGuardConfig, {"least": 200}, "no more than those"),
    ],
)
def test_settings_that_make_no_sense_are_refused(bench, rule, config, settings, says):
    plain = {
        NetPosition: {"underlying": "BTC", "instruments": ["BTCUSDT.X"], "max_net": "1"},
        CapitalBudget: {"capital": "1 USD", "max_mark_age": "5s"},
        MarginGuard: {"venue": "SIM", "currency": "USD", "max_mark_age": "5s"},
        CorrelationGuard: {"max_exposure": "1 USD", "max_mark_age": "5s"},
    }
    with pytest.raises(msgspec.ValidationError, match=says):
        bench.rule(rule, config, **{**plain[rule], **settings})


def test_without_offset_what_is_held_on_one_side_makes_no_room_for_orders_on_the_other(net, bench, propose):
    bench.open_position("linear", quantity="-1.5")
    assert net(max_net="1").check(propose("linear", "2.400", "60000.0")) is APPROVE
    rule = net(max_net="2", offset=False)
    assert rule.check(propose("linear", "2.000", "60000.0")) is APPROVE
    assert rule.check(propose("linear", "2.001", "60000.0")) == Deny(
        "the net position in BTC could become 2.001, and max_net is 2"
    )
    assert rule.check(propose("linear", "0.500", "60000.0", side="sell")) is APPROVE
    assert isinstance(rule.check(propose("linear", "0.501", "60000.0", side="sell")), Deny)
