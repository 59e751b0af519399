"""The quickstart's strategy live on the simulator, and in a backtest on the same bars: the same orders."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

BARS = 300
BAR_TYPE = "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"
VENUE = {
    "balances": ["10000 USDT"],
    "instruments": ["BTCUSDT-PERP.BINANCE"],
    "leverage": 10,
    "maker": "0.0002",
    "taker": "0.0005",
}
STRATEGY = {
    "bar_types": [BAR_TYPE],
    "quantity": "0.010",
    "mode": "fade",
    "entry_band": 1.0,
    "warmup_bars": 10,
    "atr_period": 5,
    "stop_atr": 1.0,
    "target_atr": 1.0,
    "exits": "after_fill",
    "close_on_stop": False,
}


def bars(seed):
    """Minutes of a walk in whole ticks of 0.10, with volume."""
    draw = random.Random(seed)
    ticks, at = 600_000, datetime(2024, 3, 4, 9, tzinfo=UTC)
    for number in range(BARS):
        steps = [ticks]
        for _ in range(12):
            steps.append(steps[-1] + draw.randint(-60, 60))
        ticks = steps[-1]
        prices = [steps[0], max(steps), min(steps), steps[-1]]
        texts = [f"{price // 10}.{price % 10}" for price in prices]
        moment = (at + timedelta(minutes=number)).strftime("%Y-%m-%d %H:%M:%S")
        yield f"{moment},{','.join(texts)},{draw.randint(400, 4000) / 100:.2f}"


@pytest.fixture
def folder(tmp_path):
    """Bars, a catalog of them, and the telling strategy as a plugin."""
    plugin = tmp_path / "plugin"
    info = plugin / "told-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("told.py"), plugin)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: told\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\ntold = told\n")
    (tmp_path / "bars.csv").write_text("time,open,high,low,close,volume\n" + "\n".join(bars(7)) + "\n")
    done = framework(
        tmp_path,
        *("data", "import", "csv", "bars.csv", "--instrument", "BTCUSDT-PERP", "--bars", "1-MINUTE-LAST"),
        *("--stamp", "open", "--timezone", "UTC", "--catalog", "catalog"),
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def environment(folder):
    keys = {"BINANCE_API_KEY": "test-key", "BINANCE_API_SECRET": "planted-secret-2718281828"}
    return os.environ | keys | {"PYTHONPATH": str(folder / "plugin"), "TOLD": str(folder / "told.txt")}


def framework(folder, *arguments):
    command = [sys.executable, "-m", "framework", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False
    )


def node_file(folder, mode, **venue):
    said = {
        "mode": mode,
        "catalog": "catalog",
        "venues": [{"name": "BINANCE", "use": "binance", "config": VENUE | venue}],
        "data": [{"bars": BAR_TYPE}],
        "strategies": [{"id": "vwap-btc", "use": "told", "config": STRATEGY}],
        "report": {"html": False},
    }
    file = folder / f"{mode}.yaml"
    file.write_text(json.dumps(said))
    return file


def sent(order):
    """An order as the strategy wanted it: type, side, size, price, trigger, and whether it only reduces."""
    prices = [str(Decimal(order[name] or 0).normalize()) for name in ("price", "trigger_price")]
    return (order["type"], order["side"], order["quantity"], *prices, order["is_reduce_only"])


def backtested(folder):
    """What a backtest sent."""
    report = folder / "report"
    done = framework(folder, "node", "run", node_file(folder, "backtest"), "--json", "--report", report)
    assert done.returncode == 0, done.stderr
    (folder / "told.txt").unlink()
    table = pq.read_table(Path(json.loads(done.stdout)["report"]) / "orders.parquet")
    return table.to_pylist()


def arrived(truth):
    """What reached the exchange, in the order it was made; a stop that triggered is one order, not two."""
    names = {"STOP_MARKET": "STOP_MARKET", "LIMIT": "LIMIT", "MARKET": "MARKET"}
    plain = [
        (o["time"], o["orderId"], (o["type"], o["side"], o["origQty"], o["price"], "0", o["reduceOnly"]))
        for o in truth["orders"]
        if o["origType"] == o["type"]
    ]
    stops = [
        (
            a["createTime"],
            a["algoId"],
            (a["orderType"], a["side"], a["quantity"], "0", a["triggerPrice"], a["reduceOnly"]),
        )
        for a in truth["algos"]
    ]
    return [
        (names[kind], side, size, str(Decimal(price).normalize()), str(Decimal(trigger).normalize()), reduces)
        for *_, (kind, side, size, price, trigger, reduces) in sorted(plain + stops)
    ]


class Stepped:
    """A live node, and a market that takes its next step when the node has settled."""

    def __init__(self, folder, sim, until):
        self.sim, self.until, self.told = sim, until, folder / "told.txt"
        file = node_file(folder, "live", url=sim.url)
        command = [sys.executable, "-m", "framework", "node", "run", str(file), "--mode", "live"]
        self.log = (folder / "node.log").open("w")
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdout=self.log, stderr=self.log
        )

    def seen(self):
        assert self.process.poll() is None, Path(self.log.name).read_text()[-4000:]
        text = self.told.read_text() if self.told.exists() else ""
        lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]  # one is being written
        return json.loads(lines[-1]) if lines else {"bars": -1, "fills": -1, "flying": -1, "quoted": False}

    def wait(self, fact, what):
        self.until(fact, lambda: f"{what} {self.seen()} {Path(self.log.name).read_text()[-3000:]}")

    def settled(self, bars):
        def now():
            seen = self.seen()
            # An order fills before the node hears that it was accepted: the fills are counted last.
            return (
                seen["bars"] >= bars
                and seen["flying"] == 0
                and seen["fills"] >= len(self.sim.truth()["fills"])
            )

        self.wait(now, bars)

    def listens(self):
        def quoted():
            self.sim.quote("60000.0", "60000.1")
            return self.seen()["quoted"]

        self.wait(quoted, "no quote was heard")

    def play(self, bars):
        self.listens()
        for number in range(bars):
            for tick in range(4):
                self.sim.control("/market", do="step", count=1)
                self.settled(number + (tick == 3))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.log.close()


@pytest.mark.slow
def test_the_orders_of_a_backtest_are_sent_live(folder, sim_with, until):
    expected = [sent(order) for order in backtested(folder)]
    assert len(expected) > 20
    sim = sim_with(f"--bars=BTCUSDT={folder / 'bars.csv'}")
    node = Stepped(folder, sim, until)
    try:
        node.play(BARS)
    finally:
        status = node.stop()
    assert status == 0
    assert Counter(arrived(sim.truth())) == Counter(expected)
    assert [order for order in arrived(sim.truth()) if order[0] == "MARKET"] == [
        order for order in expected if order[0] == "MARKET"
    ]
