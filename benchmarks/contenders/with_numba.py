"""The physical limit: the same sums in one compiled loop over arrays, and nothing else."""

import numba
import numpy as np
from protocol import TICK, load, serve

LOTS = 10_000


@numba.njit(cache=True)
def cross(close, fast, slow, first):
    """Rows and signed lots of every order; the averages are seeded with a simple average."""
    rows, lots = np.empty(len(close), np.int64), np.empty(len(close), np.int64)
    count, held, quick, calm = 0, 0, 0.0, 0.0
    for row in range(len(close) - 1):
        price = close[row] / TICK
        if row < fast:
            quick += price / fast
        else:
            quick += (price - quick) * (2.0 / (fast + 1.0))
        if row < slow:
            calm += price / slow
        else:
            calm += (price - calm) * (2.0 / (slow + 1.0))
        if row < first:
            continue
        wanted = 0 if row == len(close) - 2 else 1 if quick > calm else -1
        if wanted != held:
            rows[count], lots[count] = row, wanted - held
            count, held = count + 1, wanted
    return rows[:count], lots[:count]


@numba.njit(cache=True)
def alternate(orders, first, every):
    """Buy, sell, buy, sell on each nth row from the first."""
    rows, lots = np.empty(orders, np.int64), np.empty(orders, np.int64)
    for order in range(orders):
        rows[order] = first + order * every
        lots[order] = 1 - 2 * (order % 2)
    return rows, lots


@numba.njit(cache=True)
def value(cash, rate, lots, ticks):
    """Cash after every order; the position ends flat."""
    for order in range(len(lots)):
        amount = lots[order] * LOTS * (ticks[order] / TICK)
        cash -= amount + abs(amount) * rate
    return cash


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    cash, fills = float(job["cash"]), []
    for number, symbol in enumerate(job["symbols"]):
        if job["rule"] == "quotes":
            bid, ask = load(folder, symbol, "bid", "ask")
            rows, lots = alternate(len(bid) // job["every"], job["every"] - 1, job["every"])
            ticks = np.where(lots > 0, ask[rows], bid[rows])
        else:
            (close,) = load(folder, symbol, "close")
            if job["rule"] == "alternate":
                rows, lots = alternate(len(close) - 3, 1, 1)
            else:
                rows, lots = cross(close, job.get("fast", 10), job.get("slow", 30), job["first"])
            ticks = close[rows]
        cash = value(cash, float(job["fee"]), lots, ticks)
        fills.append((number, rows, lots, ticks))
    return lambda: {
        "equity": repr(cash),
        "fills": np.concatenate(
            [
                np.column_stack([np.full(len(rows), n), rows, lots * LOTS, ticks])
                for n, rows, lots, ticks in fills
            ]
        ),
    }


if __name__ == "__main__":
    serve(work)
