"""What a node says of itself while its journal is opened, and what it leaves when it may not start."""

import json
import os
from types import SimpleNamespace

import pytest

from framework.config.node import JournalEntry
from framework.engine import outside, session
from framework.engine.session import HEARTBEAT, JOURNAL, Session
from framework.errors import ConfigError, JournalError
from framework.journal import Journal, verify

ROWS = 5_000


@pytest.fixture
def plan(tmp_path):
    config = SimpleNamespace(journal=JournalEntry(), promotion=None)
    return SimpleNamespace(
        name="node",
        mode="paper",
        state=tmp_path,
        versions={},
        config=config,
        venues=(),
        strategies=(),
        rules=(),
    )


@pytest.fixture
def said(monkeypatch):
    """Every heartbeat, with one whenever it is looked whether it is time."""
    beats = []
    written = session.Heartbeat._write

    def write(heartbeat, text):
        beats.append(json.loads(text))
        written(heartbeat, text)

    monkeypatch.setattr(session.Heartbeat, "_write", write)
    monkeypatch.setattr(session, "BEAT_SECONDS", 0)
    return beats


@pytest.fixture
def long(tmp_path):
    """A folder with a journal of many rows and the last word of the node that wrote it."""
    with Journal.open(tmp_path / JOURNAL, session="before", synchronous="OFF") as journal:
        journal.append("session_started", {"mode": "paper"})
        journal.append_many(("sent", {}, "vwap", f"O-{number}") for number in range(ROWS))
        journal.append("session_ended", {})
    (tmp_path / HEARTBEAT).write_text('{"pid": 1, "state": "stopped", "reason": "it was told to"}')
    return tmp_path


def test_a_node_says_that_it_starts_while_its_journal_is_checked_and_folded(plan, said, long, monkeypatch):
    marks = {}

    def noted(name, function):
        def call(*args, **named):
            before = len(said)
            result = function(*args, **named)
            marks[name] = (before, len(said))
            return result

        return call

    monkeypatch.setattr(Journal, "open", noted("checked", Journal.open))
    monkeypatch.setattr(session, "load", noted("folded", session.load))
    opened = Session.open(plan, {})
    try:
        assert {(beat["state"], beat["pid"], beat["name"]) for beat in said} == {
            ("starting", os.getpid(), "node")
        }
        assert [beat["beat"] for beat in said] == list(range(1, len(said) + 1))
        assert marks["checked"][1] - marks["checked"][0] >= 4  # the lock, SQLite's own check, the rows
        assert marks["folded"][1] - marks["folded"][0] >= 2
        assert outside.status(long).state == "starting"
    finally:
        opened.close("it was told to")
    assert outside.status(long).heartbeat["state"] == "stopped"
    assert verify(long / JOURNAL).findings == ()


def test_a_node_says_nothing_before_it_has_the_folder(plan, said, long):
    before = (long / HEARTBEAT).read_bytes()
    with (
        Journal.open(long / JOURNAL, session="first"),
        pytest.raises(JournalError, match="another process writes this journal"),
    ):
        Session.open(plan, {})
    assert said == []
    assert (long / HEARTBEAT).read_bytes() == before


def test_a_start_that_is_refused_leaves_the_last_word_of_the_node_before(plan, said, long):
    before = (long / HEARTBEAT).read_bytes()
    plan.mode = "live"
    with pytest.raises(ConfigError, match="ran in mode paper"):
        Session.open(plan, {})
    assert len(said) > 1
    assert (long / HEARTBEAT).read_bytes() == before
    (long / HEARTBEAT).unlink()
    with pytest.raises(ConfigError):
        Session.open(plan, {})
    assert outside.status(long).state == "never"


def test_a_refused_start_does_not_take_back_what_another_node_says_by_then(plan, said, long, monkeypatch):
    def refuse(path, on_work):
        on_work()
        (long / HEARTBEAT).write_text('{"pid": 1, "state": "starting"}')
        raise JournalError("it is damaged")

    monkeypatch.setattr(session, "load", refuse)
    with pytest.raises(JournalError, match="damaged"):
        Session.open(plan, {})
    assert json.loads((long / HEARTBEAT).read_text()) == {"pid": 1, "state": "starting"}
