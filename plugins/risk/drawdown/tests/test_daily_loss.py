"""The day's loss, and what a day is."""

from __future__ import annotations

import datetime as dt
import json
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
import pytest
from framework_drawdown.daily_loss import DailyLoss, DailyLossConfig
from framework_drawdown.trading_day import next_boundary
from hypothesis import given
from hypothesis import strategies as st

from framework import APPROVE, Deny, Flatten, Halt


@pytest.fixture
def breaker(driver):
    return partial(driver, DailyLoss, DailyLossConfig)


def utc(text):
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000_000


def test_a_cent_less_than_allowed_passes_and_the_amount_itself_flattens(breaker):
    rule = breaker(amount="2000 USD")
    assert rule.mark("100000") is None
    assert rule.mark("98000.01") is None
    assert rule.entry() is APPROVE
    assert rule.mark("98000") == Flatten(
        "the day's loss of 2000.00 USD reached the 2000.00 USD allowed: "
        "equity 98000.00 USD, at the day's start 100000.00 USD"
    )
    assert rule.entry() == Deny("the day's loss was reached; no entries until the next day")


def test_a_fraction_is_of_the_equity_the_day_started_with(breaker):
    rule = breaker(fraction="0.02", currency="USD")
    for equity in ("50000", "60000", "49000.01"):
        assert rule.mark(equity) is None
    assert isinstance(rule.mark("49000"), Flatten)


def test_it_can_halt_instead(breaker):
    rule = breaker(amount="2000 USD", halt=True)
    rule.mark("100000")
    assert isinstance(rule.mark("97000"), Halt)


def test_entries_are_denied_for_the_rest_of_the_day_and_allowed_on_the_next(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-05T10:00"))
    rule.mark("98000", at=utc("2024-03-05T11:00"))
    rule.trade(flat=True)
    rule.mark(at=utc("2024-03-05T23:59"))
    assert isinstance(rule.entry(), Deny)
    rule.now = utc("2024-03-06T00:00")
    assert rule.entry() is APPROVE  # the strategy may hear of the new day before the rule does
    rule.mark()
    assert rule.entry() is APPROVE


def test_the_next_day_starts_from_what_the_last_one_left(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-05T10:00"))
    assert rule.mark("98500", at=utc("2024-03-05T20:00")) is None
    assert rule.mark("96500.01", at=utc("2024-03-06T00:00")) is None
    assert isinstance(rule.mark("96500", at=utc("2024-03-06T00:01")), Flatten)


def test_a_gap_over_the_weekend_is_a_loss_of_the_day_after(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-08T21:00"))
    assert isinstance(rule.mark("97000", at=utc("2024-03-11T00:00")), Flatten)


def test_the_day_ends_at_the_hour_the_zone_shows_on_both_sides_of_a_clock_change(breaker):
    rule = breaker(amount="2000 USD", timezone="America/New_York", day_start="17:00")
    # New York put its clocks forward on 2024-03-10: 17:00 there is 22:00 UTC before and 21:00 UTC after
    rule.mark("100000", at=utc("2024-03-07T22:00"))
    assert isinstance(rule.mark("98000", at=utc("2024-03-08T21:59:59")), Flatten)
    rule.trade(flat=True)
    rule.now = utc("2024-03-08T21:59:59")
    assert isinstance(rule.entry(), Deny)
    rule.now = utc("2024-03-08T22:00")
    assert rule.entry() is APPROVE
    rule.trade(flat=False)
    rule.mark("98000", at=utc("2024-03-11T20:00"))
    assert isinstance(rule.mark("96000", at=utc("2024-03-11T20:30")), Flatten)
    rule.trade(flat=True)
    rule.now = utc("2024-03-11T20:59:59")
    assert isinstance(rule.entry(), Deny)
    rule.now = utc("2024-03-11T21:00")
    assert rule.entry() is APPROVE


@pytest.mark.parametrize(
    ("now", "zone", "start", "expected"),
    [
        ("2024-03-05T00:00", "UTC", "00:00", "2024-03-06T00:00"),
        ("2024-03-04T23:59:59", "UTC", "00:00", "2024-03-05T00:00"),
        ("2024-03-05T16:59", "America/New_York", "17:00", "2024-03-05T22:00"),
        ("2024-03-05T22:00", "America/New_York", "17:00", "2024-03-06T22:00"),
        ("2024-07-05T00:00", "Asia/Tokyo", "09:00", "2024-07-06T00:00"),
        # Berlin skipped 02:30 on 2024-03-31: half an hour after the change it is 01:30 UTC
        ("2024-03-31T00:00", "Europe/Berlin", "02:30", "2024-03-31T01:30"),
        # and showed 02:30 twice on 2024-10-27: the first is 00:30 UTC
        ("2024-10-26T23:00", "Europe/Berlin", "02:30", "2024-10-27T00:30"),
        ("2024-10-27T00:30", "Europe/Berlin", "02:30", "2024-10-28T01:30"),
        # Samoa had no 30 December 2011
        ("2011-12-30T09:59", "Pacific/Apia", "00:00", "2011-12-30T10:00"),
    ],
)
def test_the_boundary_of_a_day(now, zone, start, expected):
    assert next_boundary(utc(now), dt.time.fromisoformat(start), ZoneInfo(zone)) == utc(expected)


@given(
    now=st.integers(utc("2000-01-01T00:00"), utc("2030-01-01T00:00")),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]),
    minute=st.integers(0, 1439),
)
def test_a_boundary_is_ahead_and_no_further_than_a_day_and_a_clock_change(now, zone, minute):
    boundary = next_boundary(now, dt.time(minute // 60, minute % 60), ZoneInfo(zone))
    assert 0 < boundary - now <= 25 * 3600 * 10**9


def test_one_bad_tick_is_not_enough_when_more_must_confirm(breaker):
    rule = breaker(amount="2000 USD", confirm=2)
    for equity in ("100000", "10000", "100000", "98000"):
        assert rule.mark(equity) is None
    assert isinstance(rule.mark("98000"), Flatten)


def test_a_bad_tick_at_the_end_of_a_day_does_not_move_the_start_of_the_next(breaker):
    rule = breaker(amount="2000 USD", confirm=3)
    for minute, equity in enumerate(("100000", "100100", "100050", "150000")):
        rule.mark(equity, at=utc(f"2024-03-05T23:5{minute}"))
    # the last three were 100,100, 100,050 and 150,000: the middle one is 100,100
    for second, equity in enumerate(("98100.01", "98100.01", "98100.01", "98100", "98100")):
        assert rule.mark(equity, at=utc(f"2024-03-06T00:00:0{second}")) is None
    assert isinstance(rule.mark("98100", at=utc("2024-03-06T00:00:09")), Flatten)


def test_what_is_still_open_a_minute_later_is_flattened_again(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000")
    assert isinstance(rule.mark("98000"), Flatten)
    stopped = rule.now
    assert rule.mark("98000", at=stopped + 59_999_999_999) is None
    assert isinstance(rule.mark("98000", at=stopped + 60_000_000_000), Flatten)
    rule.trade(flat=True)
    assert rule.mark("98000", at=stopped + 200_000_000_000) is None


def test_an_entry_is_judged_by_equity_as_it_is_now(breaker, account):
    rule = breaker(amount="2000 USD")
    rule.mark("100000")
    account.hold("98000 USD")
    assert "reached the 2000.00 USD allowed" in rule.entry().reason
    account.hold("98000.01 USD")
    assert rule.entry() is APPROVE


def test_an_account_that_is_not_there_yet_starts_the_day_when_it_comes(breaker, account):
    rule = breaker(amount="2000 USD")
    account.sums = {}
    assert rule.mark() is None
    assert isinstance(rule.entry(), Deny)
    assert rule.mark("100000") is None
    assert isinstance(rule.mark("98000"), Flatten)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timezone": "New York"}, "IANA"),
        ({"timezone": "../etc"}, "IANA"),
        ({"day_start": "24:00"}, "day_start"),
        ({"day_start": "5pm"}, "day_start"),
        ({"amount": None}, "write one of amount"),
    ],
)
def test_settings_that_make_no_sense_are_refused(breaker, settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        breaker(**{"amount": "2000 USD", **settings})


# a restart


def restarted(breaker, rule, **settings):
    """Another rule that was given what the first one wanted kept."""
    fresh = breaker(**settings)
    fresh.rule.recall(json.loads(json.dumps(rule.rule.remember())))
    fresh.now = rule.now
    return fresh


def test_a_restart_does_not_give_the_day_another_allowance(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-05T10:00"))
    rule.mark("98500", at=utc("2024-03-05T11:00"))
    again = restarted(breaker, rule, amount="2000 USD")
    assert again.mark("98000.01", at=utc("2024-03-05T12:00")) is None
    assert isinstance(again.mark("98000", at=utc("2024-03-05T12:01")), Flatten)


def test_a_day_that_was_over_for_entries_stays_so(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-05T10:00"))
    rule.mark("98000", at=utc("2024-03-05T11:00"))
    again = restarted(breaker, rule, amount="2000 USD")
    assert again.entry() == Deny("the day's loss was reached; no entries until the next day")
    assert again.mark("98000", at=utc("2024-03-05T11:01")) is not None, "what is still open is closed"
    again.now = utc("2024-03-06T00:00")
    assert again.entry() is APPROVE


def test_what_was_lost_while_the_node_was_down_belongs_to_the_next_day(breaker):
    rule = breaker(amount="2000 USD")
    rule.mark("100000", at=utc("2024-03-05T10:00"))
    rule.mark("99500", at=utc("2024-03-05T20:00"))
    again = restarted(breaker, rule, amount="2000 USD")
    again.trade(flat=False)
    assert isinstance(again.mark("97500", at=utc("2024-03-06T08:00")), Flatten)


def test_it_asks_to_be_kept_once_a_minute_at_most(breaker):
    rule = breaker(amount="2000 USD")
    kept = set()
    for number in range(600):  # ten minutes, a mark a second, and equity never the same
        rule.mark(str(100_000 - number))
        kept.add(json.dumps(rule.rule.remember()))
    assert len(kept) <= 11


@pytest.mark.parametrize(
    "change", [{"timezone": "Europe/Berlin"}, {"day_start": "17:00"}, {"venue": "OTHER"}]
)
def test_another_account_or_day_is_not_recalled(breaker, change):
    rule = breaker(amount="2000 USD")
    rule.mark("100000")
    with pytest.raises(ValueError, match="and this is of"):
        restarted(breaker, rule, amount="2000 USD", **change)
