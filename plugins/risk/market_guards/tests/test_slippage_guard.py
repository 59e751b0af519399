"""Which fills count as slippage, against what, and when they halt."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from framework_market_guards.slippage_guard import SlippageGuard, SlippageGuardConfig
from nautilus_trader.model import Price, Quantity

from framework import Halt

NOW = 1_700_000_000_000_000_000
HOUR = 3_600_000_000_000


@pytest.fixture
def guard(bench):
    return lambda **settings: bench.rule(
        SlippageGuard, SlippageGuardConfig, **{"max_bps": "10", "window": "1h", **settings}
    )


def fill(proposal, price, *, quantity="1000", ts=NOW):
    return SimpleNamespace(
        strategy_id=proposal.order.strategy_id,
        instrument_id=proposal.instrument_id,
        client_order_id=proposal.order.client_order_id,
        order_side=proposal.side,
        last_px=Price.from_str(price),
        last_qty=Quantity.from_str(quantity),
        ts_event=ts,
    )


# Ten basis points of 1.00000 are 0.00100.
@pytest.mark.parametrize(
    ("side", "filled", "halts"),
    [
        ("buy", "1.00100", False),
        ("buy", "1.00101", True),
        ("buy", "0.90000", False),
        ("sell", "0.99900", False),
        ("sell", "0.99899", True),
        ("sell", "1.10000", False),
    ],
)
def test_a_fill_worse_than_the_distance_halts_its_strategy(guard, propose, side, filled, halts):
    rule, order = guard(), propose("fx", 1_000, "1.00000", side=side)
    rule.on_sent(order)
    reaction = rule.on_fill(fill(order, filled))
    assert (reaction is not None) == halts
    if halts:
        assert reaction == Halt(
            f"EUR/USD.SIM was sent at 1.00000 and filled at {filled}, more than 10 basis points worse",
            ("trend",),
        )


def test_a_stop_is_measured_from_its_trigger(guard, propose):
    rule, order = guard(), propose("fx", 1_000, "1.00000", trigger="1.05000")
    rule.on_sent(order)
    assert rule.on_fill(fill(order, "1.05105")) is None  # 10 basis points of 1.05000 are 0.00105
    later = propose("fx", 1_000, "1.00000", trigger="1.05000")
    rule.on_sent(later)
    assert rule.on_fill(fill(later, "1.05106")) is not None


def test_a_moved_trigger_is_what_counts(guard, propose):
    rule, order = guard(), propose("fx", 1_000, "1.00000", trigger="1.05000")
    rule.on_sent(order)
    rule.on_sent(propose("fx", 1_000, "1.00000", trigger="1.08000", action="modify", order=order.order))
    assert rule.on_fill(fill(order, "1.08000")) is None


def test_only_so_many_within_the_window_halt(guard, propose):
    rule = guard(times=3)

    def slip(ts):
        order = propose("fx", 1_000, "1.00000")
        rule.on_sent(order)
        return rule.on_fill(fill(order, "1.01000", ts=ts))

    assert [slip(NOW), slip(NOW + HOUR // 2), slip(NOW + HOUR)] == [None, None, None]
    assert slip(NOW + HOUR + HOUR // 4).reason.startswith("3 orders of trend within 1h, the last: EUR/USD")


def test_an_order_counts_once_however_many_parts_it_fills_in(guard, propose):
    rule, order = guard(times=2), propose("fx", 4_000, "1.00000")
    rule.on_sent(order)
    assert [rule.on_fill(fill(order, "1.01000")) for _ in range(4)] == [None] * 4


def test_strategies_slip_apart(guard, propose):
    rule = guard(times=2)
    for strategy in ("trend", "fade"):
        order = propose("fx", 1_000, "1.00000", strategy=strategy)
        rule.on_sent(order)
        assert rule.on_fill(fill(order, "1.01000")) is None


def test_an_order_without_a_price_is_not_judged(guard, propose):
    rule, order = guard(), propose("fx", 1_000)
    rule.on_sent(order)
    assert rule.on_fill(fill(order, "9.00000")) is None


def test_nothing_is_remembered_of_orders_that_are_done(guard, propose):
    rule = guard()
    filled, canceled = propose("fx", 1_000, "1.00000"), propose("fx", 1_000, "1.00000")
    for order in (filled, canceled):
        rule.on_sent(order)
    rule.on_fill(fill(filled, "1.00000"))
    rule.on_order(SimpleNamespace(client_order_id=canceled.order.client_order_id))
    assert (rule._sent, rule._left, rule._counted) == ({}, {}, set())


@pytest.mark.parametrize(
    "settings", [{"max_bps": "0"}, {"max_bps": "-1"}, {"max_bps": "Infinity"}, {"times": 0}, {"window": "0s"}]
)
def test_settings_that_make_no_sense_are_refused(guard, settings):
    with pytest.raises(msgspec.ValidationError):
        guard(**settings)
