"""What both engine contenders share: the strategies, the venue, and how their tables are read."""

from decimal import Decimal

import numpy as np
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import BarType, InstrumentId, OrderSide, Quantity
from nautilus_trader.trading import Strategy
from protocol import TICK, load

from framework import PluginConfig, Signals

SIZE = 10_000


class BarsConfig(PluginConfig, frozen=True, kw_only=True):
    """Which bars, decided on from when until when (nanoseconds), and with which averages."""

    bar_types: tuple[BarType, ...]
    since: int
    until: int
    fast: int = 10
    slow: int = 30


class QuotesConfig(PluginConfig, frozen=True, kw_only=True):
    """Which quotes, and how many between two orders."""

    instrument: InstrumentId
    every: int


class Cross(Strategy):
    """Long above, short below: one average against another, in the market from `since` until `until`."""

    def __init__(self, config):
        super().__init__(config)
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)
        self.held, self.since, self.until = 0, config.since, config.until
        self.traded = config.bar_types[0].instrument_id
        self.sizes = [Quantity.from_str(str(SIZE * lots)) for lots in (0, 1, 2)]

    def on_start(self):
        bar_type = self.config.bar_types[0]
        self.register_indicator_for_bars(bar_type, self.fast)
        self.register_indicator_for_bars(bar_type, self.slow)
        self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        now = bar.ts_event
        if now < self.since:
            return
        wanted = 0 if now >= self.until else 1 if self.fast.value > self.slow.value else -1
        if wanted != self.held:
            side = OrderSide.BUY if wanted > self.held else OrderSide.SELL
            self.submit_order(
                self.order_factory.market(self.traded, side, self.sizes[abs(wanted - self.held)])
            )
            self.held = wanted


class Pair:
    """What `Portfolio` knows of one instrument."""

    def __init__(self, bar_type, config):
        self.traded = bar_type.instrument_id
        self.fast = ExponentialMovingAverage(config.fast)
        self.slow = ExponentialMovingAverage(config.slow)
        self.held = 0


class Portfolio(Strategy):
    """`Cross` on every instrument, in one account."""

    def __init__(self, config):
        super().__init__(config)
        self.since, self.until = config.since, config.until
        self.pairs = {bar_type: Pair(bar_type, config) for bar_type in config.bar_types}
        self.sizes = [Quantity.from_str(str(SIZE * lots)) for lots in (0, 1, 2)]

    def on_start(self):
        for bar_type, pair in self.pairs.items():
            self.register_indicator_for_bars(bar_type, pair.fast)
            self.register_indicator_for_bars(bar_type, pair.slow)
            self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        now = bar.ts_event
        if now < self.since:
            return
        pair = self.pairs[bar.bar_type]
        wanted = 0 if now >= self.until else 1 if pair.fast.value > pair.slow.value else -1
        if wanted != pair.held:
            side = OrderSide.BUY if wanted > pair.held else OrderSide.SELL
            self.submit_order(
                self.order_factory.market(pair.traded, side, self.sizes[abs(wanted - pair.held)])
            )
            pair.held = wanted


class Alternate(Strategy):
    """An order on every bar from `since` until `until`: buy, sell, buy, sell."""

    def __init__(self, config):
        super().__init__(config)
        self.held, self.since, self.until = False, config.since, config.until
        self.traded = config.bar_types[0].instrument_id
        self.size = Quantity.from_str(str(SIZE))

    def on_start(self):
        self.subscribe_bars(self.config.bar_types[0])

    def on_bar(self, bar):
        if self.since <= bar.ts_event < self.until:
            self.send(OrderSide.SELL if self.held else OrderSide.BUY)
            self.held = not self.held

    def send(self, side):
        self.submit_order(self.order_factory.market(self.traded, side, self.size))


class Timed(Alternate):
    """`Alternate` with a clock around `submit_order` alone."""

    taken = []  # noqa: RUF012 - read after the run, when the engine has dropped the strategy

    def on_start(self):
        self.taken.clear()
        super().on_start()

    def send(self, side):
        from time import perf_counter_ns  # noqa: PLC0415 - found in sys.modules after the first

        order = self.order_factory.market(self.traded, side, self.size)
        began = perf_counter_ns()
        self.submit_order(order)
        self.taken.append(perf_counter_ns() - began)


class EveryNth(Strategy):
    """Handles every quote and trades on each nth: buy, sell, buy, sell."""

    def __init__(self, config):
        super().__init__(config)
        self.seen, self.every = 0, config.every
        self.traded, self.size = config.instrument, Quantity.from_str(str(SIZE))

    def on_start(self):
        self.subscribe_quotes(self.traded)

    def on_quote(self, quote):
        self.seen += 1
        if self.seen % self.every == 0:
            side = OrderSide.BUY if self.seen // self.every % 2 else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.traded, side, self.size))


STRATEGIES = {
    "cross": Cross,
    "portfolio": Portfolio,
    "alternate": Alternate,
    "timed": Timed,
    "quotes": EveryNth,
}


def settings_of(job, folder):
    """The strategy's class and its settings, as plain values."""
    kind = STRATEGIES[job["rule"]]
    if job["rule"] == "quotes":
        return kind, {"instrument": f"{job['symbols'][0]}.SIM", "every": job["every"]}
    (ts,) = load(folder, job["symbols"][0], "ts")
    return kind, {
        "bar_types": [f"{symbol}.SIM-1-MINUTE-LAST-EXTERNAL" for symbol in job["symbols"]],
        "since": int(ts[job["first"]]),
        "until": int(ts[-2]),
        "fast": job.get("fast", 10),
        "slow": job.get("slow", 30),
    }


def cross_signals(config, bars):
    """`Cross` over arrays."""
    target = np.where(bars.ema(config.fast) > bars.ema(config.slow), SIZE, -SIZE)
    target[(bars.ts < config.since) | (bars.ts >= config.until)] = 0
    return Signals(target, closes_at_end=False, turns_at_once=True)


class VenueTerms(PluginConfig, frozen=True, kw_only=True):
    """What the account starts with, in dollars, and the fee as a share of price times quantity."""

    cash: int
    fee: Decimal


def venue(name, terms, seed=0):
    """A netting margin account with nothing unusual."""
    del seed
    return BacktestVenueConfig(
        name=name,
        oms_type="NETTING",
        account_type="MARGIN",
        starting_balances=[f"{terms.cash} USD"],
        default_leverage=Decimal(20),
        fee_model=MakerTakerFeeModel(terms.fee, terms.fee),
    )


def fills_of(frame, folder, symbols):
    """The engine's table of fills as rows of series, row, signed quantity, ticks."""
    if not len(frame):
        return []
    numbers = (
        frame["instrument_id"].astype(str).map({f"{name}.SIM": number for number, name in enumerate(symbols)})
    )
    stamps = frame["ts_event"].astype("int64").to_numpy()
    rows = np.searchsorted(load(folder, symbols[0], "ts")[0], stamps)
    signs = np.where(frame["order_side"].astype(str) == "BUY", 1, -1)
    quantities = [int(Decimal(str(text))) for text in frame["last_qty"]]
    ticks = [int(Decimal(str(text)) * TICK) for text in frame["last_px"]]
    return np.column_stack([numbers, rows, signs * quantities, ticks])
