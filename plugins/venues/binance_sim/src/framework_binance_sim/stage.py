"""The whole exchange: its products, its clock, and the scripts that move its markets."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from framework_binance_sim.faults import Faults
from framework_binance_sim.market import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework_binance_sim.futures.product import Futures
    from framework_binance_sim.script import Tick

FASTEST = 200
"""Ticks played in a row before others have their turn."""


class Stage:
    """What runs.

    Attributes:
        clock: The exchange's clock.
        faults: What goes wrong on request.
        futures: The futures product.
        script: What moves its market.
        running: Set while the market moves.
        ended: The script has no more.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.futures: Futures
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
            self.futures.market.happen(tick)
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
            self.futures.market.happen(tick)

    async def tend(self) -> None:
        """Do what the clock asks for."""
        second = 0
        while True:
            await asyncio.sleep(0.05)
            self.futures.passed()
            if self.clock.ms() // 1_000 != second:
                second = self.clock.ms() // 1_000
                self.futures.second()


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
