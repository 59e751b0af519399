"""A live node and the simulated exchange as processes of their own, on real sockets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

KEYS = {"SIMEXCHANGE_KEY": "test-key", "SIMEXCHANGE_SECRET": "planted-secret-2718281828"}
PATIENCE = 30.0
STARTS = 90.0
"""Seconds that a node may take from a new process to its first quote."""


def wait_until(fact, what, seconds=PATIENCE):
    """The first true value of a fact; the test fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = fact()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {seconds:.0f} s: {what() if callable(what) else what}")


class Exchange:
    """A running `framework-simexchange`, steered through its control port."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "framework_simexchange.server.command", *options]
        self.process = subprocess.Popen(
            command, env=os.environ | KEYS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ports = json.loads(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.ports['port']}"
        self.quote("1.10000", "1.10002")

    def control(self, method, path, body=None):
        url = f"http://127.0.0.1:{self.ports['control_port']}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def quote(self, bid, ask, size="100000"):
        body = {"symbol": "EUR/USD", "bid": bid, "ask": ask, "bid_size": size, "ask_size": size}
        return self.control("POST", "/quote", body)

    def fault(self, kind, **more):
        return self.control("POST", "/faults", {"kind": kind, **more})

    def trade(self, side, quantity):
        return self.control("POST", "/trade", {"symbol": "EUR/USD", "side": side, "quantity": quantity})

    def truth(self):
        return self.control("GET", "/truth")

    def arrivals(self):
        """How often each client order id came to the exchange's door."""
        return {name: told["arrivals"] for name, told in self.truth()["ids"].items()}

    def open_orders(self):
        return [order for order in self.truth()["orders"] if order["status"] == "OPEN"]

    def position(self):
        return {row["symbol"]: row["quantity"] for row in self.truth()["positions"]}.get("EUR/USD", "0")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Node:
    """The folder of a live node, and the processes run in it."""

    def __init__(self, folder, exchange, *, strategies=("one",), venue=None, **changes):
        self.folder, self.exchange, self.process = folder, exchange, None
        plugin = folder / "plugin"
        info = plugin / "driven-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("driven.py"), plugin / "driven.py")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: driven\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[framework]\ndriven = driven\n")
        self.environment = os.environ | KEYS | {"PYTHONPATH": str(plugin), "DRIVEN": str(folder)}
        settings = {"balances": ["1000000 USD"], "maker": "0", "taker": "0", "lease": "1s", "timeout": "5s"}
        instrument = {"instrument_id": "EUR/USD.SIM"}
        self.file = folder / "node.yaml"
        self.say = {
            "mode": "live",
            "catalog": ".",
            "venues": [
                {
                    "name": "SIM",
                    "use": "simexchange",
                    "config": settings | {"url": exchange.url} | (venue or {}),
                }
            ],
            "data": [{"quotes": "EUR/USD.SIM"}],
            "strategies": [
                {"id": name, "use": "driven", "config": instrument | {"name": name}} for name in strategies
            ],
            "report": {"html": False},
            **changes,
        }
        self.file.write_text(json.dumps(self.say))

    def framework(self, *arguments, timeout=60):
        command = [sys.executable, "-m", "framework", *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, *arguments, wait=True):
        before = {name: len(self.heard(name, "quote")) for name in self.names}
        log = (self.folder / "node.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "framework", "node", "run", str(self.file)),
                *(arguments or ("--mode", "live")),
            ],
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        if wait:
            wait_until(
                lambda: (
                    all(len(self.heard(name, "quote")) > before[name] for name in self.names)
                    or self.process.poll() is not None
                ),
                self.log,
                STARTS,
            )
            assert self.process.poll() is None, self.log()
        return self

    @property
    def names(self):
        return [strategy["id"] for strategy in self.say["strategies"]]

    def log(self):
        return (self.folder / "node.log").read_text()[-5000:]

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
            lambda: f"{said} {fields}: {self.heard(strategy)[-10:]}\n{self.log()}",
            seconds,
        )[-1]

    def status(self):
        return json.loads(self.framework("node", "status", self.file, "--json").stdout)

    def rows(self, *kinds):
        from framework.journal import read

        path = self.folder / "state" / "journal.db"
        return list(read(path, kinds=kinds)) if path.exists() else []

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()


@pytest.fixture
def until():
    """Waits for a fact."""
    return wait_until


@pytest.fixture
def exchange_with():
    started = []

    def start(*options):
        started.append(Exchange("--paused", "--heartbeat=0.3", *options))
        return started[-1]

    yield start
    for exchange in started:
        exchange.close()


@pytest.fixture
def exchange(exchange_with):
    """An exchange whose EUR/USD is 1.10000 to 1.10002 and stands still."""
    return exchange_with()


@pytest.fixture
def node_on(tmp_path):
    """Makes the folders of nodes; `start()` runs one."""
    made = []

    def make(exchange, folder="node", **changes):
        (tmp_path / folder).mkdir(exist_ok=True)
        made.append(Node(tmp_path / folder, exchange, **changes))
        return made[-1]

    yield make
    for node in made:
        node.close()
