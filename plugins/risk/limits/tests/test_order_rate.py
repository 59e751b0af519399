"""How many orders may leave within a window."""

from __future__ import annotations

import msgspec
import pytest
from framework_limits.order_rate import OrderRate, OrderRateConfig
from hypothesis import given
from hypothesis import strategies as st

from framework import APPROVE, Deny

SECOND = 1_000_000_000


def rate(**settings):
    return OrderRate(msgspec.convert({"max_orders": 3, "window": "1s", **settings}, OrderRateConfig))


def test_the_window_holds_its_number_and_not_one_more(propose):
    rule = rate()
    for at in (0, 1, 2):
        order = propose("fx", 1000, now=at)
        assert rule.check(order) is APPROVE
        rule.on_sent(order)
    assert rule.check(propose("fx", 1000, now=3)) == Deny("3 orders left within the last 1s")


def test_an_order_leaves_the_window_when_it_is_exactly_as_old(propose):
    rule = rate(max_orders=1)
    rule.on_sent(propose("fx", 1000, now=0))
    assert isinstance(rule.check(propose("fx", 1000, now=SECOND - 1)), Deny)
    assert rule.check(propose("fx", 1000, now=SECOND)) is APPROVE


def test_what_was_only_proposed_does_not_count(propose):
    rule = rate(max_orders=1)
    for _ in range(10):
        assert rule.check(propose("fx", 1000, now=0)) is APPROVE


def test_changes_count_like_orders(propose):
    rule = rate(max_orders=1)
    rule.on_sent(propose("fx", 1000, now=0, action="modify"))
    assert isinstance(rule.check(propose("fx", 1000, now=1)), Deny)
    assert isinstance(rule.check(propose("fx", 1000, now=1, action="modify")), Deny)


def test_strategies_are_counted_apart_unless_told_otherwise(propose):
    apart, together = rate(max_orders=1), rate(max_orders=1, per="scope")
    for rule in (apart, together):
        rule.on_sent(propose("fx", 1000, now=0, strategy="trend"))
    assert apart.check(propose("fx", 1000, now=1, strategy="fade")) is APPROVE
    assert isinstance(together.check(propose("fx", 1000, now=1, strategy="fade")), Deny)


@given(
    gaps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=60),
    allowed=st.integers(1, 6),
)
def test_no_window_ever_holds_more_than_its_number(propose, gaps, allowed):
    rule, now, left = rate(max_orders=allowed), 0, []
    for gap in gaps:
        now += gap
        order = propose("fx", 1000, now=now)
        window = sum(1 for at in left if now - at < SECOND)
        assert (rule.check(order) is APPROVE) == (window < allowed)
        if window < allowed:
            left.append(now)
            rule.on_sent(order)


@pytest.mark.parametrize(
    "settings", [{"max_orders": 0}, {"window": "0s"}, {"window": "-1s"}, {"per": "venue"}, {"burst": 5}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(msgspec.ValidationError):
        rate(**settings)
