"""Lengths of time in settings, and when a price is too old for a rule to compute from."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from nautilus_trader.model import InstrumentId, Price

from framework import Duration, Mark, fresh_mark, nanoseconds

EURUSD = InstrumentId.from_str("EUR/USD.SIM")
NOW = 1_700_000_000_000_000_000
HOUR = 3_600_000_000_000


def proposal(mark):
    return SimpleNamespace(instrument_id=EURUSD, now=NOW, mark=mark)


def aged(age):
    return Mark(EURUSD, Price.from_str("1.10000"), NOW - age)


@pytest.mark.parametrize(
    ("written", "nanos"),
    [
        ("1ms", 10**6),
        ("500ms", 5 * 10**8),
        ("5s", 5 * 10**9),
        ("1m", 6 * 10**10),
        ("2h", 2 * HOUR),
        ("1d", 24 * HOUR),
        ("999999999d", 999_999_999 * 24 * HOUR),
    ],
)
def test_a_duration_in_nanoseconds(written, nanos):
    assert nanoseconds(msgspec.convert(written, Duration)) == nanos


@pytest.mark.parametrize(
    "wrong", ["", "5", "s", "0s", "05s", "5 s", "1.5s", "-5s", "5S", "5sm", "5s\n", "5w"]
)
def test_what_is_no_duration_is_refused(wrong):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Duration)


@pytest.mark.parametrize("age", [-1, 0, 2 * HOUR])
def test_a_mark_is_fresh_up_to_its_age(age):
    mark = aged(age)
    assert fresh_mark(proposal(mark), 2 * HOUR) is mark


def test_a_nanosecond_more_is_too_old_and_the_reason_has_both_ages():
    said = fresh_mark(proposal(aged(90 * 10**9 + 1)), 90 * 10**9)
    assert said == "the last price of EUR/USD.SIM is 90 s old, and max_mark_age is 90 s"


def test_no_mark_at_all_is_said_to_be_unknown():
    assert fresh_mark(proposal(None), HOUR) == "no price of EUR/USD.SIM is known yet"
