"""A raw engine to play a strategy in bar by bar, with doors for what a gate or a venue may do to its orders.

The kit asks what every strategy must do. Here a test says which bars come, and reads what was asked for at
which of them:

    >>> bench = StrategyBench(SPEC, {"bar_types": [BARS], "quantity": "100"})
    >>> bench.play([(100, 101, 99, 100), (100, 105, 100, 104)])
    >>> bench.fills()
    [(2, 'BUY', 100, '104.00')]
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
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

from framework.config.values import dec_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework.specs import PluginConfig, StrategySpec

MINUTE = 60_000_000_000
START = 1_704_067_200_000_000_000
"""Monday 2024-01-01 00:00 UTC."""
SYMBOL = "XYZ/USD"
BARS = f"{SYMBOL}.SIM-1-MINUTE-LAST-EXTERNAL"
VOLUME = 4_000
"""A bar's, unless its row says another."""
WITH_VOLUME = 5
"""Numbers in a row that says one."""

type Row = Sequence[Any]
type Orders = list[Any]


class Door(ExecutionAlgorithm):
    """Denies orders the way the framework's gate does."""

    def __init__(self) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id=ExecAlgorithmId("DOOR")))


class StrategyBench:
    """Plays one strategy over bars and remembers what it asked for and what came back.

    Args:
        spec: The strategy, as the plugin registers it.
        settings: Its settings as YAML would give them; a test changes some by keyword.

    Attributes:
        sent: The number of the bar, and what was submitted on it: type, side, size, price and whether it
            may only reduce, for every order of a list.
        events: The number of the bar, and the order event that reached the strategy.
        failures: What a handler raised.
        bars_seen: Bars so far.
        deny: From orders to the reason to deny them, or None to let them pass.
        change: From orders to those that leave instead.
        each_bar: Called with the strategy and the bar's number before the strategy sees the bar.
    """

    minute = MINUTE
    start = START

    def __init__(self, spec: StrategySpec, settings: Mapping[str, Any]) -> None:
        self._spec = spec
        self._plain = dict(settings)
        self.sent: list[tuple[int, list[tuple[Any, ...]]]] = []
        self.events: list[tuple[int, Any]] = []
        self.failures: list[Exception] = []
        self.bars_seen = 0
        self.deny: Callable[[Orders], str | None] = lambda orders: None  # noqa: ARG005 - its signature
        self.change: Callable[[Orders], Orders] = lambda orders: orders
        self.each_bar: Callable[[Any, int], None] = lambda strategy, number: None  # noqa: ARG005 - as above

    def settings(self, **changes: Any) -> PluginConfig:
        """The settings, some of them changed."""
        return msgspec.convert(self._plain | changes, self._spec.config, dec_hook=dec_hook)

    @staticmethod
    def instrument(symbol: str = SYMBOL) -> CurrencyPair:
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
    def bars(
        rows: Iterable[Row], *, symbol: str = SYMBOL, first: int = START + MINUTE, step: int = MINUTE
    ) -> list[Bar]:
        """Rows of open, high, low, close and, if not 4000, volume, stamped at their close."""
        kind = BarType.from_str(f"{symbol}.SIM-1-MINUTE-LAST-EXTERNAL")
        made = []
        for number, row in enumerate(rows):
            opened, high, low, close = (Price.from_decimal_dp(Decimal(str(price)), 2) for price in row[:4])
            volume = Quantity.from_int(row[4] if len(row) >= WITH_VOLUME else VOLUME)
            closed_at = first + step * number
            made.append(Bar(kind, opened, high, low, close, volume, closed_at, closed_at))
        return made

    def strategy(self, config: PluginConfig | None = None, **changes: Any) -> Any:
        """The plugin's strategy, its handlers watched and its orders passed through the doors."""
        bench, base, door = self, self._spec.strategy, Door()

        def watched(name: str) -> Callable[..., Any]:
            def call(strategy: Any, *args: Any) -> Any:
                if name == "on_bar":
                    bench.bars_seen += 1
                    bench.each_bar(strategy, bench.bars_seen)
                if name == "on_order_event":
                    bench.events.append((bench.bars_seen, args[0]))
                try:
                    return getattr(base, name)(strategy, *args)
                except Exception as error:
                    bench.failures.append(error)
                    raise

            return call

        def submit_order_list(strategy: Any, orders: Orders, *args: Any) -> None:
            if passed := bench.pass_through(door, orders):
                base.submit_order_list(strategy, passed, *args)

        def submit_order(strategy: Any, order: Any, *args: Any) -> None:
            if passed := bench.pass_through(door, [order]):
                base.submit_order(strategy, *passed, *args)

        self._door = door
        handlers = {name: watched(name) for name in dir(base) if name.startswith("on_")}
        doors = {"submit_order_list": submit_order_list, "submit_order": submit_order}
        return type("Watched", (base,), {**handlers, **doors})(config or self.settings(**changes))

    def engine(
        self,
        strategy: Any,
        bars: Sequence[Bar],
        *,
        oms: OmsType = OmsType.NETTING,
        balance: str = "1000000 USD",
        latency: int | None = None,
        symbols: Iterable[str] = (SYMBOL,),
        instruments: Iterable[Any] = (),
    ) -> BacktestEngine:
        """An engine ready to run the strategy over the bars, on a margin account without fees."""
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
        engine.add_exec_algorithm(self._door)
        engine.add_strategy(strategy)
        if bars:
            engine.add_data(list(bars))
        return engine

    def play(
        self,
        rows: Iterable[Row],
        *,
        bars: Sequence[Bar] | None = None,
        oms: OmsType = OmsType.NETTING,
        balance: str = "1000000 USD",
        latency: int | None = None,
        **changes: Any,
    ) -> BacktestEngine:
        """Run to the end; the engine, for its reports."""
        strategy = self.strategy(**changes)
        engine = self.engine(strategy, bars or self.bars(rows), oms=oms, balance=balance, latency=latency)
        engine.run()
        assert not self.failures  # noqa: S101 - this is how a test speaks
        return engine

    def fills(self) -> list[tuple[int, str, int, str]]:
        """The number of the bar, side, size and price of every fill."""
        return [
            (number, event.order_side.name, int(event.last_qty.as_decimal()), str(event.last_px))
            for number, event in self.events
            if type(event).__name__ == "OrderFilled"
        ]

    def pass_through(self, door: Door, orders: Orders) -> Orders | None:
        """What leaves of the orders; those that are denied are denied through the door."""
        self.sent.append((self.bars_seen, [_row(order) for order in orders]))
        reason = self.deny(orders)
        if not reason:
            return self.change(orders)
        for order in orders:
            door.deny_order(order, reason)
        return None


def _row(order: Any) -> tuple[Any, ...]:
    return (
        order.order_type.name,
        order.side.name,
        int(order.quantity.as_decimal()),
        str(getattr(order, "trigger_price", None) or getattr(order, "price", None) or ""),
        order.is_reduce_only,
    )
