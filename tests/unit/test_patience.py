"""A call that takes too long is interrupted, inside that call and nowhere else."""

import contextlib
import gc
import hashlib
import random
import socket
import sys
import threading
import time

import pytest

from framework.engine import patience
from framework.engine.patience import HandlerHung, Patience

LIMIT = 0.15


@pytest.fixture
def stuck():
    return []


@pytest.fixture
def watch(stuck):
    watch = Patience(LIMIT, lambda owner, what: stuck.append((time.monotonic(), owner, what)))
    with watch.watching():
        yield watch


def loop():
    while True:
        pass


def swallow_exceptions():
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


def wait_for_an_answer():
    one, other = socket.socketpair()
    with one, other:
        one.recv(1)


@pytest.mark.parametrize(
    "hangs", [loop, lambda: time.sleep(60), swallow_exceptions, wait_for_an_answer, threading.Event().wait]
)
def test_what_hangs_is_interrupted(watch, hangs):
    began = time.monotonic()
    with pytest.raises(HandlerHung, match=r"after 0\.15 s"):
        watch.timed("a", "strategy a, on_bar", hangs)()
    assert LIMIT <= time.monotonic() - began < 10


def test_starting_may_take_longer(watch):
    assert watch.timed("a", "strategy a, on_start", lambda: time.sleep(LIMIT * 2))() is None


def test_it_is_interrupted_again_when_it_swallows_that(watch):
    interrupted = []

    def stubborn():
        for _ in range(2):
            try:
                time.sleep(60)
            except HandlerHung:
                interrupted.append(True)
        return "came back"

    assert watch.timed("a", "strategy a, on_bar", stubborn)() == "came back"
    assert len(interrupted) == 2


def test_what_is_done_for_the_strategy_is_neither_interrupted_nor_counted(watch):
    done = []

    def journal():
        deadline = time.monotonic() + LIMIT * 3
        while time.monotonic() < deadline:
            pass
        done.append("written")

    shielded = watch.shielded(journal)

    def sends():
        shielded()
        time.sleep(LIMIT / 3)
        return "came back"

    assert watch.timed("a", "strategy a, on_bar", sends)() == "came back"
    assert done == ["written"]
    with pytest.raises(HandlerHung):
        watch.timed("a", "strategy a, on_bar", lambda: (shielded(), time.sleep(60)))()
    assert done == ["written", "written"]


def test_a_handler_called_while_the_framework_works_is_interrupted_alone(watch):
    inner = watch.timed("b", "strategy b, on_order_denied", lambda: time.sleep(60))

    def engine():
        with pytest.raises(HandlerHung):
            inner()
        return "went on"

    assert watch.timed("a", "strategy a, on_bar", watch.shielded(engine))() == "went on"


def test_whose_code_runs_is_known(watch):
    assert not watch.inside("a")
    seen = []
    shielded = watch.shielded(lambda: seen.append(watch.inside("a")))
    watch.timed("a", "strategy a, on_bar", lambda: (seen.append(watch.inside("a")), shielded()))()
    assert seen == [True, False]


def test_what_cannot_be_interrupted_is_told_while_it_runs(watch, stuck, monkeypatch):
    """A derivation in C that lets other threads run and looks at no signal."""
    monkeypatch.setattr(patience, "STUCK_SECONDS", LIMIT)
    rounds, took = 100_000, 0.0
    while took < LIMIT * 6:
        began = time.monotonic()
        hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
        took = time.monotonic() - began
        rounds = rounds if took >= LIMIT * 6 else int(rounds * LIMIT * 9 / took)
    with pytest.raises(HandlerHung):
        watch.timed("a", "strategy a, on_bar", lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", rounds * 2))()
    [(at, owner, what)] = stuck
    assert owner == "a"
    assert what.startswith("strategy a, on_bar has not come back after 0.")
    assert at < time.monotonic()


@pytest.fixture
def untraced():
    """Without coverage's tracer: one interrupted while it holds its own lock waits for itself for ever."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.usefixtures("untraced")
def test_nothing_is_raised_outside_a_call(request, monkeypatch):
    """Ten thousand short calls on the edge of the limit, interrupted as often as can be."""
    monkeypatch.setattr(patience, "POLL_SECONDS", 0.00005)
    before = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(before))
    sys.setswitchinterval(0.00002)
    # What is raised while an object of an earlier test is collected would be held against this one.
    gc.collect()
    gc.disable()
    request.addfinalizer(gc.enable)
    hasty = Patience(0.0002, lambda owner, what: None)
    draw = random.Random(7)
    hung, written = 0, []
    with hasty.watching():
        journal = hasty.shielded(lambda number: written.append([number] * 50))

        def handler(number):
            until = time.monotonic() + draw.uniform(0.0001, 0.0003)
            while time.monotonic() < until:
                pass
            journal(number)

        call = hasty.timed("a", "strategy a, on_bar", handler)
        for number in range(10_000):
            try:
                call(number)
            except HandlerHung:
                hung += 1
            assert hasty._turns == []
    assert 100 < hung < 10_000
    assert all(len(entry) == 50 for entry in written)
    assert 10_000 - hung <= len(written)


def test_without_a_limit_nothing_is_wrapped():
    patient = Patience(None, lambda owner, what: None)
    with patient.watching():
        assert patient.timed("a", "strategy a, on_bar", loop) is loop


def test_on_another_thread_nothing_is_watched(stuck):
    watch, came = Patience(0.01, lambda owner, what: stuck.append(what)), []

    def runs():
        with watch.watching():
            watch.timed("a", "strategy a, on_bar", lambda: time.sleep(0.2))()
            came.append(True)

    thread = threading.Thread(target=runs)
    thread.start()
    thread.join()
    assert came == [True]
    assert stuck == []
