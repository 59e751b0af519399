"""What the watchdog makes of a node's folder, with a clock that the test moves."""

import itertools
import json
import os
import sys
import time

import pytest

from framework import Secret
from framework.engine import delivery, outside
from framework.engine.delivery import Delivery, Ping, to_command, to_file, to_webhook
from framework.engine.session import born
from framework.engine.watchdog import Alert, Keeper, Watcher
from framework.errors import ConfigError

NOBODY = 2**22 + 1
"""No process has this number: it is above the largest that Linux gives."""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def beat(tmp_path):
    """Writes the heartbeat of this process, or of whatever is said."""
    number = 0

    def write(state="running", **more):
        nonlocal number
        number += 1
        said = {"pid": os.getpid(), "born": born(os.getpid()), "name": "node", "state": state}
        said |= {"beat": number, "at": time.time_ns(), "command": ["false"], "directory": str(tmp_path)}
        (tmp_path / "heartbeat.json").write_text(json.dumps(said | more))

    return write


@pytest.fixture
def watcher(tmp_path, clock):
    return Watcher(tmp_path, clock=clock)


def kinds(alerts):
    return [alert.kind for alert in alerts]


def test_a_folder_without_a_node_is_said_once(watcher, clock):
    found, alerts = watcher.look()
    assert found.state == "never"
    assert kinds(alerts) == ["never"]
    clock.now += 10_000
    assert watcher.look()[1] == []


def test_silence_is_measured_by_a_clock_that_nobody_sets(watcher, clock, beat):
    beat(at=time.time_ns())
    assert watcher.look()[1] == []
    beat(at=time.time_ns() - 3_600_000_000_000)  # the system's clock was set back an hour
    clock.now += 1
    assert watcher.look()[1] == []
    clock.now += 2.9
    assert watcher.look()[1] == []
    clock.now += 0.2
    found, alerts = watcher.look()
    assert (found.state, kinds(alerts)) == ("silent", ["silent"])
    assert "no beat for 3 s" in alerts[0].what
    beat()
    assert kinds(watcher.look()[1]) == ["running"]


def test_an_old_heartbeat_is_silence_from_the_first_look(watcher, beat):
    beat(at=time.time_ns() - 10_000_000_000)
    assert kinds(watcher.look()[1]) == ["silent"]


def test_a_node_that_starts_is_given_a_minute(watcher, clock, beat):
    beat("starting")
    clock.now += 30
    assert watcher.look()[1] == []
    clock.now += 61
    assert kinds(watcher.look()[1]) == ["silent"]


def test_what_is_not_mended_is_said_again(watcher, clock, beat):
    beat(pid=NOBODY)
    [first] = watcher.look()[1]
    clock.now += 299
    assert watcher.look()[1] == []
    clock.now += 2
    [second] = watcher.look()[1]
    assert (first.again, second.again) == (False, True)
    assert str(second) == f"node: its process {NOBODY} died without a word (still)"


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_an_end_is_told_with_its_reason(watcher, beat, state):
    beat(state, reason="it was told to")
    [alert] = watcher.look()[1]
    assert (alert.kind, alert.what) == (state, f"it {state}: it was told to")


def test_latches_failures_and_stale_prices_are_told(tmp_path, clock, beat):
    watcher = Watcher(tmp_path, stale=60, clock=clock)
    beat(
        failed={"one": "strategy one, on_bar"},
        marks={"A.SIM": {"price": "1", "age": 61.0}, "B.SIM": {"price": "1", "age": 59.0}},
    )
    outside.kill(tmp_path, "all", who="anna", why="a drill")
    outside.disable(tmp_path, "two", who="berta", why="broken")
    _, alerts = watcher.look()
    assert [alert.what for alert in alerts] == [
        "all is stopped by anna: a drill",
        "strategy:two is disabled by berta: broken",
        "strategy one failed in strategy one, on_bar",
        "the last price of A.SIM is 61 s old",
    ]
    outside.resume(tmp_path, "all", who="anna", why="over")
    assert watcher.look()[1] == []
    outside.kill(tmp_path, "all", who="anna", why="another")
    assert kinds(watcher.look()[1]) == ["latched"]


def test_a_process_with_the_number_of_a_dead_one_is_not_it(watcher, beat):
    beat(born="another")
    if born(os.getpid()) is None:
        pytest.skip("this system does not say when a process began")
    assert kinds(watcher.look()[1]) == ["gone"]


def test_long_trouble_sets_the_kill_switch(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, latch_after=10, clock=clock)
    beat(pid=NOBODY)
    keeper.act(watcher.look()[0])
    clock.now += 9.9
    keeper.act(watcher.look()[0])
    assert outside.status(tmp_path).latches == {}
    clock.now += 0.2
    keeper.act(watcher.look()[0])
    assert outside.status(tmp_path).latches["all"].who == "the watchdog"


def test_short_trouble_does_not(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, latch_after=10, clock=clock)
    beat()
    keeper.act(watcher.look()[0])
    for _ in range(5):
        clock.now += 9
        assert watcher.look()[0].state == "silent"
        keeper.act(watcher.look()[0])
        beat()
        keeper.act(watcher.look()[0])
    assert outside.status(tmp_path).latches == {}


def test_only_one_call_that_lasts_disables_a_strategy(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, clock=clock)
    beat()
    watcher.look()
    page = outside.turn_page(tmp_path)
    clock.now += 5
    for number in range(10):  # busy, and coming back each time
        page[:72] = b"one".ljust(64, b"\0") + number.to_bytes(8)
        clock.now += 1
        keeper.act(watcher.look()[0])
    assert outside.status(tmp_path).disabled == {}
    clock.now += 1.6
    found, _ = watcher.look()
    assert "in strategy one" in Watcher(tmp_path, clock=clock)._hangs_in()
    keeper.act(found)
    assert list(outside.status(tmp_path).disabled) == ["strategy:one"]
    page.close()


def test_restarts_are_spaced_out_and_end(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, restarts=4, clock=clock)
    tries = tmp_path / "tries"
    append = f"open({str(tries)!r}, 'a').write('x')"
    beat(pid=NOBODY, command=[sys.executable, "-c", append])
    said, moments = [], []
    for _ in range(200):
        clock.now += 0.5
        alerts = keeper.act(watcher.look()[0])
        said += alerts
        if alerts and alerts[0].kind == "restarted":
            moments.append(clock.now)
            keeper._child.wait()
    assert kinds(said) == ["restarted"] * 4 + ["gave_up"]
    assert "4 restarts" in said[-1].what
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps == sorted(gaps)
    assert 1 <= gaps[0] <= 2
    assert 7 <= gaps[-1] <= 8.5
    assert tries.read_text() == "xxxx"


def test_a_node_that_ran_well_has_all_its_restarts_again(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, restarts=1, clock=clock)
    beat(pid=NOBODY, command=[sys.executable, "-c", ""])
    assert kinds(keeper.act(watcher.look()[0])) == ["restarted"]
    keeper._child.wait()
    beat()
    keeper.act(watcher.look()[0])
    assert keeper.tried == 1
    clock.now += 301
    beat()
    keeper.act(watcher.look()[0])
    assert keeper.tried == 0


def test_what_cannot_be_started_is_told(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, restarts=1, clock=clock)
    beat(pid=NOBODY, command=[str(tmp_path / "no such program")])
    [alert] = keeper.act(watcher.look()[0])
    assert "cannot be started again" in alert.what


def test_a_restart_that_comes_to_nothing_is_ended_and_tried_again(tmp_path, clock, beat, watcher):
    keeper = Keeper(tmp_path, restarts=2, clock=clock)
    beat(pid=NOBODY, command=[sys.executable, "-c", "import time; time.sleep(600)"])
    keeper.act(watcher.look()[0])
    first = keeper._child
    clock.now += 30
    assert keeper.act(watcher.look()[0]) == []
    clock.now += 31
    for _ in range(3):
        clock.now += 1
        keeper.act(watcher.look()[0])
    assert first.poll() is not None
    assert keeper.tried == 2
    keeper._child.kill()
    keeper._child.wait()


@pytest.fixture
def child(tmp_path, clock, beat, watcher):
    """A node that was started again and does nothing, and the keeper that started it."""
    keeper = Keeper(tmp_path, restarts=2, clock=clock)
    beat(pid=NOBODY, command=[sys.executable, "-c", "import time; time.sleep(600)"])
    keeper.act(watcher.look()[0])
    process = keeper._child
    yield process, keeper, {"pid": process.pid, "born": born(process.pid)}
    process.kill()
    process.wait()


def test_a_restart_may_take_as_long_as_it_likes_while_its_heart_beats(clock, beat, watcher, child):
    process, keeper, who = child
    for _ in range(20):
        clock.now += 50
        beat("starting", **who)
        assert keeper.act(watcher.look()[0]) == []
    assert process.poll() is None
    clock.now += 61
    keeper.act(watcher.look()[0])
    clock.now += 1
    assert kinds(keeper.act(watcher.look()[0])) == ["restarted"]
    assert process.poll() is not None
    keeper._child.kill()
    keeper._child.wait()


def test_a_restart_that_fails_later_may_end_in_peace(clock, beat, watcher, child):
    process, keeper, who = child
    clock.now += 61
    beat("failed", reason="a rule raised", **who)
    keeper.act(watcher.look()[0])
    assert process.poll() is None


@pytest.fixture
def failures(monkeypatch):
    monkeypatch.setattr(delivery, "PAUSE_SECONDS", 0.01)
    return []


def test_a_way_that_fails_is_tried_four_times_and_then_told_without_where_it_leads(
    failures, monkeypatch, tmp_path
):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/CANARY")
    monkeypatch.setenv("RUN", "false CANARY")
    ways = [
        Delivery("webhook", to_webhook(Secret("env:HOOK")), failures.append),
        Delivery("command", to_command(Secret("env:RUN")), failures.append),
        Delivery("file", to_file(tmp_path / "no folder" / "alerts"), failures.append),
    ]
    for way in ways:
        way.take(Alert("gone", "node", "it died", 1))
        way.close()
    assert failures == [
        "by webhook, 4 times: URLError",
        "by command, 4 times: CalledProcessError",
        "by file, 4 times: FileNotFoundError",
    ]


def test_a_way_that_recovers_loses_nothing(failures):
    got, broken = [], [True, True]

    def send(text):
        if broken:
            broken.pop()
            raise OSError
        got.append(json.loads(text)["what"])

    way = Delivery("somewhere", send, failures.append)
    way.take(Alert("gone", "node", "first", 1))
    way.take(Alert("running", "node", "second", 2))
    way.close()
    assert (got, failures) == (["first", "second"], [])


def test_a_ping_that_fails_is_told_and_asked_once_a_minute(failures, monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:1/CANARY")
    ping = Ping(Secret("env:HOOK"), failures.append)
    for now in (0, 10, 59, 60, 61):
        ping.well(now)
        ping._thread.join()
    assert failures == ["the ping: URLError"] * 2


def test_an_address_is_one_that_is_spoken_over_http(monkeypatch):
    monkeypatch.setenv("HOOK", "file:///etc/passwd")
    with pytest.raises(ConfigError, match="holds no address"):
        to_webhook(Secret("env:HOOK"))


def test_alerts_beyond_a_thousand_waiting_are_told(failures):
    import threading

    held = threading.Event()
    way = Delivery("somewhere", lambda text: held.wait(30), failures.append)
    for number in range(1002):
        way.take(Alert("gone", "node", str(number), number))
    held.set()
    way.close()
    assert failures == ["by somewhere: too many alerts wait already"] * len(failures)
    assert 1 <= len(failures) <= 2
