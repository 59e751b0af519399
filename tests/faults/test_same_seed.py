"""I7 and parity: what is deterministic is the same twice, and the same as the backtest."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from framework.drill import digest
from framework.journal import read

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "two_strategies_shared_risk" / "node.yaml"


def session(folder, speed, **changes):
    """A paper session of the example; its folder's journal and how long it took."""
    document = yaml.safe_load(EXAMPLE.read_text()) | changes
    document["catalog"] = str((EXAMPLE.parent / document["catalog"]).resolve())
    folder.mkdir()
    (folder / "node.yaml").write_text(json.dumps(document))
    began = time.monotonic()
    run = framework("node", "run", folder / "node.yaml", "--mode", "paper", "--speed", speed, "--quiet")
    assert run.returncode == 0, run.stderr
    return folder / "state" / "journal.db", time.monotonic() - began


def framework(*arguments):
    command = [sys.executable, "-m", "framework", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_same_seed_gives_the_same_journal_in_another_process(tmp_path):
    months = {"start": "2017-01-02", "end": "2017-02-28"}
    hashes = []
    for number in range(2):
        journal, _ = session(tmp_path / str(number), "max", **months)
        rows = list(read(journal))
        assert sum(row.kind == "intent" for row in rows) > 50
        hashes.append(digest(rows))
    assert hashes[0] == hashes[1]


@pytest.mark.slow
@pytest.mark.waits
def test_a_session_at_a_walking_pace_decides_what_the_backtest_decides(tmp_path):
    """Thirty seconds here; ten minutes were run once, and are in docs/explanation/reliability.md."""
    year = 361.9 * 86_400
    _, seconds = session(tmp_path / "node", f"{year / 30:.0f}")
    assert seconds >= 29
    compared = framework("node", "parity", tmp_path / "node" / "node.yaml", "--json")
    assert compared.returncode == 0, compared.stderr
    found = json.loads(compared.stdout)
    assert found["differences"] == []
    assert all(count > 100 for count in found["intents"].values())
