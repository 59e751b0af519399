"""A node that slept sends nothing on the prices of before."""

import time as clocks
from types import SimpleNamespace

import pytest

from framework.risk.pulse import ASLEEP, Pulse

SECOND = 1_000_000_000


class Time:
    """A clock that a test moves; nanoseconds of the venue and seconds of ours go together."""

    def __init__(self):
        self.now = 1_000.0
        self.sleeps = []
        self.pulse = Pulse(self.sleeps.append, lambda: self.now, lambda: int(self.now * SECOND))

    def doubt(self, price_at, *, reduces=False):
        mark = None if price_at is None else SimpleNamespace(ts_event=int(price_at * SECOND))
        return self.pulse.doubt(SimpleNamespace(mark=mark, reduces=reduces, instrument_id="EUR/USD.SIM"))


@pytest.fixture
def time():
    return Time()


def test_a_node_that_is_awake_doubts_nothing(time):
    for _ in range(100):
        time.now += ASLEEP / 2
        time.pulse.beat()
    assert time.doubt(0) == ""
    assert time.sleeps == []


def test_the_first_order_after_a_sleep_notices_it_before_the_loop_does(time):
    time.now += 60
    assert "has slept until a moment ago, and has a price of 60.0 s before" in time.doubt(1_000)
    assert time.sleeps == [60.0]


def test_an_entry_waits_for_a_price_of_after_the_sleep(time):
    time.now += 60
    time.pulse.beat()
    for _ in range(10):
        time.now += 1
        time.pulse.beat()
        assert time.doubt(1_059) != ""
    assert "no price" in time.doubt(None)
    assert time.doubt(1_060) == ""


def test_an_exit_waits_a_moment_for_a_price_and_then_leaves_all_the_same(time):
    time.now += 60
    time.pulse.beat()
    assert time.doubt(1_000, reduces=True) != ""
    for _ in range(3):
        time.now += ASLEEP * 0.4
        time.pulse.beat()
    assert time.doubt(1_000, reduces=True) == ""


@pytest.mark.skipif(not hasattr(clocks, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_the_clock_of_the_pulse_goes_on_while_the_machine_sleeps(monkeypatch):
    sleeps = []
    monkeypatch.setattr(clocks, "monotonic", lambda: 0.0)
    monkeypatch.setattr(clocks, "clock_gettime", {clocks.CLOCK_BOOTTIME: 100.0}.__getitem__)
    pulse = Pulse(sleeps.append)
    monkeypatch.setattr(clocks, "clock_gettime", {clocks.CLOCK_BOOTTIME: 160.0}.__getitem__)
    pulse.beat()
    assert sleeps == [60.0]


def jumped(seconds, *, stops):
    """The sleeps that are noticed when the time of day jumps and no time seems to pass."""
    sleeps, now = [], [1_000 * SECOND]
    pulse = Pulse(sleeps.append, lambda: 5.0, lambda: now[0], stops=stops)
    now[0] += seconds * SECOND
    mark = SimpleNamespace(ts_event=1_000 * SECOND)
    doubt = pulse.doubt(SimpleNamespace(mark=mark, reduces=False, instrument_id="EUR/USD.SIM"))
    pulse.beat()
    return sleeps, doubt


def test_where_the_clock_stops_in_a_sleep_the_time_of_day_tells_of_it():
    sleeps, doubt = jumped(60, stops=True)
    assert sleeps == [60.0]
    assert "has a price of 60.0 s before" in doubt


def test_a_time_of_day_that_is_set_a_little_or_back_is_no_sleep():
    for seconds in (1, -60):
        assert jumped(seconds, stops=True) == ([], "")


def test_where_the_clock_goes_on_in_a_sleep_the_time_of_day_may_be_set():
    assert jumped(60, stops=False) == ([], "")
