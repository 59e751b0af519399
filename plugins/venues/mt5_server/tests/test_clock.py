"""The broker's time: converted by zone, proven by ticks, checked again when it changes."""

import calendar
import json
import struct
import time
from datetime import datetime
from itertools import pairwise

import pytest
from framework_mt5_server.wallclock import HOUR_MS, ServerClock, iso

NEAR = 60.0
"""Seconds; a clock that is read wrong is off by 3600."""


def utc(*parts):
    return calendar.timegm((*parts, 0, 0, 0)[:9]) * 1000


@pytest.mark.parametrize(
    ("spec", "moment", "hours"),
    [
        ("Europe/Athens", (2026, 1, 5, 12, 0, 0), 2),
        ("Europe/Athens", (2026, 7, 5, 12, 0, 0), 3),
        ("America/New_York+7", (2026, 1, 5, 12, 0, 0), 2),
        ("America/New_York+7", (2026, 3, 20, 12, 0, 0), 3),  # summer in New York, not in Athens
        ("+2", (2026, 7, 5, 12, 0, 0), 2),
        ("-5", (2026, 7, 5, 12, 0, 0), -5),
    ],
)
def test_zones_hours_and_both(spec, moment, hours):
    clock, at = ServerClock(spec), utc(*moment)
    assert clock.to_wall_ms(at) - at == hours * HOUR_MS
    assert clock.to_utc_ms(at + hours * HOUR_MS) == at


def test_the_hour_that_comes_twice_is_the_last_one_that_can_have_been():
    clock = ServerClock("Europe/Athens")
    # 2026-10-25: at 01:00 UTC the clock goes from 04:00 back to 03:00
    first, second = utc(2026, 10, 25, 0, 30, 0), utc(2026, 10, 25, 1, 30, 0)
    wall = clock.to_wall_ms(first)
    assert wall == clock.to_wall_ms(second)
    assert clock.to_utc_ms(wall, not_after_ms=first) == first
    assert clock.to_utc_ms(wall, not_after_ms=second) == second
    steps = [first + n * 600_000 for n in range(10)]
    assert clock.series_utc_ms([clock.to_wall_ms(step) for step in steps]) == steps


def test_every_hour_of_a_year_comes_back_but_for_the_one_that_is_not_told_apart():
    clock = ServerClock("America/New_York+7")
    start = utc(2026, 1, 1, 0, 0, 0)
    for hour in range(365 * 24):
        at = start + hour * HOUR_MS
        assert clock.to_utc_ms(clock.to_wall_ms(at), not_after_ms=at) == at


@pytest.mark.parametrize("spec", ["", "Nowhere/Land", "two", "++2", "Europe/Athens;"])
def test_what_is_no_zone_is_refused(spec):
    with pytest.raises(ValueError, match="clock"):
        ServerClock(spec)


def test_times_are_written_in_utc():
    assert iso(utc(2026, 11, 25, 10, 0, 0) + 7) == "2026-11-25T10:00:00.007Z"


def test_ticks_prove_the_clock_or_disprove_it():
    clock = ServerClock("+2")
    now = int(time.time() * 1000)
    assert "no tick" in clock.trouble()
    clock.observe("EURUSD", now + 2 * HOUR_MS - 3 * HOUR_MS)  # old, from a market that is closed
    assert "no tick" in clock.trouble()
    clock.observe("EURUSD", now + 2 * HOUR_MS)
    assert clock.trouble() is None
    clock.observe("EURUSD", now + 3 * HOUR_MS)  # the broker has changed its clock
    assert "just come" in clock.trouble()
    clock.observe("EURUSD", now + 2 * HOUR_MS)
    assert clock.trouble() is None


def zone_file(path, changes):
    """A TZif file of version 1: offsets in hours before and after a UTC second."""
    at, before, after = changes
    kinds = struct.pack(">lbB", before * 3600, 0, 0) + struct.pack(">lbB", after * 3600, 0, 4)
    header = b"TZif" + b"\0" * 16 + struct.pack(">6l", 0, 0, 0, 1, 2, 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + struct.pack(">l", at) + b"\1" + kinds + b"SUM\0WIN\0")


@pytest.mark.slow
@pytest.mark.waits
def test_a_change_to_winter_time_in_the_middle_of_a_session(rig_with, tmp_path, monkeypatch, websocket):
    """Server and broker run through the change, in a zone made for this test."""
    change = int(time.time()) + 30
    zone_file(tmp_path / "zones" / "Test" / "Broker", (change, 3, 2))
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path / "zones"))
    rig = rig_with(broker=("--zone=Test/Broker", "--rate=20"), terminal__clock="Test/Broker")
    stream = websocket(rig)
    assert rig.order("before")[1]["state"] == "done"
    assert time.time() < change, "the machine was too slow for this test"
    ticks = []
    while not ticks or ticks[-1] <= change + 1:
        assert time.time() < change + 60, ticks[-1:]
        message = json.loads(stream.recv(30))
        if message["type"] == "tick":
            ticks.append(datetime.fromisoformat(message["tick"]["at"]).timestamp())
    assert rig.order("after")[1]["state"] == "done"
    deals = rig.ask("GET", "/account/deals")[1]["deals"]
    at = [datetime.fromisoformat(deal["at"]).timestamp() for deal in deals]
    assert at == sorted(at)
    assert abs(at[1] - time.time()) < NEAR
    truth = rig.broker("truth")["deals"]
    assert truth[1]["wall_ms"] < truth[0]["wall_ms"]  # the broker's own clock went back
    assert ticks == sorted(ticks)
    assert ticks[0] < change
    assert max(b - a for a, b in pairwise(ticks)) < NEAR
    assert rig.ask("GET", "/health")[1]["clock_trouble"] is None


@pytest.mark.slow
@pytest.mark.waits
def test_a_fixed_offset_that_is_wrong_after_the_change_stops_trading(rig_with, wait, tmp_path, monkeypatch):
    change = int(time.time()) + 30
    zone_file(tmp_path / "zones" / "Test" / "Broker", (change, 3, 2))
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path / "zones"))
    rig = rig_with(broker=("--zone=Test/Broker", "--rate=20"), terminal__clock="+3")
    assert rig.order("before")[1]["state"] == "done"
    assert time.time() < change, "the machine was too slow for this test"
    # a second for the server to look again: whoever trades another symbol, or none, is told as soon
    wait(lambda: time.time() > change + 3, 60)
    assert rig.order("after")[1]["code"] == "CLOCK_UNKNOWN"
    assert "correct `clock`" in rig.ask("GET", "/health")[1]["clock_trouble"]
