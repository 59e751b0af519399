"""Funding in a backtest: at every funding time longs pay shorts, or shorts longs, a rate of what they hold.

Binance's rule for perpetuals: amount = position x mark price x rate. The mark price is not in a catalog; the
last price that was seen stands for it.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from nautilus_trader.backtest import SimulationModule
from nautilus_trader.model import Bar, Money, QuoteTick, TradeTick

from framework import DataError
from framework_binance.vision import checksum_of, is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3_600_000_000_000
EVERY = 8 * HOUR
MS = 1_000_000
MOST = Decimal("0.1")
LONGEST = 16 << 20
"""Bytes of a month of rates; what is longer is something else."""
_REMEDY = "Write a rate, or a CSV or .zip with calc_time, funding_interval_hours, last_funding_rate."


@dataclass(frozen=True, slots=True)
class Schedule:
    """When funding is due, and at what rate.

    Attributes:
        times: Nanoseconds, ascending; empty for every eight hours.
        rates: One for each time, or one alone.
    """

    times: tuple[int, ...]
    rates: tuple[Decimal, ...]

    def due(self, after: int, until: int) -> list[Decimal]:
        """The rates that fell due after one time, up to and with another."""
        if not self.times:
            return [self.rates[0]] * (until // EVERY - after // EVERY)
        return list(self.rates[bisect_right(self.times, after) : bisect_right(self.times, until)])


def schedule(text: str) -> Schedule:
    """A rate for every eight hours, or the file or files of Binance's `fundingRate` dumps.

    Args:
        text: A number, a file, or a pattern of files such as `downloads/BTCUSDT-fundingRate-*.zip`; a file
            is a CSV or the .zip that Binance publishes, and agrees with the `.CHECKSUM` beside it, if any.

    Raises:
        DataError: It is none of these.
    """
    try:
        return Schedule((), (_rate(text, text),))
    except InvalidOperation:
        pass
    named = Path(text)
    paths = sorted(named.parent.glob(named.name)) if "*" in named.name else [named]
    if not paths:
        raise DataError("no file is called like that", where=text, remedy=_REMEDY)
    rows = [row for path in paths for row in _dump(path)]
    times, rates = zip(*rows, strict=True)
    if list(times) != sorted(set(times)):
        raise DataError("the funding times are not ascending", where=text)
    return Schedule(times, rates)


def _dump(path: Path) -> list[tuple[int, Decimal]]:
    """The times and rates in one file."""
    try:
        if checksum_of(path).is_file() and not is_whole(path):
            raise DataError(
                f"the file is not what {path.name}.CHECKSUM says",
                where=str(path),
                remedy="Download it again.",
            )
        lines = enumerate(csv.reader(_text(path).splitlines()), start=1)
        rows = [
            (int(row[0]) * MS, _rate(row[2], f"{path}:{number}"))
            for number, row in lines
            if number > 1 or row[0].isdigit()
        ]
    except (OSError, ValueError, IndexError, InvalidOperation, BadZipFile) as error:
        raise DataError(f"no funding rates can be read: {error}", where=str(path), remedy=_REMEDY) from error
    if not rows:
        raise DataError("no funding rates can be read: there is no row", where=str(path), remedy=_REMEDY)
    return rows


def _text(path: Path) -> str:
    if path.suffix.casefold() != ".zip":
        return path.read_text(encoding="utf-8")
    with ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1 or archive.getinfo(names[0]).file_size > LONGEST:
            raise BadZipFile("not one small file is in it")
        return archive.read(names[0]).decode()


def _rate(text: str, where: str) -> Decimal:
    rate = Decimal(text)
    if not (rate.is_finite() and abs(rate) <= MOST):
        raise DataError(f"{text} is no funding rate; a basis point is 0.0001", where=where)
    return rate


class Funding(SimulationModule):
    """Books funding on the positions of a simulated exchange.

    Args:
        schedules: By instrument.
    """

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        super().__init__()
        self._schedules = dict(schedules)
        self._prices: dict[str, Decimal] = {}
        self._after: int | None = None

    def pre_process(self, data: Any) -> None:
        """Keep the last price."""
        if isinstance(data, Bar):
            self._prices[str(data.bar_type.instrument_id)] = data.close.as_decimal()
        elif isinstance(data, TradeTick):
            self._prices[str(data.instrument_id)] = data.price.as_decimal()
        elif isinstance(data, QuoteTick):
            middle = (data.bid_price.as_decimal() + data.ask_price.as_decimal()) / 2
            self._prices[str(data.instrument_id)] = middle

    def process(self, ts_now: int, context: Any) -> list[Money] | None:
        """What the account gets or pays for the funding times that have passed."""
        after, self._after = self._after, ts_now
        if after is None:
            return None
        booked = []
        for position in context.positions:
            name = str(position.instrument_id)
            rates = self._schedules[name].due(after, ts_now) if name in self._schedules else []
            price = self._prices.get(name)
            if rates and price is not None and position.is_open:
                held = position.quantity.as_decimal() * (1 if position.is_long else -1)
                paid = -held * price * sum(rates)
                booked.append(Money.from_decimal(paid, position.settlement_currency))
        return booked or None

    def reset(self) -> None:
        """Forget the run."""
        self._prices.clear()
        self._after = None
