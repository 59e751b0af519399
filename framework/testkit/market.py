"""Simulated market data, written to a catalog: seeded, of any length, with gaps and silence on request.

    >>> market = simulate(tmp_path / "catalog", ["EURUSD"], step="1-HOUR", length=500, seed=3)
    >>> market.bar_types
    (BarType(EUR/USD.SIM-1-HOUR-LAST-EXTERNAL),)

The prices swing around a wandering mean, in spells of calm and of noise, so that trend followers and mean
reverters both find something to do. They are made to exercise code; no profit on them means anything.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import BarType

from framework.catalog.instruments import find_instrument
from framework.catalog.tape import Row, Tape, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nautilus_trader.model import InstrumentId

    from framework.specs import DataKind

VENUE = "SIM"
MONDAY = 1_704_067_200_000_000_000
"""2024-01-01T00:00:00Z, where simulated time begins."""
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
YEAR = 365.25 * 86_400
FIRST_PRICE = {
    "EURUSD": 1.10,
    "XAUUSD": 2_000.0,
    "BTCUSDT": 40_000.0,
    "BTCUSDT-PERP": 40_000.0,
    "ES": 5_000.0,
    "6E": 1.10,
    "UB": 120.0,
}
"""Where a preset's price starts; a stock starts at 100."""
YEARLY_NOISE = {"EURUSD": 0.12, "6E": 0.12, "UB": 0.15, "BTCUSDT": 0.6, "BTCUSDT-PERP": 0.6}
"""Standard deviation of a year's log return; 0.25 for the others."""
TYPICAL_SIZE = 2_000_000
"""Size increments traded in an ordinary event: far more than a test's order takes."""


@dataclass(frozen=True)
class SimulatedMarket:
    """A catalog and what is in it.

    Attributes:
        catalog: The catalog's folder.
        tapes: The streams, in the order of the presets.
    """

    catalog: Path
    tapes: tuple[Tape, ...]

    @property
    def instruments(self) -> tuple[Any, ...]:
        """The engine's instruments, in the order of the presets."""
        return tuple(tape.instrument for tape in self.tapes)

    @property
    def instrument_ids(self) -> tuple[InstrumentId, ...]:
        """Their identifiers."""
        return tuple(instrument.id for instrument in self.instruments)

    @property
    def bar_types(self) -> tuple[BarType, ...]:
        """The bar types, in the order of the presets; empty when the market is one of quotes or trades."""
        return tuple(BarType.from_str(tape.name) for tape in self.tapes if tape.kind == "bars")

    @property
    def times(self) -> tuple[int, ...]:
        """Every moment at which something happens, nanoseconds UTC, in order."""
        return tuple(sorted({row.ts for tape in self.tapes for row in tape.rows}))

    def streams(self) -> list[dict[str, str]]:
        """The `data:` section of a node that reads all of it."""
        return [{tape.kind: tape.name} for tape in self.tapes]

    def rewritten(self, folder: Path, change: Callable[[Tape], Tape]) -> SimulatedMarket:
        """The market with every tape changed, as a catalog in another folder."""
        tapes = tuple(change(tape) for tape in self.tapes)
        return SimulatedMarket(write(folder, tapes), tapes)


def simulate(
    catalog: Path,
    presets: Sequence[str] = ("EURUSD",),
    *,
    kind: DataKind = "bars",
    step: str = "1-HOUR",
    length: int = 1_500,
    seed: int = 0,
    gaps: float = 0.0,
    silent: float = 0.0,
    venue: str = VENUE,
) -> SimulatedMarket:
    """Make a market and write it to a catalog.

    Args:
        catalog: A folder that does not exist yet.
        presets: Instrument presets such as `EURUSD`, `BTCUSDT-PERP`, `ES` or `equity:AAPL`; they trade at
            `venue`, one stream each, independent of each other.
        kind: What flows.
        step: The size of a bar, such as `5-MINUTE`; for quotes and trades, the mean time between two.
        length: Events of each stream, before gaps.
        seed: Same arguments and seed, same market.
        gaps: The share of events missing, in runs of up to twenty.
        silent: The share of bars in which nothing trades: one price, no volume. Bars only.
        venue: Where all of it trades.

    Raises:
        DataError: There is no such preset.
    """
    listed = [(preset, find_instrument(preset, venue)) for preset in presets]
    tapes = tuple(
        _tape(each, kind, step, length, random.Random(f"{seed} {number} {each[0]}"), gaps, silent)  # noqa: S311 - simulated prices, not secrets
        for number, each in enumerate(listed)
    )
    return SimulatedMarket(write(catalog, tapes), tapes)


def _tape(
    listed: tuple[str, Any],
    kind: DataKind,
    step: str,
    length: int,
    rng: random.Random,
    gaps: float,
    silent: float,
) -> Tape:
    preset, instrument = listed
    count, _, unit = step.partition("-")
    seconds = int(count) * SECONDS[unit]
    name = f"{instrument.id}-{step}-LAST-EXTERNAL" if kind == "bars" else str(instrument.id)
    start = FIRST_PRICE.get(preset, 100.0) / float(instrument.price_increment.as_decimal())
    noise = YEARLY_NOISE.get(preset, 0.25) * math.sqrt(seconds / YEAR)
    path = _path(start, noise, length, rng)
    if kind == "bars":
        rows = [_bar(path[n], MONDAY + (n + 1) * seconds * 10**9, rng, silent) for n in range(length)]
    else:
        rows = _ticks(kind, path, seconds, rng)
    return Tape(kind, instrument, name, tuple(_with_gaps(rows, gaps, rng)))


def _path(start: float, noise: float, length: int, rng: random.Random) -> list[list[int]]:
    """For every step the five prices it goes through, in ticks; each step begins where the last ended."""
    steps = []
    mean, swing, calm, last = 0.0, 0.0, 1.0, round(start)
    for _ in range(length):
        if rng.random() < 0.02:  # noqa: PLR2004 - a spell lasts fifty steps on average
            calm = rng.choice((0.5, 1.0, 2.0))
        prices = [last]
        for _ in range(4):
            mean += rng.gauss(0.0, 0.35 * noise * calm / 2)
            swing += -0.02 * swing + rng.gauss(0.0, noise * calm / 2)
            prices.append(max(1, round(start * math.exp(mean + swing))))
        last = prices[-1]
        steps.append(prices)
    return steps


def _bar(prices: list[int], ts: int, rng: random.Random, silent: float) -> Row:
    if silent and rng.random() < silent:
        return Row(ts, (prices[0],) * 4, (0,))
    volume = round(TYPICAL_SIZE * rng.uniform(0.2, 1.8))
    return Row(ts, (prices[0], max(prices), min(prices), prices[-1]), (volume,))


def _ticks(kind: DataKind, path: list[list[int]], seconds: int, rng: random.Random) -> list[Row]:
    rows, now = [], MONDAY
    for prices in path:
        now += max(1, round(rng.expovariate(1 / seconds) * 10**9))
        price = prices[-1]
        size = round(TYPICAL_SIZE * rng.uniform(0.2, 1.8))
        if kind == "quotes":
            rows.append(Row(now, (price, price + rng.randint(1, 3)), (size, size)))
        else:
            rows.append(Row(now, (price,), (size,)))
    return rows


def _with_gaps(rows: list[Row], gaps: float, rng: random.Random) -> list[Row]:
    """Drop about that share of the rows, in runs; the first and the last stay."""
    kept, skip = [], 0
    for number, row in enumerate(rows):
        if not skip and gaps and rng.random() < gaps / 10.5:
            skip = rng.randint(1, 20)
        if skip and 0 < number < len(rows) - 1:
            skip -= 1
            continue
        kept.append(row)
    return kept


def silent_twin(market: SimulatedMarket) -> SimulatedMarket:
    """What a strategy sees that nothing reaches: bars of the same instruments that nobody asked for.

    The tapes are not written; use `SimulatedMarket.rewritten` or `write`.
    """
    tapes = []
    for tape in market.tapes:
        name = f"{tape.instrument.id}-12-SECOND-ASK-EXTERNAL"
        price = tape.rows[0].prices[0]
        rows = tuple(Row(MONDAY + n * 12 * 10**9, (price,) * 4, (TYPICAL_SIZE,)) for n in range(1, 11))
        tapes.append(replace(tape, kind="bars", name=name, rows=rows))
    return SimulatedMarket(market.catalog, tuple(tapes))
