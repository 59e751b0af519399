"""backtrader: cheat-on-close, so an order is filled at the close of the bar that decided it.

Its own EMA is seeded with a simple average already. Everything is preloaded and run in vectors where it can
(`runonce`, its default), without its standard observers, which nobody who cares for speed keeps.
"""

import backtrader as bt
import pandas as pd
from protocol import TICK, load, serve

SIZE = 10_000


class Rule(bt.Strategy):
    params = (("first", 0), ("until", 0), ("fast", 10), ("slow", 30))

    def __init__(self):
        self.done = []
        self.numbers = {data: number for number, data in enumerate(self.datas)}
        self.held = [0] * len(self.datas)

    def notify_order(self, order):
        if order.status == order.Completed:
            done = order.executed
            # Filled at the close before the bar on which it is told.
            self.done.append((self.numbers[order.data], len(order.data) - 2, done.size, done.price))
        elif order.status in (order.Margin, order.Rejected, order.Canceled, order.Expired):
            raise RuntimeError(f"an order was {order.getstatusname()}")


class Cross(Rule):
    def __init__(self):
        super().__init__()
        self.quick = [bt.ind.EMA(data.close, period=self.p.fast) for data in self.datas]
        self.calm = [bt.ind.EMA(data.close, period=self.p.slow) for data in self.datas]

    def next(self):
        if len(self) <= self.p.first:
            return
        last = len(self) >= self.p.until
        for number, data in enumerate(self.datas):
            held = self.held[number]
            wanted = 0 if last else 1 if self.quick[number][0] > self.calm[number][0] else -1
            if wanted > held:
                self.buy(data=data, size=SIZE * (wanted - held))
            elif wanted < held:
                self.sell(data=data, size=SIZE * (held - wanted))
            self.held[number] = wanted


class Alternate(Rule):
    def next(self):
        if not self.p.first < len(self) < self.p.until:
            return
        if self.held[0]:
            self.sell(size=SIZE)
        else:
            self.buy(size=SIZE)
        self.held[0] = not self.held[0]


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(float(job["cash"]))
    cerebro.broker.setcommission(commission=float(job["fee"]))
    cerebro.broker.set_coc(True)
    for symbol in job["symbols"]:
        opened, high, low, close, ts = load(folder, symbol, "open", "high", "low", "close", "ts")
        prices = {"open": opened, "high": high, "low": low, "close": close}
        frame = pd.DataFrame(
            {name: ticks / TICK for name, ticks in prices.items()} | {"volume": 1.0}, index=pd.to_datetime(ts)
        )
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    rule = Alternate if job["rule"] == "alternate" else Cross
    periods = {"fast": job.get("fast", 10), "slow": job.get("slow", 30)}
    cerebro.addstrategy(rule, first=job["first"], until=len(ts) - 1, **periods)
    (strategy,) = cerebro.run()
    return lambda: {
        "fills": [
            (number, row, int(size), round(price * TICK)) for number, row, size, price in strategy.done
        ],
        "equity": repr(cerebro.broker.getvalue()),
    }


if __name__ == "__main__":
    serve(work)
