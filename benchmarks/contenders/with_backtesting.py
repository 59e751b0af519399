"""backtesting.py: `trade_on_close=True`, so an order is filled at the close of the bar that decided it.

It holds one instrument, so a portfolio is one run an instrument, after one another, and profits added up:
what it cannot do is share cash and margin between them. Averages are worked out by pandas before the run and
declared with `self.I`, as its documentation shows. A trade's entry and exit are two fills; those of one bar
are one order here.
"""

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from protocol import TICK, load, serve

SIZE = 10_000


def ema(close, period):
    """Seeded with a simple average."""
    series = pd.Series(close, dtype=float)
    seed = series.iloc[:period].mean()
    series.iloc[: period - 1] = np.nan
    series.iloc[period - 1] = seed
    return series.ewm(span=period, adjust=False).mean().to_numpy()


class Cross(Strategy):
    fast, slow, until = 10, 30, 0

    def init(self):
        self.quick = self.I(ema, self.data.Close, self.fast)
        self.calm = self.I(ema, self.data.Close, self.slow)
        self.held = 0

    def next(self):
        last = len(self.data) >= self.until
        wanted = 0 if last else 1 if self.quick[-1] > self.calm[-1] else -1
        if wanted == self.held:
            return
        if wanted == 0:
            self.position.close()
        elif wanted > 0:
            self.buy(size=SIZE * (wanted - self.held))
        else:
            self.sell(size=SIZE * (self.held - wanted))
        self.held = wanted


class Alternate(Strategy):
    fast = slow = until = 0

    def init(self):
        self.held = False

    def next(self):
        if len(self.data) >= self.until:
            return
        if self.held:
            self.position.close()
        else:
            self.buy(size=SIZE)
        self.held = not self.held


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    results = []
    for symbol in job["symbols"]:
        opened, high, low, close, ts = load(folder, symbol, "open", "high", "low", "close", "ts")
        prices = {"Open": opened, "High": high, "Low": low, "Close": close}
        frame = pd.DataFrame({name: ticks / TICK for name, ticks in prices.items()}, index=pd.to_datetime(ts))
        test = Backtest(
            frame,
            Alternate if job["rule"] == "alternate" else Cross,
            cash=float(job["cash"]),
            commission=float(job["fee"]),
            margin=0.05,
            trade_on_close=True,
        )
        results.append(test.run(until=len(frame) - 1, **averages(job)))
    return lambda: read(job, results)


def averages(job):
    return {} if job["rule"] == "alternate" else {"fast": job.get("fast", 10), "slow": job.get("slow", 30)}


def read(job, results):
    fills = []
    for number, stats in enumerate(results):
        trades = stats["_trades"]
        size = trades["Size"].to_numpy()
        rows = np.concatenate([trades["EntryBar"], trades["ExitBar"]]).astype(int)
        sizes = np.concatenate([size, -size])
        ticks = np.rint(np.concatenate([trades["EntryPrice"], trades["ExitPrice"]]) * TICK).astype(int)
        orders = (
            pd.DataFrame({"row": rows, "size": sizes, "ticks": ticks}).groupby(["row", "ticks"])["size"].sum()
        )
        fills.extend((number, row, int(quantity), ticks) for (row, ticks), quantity in orders.items())
    profit = sum(stats["Equity Final [$]"] - job["cash"] for stats in results)
    return {"fills": fills, "equity": repr(float(job["cash"] + profit))}


if __name__ == "__main__":
    serve(work)
