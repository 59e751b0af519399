"""Prices: ticks as they come, what they were, and bars made of them."""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework_mt5_terminal.broker.listed import Listed
    from framework_mt5_terminal.broker.time import BrokerTime

MINUTE_MS = 60_000
KEPT = 200_000
"""Ticks of a symbol that are remembered; the oldest half is let go when there are more."""
FLAGS_BID_ASK = 0x06


@dataclass(frozen=True, slots=True)
class Quote:
    """A tick: UTC time, the broker's time, prices, and the lots that may trade on it (None: any)."""

    utc_ns: int
    wall_ms: int
    bid: Decimal
    ask: Decimal
    depth: Decimal | None = None


@dataclass(slots=True)
class Minute:
    """A one-minute bar of bids; `wall_ms` is when it opened."""

    wall_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int
    spread: int


class Market:
    """One symbol's prices, beginning with a history of minutes made from a seed."""

    def __init__(self, listed: Listed, time: BrokerTime, *, seed: int, history: int) -> None:
        self.listed = listed
        self._time = time
        self._random = random.Random(f"{seed}:{listed.name}")  # noqa: S311 - prices, not secrets
        self.quotes: list[Quote] = []
        self.minutes: list[Minute] = []
        self._went_back = False
        bid = listed.price
        now_ms = time.wall_ms(time.now_ns())
        first = now_ms - now_ms % MINUTE_MS - history * MINUTE_MS
        for number in range(history):
            path = [bid + self._step() for _ in range(4)]
            bar = Minute(
                first + number * MINUTE_MS, bid, max(bid, *path), min(bid, *path), path[-1], 5, listed.spread
            )
            self.minutes.append(bar)
            bid = path[-1]
        self._bid = bid

    @property
    def last(self) -> Quote | None:
        """The newest tick, if there was one."""
        return self.quotes[-1] if self.quotes else None

    def walk(self) -> Quote:
        """The next step of the walk."""
        bid = max(self._bid + self._step(), self.listed.point * 100)
        return self.set(bid, bid + self.listed.spread * self.listed.point)

    def set(
        self, bid: Decimal, ask: Decimal, depth: Decimal | None = None, utc_ns: int | None = None
    ) -> Quote:
        """A new tick, stamped now unless it says when."""
        utc_ns = self._time.now_ns() if utc_ns is None else utc_ns
        quote = Quote(utc_ns, self._time.wall_ms(utc_ns), bid, ask, depth)
        self._bid = bid
        if self.quotes and quote.wall_ms < self.quotes[-1].wall_ms:
            self._went_back = True
        self.quotes.append(quote)
        if len(self.quotes) > KEPT:
            del self.quotes[: KEPT // 2]
        self._count(quote)
        return quote

    def used(self, lots: Decimal) -> None:
        """Lots of the newest tick were taken; they are given away once."""
        last = self.last
        if last is not None and last.depth is not None:
            left = Quote(last.utc_ns, last.wall_ms, last.bid, last.ask, max(Decimal(0), last.depth - lots))
            self.quotes[-1] = left

    def ticks(self, from_ms: int, to_ms: int | None, count: int | None) -> list[list[float]]:
        """Ticks from a broker's time on, the rows of the official array."""
        # A clock that goes back writes times twice, and nothing is in order any more.
        start = 0 if self._went_back else bisect_left(self.quotes, from_ms, key=lambda quote: quote.wall_ms)
        rows: list[list[float]] = []
        for quote in self.quotes[start:]:
            if quote.wall_ms < from_ms:
                continue
            if (to_ms is not None and quote.wall_ms > to_ms) or (count is not None and len(rows) >= count):
                break
            rows.append(tick_row(quote))
        return rows

    def bars(self, minutes: int) -> list[list[float]]:
        """All bars of a length, oldest first, the last one unfinished."""
        length = minutes * MINUTE_MS
        made: list[Minute] = []
        for bar in self.minutes:
            opens = bar.wall_ms - bar.wall_ms % length
            if made and made[-1].wall_ms == opens:
                last = made[-1]
                last.high, last.low = max(last.high, bar.high), min(last.low, bar.low)
                last.close, last.ticks = bar.close, last.ticks + bar.ticks
            else:
                made.append(Minute(opens, bar.open, bar.high, bar.low, bar.close, bar.ticks, bar.spread))
        return [
            [
                bar.wall_ms // 1000,
                *(float(price) for price in (bar.open, bar.high, bar.low, bar.close)),
                bar.ticks,
                bar.spread,
                0,
            ]
            for bar in made
        ]

    def _step(self) -> Decimal:
        return self._random.randint(-5, 5) * self.listed.point

    def _count(self, quote: Quote) -> None:
        opens = quote.wall_ms - quote.wall_ms % MINUTE_MS
        if self.minutes and self.minutes[-1].wall_ms == opens:
            bar = self.minutes[-1]
            bar.high, bar.low = max(bar.high, quote.bid), min(bar.low, quote.bid)
            bar.close, bar.ticks = quote.bid, bar.ticks + 1
        else:
            spread = int((quote.ask - quote.bid) / self.listed.point)
            self.minutes.append(Minute(opens, quote.bid, quote.bid, quote.bid, quote.bid, 1, spread))


def tick_row(quote: Quote) -> list[float]:
    """The values of an official tick."""
    seconds = quote.wall_ms // 1000
    return [seconds, float(quote.bid), float(quote.ask), 0.0, 0, quote.wall_ms, FLAGS_BID_ASK, 0.0]
