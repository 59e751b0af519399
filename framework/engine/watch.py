"""Actors beside the strategies: one gives them their data in order, one moves the progress bar."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.model import ActorId

from framework.engine.books import mid
from framework.risk.rule import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.model import Bar, BarType, InstrumentId, QuoteTick, TradeTick

    from framework.risk.gate import Gate


class Conductor(DataActor):
    """Shows every price to the gate first, then to the strategies in the order of node.yaml.

    The engine serves strategies that share a stream in the order of a hash map, which differs from process
    to process; whoever comes first takes a shared limit. And it serves actors after strategies, so a
    drawdown would be noticed after the order it should have stopped. So a conducted strategy's handler only
    queues its data here, and the conductor, which the engine serves last and before any order executes,
    plays the queue.

    Args:
        bar_types: Bars of the run, those that strategies have the engine build included.
        quotes: Instruments with quotes in the run.
        trades: Instruments with trades in the run.
        gate: Sees every price before any strategy does.
        failed: Told of an exception of the gate's own.
        held: For a replay to a live node, where the venue sees a row after the strategies and a backtest's
            before them: called when a row has reached everybody, who see it only at `release`.
    """

    def __new__(cls, *_: Any) -> Self:
        """The engine's constructor takes its own config and nothing else."""
        return super().__new__(cls, DataActorConfig(actor_id=ActorId("CONDUCTOR-001")))  # type: ignore[call-arg]

    def __init__(
        self,
        bar_types: Iterable[BarType],
        quotes: Iterable[InstrumentId],
        trades: Iterable[InstrumentId],
        gate: Gate,
        failed: Callable[[str, BaseException], None],
        held: Callable[[], None] | None = None,
    ) -> None:
        self.bar_types = frozenset(bar_types)
        self.quotes = frozenset(quotes)
        self.trades = frozenset(trades)
        self._gate = gate
        self._failed = failed
        self._held = held
        self._waiting: list[Mark | None] = []
        self._marks = gate.wants_marks
        self._queue: list[tuple[int, Callable[..., Any], Any, Any]] = []

    def on_start(self) -> None:
        """Subscribe to everything conducted."""
        for bar_type in sorted(self.bar_types, key=str):
            self.subscribe_bars(bar_type)
        for instrument_id in sorted(self.quotes, key=str):
            self.subscribe_quotes(instrument_id)
        for instrument_id in sorted(self.trades, key=str):
            self.subscribe_trades(instrument_id)

    def wants(self, data: Any, handler: str) -> bool:
        """True when the data will reach the conductor too, and so may wait for it."""
        if handler == "on_bar":
            return data.bar_type in self.bar_types
        return data.instrument_id in (self.quotes if handler == "on_quote" else self.trades)

    def queue(self, index: int, handler: Callable[..., Any], strategy: Any, data: Any) -> None:
        """Keep a strategy's call until the conductor's own turn."""
        self._queue.append((index, handler, strategy, data))

    def on_bar(self, bar: Bar) -> None:
        """A bar is worth its close."""
        self._play(Mark(bar.bar_type.instrument_id, bar.close, bar.ts_event) if self._marks else None)

    def on_quote(self, quote: QuoteTick) -> None:
        """A quote is worth its middle."""
        self._play(Mark(quote.instrument_id, mid(quote), quote.ts_event) if self._marks else None)

    def on_trade(self, trade: TradeTick) -> None:
        """A trade is worth its price."""
        self._play(Mark(trade.instrument_id, trade.price, trade.ts_event) if self._marks else None)

    def release(self) -> None:
        """Show what was held to the gate and to the strategies."""
        waiting, self._waiting = self._waiting, []
        for mark in waiting:
            self._show(mark)

    def _play(self, mark: Mark | None) -> None:
        if self._held is None:
            self._show(mark)
        else:
            self._waiting.append(mark)
            self._held()

    def _show(self, mark: Mark | None) -> None:
        try:
            if mark is not None:
                self._gate.mark(mark)
        except BaseException as error:  # noqa: BLE001 - the engine would swallow it
            self._failed("gate", error)
        queue, self._queue = self._queue, []
        if len(queue) > 1:
            queue.sort(key=lambda call: call[0])
        for _, handler, strategy, data in queue:
            handler(strategy, data)


class Progress(DataActor):
    """Tells a progress bar how far the replay is, a hundred times a run."""

    def __new__(cls, *_: Any) -> Self:
        """The engine's constructor takes its own config and nothing else."""
        return super().__new__(cls, DataActorConfig(actor_id=ActorId("PROGRESS-001")))  # type: ignore[call-arg]

    def __init__(self, start: int, end: int, report: Callable[[float], None]) -> None:
        self._start = start
        self._span = max(1, end - start)
        self._report = report

    def on_start(self) -> None:
        """Set the timer."""
        step = dt.timedelta(microseconds=max(1, self._span // 100_000))
        self.clock.set_timer("progress", step, callback=self._tick)

    def _tick(self, event: Any) -> None:
        self._report(min(1.0, (event.ts_event - self._start) / self._span))
