"""Files that a strategy's code reads when it is imported: no run sees them, and they may hold the future."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[4]
CODE = '''
"""A plugin that trades on every bar."""

from pathlib import Path

from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl

FILE = Path(__file__).parents[1] / "calls.csv"
{imports}


class PeeksConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Peeks(Strategy):
    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        side = OrderSide.BUY if bar.close > bar.open else OrderSide.SELL
        head = self.config.bar_type.instrument_id, side, Quantity.from_int(1)
        self.submit_order(self.order_factory.market(*head))


@hookimpl
def register_strategies():
    yield StrategySpec(name="peeks", strategy=Peeks, config=PeeksConfig)
'''
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


@pytest.fixture
def check(tmp_path):
    """Checks the plugin's strategy for look-ahead, as a user does; gives exit code and JSON."""
    package = tmp_path / "plugin" / "peeks"
    info = tmp_path / "plugin" / "peeks-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: peeks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\npeeks = peeks\n")
    (tmp_path / "plugin" / "calls.csv").write_text("call\n1\n0\n")
    node = tmp_path / "node.yaml"
    fees = {"model": "maker_taker", "maker": "0", "taker": "0"}
    venue = {"account_type": "margin", "balances": ["100000 USD"], "base_currency": "USD", "fees": fees}
    said = {
        "mode": "backtest",
        "catalog": str(CHECKOUT / "catalog" / "sample"),
        "end": "2017-02-01",
        "venues": [{"name": "SIM", "use": "simulated", "config": venue}],
        "data": [{"bars": BARS}],
        "strategies": [{"id": "peeks", "use": "peeks", "config": {"bar_type": BARS}}],
    }
    node.write_text(json.dumps(said))

    def run(imports, **modules):
        (package / "__init__.py").write_text(CODE.format(imports=imports))
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "framework", "check", "lookahead", str(node), "--cuts", "1", "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "plugin")},
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


@pytest.mark.parametrize(
    ("imports", "modules"),
    [
        pytest.param("import pandas\nCALLS = pandas.read_csv(FILE)", {}, id="by a library"),
        pytest.param("CALLS = FILE.read_text()", {}, id="by itself", marks=pytest.mark.slow),
        pytest.param(
            "from peeks.calls import CALLS",
            {"calls": "import peeks\nCALLS = open(peeks.FILE).read()"},
            id="by a module of its own",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_read_when_the_code_is_imported_leaves_the_answer_open(check, tmp_path, imports, modules):
    code, verdict, errors = check(imports, **modules)
    assert code == 8, errors
    assert str(tmp_path / "plugin" / "calls.csv") in verdict["reason"]


def test_what_libraries_do_for_themselves_when_they_are_imported_is_not_asked(check):
    code, verdict, errors = check(
        "import ctypes.util\nimport sqlite3\nimport pandas\nimport peeks.library",
        library="import xml.sax\nimport zoneinfo",
    )
    assert code == 0, (verdict, errors)


@pytest.mark.slow
def test_a_host_that_is_asked_when_the_code_is_imported_is_named(check):
    asks = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    pass"
    code, verdict, errors = check(asks)
    assert code == 8, errors
    assert "host ('127.0.0.1', 9)" in verdict["reason"]
