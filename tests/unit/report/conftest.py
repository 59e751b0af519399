"""One small run, worked out by hand, that the report's tests vary.

Three positions are closed (+10, -4 and +1 USD) and one is open (-0.50 USD so far). The equity falls from its
peak of 110 to 99, which is 10 %, and ends at 106.50.
"""

from __future__ import annotations

import pandas as pd
import pytest

from framework.result import Result
from framework.risk.decision import Decision

DAYS = ["2024-01-02", "2024-01-31", "2024-02-10", "2024-03-20", "2024-04-30"]
TIMES = pd.DatetimeIndex([f"{day} 10:00" for day in DAYS], tz="UTC")


def positions():
    rows = [
        ("P-1", "slow", "AAA.SIM", "BUY", "FLAT", "10", 1.0, 2.0, "10.00 USD", 0, 1),
        ("P-2", "slow", "BBB.SIM", "SELL", "FLAT", "4", 5.0, 6.0, "-4.00 USD", 1, 2),
        ("P-3", "fast", "AAA.SIM", "BUY", "FLAT", "1", 3.0, 4.0, "1.00 USD", 2, 3),
        ("P-4", "fast", "AAA.SIM", "SELL", "SHORT", "2", 4.0, None, "-0.50 USD", 3, None),
    ]
    names = ("position_id", "strategy_id", "instrument_id", "entry", "side", "peak_qty")
    names += ("avg_px_open", "avg_px_close", "realized_pnl", "opened", "closed")
    frame = pd.DataFrame(rows, columns=names)
    frame["ts_opened"] = [TIMES[row] for row in frame.pop("opened")]
    frame["ts_closed"] = pd.to_datetime(
        [pd.NaT if pd.isna(row) else TIMES[int(row)] for row in frame.pop("closed")], utc=True
    )
    frame["duration_ns"] = (frame["ts_closed"] - frame["ts_opened"]).dt.total_seconds().fillna(0) * 10**9
    frame["realized_return"] = [1.0, -0.2, 1 / 3, 0.0]
    frame["price_precision"] = 2
    return frame.set_index("position_id")


def orders(count=10):
    return pd.DataFrame(
        {
            "client_order_id": [f"O-{number}" for number in range(count)],
            "strategy_id": "slow",
            "status": ["FILLED"] * (count - 1) + ["CANCELED"],
            "tags": [["ENTRY"]] * (count - 1) + [None],
            "price": [None] * (count - 1) + ["1.10"],
            "reason": None,
        }
    ).set_index("client_order_id")


def fills():
    return pd.DataFrame(
        {
            "client_order_id": [f"O-{number}" for number in range(7)],
            "last_px": ["1.00"] * 7,
            "commission": ["0.10 USD"] * 6 + ["0.00000001 BTC"],
            "ts_event": [TIMES[0]] * 7,
            "info": [{}] * 7,
        }
    )


def prices():
    close = pd.Series([1.0, 2.0, 3.0, 4.0, 4.25], index=TIMES)
    return pd.DataFrame({"open": close, "high": close + 0.5, "low": close - 0.5, "close": close})


def nanoseconds(stamp):
    return stamp.as_unit("ns").value


@pytest.fixture
def a_decision():
    """Makes a decision; anything in it can be said otherwise."""

    def make(**changes):
        fields = {
            "ts": nanoseconds(TIMES[1]),
            "verdict": "deny",
            "rule": "limits",
            "reason": "quantity 50 exceeds 20",
            "scope": "slow",
            "action": "submit",
            "instrument_id": "AAA.SIM",
            "client_order_id": "O-1",
            "side": "BUY",
            "quantity": "50",
        }
        return Decision(**(fields | changes))

    return make


@pytest.fixture
def a_run(a_decision):
    """Makes the run; anything in it can be replaced."""

    def make(**changes):
        fields = {
            "name": "a small run",
            "mode": "backtest",
            "instruments": ("AAA.SIM", "BBB.SIM"),
            "start": nanoseconds(TIMES[0]),
            "end": nanoseconds(TIMES[-1]),
            "bars": 1234,
            "quotes": 0,
            "trades": 5,
            "orders": orders(),
            "fills": fills(),
            "positions": positions(),
            "equity": pd.DataFrame({"USD": [100.0, 110.0, 104.5, 99.0, 106.5]}, index=TIMES),
            "decisions": (a_decision(),),
            "statistics": {
                "pnl": {"USD": {"PnL (total)": 6.5, "PnL% (total)": 6.5, "Win Rate": 2 / 3}},
                "returns": {"Sharpe Ratio (252 days)": 1.234, "Profit Factor": 2.75, "Tail Ratio": None},
                "general": {"Long Ratio": 0.5},
            },
            "prices": {"AAA.SIM": prices(), "BBB.SIM": prices()},
            "config": {"mode": "backtest", "venues": [{"use": "simulated"}]},
            "versions": {"framework": "0.1.0", "nautilus_trader": "2.0.0rc7"},
            "data": {"data/bar/AAA.parquet": "ab" * 32},
            "elapsed": 0.25,
        }
        fields |= changes
        tables = {name: fields.pop(name) for name in ("orders", "fills", "positions")}
        result = Result(tables=tables, **fields)
        vars(result)["result_hash"] = "0123456789abcdef" * 4
        return result

    return make


@pytest.fixture
def an_empty_run(a_run):
    """A run in which no strategy did anything."""
    nothing = pd.DataFrame()
    return a_run(
        orders=nothing,
        fills=nothing,
        positions=nothing,
        decisions=(),
        equity=pd.DataFrame({"USD": [100.0] * 5}, index=TIMES),
        statistics={"pnl": {}, "returns": {"Sharpe Ratio (252 days)": None}, "general": {}},
    )
