"""A raw engine to play a strategy in, with doors for what a gate or a venue may do to its orders."""

from __future__ import annotations

from decimal import Decimal

import framework_mean_reversion
import msgspec
import pytest
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel, StaticLatencyModel
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    CurrencyPair,
    ExecAlgorithmId,
    InstrumentId,
    Money,
    OmsType,
    Price,
    Quantity,
    Symbol,
    Venue,
)
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig

SPEC = next(iter(framework_mean_reversion.register_strategies()))
HANDLERS = [name for name in dir(SPEC.strategy) if name.startswith("on_")]
MINUTE = 60_000_000_000
START = 1_704_067_200_000_000_000  # Monday 2024-01-01 00:00 UTC


class Door(ExecutionAlgorithm):
    """Denies orders the way the framework's gate does."""

    def __init__(self):
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id=ExecAlgorithmId("DOOR")))


class Bench:
    """Plays one strategy over bars and remembers what it asked for and what came back."""

    minute = MINUTE
    start = START

    def __init__(self):
        self.sent = []  # order lists and orders, as the strategy submitted them
        self.events = []
        self.failures = []
        self.bars_seen = 0
        self.deny = lambda orders: None  # a reason, or None to let them pass
        self.change = lambda orders: orders
        self.each_bar = lambda strategy, number: None

    @staticmethod
    def settings(**changes):
        plain = {
            "bar_types": ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL"],
            "quantity": "100",
            "lookback": 4,
            "entry": 1.2,
            "exit": 0.3,
            "stop": 1.6,
        } | changes
        return msgspec.convert(plain, SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))

    @staticmethod
    def instrument(symbol="XYZ/USD"):
        """Quarter-point ticks and whole units."""
        return CurrencyPair(
            instrument_id=InstrumentId(Symbol(symbol), Venue("SIM")),
            raw_symbol=Symbol(symbol),
            base_currency=Currency.from_str("EUR"),
            quote_currency=Currency.from_str("USD"),
            price_precision=2,
            size_precision=0,
            price_increment=Price.from_str("0.25"),
            size_increment=Quantity.from_int(1),
            margin_init=Decimal("0.05"),
            margin_maint=Decimal("0.05"),
            ts_event=0,
            ts_init=0,
        )

    @staticmethod
    def bars(rows, *, symbol="XYZ/USD", first=START + MINUTE, step=MINUTE):
        """Rows of open, high, low, close and, if not 4000, volume, stamped at their close."""
        kind = BarType.from_str(f"{symbol}.SIM-1-MINUTE-LAST-EXTERNAL")
        return [
            Bar(
                kind,
                *(Price.from_decimal_dp(Decimal(str(price)), 2) for price in row[:4]),
                Quantity.from_int(row[4] if len(row) > 4 else 4000),
                first + step * i,
                first + step * i,
            )
            for i, row in enumerate(rows)
        ]

    def strategy(self, config=None, **changes):
        """The plugin's strategy, its handlers watched and its orders passed through the doors."""
        bench, door = self, Door()

        def watched(name):
            def call(strategy, *args):
                if name == "on_bar":
                    bench.bars_seen += 1
                    bench.each_bar(strategy, bench.bars_seen)
                if name == "on_order_event":
                    bench.events.append((bench.bars_seen, *args))
                try:
                    return getattr(SPEC.strategy, name)(strategy, *args)
                except Exception as error:
                    bench.failures.append(error)
                    raise

            return call

        def submit_order_list(strategy, orders, *args):
            if passed := bench._through(door, orders):
                super(Watched, strategy).submit_order_list(passed, *args)

        def submit_order(strategy, order, *args):
            if passed := bench._through(door, [order]):
                super(Watched, strategy).submit_order(*passed, *args)

        Watched = type(  # noqa: N806 - a class
            "Watched",
            (SPEC.strategy,),
            {name: watched(name) for name in HANDLERS}
            | {"submit_order_list": submit_order_list, "submit_order": submit_order},
        )
        self.door = door
        return Watched(config or self.settings(**changes))

    def engine(
        self,
        strategy,
        bars,
        *,
        oms=OmsType.NETTING,
        balance="1000000 USD",
        latency=None,
        symbols=("XYZ/USD",),
        instruments=(),
    ):
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)))
        engine.add_venue(
            Venue("SIM"),
            oms,
            AccountType.MARGIN,
            [Money.from_str(balance)],
            default_leverage=Decimal(10),
            fill_model=DefaultFillModel(1.0, 0.0, 1),
            fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
            latency_model=None if latency is None else StaticLatencyModel(latency),
        )
        for instrument in (*instruments, *map(self.instrument, symbols)):
            engine.add_instrument(instrument)
        engine.add_exec_algorithm(self.door)
        engine.add_strategy(strategy)
        if bars:
            engine.add_data(bars)
        return engine

    def play(self, rows, *, bars=None, oms=OmsType.NETTING, balance="1000000 USD", latency=None, **changes):
        """Run to the end; the engine, for its reports."""
        strategy = self.strategy(**changes)
        engine = self.engine(strategy, bars or self.bars(rows), oms=oms, balance=balance, latency=latency)
        engine.run()
        assert not self.failures
        return engine

    def fills(self):
        return [
            (number, event.order_side.name, int(event.last_qty.as_decimal()), str(event.last_px))
            for number, event in self.events
            if type(event).__name__ == "OrderFilled"
        ]

    def _through(self, door, orders):
        self._record(orders)
        reason = self.deny(orders)
        if not reason:
            return self.change(orders)
        for order in orders:
            door.deny_order(order, reason)
        return None

    def _record(self, orders):
        self.sent.append(
            (
                self.bars_seen,
                [
                    (
                        order.order_type.name,
                        order.side.name,
                        int(order.quantity.as_decimal()),
                        str(getattr(order, "trigger_price", None) or getattr(order, "price", None) or ""),
                        order.is_reduce_only,
                    )
                    for order in orders
                ],
            )
        )


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def another_bench():
    return Bench()
