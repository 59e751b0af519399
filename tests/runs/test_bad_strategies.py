"""Strategies that raise, hang or flood, on paper: each is stopped alone, and the others are not disturbed."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from framework.journal import read

ROOT = Path(__file__).parents[2]
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
SAID = ["ts_event", "instrument_id", "order_side", "last_px", "last_qty", "commission"]
BAD = """
import socket
import time

from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class BadConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    how: str
    at: int = 30


class Bad(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen == self.config.at:
            getattr(self, self.config.how)(bar)

    def raises(self, bar):
        raise LookupError("no such thing")

    def loops(self, bar):
        while True:
            try:
                self.seen += 1
            except Exception:
                pass

    def sleeps(self, bar):
        time.sleep(600)

    def waits_for_an_answer(self, bar):
        self.ends = socket.socketpair()
        self.ends[0].recv(1)

    def waits_in_a_timer(self, bar):
        soon = self.clock.timestamp_ns() + 10_000_000
        self.clock.set_time_alert_ns("late", soon, lambda _: time.sleep(600))

    def floods(self, bar):
        size = Quantity.from_str("1000")
        for _ in range(10_000):
            self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, OrderSide.BUY, size))


@hookimpl
def register_strategies():
    yield StrategySpec(name="bad", strategy=Bad, config=BadConfig)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Where a plugin is found whose strategy does what no strategy should."""
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "bad-1.0.dist-info"
    info.mkdir()
    (folder / "bad_strategy.py").write_text(BAD)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nbad = bad_strategy\n")
    return os.environ | {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def framework(environment):
    def call(*arguments, expect=0):
        done = subprocess.run(
            [sys.executable, "-m", "framework", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
        assert done.returncode == expect, done.stderr
        return done

    return call


def good():
    return yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())["strategies"][0]


def bad(how, at=30):
    return {"id": how.replace("_", "-"), "use": "bad", "config": {"bar_type": BARS, "how": how, "at": at}}


def written(folder, strategies, risk=()):
    """The quickstart's market with these strategies."""
    node = yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())
    node |= {"catalog": str(ROOT / "catalog" / "sample"), "strategies": strategies, "risk": list(risk)}
    node |= {"start": "2017-01-02", "end": "2017-02-10", "guard": {"patience": 2}}
    folder.mkdir(exist_ok=True)
    path = folder / "node.yaml"
    path.write_text(json.dumps(node))
    return path


def on_paper(framework, node):
    done = framework("node", "run", node, "--mode", "paper", "--speed", "max", "--json")
    report = Path(json.loads(done.stdout)["report"])
    return pd.read_parquet(report / "fills.parquet").astype(str), done.stderr


def of(fills, name):
    return fills[fills["strategy_id"] == name][SAID].sort_values(SAID, ignore_index=True)


def rows(node, kind=None):
    return [row for row in read(node.parent / "state" / "journal.db") if kind in (None, row.kind)]


@pytest.fixture(scope="module")
def alone(framework, tmp_path_factory):
    """The fills of the good strategy when nobody else is there."""
    fills, _ = on_paper(framework, written(tmp_path_factory.mktemp("alone"), [good()]))
    assert len(fills) > 20
    return of(fills, good()["id"])


def test_strategies_that_raise_or_hang_are_stopped_alone(framework, alone, tmp_path):
    name = good()["id"]
    hanging = ["loops", "sleeps", "waits_for_an_answer", "waits_in_a_timer"]
    node = written(tmp_path / "with", [*map(bad, ["raises", *hanging]), good()])
    fills, log = on_paper(framework, node)
    pd.testing.assert_frame_equal(of(fills, name), alone)
    assert "LookupError: no such thing" in log
    assert log.count("HandlerHung: it had not come back after 2 s") == len(hanging)
    shown = json.loads(framework("node", "status", node, "--json").stdout)
    stopped = {f"strategy:{how.replace('_', '-')}" for how in hanging}
    assert {one["scope"] for one in shown["disabled"]} == stopped
    assert {one["scope"] for one in shown["latches"]} == {"strategy:raises", *stopped}
    why = re.compile("hung|has not come back")  # the second when the thread that interrupts was late
    assert all(why.search(one["why"]) for one in shown["disabled"])
    framework("journal", "verify", node.parent / "state" / "journal.db")


@pytest.mark.slow
def test_a_strategy_that_floods_is_stopped_alone_and_stays_so(framework, alone, tmp_path):
    name = good()["id"]
    runaway = {"use": "runaway", "strategies": ["floods"], "config": {"window": "1s", "max_orders": 100}}
    node = written(tmp_path / "with", [bad("floods"), good()], [runaway])
    fills, _ = on_paper(framework, node)
    pd.testing.assert_frame_equal(of(fills, name), alone)
    sent = [
        (row.ts, order)
        for row in rows(node, "intent")
        if row.strategy == "floods" and (order := json.loads(row.body).get("order"))
    ]
    flood = [ts for ts, order in sent if not order["is_reduce_only"]]
    assert len(flood) == 100
    assert len(sent) == 101, "what it had bought is sold in one order"
    [halted] = [row for row in rows(node, "decision") if json.loads(row.body)["verdict"] == "halt"]
    [over] = [row for row in rows(node, "decision") if "100 orders left" in json.loads(row.body)["reason"]]
    assert halted.ts - over.ts < 1e9
    [disabled] = [row for row in rows(node, "alert") if json.loads(row.body).get("disabled") == "floods"]
    between = [row for row in rows(node) if halted.seq < row.seq < disabled.seq and row.strategy == "floods"]
    mine = {order["client_order_id"] for _, order in sent}
    denied = [row for row in between if row.order_id not in mine]
    assert 1 <= len(denied) < 10, "ten thousand orders are not ten thousand rows"
    counted = [json.loads(row.body) for row in rows(node, "alert")]
    assert sum(one.get("orders", 0) for one in counted if one.get("refused") == "floods") == 1_000
    assert of(fills, "floods")["order_side"].tolist().count("BUY") == 100

    again, _ = on_paper(framework, node)
    assert of(again, "floods").empty
    pd.testing.assert_frame_equal(of(again, name), alone)
    refused = framework("node", "resume", node, "--strategy", "floods", "--why", "x", expect=6)
    assert "framework node enable" in refused.stderr
    framework("node", "enable", node, "floods", "--why", "mended", "--who", "anna")
    enabled, _ = on_paper(framework, node)
    assert len(of(enabled, "floods")) > 100


@pytest.fixture
def status(framework):
    return lambda node: json.loads(framework("node", "status", node, "--json").stdout)


def test_a_strategy_is_disabled_and_enabled_while_the_node_runs(environment, framework, status, tmp_path):
    node = written(tmp_path, [good()])
    document = json.loads(node.read_text())
    del document["end"]  # a year lasts until it is told to stop
    node.write_text(json.dumps(document))
    framework("node", "disable", node, good()["id"], "--why", "not yet", "--who", "anna")
    command = [sys.executable, "-m", "framework", "node", "run", str(node), "--mode", "paper"]
    process = subprocess.Popen(
        [*command, "--speed", "360000", "--quiet"], stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        deadline = time.monotonic() + 120
        while not (
            (said := status(node)["heartbeat"]).get("disabled") == [f"strategy:{good()['id']}"]
            and said.get("rows")
            and rows(node, "operator")
        ):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        framework("node", "enable", node, good()["id"], "--why", "now", "--who", "berta")
        while not rows(node, "intent"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        framework("node", "stop", node)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    told = [json.loads(row.body) for row in rows(node, "operator")]
    said = {(one["command"], one["who"], one["why"]) for one in told}
    assert said == {
        ("disable", "anna", "not yet"),
        ("kill", "anna", "not yet"),
        ("enable", "berta", "now"),
        ("resume", "berta", "now"),
    }
    [enabled] = [row.ts for row in rows(node, "operator") if '"enable"' in row.body]
    sent = [row.ts for row in rows(node, "intent")]
    assert sent
    assert min(sent) > enabled

    assert status(node)["disabled"] == []


def test_what_is_not_disabled_cannot_be_enabled(framework, tmp_path):
    node = written(tmp_path, [good()])
    name = good()["id"]
    assert "is not disabled" in framework("node", "enable", node, name, "--why", "x", expect=6).stderr
    assert "no strategy" in framework("node", "disable", node, "other", "--why", "x", expect=2).stderr
    framework("node", "disable", node, name, "--why", "x")
    again = framework("node", "disable", node, name, "--why", "y", "--json")
    assert json.loads(again.stdout) == {"strategy": name, "fresh": False}
    assert "DISABLED strategy:" in framework("node", "status", node).stdout
    framework("node", "enable", node, name, "--why", "y")
    assert json.loads(framework("node", "status", node, "--json").stdout)["latches"] == []
