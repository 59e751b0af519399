"""Nodes and exchanges for fault tests, and the seeds: `pytest tests/faults --seeds 50`, `--seed 7`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework import plugins
from framework.drill import Terms, check, held_in, process
from framework.drill.exchange import Exchange
from framework.drill.proxy import Proxy

EVERYDAY, MANY, BATCH = 1, 200, 10
PATIENCE = 40.0
UNHURRIED = {"timeout": "2s", "window": "4s"}
"""So long a busy machine may keep the exchange from answering before it is a fault."""
WINDOW_NS = 4_000_000_000
VENUE = "SIM"
EURUSD = "EUR/USD.SIM"
DRIVEN = Path(__file__).with_name("driven.py")


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption("--seeds", type=int, default=None, help="run storms of this many seeds")
    group.addoption("--seed", type=int, default=None, help="run the storm of this seed alone")


def pytest_generate_tests(metafunc):
    seeds, seed = (metafunc.config.getoption(name, None) for name in ("--seeds", "--seed"))
    asked = [seed] if seed is not None else range(seeds) if seeds is not None else None
    if "storm_seed" in metafunc.fixturenames:
        metafunc.parametrize("storm_seed", range(EVERYDAY) if asked is None else asked)
    if "storm_batch" in metafunc.fixturenames:
        many = range(EVERYDAY, MANY) if asked is None else ()
        batches = [many[first : first + BATCH] for first in range(0, len(many), BATCH)]
        metafunc.parametrize("storm_batch", batches, ids=lambda batch: f"{batch[0]}-{batch[-1]}")


def wait_until(fact, what, seconds=PATIENCE):
    """The first true value of a fact; the test fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = fact()
        if found:
            return found
        time.sleep(0.01)
    pytest.fail(f"not within {seconds:.0f} s: {what() if callable(what) else what}")


class Market(Exchange):
    """A running exchange, with the words that tests use."""

    def quote(self, bid="1.10000", ask="1.10002", size="100000", **more):
        body = {"symbol": "EUR/USD", "bid": bid, "ask": ask, "bid_size": size, "ask_size": size}
        return self.control("POST", "/quote", body | more)

    def fault(self, kind, **more):
        return self.control("POST", "/faults", {"kind": kind, **more})

    def trade(self, side, quantity):
        return self.control("POST", "/trade", {"symbol": "EUR/USD", "side": side, "quantity": str(quantity)})

    def conditions(self, **now):
        return self.control("POST", "/conditions", now)

    def orders(self, status=None):
        return [order for order in self.truth()["orders"] if status in (None, order["status"])]

    def order(self, name):
        return next(order for order in self.orders() if order["client_order_id"] == name)

    def position(self):
        return {row["symbol"]: row["quantity"] for row in self.truth()["positions"]}.get("EUR/USD", "0")

    def arrivals(self, name):
        return self.truth()["ids"].get(name, {"arrivals": 0})["arrivals"]


class Node:
    """The folder of a live node, and the processes run in it."""

    def __init__(self, folder, market, *, port=None, strategies=("one",), venue=None, **changes):
        self.folder, self.market, self.process = folder, market, None
        self.names = list(strategies)
        self.plugin = folder / "plugin"
        info = self.plugin / "driven-1.0.dist-info"
        info.mkdir(parents=True)
        shutil.copy(DRIVEN, self.plugin / "driven.py")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: driven\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[framework]\ndriven = driven\n")
        self.simulator = simulator()
        self.environment = dict(self.simulator.environment) | {"DRIVEN": str(folder)}
        settings = (
            dict(self.simulator.settings(port or market.port)) | {"maker": "0", "taker": "0"} | UNHURRIED
        )
        self.file = folder / "node.yaml"
        self.said = {
            "mode": "live",
            "name": folder.name,
            "catalog": ".",
            "venues": [{"name": VENUE, "use": "simexchange", "config": settings | (venue or {})}],
            "data": [{"quotes": EURUSD}],
            "strategies": [
                {"id": name, "use": "driven", "config": {"instrument_id": EURUSD, "name": name}}
                for name in self.names
            ],
            "guard": {"patience": 30},
            "report": {"html": False},
            **changes,
        }
        self.write()

    def write(self, **changes):
        self.said |= changes
        self.file.write_text(json.dumps(self.said))

    # the process

    def start(self, wait=True):
        before = {name: len(self.heard(name, "started")) for name in self.names}
        self.began = time.monotonic()
        self.process = process.start(self.file, self.folder / "node.log", self.environment, self.plugin)
        if wait:
            wait_until(
                lambda: (
                    not self.process.is_alive()
                    or all(len(self.heard(name, "started")) > before[name] for name in self.names)
                ),
                self.log,
            )
            assert self.process.is_alive(), self.log()
            wait_until(lambda: self.heard(self.names[0], "quote"), self.log)
        return self

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()
        self.process.join()

    def stop(self):
        self.signal(signal.SIGTERM)
        self.process.join(PATIENCE)
        return self.process.exitcode

    def ended(self, seconds=PATIENCE):
        """The exit code of a node that ends by itself."""
        self.process.join(seconds)
        assert not self.process.is_alive(), self.log()
        return self.process.exitcode

    def close(self):
        if self.process is not None and self.process.is_alive():
            self.kill()

    def log(self):
        file = self.folder / "node.log"
        return file.read_text(errors="replace")[-5000:] if file.exists() else ""

    def framework(self, *arguments, timeout=60):
        """The command line, for what an operator does."""
        environment = os.environ | self.environment | {"PYTHONPATH": str(self.plugin)}
        command = [sys.executable, "-m", "framework", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    # the strategies

    def do(self, what, strategy="one", **fields):
        with (self.folder / f"{strategy}.do").open("a") as lines:
            lines.write(json.dumps({"do": what, **fields}) + "\n")

    def heard(self, strategy="one", said=None, **fields):
        file = self.folder / f"{strategy}.heard"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [
            one
            for one in found
            if said in (None, one["said"]) and all(one.get(key) == value for key, value in fields.items())
        ]

    def wait(self, said, strategy="one", seconds=PATIENCE, **fields):
        return wait_until(
            lambda: self.heard(strategy, said, **fields),
            lambda: f"{said} {fields}: {self.heard(strategy)[-12:]}\n{self.log()}",
            seconds,
        )[-1]

    def started(self, strategy="one"):
        """What the strategy found when it last started."""
        return self.heard(strategy, "started")[-1]

    # what is written down

    @property
    def state(self):
        return self.folder / "state"

    @property
    def journal(self):
        return self.state / "journal.db"

    def rows(self, *kinds, **wanted):
        from framework.journal import read

        return list(read(self.journal, kinds=kinds, **wanted)) if self.journal.exists() else []

    def intents(self, action="submit"):
        return [row for row in self.rows("intent") if row.fields()["action"] == action]

    def heartbeat(self):
        try:
            return json.loads((self.state / "heartbeat.json").read_text())
        except (OSError, ValueError):
            return {}

    def breaches(self, **terms):
        record = self.market.record(VENUE)
        held = held_in(self.state / "latch")
        promised = {"held": held, "late_ns": WINDOW_NS, **terms}
        return check([self.journal], record, Terms(venue=VENUE, **promised))

    def holds(self, seconds=20, **terms):
        """Wait until every invariant holds."""
        deadline = time.monotonic() + seconds
        while found := self.breaches(**terms):
            if time.monotonic() > deadline:
                pytest.fail("\n".join(map(str, found[:8])) + "\n" + self.log())
            time.sleep(0.1)


def simulator():
    return plugins.load().find("venue", "simexchange").spec.simulator


@pytest.fixture
def until():
    """Waits for a fact."""
    return wait_until


@pytest.fixture
def market_with(tmp_path):
    """Starts exchanges that stand still at 1.10000 to 1.10002."""
    started = []

    def start(*options):
        number = len(started)
        state = tmp_path / f"exchange-{number}.db"
        given = [
            f"--state={state}",
            "--paused",
            "--heartbeat=0.3",
            "--rate=100000",
            "--burst=100000",
            *options,
        ]
        started.append(Market(simulator(), given, tmp_path / f"exchange-{number}.log"))
        started[-1].quote()
        return started[-1]

    yield start
    for market in started:
        try:
            market.kill()
        except ProcessLookupError:
            continue


@pytest.fixture
def market(market_with):
    return market_with()


@pytest.fixture
def network(market):
    """A bad network in front of the exchange."""
    with Proxy(market.port) as proxy:
        yield proxy


@pytest.fixture
def node_on(tmp_path):
    """Makes the folders of nodes; `start()` runs one."""
    made = []

    def make(market, folder="node", **changes):
        (tmp_path / folder).mkdir()
        made.append(Node(tmp_path / folder, market, **changes))
        return made[-1]

    yield make
    for node in made:
        node.close()
