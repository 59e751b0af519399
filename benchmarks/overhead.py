"""What the framework costs: the same strategy through it and wired by hand on the raw engine.

    python -m benchmarks.overhead [--quick] [--json] [--rounds N]

One process, the two in turn, as many rounds as asked. Both read the same catalog in the same chunks, both
run the same strategy class, and both produce the engine's orders, fills and positions as tables; fills must
be equal in number and in price, or the row is void. The framework also hashes the files, guards every
handler, passes every order through the gate, takes the equity curve, draws the chart's prices and hashes
the result.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from nautilus_trader.backtest import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestNode,
    BacktestRunConfig,
    BacktestVenueConfig,
)
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    Bar,
    BarType,
    InstrumentId,
    NautilusDataType,
    OrderSide,
    Price,
    Quantity,
    QuoteTick,
    Venue,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.testkit.providers import TestInstrumentProvider
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec, StrategySpec, VenueSpec
from framework.catalog.streams import adopt
from framework.engine import backtest
from framework.testkit.nodes import plan_node

INSTRUMENT = InstrumentId.from_str("EUR/USD.SIM")
BAR_TYPE = BarType.from_str("EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL")
MINUTE = 60_000_000_000
START = 1_500_000_000_000_000_000
CHUNK = backtest.CHUNK


class CrossConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Cross(Strategy):
    """Long above, short below: EMA(10) against EMA(30), always in the market, its own position known."""

    def __init__(self, config):
        super().__init__(config)
        self.fast, self.slow = ExponentialMovingAverage(10), ExponentialMovingAverage(30)
        self.held = 0
        self.one, self.two = Quantity.from_str("10000"), Quantity.from_str("20000")

    def on_start(self):
        self.register_indicator_for_bars(self.config.bar_type, self.fast)
        self.register_indicator_for_bars(self.config.bar_type, self.slow)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        wanted = 1 if self.fast.value > self.slow.value else -1
        if wanted != self.held:
            side = OrderSide.BUY if wanted > 0 else OrderSide.SELL
            size = self.two if self.held else self.one
            self.submit_order(self.order_factory.market(INSTRUMENT, side, size))
            self.held = wanted


class EveryThousandth(Strategy):
    """Handles every quote and trades on each thousandth."""

    def __init__(self, config):
        super().__init__(config)
        self.seen, self.size = 0, Quantity.from_str("10000")

    def on_start(self):
        self.subscribe_quotes(self.config.bar_type.instrument_id)

    def on_quote(self, quote):
        self.seen += 1
        if self.seen % 1000 == 0:
            side = OrderSide.BUY if self.seen % 2000 else OrderSide.SELL
            self.submit_order(self.order_factory.market(INSTRUMENT, side, self.size))


class Empty(PluginConfig, frozen=True, kw_only=True):
    pass


class Cap(RiskRule):
    """One comparison an order: what the gate costs with a rule in it."""

    def check(self, proposal):
        return APPROVE if proposal.quantity.as_decimal() <= 1_000_000 else Deny("too large")


def venue(name, config=None, seed=0):
    del config, seed
    return BacktestVenueConfig(
        name=name,
        oms_type="NETTING",
        account_type="MARGIN",
        starting_balances=["1000000 USD"],
        default_leverage=Decimal(20),
        fee_model=MakerTakerFeeModel(Decimal("0.00002"), Decimal("0.00002")),
    )


def write_catalog(folder, bars, quotes):
    """A seeded random walk, in ticks, as minute bars and as quotes a second apart."""
    draw = random.Random(20)
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([TestInstrumentProvider.default_fx_ccy("EUR/USD", Venue("SIM"))])

    def price(ticks):
        return Price.from_mantissa_exponent(ticks, -5, 5)

    volume, last, rows = Quantity.from_str("10000000"), 110_000, []
    for number in range(bars):
        opened, last = last, max(50_000, last + draw.randint(-30, 30))
        high, low = max(opened, last) + draw.randint(0, 10), min(opened, last) - draw.randint(0, 10)
        stamp = START + (number + 1) * MINUTE
        rows.append(Bar(BAR_TYPE, price(opened), price(high), price(low), price(last), volume, stamp, stamp))
    catalog.write_bars(rows)
    last, rows = 110_000, []
    for number in range(quotes):
        last = max(50_000, last + draw.randint(-2, 2))
        stamp = START + (number + 1) * 1_000_000_000
        rows.append(QuoteTick(INSTRUMENT, price(last), price(last + 1), volume, volume, stamp, stamp))
    catalog.write_quote_ticks(rows)
    adopt(folder, stamp="close")


def by_hand(folder, kind, strategy):
    data = BacktestDataConfig(
        NautilusDataType.Bar if kind == "bars" else NautilusDataType.QuoteTick,
        str(folder),
        instrument_ids=[INSTRUMENT],
        bar_types=[str(BAR_TYPE)] if kind == "bars" else None,
    )
    config = BacktestRunConfig(
        venues=[venue("SIM")],
        data=[data],
        engine=BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)),
        id="run",
        chunk_size=CHUNK,
        raise_exception=True,
        dispose_on_completion=False,
    )
    node = BacktestNode([config])
    node.build()
    node.add_strategy("run", strategy(CrossConfig(bar_type=BAR_TYPE)))
    began = time.perf_counter()
    node.run()
    ran = time.perf_counter() - began
    node.generate_orders_report("run")
    fills = node.generate_fills_report("run")
    node.generate_positions_report("run")
    node.dispose()
    return ran, fills


def through_the_framework(plan):
    result = backtest.run(plan)
    return result.elapsed, result.fills


def plan_of(folder, kind, strategy, *, rule):
    specs = [
        StrategySpec(name="subject", strategy=strategy, config=CrossConfig),
        VenueSpec(name="bench", config=Empty, backtest=venue),
        RiskSpec(name="cap", rule=Cap, config=Empty),
    ]
    bar_type = str(BAR_TYPE) if kind == "bars" else f"{INSTRUMENT}-1-DAY-MID-INTERNAL"
    return plan_node(
        {
            "catalog": str(folder),
            "venues": [{"name": "SIM", "use": "bench"}],
            "data": [{"bars": str(BAR_TYPE)} if kind == "bars" else {"quotes": str(INSTRUMENT)}],
            "strategies": [{"id": "subject", "use": "subject", "config": {"bar_type": bar_type}}],
            "risk": [{"use": "cap"}] if rule else [],
            "log": {"level": "off"},
        },
        specs=specs,
    )


def measure(folder, kind, strategy, rounds):
    """Seconds of every round: whole calls and the engine's own run, for each contender."""
    plain = plan_of(folder, kind, strategy, rule=False)
    ruled = plan_of(folder, kind, strategy, rule=True)
    contenders = {
        "raw": lambda: by_hand(folder, kind, strategy),
        "framework": lambda: through_the_framework(plain),
        "framework + rule": lambda: through_the_framework(ruled),
    }
    whole = {name: [] for name in contenders}
    engine = {name: [] for name in contenders}
    prices = {}
    for turn in range(rounds + 1):  # the first warms caches and does not count
        for name, contender in contenders.items():
            gc.collect()
            began = time.perf_counter()
            ran, fills = contender()
            if turn:
                whole[name].append(time.perf_counter() - began)
                engine[name].append(ran)
            prices[name] = [str(price) for price in fills.sort_values("ts_event")["last_px"]]
    if len({tuple(found) for found in prices.values()}) != 1:
        sys.exit(f"void: the contenders did not fill alike: { {name: len(p) for name, p in prices.items()} }")
    return {"fills": len(prices["raw"]), "whole": whole, "engine": engine}


def ratio(times, name):
    """The median of the rounds' own ratios: neighbours in time share the machine's mood."""
    return statistics.median(ours / raw for ours, raw in zip(times[name], times["raw"], strict=True))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="a tenth of the data, three rounds")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    bars, quotes = (50_000, 100_000) if asked.quick else (500_000, 1_000_000)
    rounds = min(asked.rounds, 3) if asked.quick else asked.rounds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_catalog(Path(folder), bars, quotes)
        for kind, count, strategy in (("bars", bars, Cross), ("quotes", quotes, EveryThousandth)):
            measured = measure(Path(folder), kind, strategy, rounds)
            rows.extend(
                {
                    "data": f"{count} {kind}",
                    "fills": measured["fills"],
                    "contender": name,
                    "raw_seconds": round(statistics.median(measured["whole"]["raw"]), 3),
                    "seconds": round(statistics.median(measured["whole"][name]), 3),
                    "ratio": round(ratio(measured["whole"], name), 3),
                    "engine_ratio": round(ratio(measured["engine"], name), 3),
                }
                for name in ("framework", "framework + rule")
            )
    if asked.json:
        print(json.dumps({"python": platform.python_version(), "rounds": rounds, "rows": rows}, indent=2))
        return
    print(
        f"{'data':>16} {'fills':>7} {'contender':>17} {'raw s':>7} {'ours s':>7} {'ratio':>6} {'engine':>7}"
    )
    for row in rows:
        print(
            f"{row['data']:>16} {row['fills']:>7} {row['contender']:>17} {row['raw_seconds']:>7.3f} "
            f"{row['seconds']:>7.3f} {row['ratio']:>6.3f} {row['engine_ratio']:>7.3f}"
        )


if __name__ == "__main__":
    main()
