"""A strategy that trades, and misbehaves on request, as a plugin that workers can import; a market for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
import yaml

from framework import config, plugins
from framework.testkit.market import simulate

PLUGIN = '''
from __future__ import annotations

import os
import signal
import sys
import time

from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl


class SweptConfig(PluginConfig, frozen=True, kw_only=True):
    """When to turn round, and how to fail."""

    bar_type: BarType
    quantity: Quantity
    every: int = 5
    last: int = 1_000_000
    fault: str = "none"

    def __post_init__(self):
        if self.every > self.last:
            raise ValueError("`every` is above last; take a smaller one")


class Swept(Strategy):
    """Buys and sells in turn, every so many bars."""

    def __init__(self, config):
        super().__init__(config)
        self.count = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.count += 1
        if self.count == 50:
            name, _, place = self.config.fault.partition(":")
            FAULTS[name](*filter(None, [place]))
        if self.count % self.config.every == 0:
            side = OrderSide.BUY if self.count // self.config.every % 2 else OrderSide.SELL
            order = self.order_factory.market(self.config.bar_type.instrument_id, side, self.config.quantity)
            self.submit_order(order)


def _raise():
    raise KeyError("planted")


def _hog():
    HELD.append(bytearray(os.urandom(1)) * (600 * 1024 * 1024))
    time.sleep(0.8)


def _once(place):
    if not os.path.exists(place):
        open(place, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


def _gate(place):
    """The first goes through; the others wait until it is open."""
    try:
        os.close(os.open(place + ".first", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        while not os.path.exists(place):
            time.sleep(0.02)


HELD = []
FAULTS = {
    "none": lambda: None,
    "raise": _raise,
    "exit": lambda: sys.exit(3),
    "hard_exit": lambda: os._exit(4),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hog": _hog,
    "once": _once,
    "gate": _gate,
    "hang": lambda: time.sleep(600),
}


@hookimpl
def register_strategies():
    return [StrategySpec(name="swept", strategy=Swept, config=SweptConfig)]
'''


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder of installed packages with the plugin in it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "swept_plugin.py").write_text(textwrap.dedent(PLUGIN))
    info = folder / "swept_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: swept-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nswept = swept_plugin\n")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def desk(site, tmp_path_factory):
    """A node.yaml that runs the plugin on a simulated market, loaded, with the plugins."""
    folder = tmp_path_factory.mktemp("desk")
    market = simulate(folder / "catalog", ["EURUSD"], step="1-HOUR", length=600, seed=5)
    bars = str(market.bar_types[0])
    node = {
        "catalog": "catalog",
        "seed": 3,
        "venues": [
            {
                "name": "SIM",
                "use": "simulated",
                "config": {
                    "account_type": "margin",
                    "balances": ["1000000 USD"],
                    "fees": {"model": "maker_taker", "maker": "0.00002", "taker": "0.00002"},
                },
            }
        ],
        "data": [{"bars": bars}],
        "strategies": [
            {"id": "turn", "use": "swept", "config": {"bar_type": bars, "quantity": "1000", "every": 5}}
        ],
        "risk": [{"use": "order_limits", "config": {"max_quantity": "5000"}}],
        "log": {"level": "off"},
    }
    file = folder / "node.yaml"
    file.write_text(yaml.safe_dump(node))
    return SimpleNamespace(
        folder=folder, file=file, market=market, loaded=config.load(file), plugins=plugins.load(), site=site
    )


@pytest.fixture
def start(desk, tmp_path):
    """Starts `framework sweep` in a process group of its own, where Ctrl-C works as in a terminal."""
    started = []

    def begin(*arguments, out="rows.csv"):
        command = [sys.executable, "-c", "from framework.cli import main; main()", "sweep", str(desk.file)]
        command += [*arguments, "--out", str(tmp_path / out)]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(desk.site)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        process.stderr.close()
