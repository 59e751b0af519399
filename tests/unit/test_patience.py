"""A call that takes too long is interrupted, inside that call and nowhere else."""

import contextlib
import gc
import hashlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

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


@pytest.fixture
def passes(monkeypatch):
    """Has seconds pass at once by the clock that calls are timed with, and lets the watching thread look."""
    ahead = 0.0

    def passes(seconds):
        nonlocal ahead
        ahead += seconds
        time.sleep(patience.POLL_SECONDS * 4)

    clocks = {"monotonic": time.monotonic, "process_time": time.process_time}
    ahead_of = {name: lambda clock=clock: clock() + ahead for name, clock in clocks.items()}
    monkeypatch.setattr(patience, "time", SimpleNamespace(**ahead_of))
    return passes


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


def test_starting_may_take_longer(watch, passes):
    watch.limit = 60.0
    assert watch.timed("a", "strategy a, on_start", lambda: passes(60 * 9))() is None
    with pytest.raises(HandlerHung):
        watch.timed("a", "strategy a, on_start", lambda: (passes(60 * 10), time.sleep(60)))()


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


def test_what_is_done_for_the_strategy_is_neither_interrupted_nor_counted(watch, passes):
    watch.limit, done = 60.0, []

    def journal():
        passes(600)
        done.append("written")

    shielded = watch.shielded(journal)

    def sends():
        shielded()
        passes(1)
        return "came back"

    assert watch.timed("a", "strategy a, on_bar", sends)() == "came back"
    assert done == ["written"]
    with pytest.raises(HandlerHung):
        watch.timed("a", "strategy a, on_bar", lambda: (shielded(), passes(60), time.sleep(60)))()
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
        began = time.thread_time()
        hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
        took = time.thread_time() - began
        rounds = rounds if took >= LIMIT * 6 else int(rounds * LIMIT * 9 / took)
    with pytest.raises(HandlerHung):
        watch.timed("a", "strategy a, on_bar", lambda: hashlib.pbkdf2_hmac("sha256", b"", b"", rounds * 2))()
    [(at, owner, what)] = stuck
    assert owner == "a"
    assert re.fullmatch(r"strategy a, on_bar has not come back after \d+\.\d s", what)
    assert at < time.monotonic()


STOPPED = """
import time
from framework.engine.patience import HandlerHung, Patience

def works(seconds):
    print("begun", flush=True)
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        time.sleep(0.001)
    print("came back", flush=True)

watch = Patience(2.0, lambda owner, what: print(what, flush=True))
with watch.watching():
    call = watch.timed("a", "strategy a, on_bar", works)
    call(0.005)
    try:
        call(60)
    except HandlerHung as hung:
        print(hung, flush=True)
"""


def test_a_process_that_did_not_run_is_not_held_against_the_strategy():
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "begun\n"
            child.send_signal(signal.SIGSTOP)
            time.sleep(4)
            child.send_signal(signal.SIGCONT)
            said, _ = child.communicate(timeout=60)
        finally:
            child.kill()
    assert said == "came back\nbegun\nit had not come back after 2 s\n"


@pytest.fixture
def untraced():
    """Without coverage's tracer: one interrupted while it holds its own lock waits for itself for ever."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.usefixtures("untraced")
def test_nothing_is_raised_outside_a_call(request, monkeypatch):
    """Ten thousand short calls or more on the edge of the limit, interrupted as often as can be."""
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
    hung, called, written = 0, 0, []
    with hasty.watching():
        journal = hasty.shielded(lambda number: written.append([number] * 50))

        def handler(number):
            until = time.monotonic() + draw.uniform(0.0001, 0.0003)
            while time.monotonic() < until:
                pass
            journal(number)

        call = hasty.timed("a", "strategy a, on_bar", handler)
        while called < 10_000 or (hung <= 100 and called < 500_000):
            called += 1
            try:
                call(called)
            except HandlerHung:
                hung += 1
            assert hasty._turns == []
    assert 100 < hung < called
    assert all(len(entry) == 50 for entry in written)
    assert called - hung <= len(written)


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
