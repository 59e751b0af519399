"""Times have one reading or none. Expected values: the standard library's datetime and zoneinfo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import DataError
from framework.catalog.times import from_local, utc_nanoseconds, zone


def ns(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def parse(*texts, **settings):
    return utc_nanoseconds(texts, range(2, 2 + len(texts)), path="f.csv", **settings).tolist()


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("2024-01-02T03:04:05Z", {}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05+00:00", {}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04-05:00", {}, datetime(2024, 1, 2, 8, 4, tzinfo=UTC)),
        (
            "2024-01-02 03:04:05.123456",
            {"timezone": "UTC"},
            datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
        ),
        (
            "2024-07-02 16:00",
            {"timezone": "America/New_York"},
            datetime(2024, 7, 2, 16, tzinfo=ZoneInfo("America/New_York")),
        ),
        (
            "2024-01-02",
            {"timezone": "America/New_York", "session_close": "16:00"},
            datetime(2024, 1, 2, 21, tzinfo=UTC),
        ),
        (
            "03.02.2017 22:00:00.500",
            {"timezone": "UTC", "time_format": "%d.%m.%Y %H:%M:%S.%f"},
            datetime(2017, 2, 3, 22, 0, 0, 500_000, tzinfo=UTC),
        ),
        (
            "20240102 0304 +0100",
            {"time_format": "%Y%m%d %H%M %z"},
            datetime(2024, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=1))),
        ),
        ("1704164645", {}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1704164645123", {}, datetime(2024, 1, 2, 3, 4, 5, 123_000, tzinfo=UTC)),
        ("1704164645123456", {}, datetime(2024, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
    ],
)
def test_a_time_becomes_utc_nanoseconds(text, settings, expected):
    assert parse(text, **settings) == [ns(expected)]


def test_nanoseconds_survive():
    assert parse("2024-01-02T03:04:05.123456789Z") == [
        ns(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)) + 123_456_789
    ]
    assert parse("1704164645123456789") == [1704164645123456789]


@given(
    st.lists(
        st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from([UTC])),  # noqa: DTZ001
        min_size=1,
        max_size=20,
    )
)
def test_iso_text_of_any_instant_comes_back(moments):
    assert parse(*(moment.isoformat() for moment in moments)) == [ns(moment) for moment in moments]


def test_rows_with_and_without_an_offset_may_stand_together():
    found = parse("2024-11-03 01:30:00-05:00", "2024-11-03 02:00:00", timezone="America/New_York")
    assert found == [
        ns(datetime(2024, 11, 3, 6, 30, tzinfo=UTC)),
        ns(datetime(2024, 11, 3, 7, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("text", ["2024-11-03 01:30:00", "2024-03-10 02:30:00"])
def test_a_local_time_that_is_ambiguous_or_skipped_is_refused_with_its_line(text):
    with pytest.raises(DataError, match="does not name one instant") as caught:
        parse("2024-01-01 00:00:00", text, timezone="America/New_York")
    assert caught.value.where == "f.csv:3"
    assert "offset" in caught.value.remedy


def test_a_fixed_zone_has_no_ambiguous_hour():
    assert parse("2024-11-03 01:30:00", timezone="Etc/GMT+5") == [
        ns(datetime(2024, 11, 3, 6, 30, tzinfo=UTC))
    ]


def test_a_time_without_offset_needs_a_stated_zone():
    with pytest.raises(DataError, match="no time zone is stated") as caught:
        parse("2024-01-01 00:00:00")
    assert "--timezone UTC" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", " ", "01/02/2024", "2024-13-01", "2024-02-30 00:00", "20240102", "nan", "None", "1704",
     "2024-01-02T03:04:05.1234567890", "2024-01-02 25:00", "٢٠٢٤-01-02", "-1704164645", "2024-01-02 03:04 Z0",
     "17041646451"],
)  # fmt: skip
def test_what_is_not_a_time_is_refused_with_its_line(text):
    with pytest.raises(DataError) as caught:
        parse("2024-01-01", text, timezone="UTC")
    assert caught.value.where == "f.csv:3"
    assert "--time-format" in caught.value.remedy


def test_numbers_of_different_lengths_are_refused():
    with pytest.raises(DataError) as caught:
        parse("1704164645", "1704164645123")
    assert caught.value.where == "f.csv:3"


def test_a_time_that_does_not_match_its_format_is_refused_with_its_line():
    with pytest.raises(DataError, match="does not match") as caught:
        parse("02.01.2024", "31.02.2024", timezone="UTC", time_format="%d.%m.%Y")
    assert caught.value.where == "f.csv:3"


def test_a_session_close_is_refused_on_times_of_day():
    with pytest.raises(DataError, match="already have a time of day"):
        parse("2024-01-02 09:30", timezone="UTC", session_close="16:00")


@pytest.mark.parametrize("text", ["16", "25:00", "4pm", "16:60"])
def test_a_session_close_is_a_time_of_day(text):
    with pytest.raises(DataError, match="not a time of day"):
        parse("2024-01-02", timezone="UTC", session_close=text)


@pytest.mark.parametrize("name", ["New York", "EST5EDT5", "../../etc/passwd", "", "UTC\0"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(DataError, match="no time zone"):
        zone(name)


def test_wall_clock_nanoseconds_are_read_in_their_zone():
    naive = np.array([ns(datetime(2014, 5, 8, 1, tzinfo=UTC))])
    assert from_local(naive, [1], path="f", timezone="Etc/GMT+5").tolist() == [
        ns(datetime(2014, 5, 8, 6, tzinfo=UTC))
    ]
    with pytest.raises(DataError):
        from_local(naive, [1], path="f", timezone=None)


def test_no_times_are_no_times():
    assert parse() == []
