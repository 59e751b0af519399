"""The laboratory of the contract tests: a small market, and the engine with nothing of ours around it.

Every test here carries `@pytest.mark.contract(number, says=..., leans=...)`. `says` is the fact about the
engine, `leans` what in `framework/` is built on it; both are printed when the test fails. `table.py` writes
the marks out as the table in `docs/explanation/what-the-engine-does.md`.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from nautilus_trader.backtest import (
    BacktestDataConfig,
    BacktestEngine,
    BacktestEngineConfig,
    BacktestNode,
    BacktestRunConfig,
    BacktestVenueConfig,
)
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    CurrencyPair,
    ExecAlgorithmId,
    InstrumentId,
    Money,
    NautilusDataType,
    OmsType,
    Price,
    Quantity,
    QuoteTick,
    StrategyId,
    Symbol,
    TradeTick,
    Venue,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import ExecutionAlgorithm, ExecutionAlgorithmConfig, Strategy

MARK = "contract(number, says, leans): a fact about the engine, and what in framework/ is built on it"
MINUTE = 60_000_000_000
START = 1_600_000_020_000_000_000  # 2020-09-13T12:27:00Z, a whole minute
USD = Currency.from_str("USD")
SIM = Venue("SIM")


def pytest_configure(config):
    config.addinivalue_line("markers", MARK)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent and "contract" not in item.keywords:
            raise pytest.UsageError(
                f"{item.nodeid} has no @pytest.mark.contract(number, says=..., leans=...)"
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except BaseException as error:
        mark = item.get_closest_marker("contract")
        if mark is not None and not isinstance(error, pytest.skip.Exception):
            error.add_note(
                f"\nIf this fails, the engine no longer does what {mark.args[0]} says:\n"
                f"  {mark.kwargs['says']}\nand this leans on it:\n  {mark.kwargs['leans']}"
            )
        raise


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A plain record as the config of a strategy, which is how plugins configure theirs."""

    strategy_id: StrategyId = StrategyId("probe-001")
    order_id_tag: str | None = None


class Probe(Strategy):
    """Does what a test plans at the n-th bar, and writes down everything the engine tells it."""

    def __new__(cls, config=None, **_):
        return Strategy.__new__(cls, config)

    def __init__(self, config=None, *, plan=None, started=None, subscribe=True):
        super().__init__(config if config is not None else Settings())
        self.plan = plan or {}
        self.started = started
        self.subscribe = subscribe
        self.seen = []
        self.n = 0
        self.notes = {}
        self.bar_type = None

    def on_start(self):
        if self.subscribe and self.bar_type is not None:
            self.subscribe_bars(self.bar_type)
        if self.started is not None:
            self.started(self)

    def on_bar(self, bar):
        self.n += 1
        step = self.plan.get(self.n) or self.plan.get("every")
        if step is not None:
            step(self, bar)

    def on_order_event(self, event):
        self.seen.append((self.n, type(event).__name__, event))

    def market(self, side, size, **kwargs):
        order = self.order_factory.market(self.bar_type.instrument_id, side, Quantity(size, 0), **kwargs)
        self.submit_order(order)
        return order

    def limit(self, side, size, price, **kwargs):
        order = self.order_factory.limit(
            self.bar_type.instrument_id, side, Quantity(size, 0), Price.from_str(price), **kwargs
        )
        self.submit_order(order)
        return order

    def events(self, order=None):
        wanted = None if order is None else order.client_order_id
        return [name for _, name, event in self.seen if wanted in (None, event.client_order_id)]


class Door(ExecutionAlgorithm):
    """An execution algorithm that passes orders on, in another size when told so."""

    def __new__(cls, **_):
        return ExecutionAlgorithm.__new__(
            cls, ExecutionAlgorithmConfig(exec_algorithm_id=ExecAlgorithmId("GATE"))
        )

    def __init__(self, *, size=None):
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id=ExecAlgorithmId("GATE")))
        self.size = size
        self.calls = []

    def on_order(self, order):
        self.calls.append(("on_order", type(order).__name__))
        if self.size is not None:
            self.modify_order_in_place(order, quantity=Quantity(self.size, 0))
        self.submit_order(self.cache.order(order.client_order_id))


class Lab:
    """One instrument, hand-made data, and two ways to run the engine over them."""

    Settings = Settings
    Probe = Probe
    Door = Door
    START = START
    MINUTE = MINUTE

    def __init__(self, folder):
        self.folder = folder
        self.instrument = self.pair("EUR/USD")
        self.id = self.instrument.id
        self.bar_type = BarType.from_str(f"{self.id}-1-MINUTE-LAST-EXTERNAL")
        self.silent = LoggerConfig(bypass_logging=True)

    def pair(self, symbol, *, venue="SIM", price_precision=5, size_precision=0):
        base, quote = symbol.split("/")
        return CurrencyPair(
            InstrumentId(Symbol(symbol), Venue(venue)),
            Symbol(symbol),
            Currency.from_str(base),
            Currency.from_str(quote),
            price_precision,
            size_precision,
            Price(10**-price_precision, price_precision),
            Quantity(10**-size_precision, size_precision),
            0,
            0,
            margin_init=Decimal("0.03"),
            margin_maint=Decimal("0.03"),
        )

    def bar(self, n, values, *, volume=40_000_000, precision=5, bar_type=None):
        """The n-th bar (from 1), stamped at its close; values is one price or open, high, low, close."""
        prices = values if isinstance(values, tuple) else (values,) * 4
        stamp = START + n * MINUTE
        return Bar(
            bar_type or self.bar_type,
            *(Price(p, precision) for p in prices),
            Quantity(volume, 0),
            stamp,
            stamp,
        )

    def bars(self, *values, volume=40_000_000, bar_type=None):
        return [self.bar(n, v, volume=volume, bar_type=bar_type) for n, v in enumerate(values, 1)]

    def wavy(self, count):
        """Bars whose close walks up 10 steps and down 10 steps of 0.0005 around 1.10, with 1-step wicks."""
        closes = [1.1 + 0.0005 * (abs(n % 20 - 10) - 5) for n in range(count + 1)]
        rows = [
            (round(a, 5), round(max(a, b) + 0.0005, 5), round(min(a, b) - 0.0005, 5), round(b, 5))
            for a, b in itertools.pairwise(closes)
        ]
        return self.bars(*rows)

    def quote(self, n, bid, ask, size=1_000_000, instrument_id=None):
        stamp = START + n * MINUTE
        return QuoteTick(
            instrument_id or self.id,
            Price(bid, 5),
            Price(ask, 5),
            Quantity(size, 0),
            Quantity(size, 0),
            stamp,
            stamp,
        )

    def trade(self, n, price, size=1_000_000):
        from nautilus_trader.model import AggressorSide, TradeId

        stamp = START + n * MINUTE
        return TradeTick(
            self.id, Price(price, 5), Quantity(size, 0), AggressorSide.BUY, TradeId(f"T{n}"), stamp, stamp
        )

    def engine(
        self, *, data=(), strategies=(), actors=(), algorithms=(), venue=None, instruments=None, **config
    ):
        """A BacktestEngine holding everything, not run yet."""
        engine = BacktestEngine(BacktestEngineConfig(**{"logging": self.silent, **config}))
        settings = {
            "oms_type": OmsType.NETTING,
            "account_type": AccountType.MARGIN,
            "starting_balances": [Money(1_000_000, USD)],
            "default_leverage": Decimal(10),
            "fee_model": MakerTakerFeeModel(Decimal(0), Decimal(0)),
            **(venue or {}),
        }
        engine.add_venue(SIM, **settings)
        for instrument in instruments or [self.instrument]:
            engine.add_instrument(instrument)
        for batch in data if data and isinstance(data[0], list) else [list(data)]:
            if batch:
                engine.add_data(batch)
        for actor in actors:
            engine.add_actor(actor)
        for algorithm in algorithms:
            engine.add_exec_algorithm(algorithm)
        for strategy in strategies:
            if getattr(strategy, "bar_type", True) is None:
                strategy.bar_type = self.bar_type
            engine.add_strategy(strategy)
        return engine

    def run(self, plan=None, *, bars=None, strategy=None, settings=None, **kwargs):
        """Run one probe over bars; returns the probe and the engine, whose cache is still there."""
        probe = strategy or Probe(settings or Settings(), plan=plan)
        engine = self.engine(data=bars if bars is not None else self.wavy(40), strategies=[probe], **kwargs)
        engine.run()
        return probe, engine

    def catalog(self, bars=None, *, name="catalog", instruments=None):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        catalog = ParquetDataCatalog(str(folder))
        catalog.write_instruments(instruments or [self.instrument])
        if bars:
            catalog.write_bars(bars)
        return str(folder)

    def node(self, folder, strategies=(), *, actors=(), algorithms=(), engine=None, venue=None, **run):
        """A built BacktestNode over a catalog, its run called "run"."""
        config = BacktestRunConfig(
            venues=[
                BacktestVenueConfig(
                    **{
                        "name": "SIM",
                        "oms_type": "NETTING",
                        "account_type": "MARGIN",
                        "starting_balances": ["1000000 USD"],
                        "fee_model": MakerTakerFeeModel(Decimal(0), Decimal(0)),
                        "default_leverage": Decimal(10),
                        **(venue or {}),
                    }
                )
            ],
            data=[
                BacktestDataConfig(
                    NautilusDataType.Bar, folder, instrument_ids=[self.id], bar_types=[str(self.bar_type)]
                )
            ],
            engine=BacktestEngineConfig(**{"logging": self.silent, **(engine or {})}),
            **{"id": "run", "dispose_on_completion": False, "raise_exception": True, **run},
        )
        node = BacktestNode([config])
        node.build()
        for actor in actors:
            node.add_actor("run", actor)
        for algorithm in algorithms:
            node.add_exec_algorithm("run", algorithm)
        for strategy in strategies:
            if getattr(strategy, "bar_type", True) is None:
                strategy.bar_type = self.bar_type
            node.add_strategy("run", strategy)
        return node

    def script(self, body, *, check=True, **kwargs):
        """Run a script in a fresh process, with `lab` in it: the engine's logger is one a process."""
        head = f"""
            import importlib.util, pathlib, sys
            spec = importlib.util.spec_from_file_location("lab", {__file__!r})
            module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
            Probe, Settings, Lab, Door = module.Probe, module.Settings, module.Lab, module.Door
            lab = Lab(pathlib.Path({str(self.folder)!r}))
            from nautilus_trader.model import *
            from nautilus_trader.common import *
            from nautilus_trader.backtest import *
        """
        code = textwrap.dedent(head) + textwrap.dedent(body)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, **kwargs
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)
