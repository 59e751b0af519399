"""Actors beside the strategies: one feeds prices to the gate, one feeds the progress bar."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.model import ActorId

from framework.engine.books import mid
from framework.risk.rule import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nautilus_trader.model import Bar, QuoteTick, TradeTick

    from framework.compose import Stream
    from framework.engine.faults import Faults
    from framework.risk.gate import Gate


class Watch(DataActor):
    """Shows the gate every price of the run, whatever the strategies subscribe to."""

    def __new__(cls, *_: Any) -> Self:
        """The engine's constructor takes its own config and nothing else."""
        return super().__new__(cls, DataActorConfig(actor_id=ActorId("WATCH-001")))  # type: ignore[call-arg]

    def __init__(self, streams: Sequence[Stream], gate: Gate, faults: Faults) -> None:
        self._streams = streams
        self._gate = gate
        self._faults = faults

    def on_start(self) -> None:
        """Subscribe to every stream of the run."""
        for stream in self._streams:
            if stream.bar_type is not None:
                self.subscribe_bars(stream.bar_type)
            elif stream.kind == "quotes":
                self.subscribe_quotes(stream.instrument_id)
            else:
                self.subscribe_trades(stream.instrument_id)

    def on_bar(self, bar: Bar) -> None:
        """A bar is worth its close."""
        self._mark(Mark(bar.bar_type.instrument_id, bar.close, bar.ts_event))

    def on_quote(self, quote: QuoteTick) -> None:
        """A quote is worth its middle."""
        self._mark(Mark(quote.instrument_id, mid(quote), quote.ts_event))

    def on_trade(self, trade: TradeTick) -> None:
        """A trade is worth its price."""
        self._mark(Mark(trade.instrument_id, trade.price, trade.ts_event))

    def _mark(self, mark: Mark) -> None:
        try:
            self._gate.mark(mark)
        except BaseException as error:  # noqa: BLE001 - the engine would swallow it
            self._faults.record("the gate", error)


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
