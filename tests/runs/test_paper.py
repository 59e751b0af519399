"""`framework node run --mode paper`: the fills of a backtest, and a node that can be stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
NEEDS_A_MODEL = {"vwap_ml"}  # trained by its own commands first: tests/runs/test_examples.py runs those
EXAMPLES = sorted(
    path.parent.name
    for path in (ROOT / "examples").glob("*/node.yaml")
    if path.parent.name not in NEEDS_A_MODEL
)
SAID = ["ts_event", "instrument_id", "strategy_id", "order_side", "last_px", "last_qty", "commission"]


def framework(*arguments, **named):
    command = [sys.executable, "-m", "framework", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **named)


def run(node, folder, *arguments):
    done = framework("node", "run", node, "--report", folder, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    report = Path(json.loads(done.stdout)["report"])
    return json.loads(done.stdout), pd.read_parquet(report / "fills.parquet").astype(str)


def copied(example, folder, **changes):
    """The example's file in another folder, so that its state and reports go there."""
    node = yaml.safe_load((ROOT / "examples" / example / "node.yaml").read_text())
    node["catalog"] = str(ROOT / "catalog" / "sample")
    path = folder / "node.yaml"
    path.write_text(json.dumps(node | changes))
    return path


@pytest.mark.parametrize(
    "example", [pytest.param(name, marks=[pytest.mark.slow] * (name != "quickstart")) for name in EXAMPLES]
)
def test_paper_on_replayed_data_fills_as_the_backtest_does(tmp_path, example):
    node = copied(example, tmp_path)
    backtest, expected = run(node, tmp_path / "b", "--mode", "backtest")
    paper, fills = run(node, tmp_path / "p", "--mode", "paper", "--speed", "max")
    assert len(fills) == len(expected) > 100
    pd.testing.assert_frame_equal(
        fills[SAID].sort_values(SAID, ignore_index=True), expected[SAID].sort_values(SAID, ignore_index=True)
    )
    assert paper["orders"] == backtest["orders"]
    assert paper["denials"] == backtest["denials"]
    compared = framework("node", "parity", node, "--json")
    assert compared.returncode == 0, compared.stderr
    found = json.loads(compared.stdout)
    assert found["differences"] == []
    assert sum(found["intents"].values()) >= paper["fills"]
    sharpe = "Sharpe Ratio (252 days)"
    assert paper["statistics"]["returns"][sharpe] == pytest.approx(
        backtest["statistics"]["returns"][sharpe],
        rel=0.02,  # a day of no change more or less at the ends
    )
    for currency, figures in backtest["statistics"]["pnl"].items():
        assert paper["statistics"]["pnl"][currency] == pytest.approx(figures)


@pytest.fixture
def running(tmp_path):
    """A paper node that takes its time: an hour is replayed in 20 ms, the year in three minutes."""
    node = copied("quickstart", tmp_path, paper={"speed": 180_000})
    process = subprocess.Popen(
        [sys.executable, "-m", "framework", "node", "run", str(node), "--mode", "paper", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 90
    while status(node)["state"] != "running" and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    yield node, process
    process.kill()
    for stream in (process.stdout, process.stderr):
        stream.close()
    process.wait()


def status(node):
    return json.loads(framework("node", "status", node, "--json").stdout)


def journal(node, **wanted):
    from framework.journal import read

    return list(read(node.parent / "state" / "journal.db", **wanted))


def test_a_node_that_is_told_to_stop_writes_its_report(running):
    node, process = running
    done = framework("node", "stop", node)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the node is stopped\n"
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert status(node)["heartbeat"]["reason"] == "it was told to stop"
    assert (node.parent / "reports" / "latest" / "report.html").is_file()
    assert framework("journal", "verify", node.parent / "state" / "journal.db").returncode == 0


def test_a_second_node_in_the_same_folder_is_refused(running):
    node, process = running
    second = framework("node", "run", node, "--mode", "paper")
    assert second.returncode == 6
    assert "another" in second.stderr
    assert process.poll() is None


def test_a_latch_set_from_outside_stops_new_risk_until_a_person_takes_it_off(running):
    node, process = running
    assert framework("node", "kill", node, "--strategy", "vwap-eurusd", "--why", "a drill").returncode == 0
    latched = time.time_ns()
    time.sleep(2)
    late = [
        json.loads(row.body)
        for row in journal(node)
        if row.kind == "intent" and row.ts > latched and json.loads(row.body)["action"] == "submit"
    ]
    assert [body for body in late if not body["order"]["is_reduce_only"]] == []
    shown = status(node)
    assert [(latch["scope"], latch["why"]) for latch in shown["latches"]] == [
        ("strategy:vwap-eurusd", "a drill")
    ]
    assert framework("node", "resume", node, "--strategy", "vwap-eurusd", "--why", "done").returncode == 0
    assert status(node)["latches"] == []
    told = [json.loads(row.body)["command"] for row in journal(node) if row.kind == "operator"]
    assert told[0] == "kill"
    assert process.poll() is None
    assert framework("node", "stop", node).returncode == 0
    compared = framework("node", "parity", node)
    assert compared.returncode == 0, compared.stderr
    # Whichever came first: an order that the latch stopped, or the node's note that there is one.
    assert re.search("why: (kill strategy:vwap-eurusd|halted) by ", compared.stdout)
    assert compared.stdout.rstrip().endswith(": a drill")


def test_flatten_closes_what_is_open(running):
    node, _ = running
    deadline = time.monotonic() + 120
    while not status(node)["heartbeat"].get("positions", {}).get("vwap-eurusd"):
        assert time.monotonic() < deadline, "the strategy opened nothing"
        time.sleep(0.2)
    done = framework("node", "flatten", node, "--why", "a drill")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all is flat: no order is open and nothing is held\n"
    flat = time.time_ns()
    while (shown := status(node)["heartbeat"])["at"] < flat + 2 * 10**9:
        assert time.time_ns() < flat + 60 * 10**9, shown
        time.sleep(0.2)
    assert shown["positions"] == {"vwap-eurusd": {}}
    assert shown["open_orders"] == 0


@pytest.mark.slow
def test_a_killed_node_leaves_a_journal_that_verifies_and_can_start_again(running):
    node, process = running
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shown = framework("node", "status", node)
    assert shown.returncode == 6
    assert "gone" in shown.stdout
    assert framework("journal", "verify", node.parent / "state" / "journal.db").returncode == 0
    again = framework("node", "run", node, "--mode", "paper", "--speed", "max", "--json")
    assert again.returncode == 0, again.stderr
    sessions = [row.session for row in journal(node) if row.kind == "session_started"]
    assert len(sessions) == len(set(sessions)) == 2


def test_a_latch_that_was_set_before_the_start_holds(tmp_path):
    node = copied("quickstart", tmp_path)
    assert framework("node", "kill", node, "--why", "not today").returncode == 0
    result, fills = run(node, tmp_path / "p", "--mode", "paper", "--speed", "max")
    assert fills.empty
    assert result["fills"] == 0
    assert result["denials"] > 100


FICKLE = """
import os

from nautilus_trader.model import BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class FickleConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Fickle(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen % 100 == 0:
            side = OrderSide.BUY if self.seen < int(os.environ["TURN"]) else OrderSide.SELL
            size = Quantity.from_str("1000")
            self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, side, size))


@hookimpl
def register_strategies():
    yield StrategySpec(name="fickle", strategy=Fickle, config=FickleConfig)
"""


def installed(folder, name, source):
    """A plugin that is found when the folder is on the path."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[framework]\n{name} = {name}\n")
    return os.environ | {"PYTHONPATH": str(folder)}


@pytest.mark.slow
def test_a_difference_that_nothing_explains_fails_the_comparison(tmp_path):
    environment = installed(tmp_path / "plugin", "fickle", FICKLE)
    bars = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
    fickle = {"id": "fickle", "use": "fickle", "config": {"bar_type": bars}}
    node = copied("quickstart", tmp_path, strategies=[fickle], risk=[])
    ran = framework(
        "node", "run", node, "--mode", "paper", "--speed", "max", "-q", env=environment | {"TURN": "9999"}
    )
    assert ran.returncode == 0, ran.stderr
    assert framework("node", "parity", node, env=environment | {"TURN": "9999"}).returncode == 0
    compared = framework("node", "parity", node, "--json", env=environment | {"TURN": "300"})
    assert compared.returncode == 7
    [found] = json.loads(compared.stdout)["differences"]
    assert found["session"].startswith("submit order 3 EUR/USD.SIM BUY MARKET 1000")
    assert found["backtest"].startswith("submit order 3 EUR/USD.SIM SELL MARKET 1000")
    assert found["reason"] is None
    assert found["follows"] == 59


BROKEN = """
import msgspec
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class BreaksConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Breaks(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen == 50:
            raise LookupError("no such thing")


@hookimpl
def register_strategies():
    yield StrategySpec(name="breaks", strategy=Breaks, config=BreaksConfig)
"""


@pytest.mark.slow
def test_a_strategy_that_raises_is_halted_alone(tmp_path):
    environment = installed(tmp_path / "plugin", "breaks", BROKEN)
    bars = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
    good = yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())["strategies"][0]
    bad = {"id": "bad", "use": "breaks", "config": {"bar_type": bars}}
    node = copied("quickstart", tmp_path, strategies=[bad, good])
    _, alone = run(copied_beside(node, [good]), tmp_path / "b")
    done = framework(
        "node",
        "run",
        node,
        "--mode",
        "paper",
        "--speed",
        "max",
        "--json",
        "--report",
        tmp_path / "p",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "LookupError: no such thing" in done.stderr
    fills = pd.read_parquet(Path(json.loads(done.stdout)["report"]) / "fills.parquet").astype(str)
    assert sorted(fills["last_px"]) == sorted(alone["last_px"])
    shown = status(node)
    assert [latch["scope"] for latch in shown["latches"]] == ["strategy:bad"]


def copied_beside(node, strategies):
    other = node.with_name("alone.yaml")
    other.write_text(json.dumps(json.loads(node.read_text()) | {"strategies": strategies}))
    return other


@pytest.mark.parametrize("command", ["kill", "resume", "flatten"])
def test_an_operators_command_names_what_exists_and_why(tmp_path, command):
    node = copied("quickstart", tmp_path)
    assert framework("node", command, node).returncode == 2
    unknown = framework("node", command, node, "--why", "x", "--strategy", "vwap")
    assert unknown.returncode == 2
    assert 'no strategy "vwap" in the file' in unknown.stderr
    assert "vwap-eurusd" in unknown.stderr


def test_nothing_runs_here(tmp_path):
    node = copied("quickstart", tmp_path)
    assert status(node)["state"] == "never"
    assert framework("node", "stop", node).returncode == 6
    assert framework("node", "flatten", node, "--why", "x").returncode == 6
    assert framework("node", "resume", node, "--why", "x").returncode == 6
    assert not (tmp_path / "state" / "latch").exists() or not list(
        (tmp_path / "state" / "latch").glob("*.json")
    )


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf"])
def test_a_speed_that_is_none_is_refused(tmp_path, speed):
    done = framework("node", "run", copied("quickstart", tmp_path), "--mode", "paper", f"--speed={speed}")
    assert done.returncode == 2
    assert "is no speed" in done.stderr
