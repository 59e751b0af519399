"""Was the market calm or turbulent? Said of every day from the days before it, and from nothing else."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework import Tape

DAY = 86_400 * 10**9
WINDOW = 20
CALM, USUAL, TURBULENT, EARLY = "calm", "usual", "turbulent", "too early to say"
REGIMES = (CALM, USUAL, TURBULENT, EARLY)


class Regimes:
    """The regime of every instrument at any moment.

    The volatility of a day is the standard deviation of the last `window` logarithmic returns from one UTC
    day's close to the next. A day is calm when the volatility of the day before is in the lowest third of all
    that had been seen by then, turbulent when it is in the highest. So a later price never changes what is
    said of a day.

    Args:
        tapes: The run's data.
        window: Days of a volatility, and volatilities that must have been seen before anything is said.
    """

    def __init__(self, tapes: Sequence[Tape], window: int = WINDOW) -> None:
        self._said: dict[str, tuple[list[int], list[str]]] = {}
        for tape in tapes:
            name = str(tape.instrument.id)
            if name not in self._said and tape.rows:
                self._said[name] = _said(tape, window)

    def at(self, instrument: str, ts: int) -> str:
        """What could be said of the instrument at that moment, nanoseconds since the epoch."""
        days, words = self._said.get(instrument, ([], []))
        place = bisect_left(days, _day(ts)) - 1  # the last day that had ended
        return words[place] if place >= 0 else EARLY


def _day(ts: int) -> int:
    """The UTC day; midnight belongs to the day that ends."""
    return (ts - 1) // DAY


def _said(tape: Tape, window: int) -> tuple[list[int], list[str]]:
    """Each day with data, and what could be said when it had ended."""
    closes = {_day(row.ts): _price(tape, row.prices) for row in tape.rows}
    days = list(closes)
    returns = np.diff(np.log(np.array(list(closes.values()), dtype=np.float64)))
    seen: list[float] = []
    words = []
    for place in range(len(days)):
        if place < window:
            words.append(EARLY)
            continue
        volatility = float(np.std(returns[place - window : place], ddof=1))
        insort(seen, volatility)
        # Halfway between the first and the last place it could take, so that equal ones are in the middle.
        rank = (bisect_left(seen, volatility) + bisect_right(seen, volatility)) / (2 * len(seen))
        word = CALM if rank < 1 / 3 else TURBULENT if rank > 2 / 3 else USUAL
        words.append(EARLY if len(seen) < window else word)
    return days, words


def _price(tape: Tape, prices: tuple[int, ...]) -> float:
    """The last price in ticks; of a quote, the middle."""
    return (prices[0] + prices[1]) / 2 if tape.kind == "quotes" else float(prices[-1])
