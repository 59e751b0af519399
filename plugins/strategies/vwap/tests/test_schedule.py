"""Windows and sessions on the wall clock, across midnight, week-ends and both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from framework_vwap.config import Window
from framework_vwap.schedule import Schedule, Sessions
from hypothesis import given
from hypothesis import strategies as st

WEEK = ["mon", "tue", "wed", "thu", "fri"]


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def schedule(zone, *windows):
    rows = [{"days": days, "from": start, "to": end} for days, start, end in windows]
    return Schedule(msgspec.convert(rows, list[Window]), zone)


def open_minutes(plan, start, hours):
    first = utc(start)
    return sum(plan.is_open(first + minute * 60 * 10**9) for minute in range(hours * 60))


def test_without_windows_it_is_always_open():
    assert schedule("UTC").is_open(0)


def test_a_window_includes_its_start_and_excludes_its_end():
    plan = schedule("America/New_York", (WEEK, "09:30", "16:00"))  # 2024-01-02 is a Tuesday, UTC-5
    moments = ["2024-01-02 14:29:59", "2024-01-02 14:30", "2024-01-02 20:59:59", "2024-01-02 21:00"]
    assert [plan.is_open(utc(moment)) for moment in moments] == [False, True, True, False]


def test_days_that_are_not_named_are_closed():
    plan = schedule("UTC", (["mon", "fri"], "09:00", "10:00"))
    week = [f"2024-01-{day:02d} 09:30" for day in range(1, 8)]  # Monday to Sunday
    assert [plan.is_open(utc(moment)) for moment in week] == [True, False, False, False, True, False, False]


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on():
    plan = schedule("UTC", (["fri"], "22:00", "02:00"))
    moments = [
        "2024-01-05 21:59",
        "2024-01-05 22:00",
        "2024-01-06 01:59",
        "2024-01-06 02:00",
        "2024-01-05 01:00",
    ]
    assert [plan.is_open(utc(moment)) for moment in moments] == [False, True, True, False, False]


def test_equal_ends_are_a_whole_day():
    assert open_minutes(schedule("UTC", (["mon"], "00:00", "00:00")), "2024-01-01 00:00", 48) == 24 * 60


@pytest.mark.parametrize(
    ("day", "opens"),
    [("2024-03-08", "14:30"), ("2024-03-11", "13:30"), ("2024-11-01", "13:30"), ("2024-11-04", "14:30")],
)
def test_the_open_in_new_york_moves_in_utc_when_the_clocks_change(day, opens):
    plan = schedule("America/New_York", (WEEK, "09:30", "16:00"))
    first = utc(f"{day} {opens}")
    assert (plan.is_open(first - 1), plan.is_open(first)) == (False, True)


def test_a_night_is_an_hour_shorter_in_spring_and_an_hour_longer_in_autumn():
    night = schedule("America/New_York", (["sat"], "22:00", "06:00"))
    assert open_minutes(night, "2024-03-09 12:00", 36) == 7 * 60
    assert open_minutes(night, "2024-11-02 12:00", 36) == 9 * 60
    assert open_minutes(night, "2024-06-01 12:00", 36) == 8 * 60


def test_overlapping_windows_are_one_opening():
    plan = schedule("UTC", (["mon"], "09:00", "12:00"), (["mon"], "11:00", "13:00"))
    assert open_minutes(plan, "2024-01-01 00:00", 24) == 4 * 60


def test_a_gap_of_weeks_between_questions_is_answered_afresh():
    plan = schedule("UTC", (["wed"], "09:00", "10:00"))
    assert [plan.is_open(utc(m)) for m in ("2024-01-03 09:30", "2024-01-24 09:30", "2024-02-22 09:30")] == [
        True,
        True,
        False,
    ]


@given(
    st.lists(st.integers(0, 60 * 24 * 30), min_size=1, max_size=40),
    st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.sampled_from([("08:15", "11:45"), ("22:30", "03:10"), ("00:00", "06:00"), ("17:00", "00:00")]),
)
def test_remembering_the_last_answer_never_changes_the_next(minutes, zone, hours):
    start = utc("2024-03-20 00:00")  # London and Lord Howe change their clocks within the month
    remembering = schedule(zone, (["mon", "wed", "sun"], *hours))
    for minute in minutes:
        moment = start + minute * 60 * 10**9
        assert remembering.is_open(moment) == schedule(zone, (["mon", "wed", "sun"], *hours)).is_open(moment)


def test_a_bar_stamped_at_the_boundary_belongs_to_the_session_that_ends():
    sessions = Sessions("17:00", "America/New_York")
    boundary = utc("2024-01-02 22:00")
    assert sessions.end(boundary - 1) == boundary
    assert sessions.end(boundary) == boundary
    assert sessions.end(boundary + 1) == utc("2024-01-03 22:00")


def test_the_session_of_a_change_of_clocks_is_23_or_25_hours():
    sessions = Sessions("17:00", "America/New_York")
    for first, last, hours in (
        ("2024-03-09 22:00", "2024-03-10 21:00", 23),
        ("2024-11-02 21:00", "2024-11-03 22:00", 25),
    ):
        assert sessions.end(utc(first) + 1) == utc(last)
        assert utc(last) - utc(first) == timedelta(hours=hours) // timedelta(microseconds=1) * 1000
