"""Catalog data played to a live node: what paper trading uses where a venue has no live data of its own.

A live node takes data when it comes, so the next row waits until the node has dealt with the last: handlers
have run, and no order is on its way. That makes a replay at any speed the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.config import DataClientConfig
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import Venue
from nautilus_trader.persistence import ParquetDataCatalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework.compose import Plan, Stream
    from framework.engine.feed import Feed

DAY = 86_400_000_000_000
WINDOW_ROWS = 10_000
"""Rows of a stream that are read from the catalog at a time."""
PATIENCE = 5.0
"""Seconds that a row or an order may take before the replay goes on without it."""
QUIET_TURNS = 10
"""Turns of the loop without an event after which the engine's queues are taken for empty."""
QUIET_SECONDS = 0.002
"""The same where orders rest at the venue: what a row makes of them comes through another thread, which needs
the processor for it. An order on its way is waited for by name."""


class Played(Protocol):
    """A node, as far as a replay needs one."""

    def release(self) -> None:
        """Show the rows that are held to the strategies."""

    def busy(self) -> bool:
        """True while an order is between a strategy and the venue's answer."""

    def resting(self) -> bool:
        """True while orders rest at the venue."""

    def happened(self) -> int:
        """A number that grows with every event."""

    def day_ended(self) -> None:
        """The next row is of another day, UTC."""


class ReplayClock:
    """The time of the data: what rules of a replay ask for."""

    def __init__(self, start: int) -> None:
        self.now = start

    def timestamp_ns(self) -> int:
        """Nanoseconds since the epoch, UTC, of the last row played."""
        return self.now


class ReplayConfig(DataClientConfig):
    """Nothing: the engine asks for a config of its own kind."""


class ReplayClient(MarketDataClient):
    """The data client of one venue in a replay; the rows come from `Replay`."""

    async def _connect(self) -> None:
        for instrument in self.instruments:
            self._handle_instrument(instrument)

    async def _disconnect(self) -> None:
        pass

    async def _accept(self, command: Any) -> None:
        """Subscriptions change nothing: every stream of the file is played."""

    _subscribe_instrument = _subscribe_instruments = _accept
    _subscribe_bars = _subscribe_quotes = _subscribe_trades = _accept
    _unsubscribe_instrument = _unsubscribe_instruments = _accept
    _unsubscribe_bars = _unsubscribe_quotes = _unsubscribe_trades = _accept

    instruments: tuple[Any, ...] = ()

    def play(self, row: Any) -> None:
        """Hand a row to the engine."""
        self._handle_data(row)


class Replay:
    """The rows of a plan in time order, and the clients they are played through.

    Args:
        plan: What to replay.
        feed: The plan's data, checked.
        speed: Seconds of data a second; None for as fast as the node can take it.

    Attributes:
        clock: The time of the data.
        rows: Rows played, by kind.
        moments: For every row, when it was played and its own time, nanoseconds.
    """

    def __init__(self, plan: Plan, feed: Feed, speed: float | None) -> None:
        self._plan = plan
        self._feed = feed
        self._speed = speed
        self._catalog = ParquetDataCatalog(str(plan.catalog))
        names = [str(instrument_id) for instrument_id in plan.instruments]
        self._instruments = self._catalog.instruments(names)
        self._clients: dict[str, ReplayClient] = {}
        self.clock = ReplayClock(feed.start)
        self._reached = asyncio.Event()
        self.rows: dict[str, int] = {}
        self.moments: list[tuple[int, int]] = []

    def factory(self, venue: str) -> type[DataClientFactory]:
        """What builds the data client of a venue."""
        replay = self

        class Factory(DataClientFactory):
            @staticmethod
            def create(*, name: str, config: Any, cache: Any, clock: Any) -> ReplayClient:
                client = ReplayClient(name=name, config=config, cache=cache, clock=clock, venue=Venue(venue))
                client.instruments = tuple(
                    instrument for instrument in replay._instruments if str(instrument.id.venue) == venue
                )
                replay._clients[venue] = client
                return client

        return Factory

    def held(self) -> None:
        """A row has reached everybody."""
        self._reached.set()

    async def play(self, node: Played) -> None:
        """Play every row as a backtest does: the venue first, then the strategies, then the next row.

        Args:
            node: What the rows are played to.
        """
        loop = asyncio.get_running_loop()
        began, first = loop.time(), self._feed.start
        for stream, row in self._merged():
            if self._speed is not None:
                due = began + (row.ts_init - first) / 1e9 / self._speed
                await asyncio.sleep(max(0.0, due - loop.time()))
            if row.ts_init // DAY > self.clock.now // DAY:
                node.day_ended()
            self.clock.now = max(self.clock.now, row.ts_init)
            self.moments.append((time.time_ns(), self.clock.now))
            self._reached.clear()
            self._clients[str(stream.instrument_id.venue)].play(row)
            self.rows[stream.kind] = self.rows.get(stream.kind, 0) + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reached.wait(), PATIENCE)
            await _settled(node, resting=node.resting())
            node.release()
            await _settled(node)

    def _merged(self) -> Iterator[tuple[Stream, Any]]:
        """Every row of every stream by time; at equal times in the order of the file, as in a backtest."""
        streams = self._plan.streams
        keyed = (
            ((row.ts_init, index, row) for row in self._rows(stream)) for index, stream in enumerate(streams)
        )
        for _, index, row in heapq.merge(*keyed, key=lambda entry: entry[:2]):
            yield streams[index], row

    def _rows(self, stream: Stream) -> Iterator[Any]:
        query: Any = {
            "bars": self._catalog.query_bars,
            "quotes": self._catalog.query_quote_ticks,
            "trades": self._catalog.query_trade_ticks,
        }[stream.kind]
        total = self._feed.rows[stream.kind]
        step = max(1, (self._feed.end - self._feed.start) * WINDOW_ROWS // max(total, 1))
        at = self._feed.start
        while at <= self._feed.end:
            yield from query([stream.name], at, min(at + step - 1, self._feed.end))
            at += step


async def _settled(node: Played, *, resting: bool = False) -> None:
    """Let the engine's queues run until nothing comes of it any more.

    Args:
        node: What is played to.
        resting: Whether orders rest at the venue that the row may have reached.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    known, quiet = node.happened(), 0
    while quiet < QUIET_TURNS or (node.busy() and loop.time() < deadline):
        await asyncio.sleep(QUIET_SECONDS if resting and quiet == QUIET_TURNS - 1 else 0)
        happened = node.happened()
        known, quiet = happened, quiet + 1 if happened == known else 0
