"""`framework node watch`: a node that dies, hangs or is stopped is noticed from outside, and restarted."""

import http.server
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[2]
QUICK = 15.0
"""Seconds within which trouble is told: three of silence, and what a busy machine needs besides. The three
are held by a clock of its own in tests/unit/test_watchdog.py."""
STUCK = """
import itertools

from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class StuckConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Stuck(Strategy):
    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        sum(itertools.repeat(0, 10**15))  # C that looks at no signal and lets no thread run


@hookimpl
def register_strategies():
    yield StrategySpec(name="stuck", strategy=Stuck, config=StuckConfig)
"""


@pytest.fixture
def environment(tmp_path):
    folder = tmp_path / "plugin"
    info = folder / "stuck-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "stuck_strategy.py").write_text(STUCK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nstuck = stuck_strategy\n")
    return os.environ | {"PYTHONPATH": str(folder)}


@pytest.fixture
def start(environment, tmp_path):
    """Starts the command line, and ends whatever it started."""
    running = []

    def call(*arguments, **extra):
        with (tmp_path / f"log-{len(running)}").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "framework", *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment | extra,
            )
        running.append(process)
        return process

    yield call
    for process in running:
        process.kill()
        process.communicate()
    for file in tmp_path.glob("state/heartbeat.json"):  # one that the watchdog started
        pid = json.loads(file.read_text())["pid"]
        if pid not in [process.pid for process in running] and alive(pid):
            os.kill(pid, signal.SIGKILL)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().find(b"framework") >= 0
    except OSError:
        return False


def written(tmp_path, strategies=None, **more):
    node = yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())
    node |= {"catalog": str(ROOT / "catalog" / "sample")} | more
    node["strategies"] = [*(strategies or []), *node["strategies"]]
    path = tmp_path / "node.yaml"
    path.write_text(json.dumps(node))
    return path


class Said:
    """The lines a watchdog prints, with the moment of each."""

    def __init__(self, process):
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self.lines.put((time.monotonic(), json.loads(line)))

    def next(self, kind, patience=40):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                at, alert = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                break
            self.seen.append(alert)
            if alert["kind"] == kind:
                return at, alert
        raise AssertionError(f"no {kind}; there was {self.seen}")


def beat(node):
    try:
        return json.loads((node.parent / "state" / "heartbeat.json").read_text())
    except FileNotFoundError:
        return {}


def until(true, patience=60):
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        self.server.pinged.put(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.pinged = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_node_that_hangs_or_dies_is_told_within_seconds_in_every_way(start, hook, tmp_path):
    node = written(tmp_path, paper={"speed": 36_000})
    trading = start("node", "run", node, "--mode", "paper", "--quiet")
    address = f"http://127.0.0.1:{hook.server_port}/hook?password=CANARY"
    got = tmp_path / "got by command"
    script = tmp_path / "take.py"
    script.write_text(f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read() + chr(10))")
    ways = ["--alerts", tmp_path / "alerts.jsonl", "--command", "env:RUN", "--webhook", "env:HOOK"]
    until(lambda: beat(node).get("state") == "running")
    watching = start(
        *["node", "watch", node, "--json", *ways, "--ping", "env:HOOK"],
        HOOK=address,
        RUN=f"{sys.executable} '{script}'",
    )
    said = Said(watching)
    assert hook.pinged.get(timeout=30) == "/hook?password=CANARY"

    hung = time.monotonic()
    trading.send_signal(signal.SIGSTOP)
    at, alert = said.next("silent")
    while at < hung:  # the machine starved the node before
        at, alert = said.next("silent")
    assert at - hung <= QUICK
    assert alert["node"] == tmp_path.name
    trading.send_signal(signal.SIGCONT)
    said.next("running")

    died = time.monotonic()
    trading.send_signal(signal.SIGKILL)
    at, alert = said.next("gone")
    assert at - died <= QUICK
    assert str(trading.pid) in alert["what"]

    watching.send_signal(signal.SIGTERM)
    assert watching.wait(20) == 0
    told = [(one["kind"], one["ts"]) for one in said.seen]
    kinds = [kind for kind, _ in told]
    assert kinds[-3:] == ["silent", "running", "gone"], (
        kinds
    )  # before them, when the node was starved, the same
    for text in ((tmp_path / "alerts.jsonl").read_text(), got.read_text()):
        lines = [json.loads(line) for line in text.splitlines()]
        assert [(one["kind"], one["ts"]) for one in lines] == told
    posted = [hook.got.get(timeout=10) for _ in told]
    assert [(one["kind"], one["ts"]) for one in posted] == told
    assert "CANARY" not in "".join(file.read_text() for file in tmp_path.glob("log-*"))


def test_a_node_that_dies_is_started_again_and_one_that_was_stopped_is_not(start, tmp_path):
    node = written(tmp_path, paper={"speed": 36_000})
    trading = start("node", "run", node, "--mode", "paper", "--quiet")
    until(lambda: beat(node).get("state") == "running")
    watching = start("node", "watch", node, "--json", "--restarts", "3")
    said = Said(watching)
    time.sleep(0.5)
    trading.send_signal(signal.SIGKILL)
    said.next("gone")
    said.next("restarted")
    said.next("running", 60)
    again = beat(node)
    assert again["pid"] != trading.pid
    assert again["command"][1:] == ["-m", "framework", "node", "run", str(node), "--mode", "paper", "--quiet"]
    stopped = start("node", "stop", node)
    assert stopped.wait(60) == 0
    said.next("stopped")
    time.sleep(2)
    watching.send_signal(signal.SIGTERM)
    assert watching.wait(20) == 0
    assert beat(node)["pid"] == again["pid"]


@pytest.mark.slow
def test_a_strategy_stuck_in_c_is_disabled_from_outside_and_the_others_trade_after_a_restart(start, tmp_path):
    bars = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
    stuck = {"id": "stuck", "use": "stuck", "config": {"bar_type": bars}}
    span = {"start": "2017-01-02", "end": "2017-02-10"}
    node = written(tmp_path, [stuck], **span)
    start("node", "run", node, "--mode", "paper", "--speed", "max", "--quiet")
    watching = start("node", "watch", node, "--json", "--restarts", "2")
    said = Said(watching)
    _, silent = said.next("silent", 60)
    assert "it is in strategy stuck" in silent["what"]
    said.next("restarted")
    _, disabled = said.next("disabled")
    assert "did not come back" in disabled["what"]
    said.next("stopped", 90)
    assert beat(node)["reason"] == "the replay ended"
    report = tmp_path / "reports" / "latest"
    until(report.exists)  # it is written after the node has said that it stopped
    fills = pd.read_parquet(report / "fills.parquet")
    assert len(fills) > 20
    assert set(fills["strategy_id"]) == {"vwap-eurusd"}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--webhook", "https://hooks.example/CANARY", "never written"),
        ("--webhook", "env:NOT_SET", "not set"),
        ("--webhook", "env:WRONG", "holds no address"),
        ("--command", "env:QUOTE", "is no command"),
    ],
)
def test_where_alerts_go_is_checked_before_anything_is_watched(start, tmp_path, option, value, message):
    process = start("node", "watch", written(tmp_path), option, value, WRONG="ftp://CANARY", QUOTE="'CANARY")
    assert process.wait(60) == 2
    said = (tmp_path / "log-0").read_text()
    assert message in said
    assert "CANARY" not in said
