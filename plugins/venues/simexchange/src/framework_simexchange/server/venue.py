"""The running exchange: the machine, its log, its clock, its market and who is told what."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
import uuid
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

from framework_simexchange.server.faults import Faults
from framework_simexchange.server.matching import Book
from framework_simexchange.server.records import plain
from framework_simexchange.server.streams import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework_simexchange.server.market import Tick
    from framework_simexchange.server.matching import Event, Exchange
    from framework_simexchange.server.truth import Truth

MS = 1_000_000
LONGEST_PAUSE = 3_600.0


class Venue:
    """Everything of the exchange that lives in one event loop."""

    def __init__(self, exchange: Exchange, truth: Truth, *, heartbeat: float) -> None:
        self.exchange = exchange
        self.truth = truth
        self.faults = Faults()
        self.hub = Hub(self.faults)
        self.heartbeat = heartbeat
        self.skew_ns = 0
        self.boot = uuid.uuid4().hex
        self.requests: Counter[str] = Counter()
        self.arrivals: OrderedDict[str, int] = OrderedDict()
        self.times: dict[int, int] = {}
        self.holder: str | None = None
        self.lease_ends = 0.0
        self.ticks: Iterator[Tick] = iter(())
        self.running = asyncio.Event()
        self.ended = False
        self._due: Tick | None = None

    def ns(self) -> int:
        """The exchange's own time, which faults may put wrong."""
        return time.time_ns() + self.skew_ns

    def record(self, events: list[Event]) -> None:
        """Make events durable, then tell the account's owner.

        Raises:
            SystemExit: They cannot be made durable: the exchange stops before it says what it may forget.
        """
        try:
            self.truth.append(events)
        except sqlite3.Error as error:
            raise SystemExit(f"framework-simexchange: the state cannot be written: {error}") from error
        now = time.time_ns()
        for event in events:
            self.times[event["seq"]] = now
            for message in self.messages(event):
                self.hub.private(message)
        if any(event["kind"] == "fill" for event in events):
            self.hub.private(self.account())

    def messages(self, event: Event) -> Iterator[dict[str, Any]]:
        """What a private listener hears of an event."""
        if event["kind"] == "fill":
            yield {"type": "fill", "seq": event["seq"], "fill": event["fill"]}
        if "after" in event:
            yield {"type": "order", "seq": event["seq"], "order": event["after"]}

    def account(self) -> dict[str, Any]:
        """What is owned, and what of it is free."""
        exchange = self.exchange
        balances = {
            name: {"total": format(total, "f"), "used": format(exchange.used(name), "f")}
            for name, total in exchange.balances.items()
        }
        oms = "hedging" if exchange.hedging else "netting"
        return {"type": "account", "seq": exchange.seq, "balances": balances, "oms": oms, "ns": self.ns()}

    def positions(self) -> list[dict[str, Any]]:
        """What is held, flat positions left out."""
        held = [position for position in self.exchange.positions.values() if position.quantity]
        return [{**plain(position), "average": str(position.average)} for position in held]

    def lease(self, holder: str, seconds: float) -> int | None:
        """A new fencing token for `holder`; `None` while somebody else's has not run out."""
        now = time.monotonic()
        if self.holder not in {None, holder} and now < self.lease_ends:
            return None
        self.record(self.exchange.new_session(self.ns(), holder))
        self.holder, self.lease_ends = holder, now + seconds
        return self.exchange.session

    def happen(self, tick: Tick) -> None:
        """Let one thing happen on the market: the books move, orders fill, everybody is told."""
        now = self.ns()
        for bid, ask, bid_size, ask_size in tick.quotes:
            self.record(self.exchange.quote(tick.symbol, Book(bid, ask, bid_size, ask_size), now))
        self.hub.market({"type": tick.kind, "symbol": tick.symbol, **tick.body, "ns": now})

    def step(self, count: int) -> int:
        """Let the next `count` things happen now; returns how many there were."""
        for done in range(count):
            tick = self._taken()
            if tick is None:
                return done
            self.happen(tick)
        return count

    async def run_market(self, interval: float, speed: float) -> None:
        """Let things happen: walks one an interval, recordings `speed` times as fast as they were."""
        before: int | None = None
        while True:
            await self.running.wait()
            self._due = self._taken()
            if self._due is None:
                return
            due = self._due
            if due.at_ns is None or speed <= 0:
                pause = interval
            else:
                pause = 0.0 if before is None else min((due.at_ns - before) / 1e9 / speed, LONGEST_PAUSE)
                before = due.at_ns
            await asyncio.sleep(pause)
            await self.running.wait()
            if self._due is due:  # else it was stepped over meanwhile
                self._due = None
                self.happen(due)

    def _taken(self) -> Tick | None:
        due, self._due = self._due, None
        if due is None:
            due = next(self.ticks, None)
            self.ended = due is None
        return due

    async def run_clock(self) -> None:
        """Let orders expire and connections beat."""
        while True:
            await asyncio.sleep(self.heartbeat)
            self.record(self.exchange.tick(self.ns()))
            self.hub.heartbeat({"type": "heartbeat", "seq": self.exchange.seq, "ns": self.ns()})

    def arrived(self, client_order_id: object) -> None:
        """Count that a submission reached the exchange's door, whatever became of it."""
        name = str(client_order_id)
        self.arrivals[name] = self.arrivals.get(name, 0) + 1


@contextlib.asynccontextmanager
async def background(*coroutines: Any) -> Any:
    """Run coroutines beside a block, and end them with it."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
