"""The journal of a real paper session adds up to what the engine itself reports of it."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import yaml

from framework.journal import Journal, read, verify
from framework.journal.archives import archive_path
from framework.journal.state import load

ROOT = Path(__file__).parents[3]
KEY = "0123456789abcdef" * 4


def run(node, environment):
    command = [sys.executable, "-m", "framework", "node", "run", str(node), "--mode", "paper", "--json"]
    done = subprocess.run(
        [*command, "--speed", "max", "--report", str(node.parent / "reports")],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def node(tmp_path):
    """An example's first weeks, whose folder holds an old journal of two days."""
    said = yaml.safe_load((ROOT / "examples" / "two_strategies_shared_risk" / "node.yaml").read_text())
    said |= {"catalog": str(ROOT / "catalog" / "sample"), "journal": {"retention": 3, "key": "env:HEADS"}}
    said |= {"end": (pd.Timestamp(said["start"]) + pd.Timedelta(days=50)).strftime("%Y-%m-%d")}
    path = tmp_path / "node.yaml"
    path.write_text(json.dumps(said))
    clock = iter([1_763_683_200_000_000_000 + day * 86_400_000_000_000 for day in range(3)])
    (tmp_path / "state").mkdir()
    with Journal.open(
        tmp_path / "state" / "journal.db", session="old", clock=lambda: next(clock), key=KEY.encode()
    ) as journal:
        journal.append("session_started", {})
        journal.append("session_ended", {})
    return path


def test_a_session_adds_up_and_old_days_are_archived_at_its_start(node):
    code, out, err = run(node, {"HEADS": KEY})
    assert code == 0, err
    path = node.parent / "state" / "journal.db"
    assert verify(path, key=KEY.encode()).findings == ()
    assert sorted(file.name for file in archive_path(path).iterdir()) == [
        "2025-11-22.jsonl.gz",
        "2025-11-23.jsonl.gz",
    ]
    assert "old" not in {row.session for row in read(path)}
    report = Path(json.loads(out)["report"])
    orders = pd.read_parquet(report / "orders.parquet").set_index("client_order_id")
    fills = pd.read_parquet(report / "fills.parquet")
    state = load(path)
    assert len(fills) > 20
    assert state.ended
    assert {key: order.strategy for key, order in state.orders.items()} == orders["strategy_id"].to_dict()
    # What comes back on an exit sent while the node stops is not heard any more: it stays to be asked about.
    unheard = {key for key, order in state.orders.items() if order.is_unknown}
    assert unheard <= set(orders.index[orders["ts_init"] == orders["ts_init"].max()])
    orders, fills = orders.drop(index=unheard), fills[~fills["client_order_id"].isin(unheard)]
    statuses = {key: order.status for key, order in state.orders.items() if key not in unheard}
    assert statuses == orders["status"].to_dict()
    assert sorted(fill.trade_id for fill in state.fills.values()) == sorted(fills["trade_id"].astype(str))
    expected = {}
    for fill in fills.itertuples():
        key = (fill.strategy_id, fill.instrument_id)
        signed = Decimal(str(fill.last_qty)) * (1 if fill.order_side == "BUY" else -1)
        expected[key] = expected.get(key, 0) + signed
    held = {
        (strategy, name): size for strategy, sizes in state.positions.items() for name, size in sizes.items()
    }
    assert held == {key: size for key, size in expected.items() if size}
    assert KEY not in out + err + "".join(row.body for row in read(path))


def test_a_key_that_is_not_there_stops_the_start(node):
    code, out, _ = run(node, {})
    assert code == 2
    assert "HEADS is not set" in json.loads(out)["message"]
    assert len(list(read(node.parent / "state" / "journal.db"))) == 2
