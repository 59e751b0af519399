"""What `framework node flatten` leaves behind when the node does not listen."""

import json
import os
import time

import pytest

from framework.cli import operator
from framework.engine import outside
from framework.engine.session import HEARTBEAT, born
from framework.errors import RunError

NODE = {
    "catalog": ".",
    "venues": [
        {"name": "SIM", "use": "simulated", "config": {"account_type": "margin", "balances": ["1 USD"]}}
    ],
    "data": [{"bars": "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"}],
    "strategies": [{"id": "fade", "use": "mean_reversion", "config": {}}],
}


def test_a_command_that_the_node_has_not_begun_is_withdrawn_and_the_latch_stays(tmp_path, monkeypatch):
    """Here nobody looks for commands: the heartbeat is that of the test."""
    file = tmp_path / "node.yaml"
    file.write_text(json.dumps(NODE))
    state = operator.folder_of(file)
    (state / outside.COMMANDS).mkdir(parents=True)
    beat = {"pid": os.getpid(), "born": born(os.getpid()), "state": "running", "at": time.time_ns()}
    (state / HEARTBEAT).write_text(json.dumps(beat))
    monkeypatch.setattr(operator, "PATIENCE", 0.0)
    with pytest.raises(RunError, match="has not begun to close within 0 s: the command is withdrawn"):
        operator.flatten(file, "a drill")
    assert list((state / outside.COMMANDS).iterdir()) == []
    assert set(outside.status(state).latches) == {"all"}
