"""The whole exchange: its product, its clock, and the script that moves its market."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from framework_binance_sim.faults import Faults
from framework_binance_sim.market import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from framework_binance_sim.market import Market
    from framework_binance_sim.params import Params
    from framework_binance_sim.script import Tick
    from framework_binance_sim.sessions import Sessions
    from framework_binance_sim.streams import Hub
    from framework_binance_sim.weights import Meter

FASTEST = 200
"""Ticks played in a row before others have their turn."""


class Product(Protocol):
    """What is traded here: futures or spot.

    Attributes:
        market: Its books and trades.
        hub: Its streams.
        sessions: Its WebSocket API.
        meter: Its limits.
    """

    market: Market
    hub: Hub
    sessions: Sessions
    meter: Meter

    def routes(self) -> list[web.RouteDef]:
        """Every route for traders."""

    def back_doors(self) -> list[web.RouteDef]:
        """Routes of the control port that only this product has."""

    def passed(self) -> None:
        """Time has passed."""

    def second(self) -> None:
        """A second has passed."""

    def trade(self, params: Params) -> dict[str, Any]:
        """An order by hand, as another client of the account would send it."""

    def cancel(self, params: Params) -> dict[str, Any]:
        """A cancellation by hand."""

    def expire(self) -> None:
        """End whatever lets a client listen to the account."""

    def truth(self) -> dict[str, Any]:
        """Everything that is so."""


class Stage:
    """What runs.

    Attributes:
        clock: The exchange's clock.
        faults: What goes wrong on request.
        product: What is traded.
        script: What moves its market.
        running: Set while the market moves.
        ended: The script has no more.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.product: Product
        self.script: Iterator[Tick] = iter(())
        self.running = asyncio.Event()
        self.ended = False

    def step(self, count: int = 1) -> int:
        """Let the next things happen; returns how many there were."""
        for done in range(count):
            tick = next(self.script, None)
            if tick is None:
                self.ended = True
                return done
            self.product.market.happen(tick)
        return count

    async def play(self, interval: float, speed: float) -> None:
        """Let things happen: recorded ones `speed` times as fast, others every `interval` seconds."""
        before: int | None = None
        played = 0
        while not self.ended:
            await self.running.wait()
            tick = next(self.script, None)
            if tick is None:
                self.ended = True
                return
            wait = interval
            if tick.ms is not None and speed:
                wait = 0.0 if before is None else max(0, tick.ms - before) / 1_000 / speed
                before = tick.ms
            played += 1
            if wait or played % FASTEST == 0:
                await asyncio.sleep(wait)
            self.product.market.happen(tick)

    async def tend(self) -> None:
        """Do what the clock asks for."""
        second = 0
        while True:
            await asyncio.sleep(0.05)
            self.product.passed()
            if self.clock.ms() // 1_000 != second:
                second = self.clock.ms() // 1_000
                self.product.second()


@contextlib.asynccontextmanager
async def background(*work):  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN201
    """Run coroutines until the block ends."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
