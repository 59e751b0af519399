"""`framework node reload`, fault 35: all of a new file or nothing of it, and loosened only when approved."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from framework.journal import read

ROOT = Path(__file__).parents[2]
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
TURNS = """
import time

from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class TurnsConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    quantity: Quantity
    hangs: bool = False


class Turns(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.quantity = config.quantity
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        side = OrderSide.BUY if self.seen % 2 else OrderSide.SELL
        self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, side, self.quantity))

    def reconfigure(self, config):
        if config.quantity == Quantity.from_str("666"):
            raise ValueError("not that one")
        if config.hangs:
            time.sleep(600)
        self.quantity = config.quantity


@hookimpl
def register_strategies():
    yield StrategySpec(name="turns", strategy=Turns, config=TurnsConfig)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "turns-1.0.dist-info"
    info.mkdir()
    (folder / "turns.py").write_text(TURNS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turns\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nturns = turns\n")
    return os.environ | {"PYTHONPATH": str(folder)}


def settings():
    node = yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())
    turns = {"bar_type": BARS, "quantity": "1000"}
    node["strategies"].append({"id": "turns", "use": "turns", "config": turns})
    node["risk"].append({"use": "runaway", "config": {"window": "1s", "max_orders": 100}})
    node |= {"catalog": str(ROOT / "catalog" / "sample"), "paper": {"speed": 90_000}}
    node["guard"] = {"patience": 2}
    node["risk"][0]["config"]["max_mark_age"] = "2h"
    return node


class Node:
    def __init__(self, folder, environment):
        self.path = folder / "node.yaml"
        self.environment = environment
        self.said = settings()
        self.write()

    def write(self):
        self.path.write_text(json.dumps(self.said, indent=1))

    def call(self, *arguments):
        command = [sys.executable, "-m", "framework", "node", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=self.environment
        )

    def reload(self, *more, why="a test"):
        done = self.call("reload", self.path, "--json", "--why", why, "--who", "anna", *more)
        return done.returncode, json.loads(done.stdout)

    def told(self):
        rows = read(self.path.parent / "state" / "journal.db")
        bodies = [json.loads(row.body) for row in rows if row.kind == "operator"]
        return [body for body in bodies if body["command"] == "reload"]

    def sizes(self, since):
        """What the strategy sent in the rows after a moment of the wall clock."""
        return [
            json.loads(row.body)["order"]["quantity"]
            for row in read(self.path.parent / "state" / "journal.db")
            if row.kind == "intent" and row.strategy == "turns" and row.ts > since
        ]

    def until(self, true):
        deadline = time.monotonic() + 60
        while not (found := true()):
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.1)
        return found


@pytest.fixture
def node(tmp_path, environment):
    node = Node(tmp_path, environment)
    # Under nohup, as a machine may run the tests, it is ignored, and so the node would leave it alone.
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from framework.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "node", "run", str(node.path), "--mode", "paper", "-q"]
    node.process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,  # in a terminal SIGHUP says that the terminal was closed
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    heartbeat = tmp_path / "state" / "heartbeat.json"
    node.until(lambda: heartbeat.exists() and json.loads(heartbeat.read_text())["state"] == "running")
    yield node
    node.process.kill()
    node.process.communicate()


def test_a_node_takes_new_settings_whole_or_not_at_all(node):
    cap = node.said["risk"][0]["config"]
    turns = node.said["strategies"][1]["config"]
    good = node.path.read_text()

    code, answer = node.reload()
    assert (code, answer["taken"], answer["changes"]) == (0, False, [])

    turns["quantity"] = "2000"
    cap["max_notional"] = "50000 USD"
    node.write()
    code, answer = node.reload("--dry-run")
    assert (code, answer["taken"], len(answer["changes"])) == (0, False, 2)
    code, answer = node.reload(why="smaller")
    assert (code, answer["taken"]) == (0, True)
    assert answer["changes"] == [
        {
            "path": "strategy turns: quantity",
            "old": "1000",
            "new": "2000",
            "kind": "parameter",
            "loosens": False,
        },
        {
            "path": "risk size-cap: max_notional",
            "old": "60000.00 USD",
            "new": "50000.00 USD",
            "kind": "limit",
            "loosens": False,
        },
    ]
    since = time.time_ns()
    node.until(lambda: node.sizes(since))
    assert set(node.sizes(since)) == {"2000"}

    cap["max_notional"] = "70000 USD"
    turns["quantity"] = "3000"
    node.write()
    code, answer = node.reload(why="more")
    assert (code, answer["taken"]) == (6, False)
    assert "risk size-cap: max_notional from 50000.00 USD to 70000.00 USD" in answer["why"]
    since = time.time_ns()
    node.until(lambda: node.sizes(since))
    assert set(node.sizes(since)) == {"2000"}, "nothing of a refused file is taken"
    code, answer = node.reload("--approve", why="more, approved")
    assert (code, answer["taken"]) == (0, True)
    since = time.time_ns()
    node.until(lambda: node.sizes(since))
    assert set(node.sizes(since)) == {"3000"}

    told = [(one["who"], one["why"], one["approved"], one["answer"]["taken"]) for one in node.told()]
    assert told == [
        ("anna", "a test", False, False),
        ("anna", "smaller", False, True),
        ("anna", "more", False, False),
        ("anna", "more, approved", True, True),
    ]
    assert good != node.path.read_text()
    assert node.call("stop", node.path).returncode == 0
    compared = node.call("parity", node.path)
    assert "why: reload" in compared.stdout


@pytest.mark.slow
def test_what_a_node_cannot_take_leaves_it_as_it_was(node):
    good = node.path.read_text()
    twice, unknown = good.replace('"seed"', '"seed": 1, "seed"'), good.replace("turns", "x")
    for text in (good[: len(good) // 2], "", "strategies: [", twice, unknown):
        node.path.write_text(text)
        done = node.call("reload", node.path, "--why", "x")
        assert done.returncode in {2, 3, 4}
        assert "Traceback" not in done.stderr
        node.process.send_signal(signal.SIGHUP)
    node.until(node.told)
    assert {one["who"] for one in node.told()} == {"SIGHUP"}
    assert not any(one["answer"]["taken"] for one in node.told())

    node.path.write_text(good)
    for change, words in (
        (lambda: node.said.update(seed=5), "this needs a restart: seed"),
        (lambda: node.said["strategies"].pop(0), "this needs a restart: strategy vwap-eurusd"),
        (lambda: node.said["risk"].pop(0), "this needs a restart: risk size-cap"),
        (lambda: node.said["venues"][0]["config"].update(leverage="20"), "restart: venue SIM: leverage"),
        (
            lambda: node.said["strategies"][0]["config"].update(atr_period=9),
            "`atr_period` cannot change while it runs (14 -> 9)",
        ),
        (lambda: node.said["risk"][0].update(strategies=["turns"]), "this needs a restart: risk size-cap"),
        (lambda: node.said["guard"].update(patience=None), "this needs a restart: guard: patience"),
        (lambda: node.said["guard"].update(patience=4), "is not approved: guard: patience from 2.0 to 4.0"),
        (
            lambda: node.said["risk"][1]["config"].update(max_orders=50),
            "not approved: risk runaway: max_orders",
        ),
        (lambda: node.said["strategies"][1]["config"].update(quantity="666"), "ValueError: not that one"),
        (lambda: node.said["strategies"][1]["config"].update(quantity="7", hangs=True), "HandlerHung"),
    ):
        node.said = settings()
        change()
        node.write()
        code, answer = node.reload()
        assert (code, answer["taken"]) == (6, False), words
        assert words in answer["why"]
    since = time.time_ns()
    node.until(lambda: node.sizes(since))
    assert set(node.sizes(since)) == {"1000"}

    node.said = settings()
    node.said["strategies"][0]["config"]["entry_band"] = 3.0
    node.said["strategies"][1]["config"]["quantity"] = "4000"
    node.said["guard"]["patience"] = 1
    node.write()
    node.process.send_signal(signal.SIGHUP)
    node.until(lambda: node.told()[-1]["answer"]["taken"])
    since = time.time_ns()
    node.until(lambda: node.sizes(since))
    assert set(node.sizes(since)) == {"4000"}


def test_nothing_is_reloaded_where_nothing_runs(tmp_path, environment):
    node = Node(tmp_path, environment)
    done = node.call("reload", node.path, "--why", "x")
    assert done.returncode == 6
    assert "no node runs here" in done.stderr
