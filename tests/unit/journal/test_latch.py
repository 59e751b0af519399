"""The kill latch: any process sets it, it survives everything, and whatever is wrong with it holds."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from framework.errors import ConfigError, JournalError
from framework.journal.latch import Latches

SETTER = """
import sys
from pathlib import Path
from framework.journal.latch import Latches
latches = Latches(Path(sys.argv[1]))
print("ready", flush=True)
for scope in sys.argv[2:]:
    print(latches.set(scope, who="test", why="a drill"), flush=True)
"""


@pytest.fixture
def latches(tmp_path):
    return Latches(tmp_path / "latch", clock=lambda: 1_000)


def test_nothing_holds_until_something_is_latched(latches):
    assert latches.holds(strategy="vwap", venue="SIM") is None
    assert latches.current() == {}


def test_a_latch_holds_its_scope_and_no_other(latches):
    assert latches.set("strategy:vwap", who="anna", why="wrong prices")
    held = latches.holds(strategy="vwap", venue="SIM")
    assert (held.scope, held.who, held.why, held.ts) == ("strategy:vwap", "anna", "wrong prices", 1_000)
    assert latches.holds(strategy="trend", venue="SIM") is None
    assert latches.holds(strategy="vwap2") is None
    latches.set("venue:SIM", who="anna", why="x")
    assert latches.holds(strategy="trend", venue="SIM").scope == "venue:SIM"
    assert latches.holds(strategy="trend", venue="BINANCE") is None
    latches.set("all", who="anna", why="y")
    assert latches.holds(strategy="trend", venue="BINANCE").scope == "all"


def test_the_first_latch_stays(latches):
    assert latches.set("all", who="anna", why="first")
    assert not latches.set("all", who="bert", why="second")
    assert latches.holds().why == "first"


def test_that_positions_are_kept_closed_survives_a_restart_and_a_person_before_it(latches, tmp_path):
    latches.set("strategy:vwap", who="anna", why="wrong prices")
    assert not latches.holds(strategy="vwap").flat
    assert not latches.set("strategy:vwap", who="max_drawdown", why="it lost too much", flat=True)
    assert not latches.set("strategy:vwap", who="bert", why="me too")
    held = Latches(tmp_path / "latch").holds(strategy="vwap")
    assert (held.who, held.why, held.ts, held.flat) == ("anna", "wrong prices", 1_000, True)
    assert latches.resume("strategy:vwap", who="anna", why="over").flat
    assert latches.holds(strategy="vwap") is None


def test_of_several_latches_the_one_that_keeps_positions_closed_comes_first(latches):
    latches.set("all", who="anna", why="fire")
    latches.set("strategy:vwap", who="max_drawdown", why="it lost too much", flat=True)
    assert latches.holds(strategy="vwap", venue="SIM").scope == "strategy:vwap"
    assert latches.holds(strategy="trend", venue="SIM").scope == "all"


@pytest.mark.parametrize(("said", "flat"), [({}, False), ({"flat": True}, True), ({"flat": "no"}, False)])
def test_a_latch_of_before_leaves_positions_as_they_are(latches, tmp_path, said, flat):
    latches.set("all", who="anna", why="fire")
    (file,) = (tmp_path / "latch").glob("*.json")
    file.write_text(json.dumps({"scope": "all", "who": "anna", "why": "fire", "ts": 5} | said))
    assert Latches(tmp_path / "latch").holds().flat is flat


def test_a_damaged_latch_stays_as_it_is_when_positions_are_to_be_kept_closed(latches, tmp_path):
    latches.set("strategy:vwap", who="anna", why="wrong prices")
    (file,) = (tmp_path / "latch").glob("*.json")
    file.write_bytes(b"{")
    assert not latches.set("strategy:vwap", who="max_drawdown", why="it lost too much", flat=True)
    assert file.read_bytes() == b"{"


def test_another_process_latches_and_this_one_sees_it_at_once(latches, tmp_path):
    for scope in ("venue:SIM", "all"):
        done = subprocess.run(
            [sys.executable, "-c", SETTER, tmp_path / "latch", scope],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["ready", "True"]
        assert latches.holds(venue="SIM").why == "a drill"
        assert scope in latches.current()


def test_a_change_in_the_same_tick_of_the_clock_is_seen(latches, tmp_path):
    """File systems stamp folders with a coarse clock: many changes have one time stamp."""
    other = Latches(tmp_path / "latch")
    for number in range(200):
        other.set(f"strategy:{number}", who="a", why="b")
        assert latches.holds(strategy=str(number)) is not None
        other.resume(f"strategy:{number}", who="a", why="b")
        assert latches.holds(strategy=str(number)) is None


def test_a_quiet_folder_is_not_read_again(latches, tmp_path, monkeypatch):
    latches.set("all", who="a", why="b")
    os.utime(tmp_path / "latch", ns=(1, 1))
    assert latches.holds().why == "b"
    monkeypatch.setattr(Latches, "_listed", lambda self: pytest.fail("it was read"))
    assert latches.holds().why == "b"


def test_a_latch_survives_a_restart_and_the_process_that_set_it(tmp_path):
    Latches(tmp_path / "latch").set("all", who="a", why="b")
    assert Latches(tmp_path / "latch").holds().why == "b"


def test_a_setter_killed_at_any_moment_leaves_a_latch_or_none_and_an_acknowledged_one_always(tmp_path):
    for turn in range(8):
        folder = tmp_path / str(turn)
        scopes = [f"strategy:{number}" for number in range(300)]
        setter = subprocess.Popen(
            [sys.executable, "-c", SETTER, folder, *scopes], stdout=subprocess.PIPE, text=True
        )
        assert setter.stdout.readline() == "ready\n"
        threading.Event().wait(turn * 0.004)
        setter.send_signal(signal.SIGKILL)
        told = setter.communicate()[0].count("True\n")
        held = Latches(folder).current()
        assert set(scopes[:told]) <= set(held) <= set(scopes[: told + 1])


def test_a_person_takes_a_latch_off_and_the_story_stays(latches, tmp_path):
    latches.set("strategy:vwap", who="anna", why="wrong prices")
    latches.set("all", who="bert", why="fire")
    taken = latches.resume("strategy:vwap", who="carl", why="prices are right again")
    assert taken.why == "wrong prices"
    assert latches.holds(strategy="vwap").scope == "all"
    latches.resume("all", who="carl", why="put out")
    assert latches.holds(strategy="vwap") is None
    stories = [json.loads(file.read_text()) for file in (tmp_path / "latch" / "resumed").iterdir()]
    assert sorted((story["who"], story["why"], story["resumed"]["who"]) for story in stories) == [
        ("anna", "wrong prices", "carl"),
        ("bert", "fire", "carl"),
    ]


def test_what_is_not_latched_cannot_be_taken_off(latches, tmp_path):
    assert latches.resume("all", who="carl", why="x") is None
    assert list((tmp_path / "latch" / "resumed").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"scope": 1}', b"\xff\xfe"])
def test_a_damaged_latch_holds_everything_until_its_scope_is_resumed(latches, tmp_path, content):
    latches.set("strategy:vwap", who="a", why="b")
    (file,) = (tmp_path / "latch").glob("*.json")
    file.write_bytes(content)
    fresh = Latches(tmp_path / "latch")
    held = fresh.holds(strategy="trend", venue="SIM")
    assert held.scope == "all"
    assert file.name in held.why
    fresh.resume("strategy:vwap", who="carl", why="looked at it")
    assert fresh.holds(strategy="vwap") is None


def test_a_folder_that_is_gone_holds_everything(latches, tmp_path):
    (tmp_path / "latch").rename(tmp_path / "elsewhere")
    assert "cannot be read" in latches.holds(strategy="vwap").why
    (tmp_path / "elsewhere").rename(tmp_path / "latch")
    assert latches.holds(strategy="vwap") is None


@pytest.mark.parametrize(
    "scope", ["", "everything", "strategy:", "venue:", "strategy", "all:", "strategy:a\nb", "ALL"]
)
def test_a_scope_that_is_none_is_refused(latches, scope):
    with pytest.raises(ConfigError, match="nothing can be latched"):
        latches.set(scope, who="a", why="b")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "CON", "x" * 480, "ü", "a", "A", ".", "a b", "😀"]
)
def test_any_name_is_a_file_in_the_folder(latches, tmp_path, name):
    latches.set(f"strategy:{name}", who="a", why="b")
    assert latches.holds(strategy=name).scope == f"strategy:{name}"
    assert len(list((tmp_path / "latch").glob("*.json"))) == 1


def test_names_that_differ_in_case_are_two_latches_on_any_file_system(latches, tmp_path):
    latches.set("strategy:vwap", who="a", why="b")
    latches.set("strategy:VWAP", who="a", why="b")
    names = {file.name.casefold() for file in (tmp_path / "latch").glob("*.json")}
    assert len(names) == 2


def test_a_file_system_without_links_latches_too(latches, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError("no links here")))
    assert latches.set("all", who="anna", why="first")
    assert not latches.set("all", who="bert", why="second")
    assert latches.holds().why == "first"


def test_a_latch_that_cannot_be_written_says_what_to_do(tmp_path):
    latches = Latches(tmp_path / "latch")
    (tmp_path / "latch").rename(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="cannot be written") as caught:
        latches.set("all", who="a", why="b")
    assert "by hand" in caught.value.remedy
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        Latches(tmp_path / "file")


def test_long_and_odd_reasons_do_not_stop_a_kill(latches):
    assert latches.set("all", who="\ud800", why="x" * 10_000)
    assert len(latches.holds().why) == 500
