"""What each throttle counts, and what it says at the edge of its window."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from framework_throttle.duplicate_intents import DuplicateIntents, DuplicateIntentsConfig
from framework_throttle.message_limit import MessageLimit, MessageLimitConfig
from framework_throttle.repeated_orders import RepeatedOrders, RepeatedOrdersConfig
from framework_throttle.runaway import Runaway, RunawayConfig
from framework_throttle.window import MANY, Window
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import OrderSide

from framework import APPROVE, Deny, Halt
from framework.testkit import RuleBench

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def limit(bench):
    return lambda **settings: bench.rule(MessageLimit, MessageLimitConfig, **{"window": "1s", **settings})


@pytest.fixture
def repeated(bench):
    return lambda **settings: bench.rule(RepeatedOrders, RepeatedOrdersConfig, **{"window": "1m", **settings})


@pytest.fixture
def runaway(bench):
    return lambda **settings: bench.rule(Runaway, RunawayConfig, **{"window": "1s", **settings})


def fill(order, *, strategy="trend", side=OrderSide.BUY, ts=NOW):
    return SimpleNamespace(
        strategy_id=f"{strategy}-0001",
        instrument_id="EUR/USD.SIM",
        order_side=side,
        client_order_id=order,
        ts_event=ts,
    )


def test_orders_changes_and_cancels_count_together(limit, propose):
    rule = limit(max_messages=3)
    rule.on_sent(propose("fx", 1_000))
    rule.on_sent(propose("fx", 2_000, action="modify"))
    assert rule.check(propose("fx", 1_000)) is APPROVE
    rule.on_cancel("trend", 1, NOW)
    assert rule.check(propose("fx", 1_000)) == Deny("3 messages left within the last 1s")


def test_entries_stop_short_of_the_reserve_and_cancels_do_not(limit, propose):
    rule = limit(max_messages=5, cancel_reserve=3)
    rule.on_sent(propose("fx", 1_000))
    assert rule.check(propose("fx", 1_000)) is APPROVE
    rule.on_sent(propose("fx", 1_000))
    assert rule.check(propose("fx", 1_000)) == Deny(
        "2 messages left within the last 1s, and 3 are kept for cancels"
    )
    for _ in range(10):
        assert rule.on_cancel("trend", 1, NOW) is None


def test_a_message_exactly_as_old_as_the_window_has_left_it(limit, propose):
    rule = limit(max_messages=1)
    rule.on_sent(propose("fx", 1_000))
    assert isinstance(rule.check(propose("fx", 1_000, now=NOW + SECOND - 1)), Deny)
    assert rule.check(propose("fx", 1_000, now=NOW + SECOND)) is APPROVE


def test_cancelling_many_orders_counts_each_of_them(limit, propose):
    rule = limit(max_messages=10)
    rule.on_cancel("trend", 9, NOW)
    assert rule.check(propose("fx", 1_000)) is APPROVE
    rule.on_cancel("trend", 1_500, NOW)
    assert isinstance(rule.check(propose("fx", 1_000)), Deny)


def test_strategies_are_counted_together_unless_told_otherwise(limit, propose):
    together, apart = limit(max_messages=1), limit(max_messages=1, per="strategy")
    for rule in (together, apart):
        rule.on_sent(propose("fx", 1_000, strategy="fade"))
    assert isinstance(together.check(propose("fx", 1_000)), Deny)
    assert apart.check(propose("fx", 1_000)) is APPROVE


def test_the_same_order_once_too_often_is_denied_and_halts_that_strategy(repeated, propose):
    rule, order = repeated(max_orders=2), propose("fx", 1_000)
    rule.on_sent(order)
    rule.on_sent(order)
    assert isinstance(rule.check(order), Deny)
    reaction = rule.on_denied(order, mine=True)
    assert isinstance(reaction, Halt)
    assert reaction.strategies == ("trend",)
    assert "more than 2 orders to buy 1000 of EUR/USD.SIM within 1m" in reaction.reason


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 2_000},
        {"quantity": 1_000, "side": "sell"},
        {"quantity": 1_000, "strategy": "fade"},
        {"quantity": 1_000, "now": NOW + 60 * SECOND},
        {"quantity": 1_000, "action": "modify"},
    ],
)
def test_an_order_that_differs_is_no_repetition(repeated, propose, other):
    rule = repeated(max_orders=1)
    rule.on_sent(propose("fx", 1_000))
    assert isinstance(rule.check(propose("fx", 1_000)), Deny)
    assert rule.check(propose("fx", **other)) is APPROVE


def test_what_another_rule_denied_halts_nobody(repeated, propose):
    assert repeated(max_orders=1).on_denied(propose("fx", 1_000), mine=False) is None


def test_one_filled_order_too_many_halts_and_the_parts_of_a_fill_count_once(repeated):
    rule = repeated(max_fills=2)
    for order in ("O-1", "O-1", "O-1", "O-2", "O-2"):
        assert rule.on_fill(fill(order)) is None
    reaction = rule.on_fill(fill("O-3"))
    assert reaction.strategies == ("trend",)
    assert "3 orders to buy EUR/USD.SIM filled within 1m, and max_fills is 2" in reaction.reason


def test_fills_of_another_side_strategy_or_minute_are_counted_apart(repeated):
    rule = repeated(max_fills=1)
    assert rule.on_fill(fill("O-1")) is None
    assert rule.on_fill(fill("O-2", side=OrderSide.SELL)) is None
    assert rule.on_fill(fill("O-3", strategy="fade")) is None
    assert rule.on_fill(fill("O-4", ts=NOW + 60 * SECOND)) is None
    assert rule.on_fill(fill("O-5", ts=NOW + 60 * SECOND)) is not None


def test_the_same_order_within_the_window_is_denied_and_after_it_is_not(bench, propose):
    rule = bench.rule(DuplicateIntents, DuplicateIntentsConfig, window="500ms")
    rule.on_sent(propose("fx", 1_000, limit="1.10000"))
    assert rule.check(propose("fx", 1_000, limit="1.10000", now=NOW + SECOND // 2 - 1)) == Deny(
        "the same order to buy 1000 of EUR/USD.SIM left within the last 500ms"
    )
    assert rule.check(propose("fx", 1_000, limit="1.10000", now=NOW + SECOND // 2)) is APPROVE


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 1_001, "limit": "1.10000"},
        {"quantity": 1_000, "limit": "1.10001"},
        {"quantity": 1_000, "limit": "1.10000", "side": "sell"},
        {"quantity": 1_000, "limit": "1.10000", "trigger": "1.10000"},
        {"quantity": 1_000, "limit": "1.10000", "strategy": "fade"},
        {"quantity": 1_000},
    ],
)
def test_an_order_that_differs_in_anything_is_no_duplicate(bench, propose, other):
    rule = bench.rule(DuplicateIntents, DuplicateIntentsConfig, window="5s")
    rule.on_sent(propose("fx", 1_000, limit="1.10000"))
    assert rule.check(propose("fx", **other)) is APPROVE


def test_a_flood_is_cut_at_the_limit_and_the_strategy_halted(runaway, propose):
    rule = runaway(max_orders=100)
    sent = 0
    for number in range(10_000):
        order = propose("fx", 1_000, now=NOW + number * SECOND // 10_000)
        if isinstance(rule.check(order), Deny):
            break
        rule.on_sent(order)
        sent += 1
    assert sent == 100
    assert rule.on_denied(order, mine=True) == Halt(
        "trend runs away: it sends more than 100 orders within 1s", ("trend",)
    )


def test_denials_by_other_rules_are_collected_until_one_too_many(runaway, propose):
    rule = runaway(max_denials=3)
    order = propose("fx", 1_000)
    assert [rule.on_denied(order, mine=False) for _ in range(3)] == [None] * 3
    assert rule.on_denied(propose("fx", 1_000, strategy="fade"), mine=False) is None
    assert rule.on_denied(order, mine=False).strategies == ("trend",)


def test_cancelled_orders_are_no_rejections(runaway):
    rule = runaway(max_rejections=1)
    canceled = SimpleNamespace(strategy_id="trend-0001", ts_event=NOW)
    assert [rule.on_order(canceled) for _ in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("rule", "config", "settings", "says"),
    [
        (MessageLimit, MessageLimitConfig, {"max_messages": 0, "window": "1s"}, "max_messages"),
        (
            MessageLimit,
            MessageLimitConfig,
            {"max_messages": 5, "window": "1s", "cancel_reserve": 5},
            "leaves none for orders",
        ),
        (MessageLimit, MessageLimitConfig, {"max_messages": 5, "window": "0s"}, "window"),
        (RepeatedOrders, RepeatedOrdersConfig, {"window": "1s"}, "nothing is counted"),
        (RepeatedOrders, RepeatedOrdersConfig, {"window": "1s", "max_orders": 0}, "max_orders"),
        (DuplicateIntents, DuplicateIntentsConfig, {"window": "5"}, "window"),
        (Runaway, RunawayConfig, {"window": "1s"}, "nothing is counted"),
    ],
)
def test_settings_that_make_no_sense_are_refused(bench, rule, config, settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        bench.rule(rule, config, **settings)


def test_keys_whose_window_is_empty_are_forgotten():
    window = Window[int](1, SECOND)
    for key in range(10 * MANY):
        window.add(key, key * SECOND)
    assert len(window._moments) <= MANY


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 4)), max_size=80),
    st.integers(1, 6),
    st.integers(0, 5),
)
def test_entries_never_make_a_window_hold_more_than_they_may_use(steps, usable, reserve):
    """The oracle counts by hand: an entry may leave only when fewer messages are in the last second."""
    bench = RuleBench()
    rule = bench.rule(
        MessageLimit,
        MessageLimitConfig,
        max_messages=usable + reserve,
        cancel_reserve=reserve,
        window="1s",
    )
    now, messages = NOW, []
    for wait, is_order, count in steps:
        now += wait * SECOND // 4
        if not is_order:
            rule.on_cancel("trend", count, now)
            messages += [now] * count
            continue
        order = bench.propose("fx", 1_000, now=now)
        inside = sum(now - moment < SECOND for moment in messages)
        assert (rule.check(order) is APPROVE) == (inside < usable)
        if inside < usable:
            rule.on_sent(order)
            messages.append(now)
