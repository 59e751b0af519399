"""How numbers, times and amounts are written for people."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

NOTHING = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"


def number(value: float | Decimal | None, digits: int = 2, *, sign: bool = False) -> str:
    """A number with thousands separators and a real minus sign; a dash when it is undefined."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def figure(value: float | None) -> str:
    """A statistic whose scale is unknown: four significant digits, or two decimals when it is large."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - from here two decimals are enough
        return number(value)
    digits = 3 - math.floor(math.log10(abs(value)))
    return number(value, min(max(digits, 2), 8))


def percent(fraction: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """A fraction as a percentage."""
    text = number(None if fraction is None else fraction * 100, digits, sign=sign)
    return text if text == NOTHING else f"{text}%"


def money(value: float | Decimal | None, currency: str, *, sign: bool = False) -> str:
    """An amount with as many decimals as its currency has."""
    text = number(value, precision(currency), sign=sign)
    return text if text == NOTHING else f"{text} {currency}"


@cache
def precision(currency: str) -> int:
    """The decimals of a currency, from the engine's table; two when it has none of that name."""
    from nautilus_trader.model import Currency  # noqa: PLC0415 - only a report about money needs the engine

    try:
        return int(Currency.from_str(currency).precision)
    except ValueError:
        return 2


def moment(nanoseconds: int, *, zone: bool = False) -> str:
    """A time in UTC, with seconds only when they say something."""
    when = dt.datetime.fromtimestamp(nanoseconds // 1_000_000_000, dt.UTC)
    text = when.strftime("%Y-%m-%d %H:%M:%S" if when.second else "%Y-%m-%d %H:%M")
    return f"{text} UTC" if zone else text


def duration(nanoseconds: int) -> str:
    """A length of time in its two largest units."""
    seconds = nanoseconds // 1_000_000_000
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    shown = [f"{count} {unit}" for count, unit in parts if count][:2]
    return " ".join(shown) or "0 s"


def count(many: int, noun: str, plural: str | None = None) -> str:
    """A count and its noun: `1 order`, `2,000 orders`."""
    return f"{many:,} {noun if many == 1 else plural or noun + 's'}"
