"""What `framework node flatten` leaves behind when the node does not listen."""

import json
import os
import time
from dataclasses import replace

import pytest

from framework.cli import operator
from framework.engine import outside
from framework.engine.session import HEARTBEAT, born
from framework.errors import RunError
from framework.journal.latch import Latches

NODE = {
    "catalog": ".",
    "venues": [
        {"name": "SIM", "use": "simulated", "config": {"account_type": "margin", "balances": ["1 USD"]}}
    ],
    "data": [{"bars": "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"}],
    "strategies": [{"id": "fade", "use": "mean_reversion", "config": {}}],
}


@pytest.fixture
def file(tmp_path):
    """Of a node that looks for no commands: the heartbeat is that of the test."""
    file = tmp_path / "node.yaml"
    file.write_text(json.dumps(NODE))
    state = operator.folder_of(file)
    (state / outside.COMMANDS).mkdir(parents=True)
    beat = {"pid": os.getpid(), "born": born(os.getpid()), "state": "running", "at": time.time_ns()}
    (state / HEARTBEAT).write_text(json.dumps(beat))
    return file


def test_a_command_that_the_node_has_not_begun_is_withdrawn_and_the_latch_stays(file, monkeypatch):
    monkeypatch.setattr(operator, "PATIENCE", 0.0)
    with pytest.raises(RunError, match="has not begun to close within 0 s: the command is withdrawn"):
        operator.flatten(file, "a drill")
    state = operator.folder_of(file)
    assert list((state / outside.COMMANDS).iterdir()) == []
    assert set(outside.status(state).latches) == {"all"}


def test_who_interrupts_a_command_before_the_node_has_begun_withdraws_it(file, monkeypatch):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        operator.flatten(file, "a drill")
    state = operator.folder_of(file)
    assert list((state / outside.COMMANDS).iterdir()) == []
    assert set(outside.status(state).latches) == {"all"}


def test_status_says_whether_positions_are_kept_closed(file):
    latches = Latches(operator.folder_of(file) / outside.LATCHES)
    latches.set("all", who="anna", why="a drill")
    latches.set("strategy:fade", who="max_drawdown", why="it lost too much", flat=True)
    found = outside.status(operator.folder_of(file))
    assert [(one["scope"], one["flat"]) for one in operator._facts(found)["latches"]] == [
        ("all", False),
        ("strategy:fade", True),
    ]
    said = operator._lines(replace(found, heartbeat={}))
    assert said[-2:] == [
        "STOPPED all by anna: a drill",
        "STOPPED strategy:fade and kept flat by max_drawdown: it lost too much",
    ]
