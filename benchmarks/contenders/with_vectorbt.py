"""vectorbt: `Portfolio.from_orders` with a target position a bar, filled at the bar's close.

A portfolio of instruments is one group with shared cash; a sweep is one column a point. Averages come from
pandas, all points at once.
"""

import numpy as np
import pandas as pd
import vectorbt as vbt
from protocol import TICK, load, serve

SIZE = 10_000


def ema(close, period):
    """Seeded with a simple average."""
    series = pd.Series(close, dtype=float)
    seed = series.iloc[:period].mean()
    series.iloc[: period - 1] = np.nan
    series.iloc[period - 1] = seed
    return series.ewm(span=period, adjust=False).mean().to_numpy()


def target(fast, slow, first):
    """The position wanted after each bar, from the first that may decide."""
    wanted = np.where(fast > slow, float(SIZE), float(-SIZE))
    wanted[:first] = 0.0
    wanted[-2:] = 0.0
    return wanted


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    closes = [load(folder, symbol, "close")[0] / TICK for symbol in job["symbols"]]
    if job["rule"] == "alternate":
        targets = [np.where(np.arange(len(closes[0])) % 2, float(SIZE), 0.0)]
        targets[0][-2:] = 0.0
    elif job["rule"] == "grid":
        fast = {period: ema(closes[0], period) for period in {point[0] for point in job["points"]}}
        slow = {period: ema(closes[0], period) for period in {point[1] for point in job["points"]}}
        targets = [target(fast[one], slow[other], job["first"]) for one, other in job["points"]]
    else:
        periods = job.get("fast", 10), job.get("slow", 30)
        targets = [target(*(ema(close, period) for period in periods), job["first"]) for close in closes]
    shared = len(closes) > 1
    portfolio = vbt.Portfolio.from_orders(
        np.column_stack(closes),
        size=np.column_stack(targets),
        size_type="targetamount",
        fees=float(job["fee"]),
        init_cash=float(job["cash"]),
        **({"group_by": True, "cash_sharing": True} if shared else {}),
    )
    records = portfolio.orders.records_arr
    equity = portfolio.final_value()
    return lambda: read(job, records, equity)


def read(job, records, equity):
    signed = np.where(records["side"] == 0, records["size"], -records["size"])
    fills = np.column_stack(
        [records["col"], records["idx"], np.rint(signed), np.rint(records["price"] * TICK)]
    )
    if job["rule"] == "grid":
        counts = np.bincount(records["col"], minlength=len(job["points"]))
        return {"counts": counts.tolist(), "equities": [repr(float(value)) for value in equity]}
    return {"fills": fills, "equity": repr(float(np.asarray(equity).ravel()[0]))}


if __name__ == "__main__":
    serve(work)
