"""Two roads to the same trades: the plugin on the raw engine, and a ledger written by an independent loop."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import framework_simulated
import msgspec
import pandas as pd
import pytest
from nautilus_trader.backtest import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestNode,
    BacktestRunConfig,
)
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import BarType, NautilusDataType
from nautilus_trader.persistence import ParquetDataCatalog

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample"
EURUSD = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
TICK = Decimal("0.00001")


@dataclass(frozen=True)
class Trade:
    """A round trip: when, which way, how much, at what prices and for what profit."""

    opened: int
    closed: int
    side: int
    quantity: Decimal
    entry: Decimal
    exit: Decimal
    profit: Decimal


def _decoded(plain, kind):
    return msgspec.convert(plain, kind, dec_hook=lambda target, text: target.from_str(text))


class Market:
    """A frame of bars and what an independent loop needs to trade on it.

    Columns: `ts` of the close, exact decimal prices, and `high_f`, `low_f`, `close_f` as floats.
    """

    tick = TICK

    def __init__(self, frame):
        self.frame = frame

    def trade(self, since, until, *, side, quantity, entry, leave):
        """A round trip between two rows; profit is in quote currency, to the cent."""
        profit = (side * quantity * (leave - entry)).quantize(Decimal("0.01"))
        opened, closed = (int(self.frame["ts"].iloc[row]) for row in (since, until))
        return Trade(opened, closed, side, quantity, entry, leave, profit)

    def outward(self, start, distance):
        """The first tick at least `distance` from `start`, in its direction."""
        rounding = ROUND_CEILING if distance > 0 else ROUND_FLOOR
        return TICK * ((start + Decimal(str(distance))) / TICK).to_integral_value(rounding)

    def wilder(self, period):
        """Average true range as Wilder published it: a simple mean, then (n - 1) parts old and one new."""
        frame = self.frame
        before = frame["close_f"].shift(1)
        spread = pd.concat(
            [
                frame["high_f"] - frame["low_f"],
                (frame["high_f"] - before).abs(),
                (frame["low_f"] - before).abs(),
            ],
            axis=1,
        ).max(axis=1)
        values = [float("nan")] * len(frame)
        for i, true_range in enumerate(spread):
            if i == period - 1:
                values[i] = spread[:period].mean()
            elif i >= period:
                values[i] = (values[i - 1] * (period - 1) + true_range) / period
        return values


@pytest.fixture(scope="session")
def market():
    """The EUR/USD hours the repository ships."""
    if not SAMPLE.exists():
        pytest.skip("catalog/sample is not in this checkout")
    rows = [
        {
            "ts": bar.ts_event,
            "open": bar.open.as_decimal(),
            "high": bar.high.as_decimal(),
            "low": bar.low.as_decimal(),
            "close": bar.close.as_decimal(),
            "volume": float(bar.volume),
        }
        for bar in ParquetDataCatalog(str(SAMPLE)).query_bars([EURUSD])
    ]
    frame = pd.DataFrame(rows)
    for name in ("high", "low", "close"):
        frame[f"{name}_f"] = frame[name].astype(float)
    return Market(frame)


@pytest.fixture
def engine_trades():
    """Run a plugin's strategy on the sample and read its round trips from the engine's positions."""

    def run(spec, settings, *, fills="default", prob_slippage=0.0):
        venue = next(iter(framework_simulated.register_venues()))
        account = {
            "account_type": "margin",
            "balances": ["1000000 USD"],
            "leverage": "30",
            "fees": {"model": "none"},
            "fills": {"model": fills, "prob_slippage": prob_slippage},
        }
        config = BacktestRunConfig(
            venues=[venue.backtest("SIM", _decoded(account, venue.config), 1)],
            data=[
                BacktestDataConfig(
                    NautilusDataType.Bar,
                    str(SAMPLE),
                    instrument_ids=[BarType.from_str(EURUSD).instrument_id],
                    bar_types=[EURUSD],
                )
            ],
            engine=BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)),
            id="run",
            dispose_on_completion=False,
            raise_exception=True,
        )
        node = BacktestNode([config])
        node.build()
        node.add_strategy("run", spec.strategy(_decoded({"bar_types": [EURUSD], **settings}, spec.config)))
        node.run()
        report = node.generate_positions_report("run").sort_values("ts_opened")
        return [
            Trade(
                opened=int(row.ts_init),
                closed=int(pd.Timestamp(row.ts_closed).value),
                side=1 if str(row.entry) == "BUY" else -1,
                quantity=Decimal(str(row.peak_qty)),
                entry=Decimal(str(row.avg_px_open)),
                exit=Decimal(str(row.avg_px_close)),
                profit=Decimal(str(row.realized_pnl).split()[0]),
            )
            for row in report.itertuples()
        ]

    return run
