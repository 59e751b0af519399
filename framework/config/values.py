"""The engine's values in YAML and back: instruments, bars, prices, sizes, money, currencies and times.

Each is written as text. A number with a fraction is refused, because YAML reads 0.1 as the nearest binary
fraction, and nobody can tell afterwards what was written. The engine's own parsers round (`1.555 USD` is
1.56 USD), invent (any unknown currency is a new one with eight decimals) or accept odd spellings (`_1`):
every text is checked here before the engine sees it, and whatever its parser raises becomes one sentence
with an example.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from framework import secret
from framework.config.scalars import short
from framework.errors import PluginBroken
from framework.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.model import Currency, Money, Venue

PLAIN_NUMBER = re.compile(r"[-+]?(?P<whole>[0-9]+(_[0-9]+)*)(\.(?P<decimals>[0-9]+))?")
LONGEST = 200
"""Characters; the engine prints no identifier, price or amount longer than this."""
TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([T ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.(?P<fraction>[0-9]{1,9}))?)?)"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
LAST_YEAR = 2261
"""Nanoseconds since 1970 leave 64 bits in April 2262."""
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Reading:
    """How one of the engine's types is written.

    Attributes:
        article: The type in words: "an instrument".
        example: A text that is one.
        read: From text to the value; a `ValueError` says what is wrong.
        amount: Whether whole numbers may be written without quotes.
    """

    article: str
    example: str
    read: Callable[[str], Any]
    amount: bool = False


def dec_hook(kind: type, value: Any) -> Any:
    """Msgspec's decoding hook for the engine's types.

    Raises:
        ValueError: The value is no such thing; the message says how one is written.
        PluginBroken: A plugin's config class declares a type that has no reading in YAML.
    """
    if kind is Secret:
        return value if isinstance(value, Secret) else Secret(value if isinstance(value, str) else "")
    reading = readings().get(kind)
    if reading is None:
        raise PluginBroken(
            f"a setting of type {getattr(kind, '__name__', kind)} cannot be read from YAML",
            remedy="Use text, numbers, lists, mappings, PluginConfig classes or the engine's values.",
        )
    if isinstance(value, kind):
        return value
    if reading.amount and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 - msgspec reports a ValueError with its place
            f"{value!r} without quotes is a binary fraction; write it as text: {quoted(value)}"
        )
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - as above
            f'expected {reading.article} as text; write it like "{reading.example}"'
        )
    return _read(reading, value)


def enc_hook(value: Any) -> str:
    """Msgspec's encoding hook: the text that `dec_hook` reads back as the same value."""
    if not isinstance(value, (Secret, *readings())):  # a bar type is an instance of one of its two variants
        raise NotImplementedError(f"{type(value).__name__} has no text that stands for it")
    return str(value)


def schema_hook(kind: type) -> dict[str, Any]:
    """Msgspec's JSON Schema hook: a string with an example."""
    if kind is Secret:
        return {"type": "string", "title": "Secret", "pattern": secret.PATTERN, "examples": [secret.EXAMPLE]}
    reading = readings().get(kind)
    if reading is None:
        raise NotImplementedError(f"{kind} has no schema")
    return {"type": "string", "title": kind.__name__, "examples": [reading.example]}


def to_plain(value: Any) -> Any:
    """A config as mappings, lists, text, numbers, booleans and null, which decode to an equal config."""
    return _digits(msgspec.to_builtins(value, enc_hook=enc_hook, str_keys=True, builtin_types=(Decimal,)))


def to_decimal(value: Any) -> Decimal:
    """A decimal written as text or as a whole number.

    Raises:
        ValueError: It is a float, or text that is no plain number.
    """
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 - msgspec reports a ValueError with its place
            f"{value!r} without quotes is a binary fraction; write it as text: {quoted(value)}"
        )
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('expected a decimal as text; write it like "0.1"')  # noqa: TRY004 - as above
    text = str(value)
    if not (PLAIN_NUMBER.fullmatch(text) and len(text) <= LONGEST):
        raise ValueError(f'{_short(text)} is not a decimal; write digits and a point, like "0.1"')
    return Decimal(text)


def to_nanos(text: str, *, end_of_day: bool = False) -> int:
    """Nanoseconds since 1970-01-01 UTC of an ISO 8601 date or time.

    Args:
        text: `2024-01-31`, `2024-01-31T09:30`, `2024-01-31 09:30:00.000000001Z`, `2024-01-31T09:30-05:00`.
            Without an offset the time is UTC.
        end_of_day: Whether a date alone means its last nanosecond instead of its first.

    Raises:
        ValueError: It is no such text, or a time outside the years 1970 to 2261.
    """
    match = TIME.fullmatch(text)
    if match is None:
        raise ValueError(
            f'{_short(text)} is not a date or time; write "2024-01-31", "2024-01-31T09:30:00" or '
            '"2024-01-31T09:30:00-05:00"'
        )
    zone = (match["zone"] or "Z").replace("Z", "+00:00")
    clock = (match["time"] or "00:00").partition(".")[0]
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{clock}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f'"{text}" is not on the calendar or the clock ({error}); write a real date and time'
        ) from error
    if not datetime(1970, 1, 1, tzinfo=UTC).year <= moment.year <= LAST_YEAR:
        raise ValueError(
            f'"{text}" is a time that the engine cannot count; write one in the years 1970 to {LAST_YEAR}'
        )
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    nanos = (elapsed.days * 86_400 + elapsed.seconds) * SECOND + int((match["fraction"] or "").ljust(9, "0"))
    return nanos + DAY - 1 if end_of_day and match["time"] is None else nanos


def check_instrument(text: str) -> None:
    """Refuse text that names no instrument; a `ValueError` says how one is written."""
    from nautilus_trader.model import InstrumentId  # noqa: PLC0415 - the engine loads when a value is read

    _read(readings()[InstrumentId], text)


def check_bars(text: str) -> None:
    """Refuse text that names no bar type; a `ValueError` says how one is written."""
    from nautilus_trader.model import BarType  # noqa: PLC0415 - the engine loads when a value is read

    _read(readings()[BarType], text)


def quoted(value: float) -> str:
    """A float as the text that its writer meant."""
    return f'"{Decimal(repr(value)):f}"'


@cache
def readings() -> Mapping[type, Reading]:
    """How each of the engine's types is written."""
    from nautilus_trader.model import (  # noqa: PLC0415 - the engine loads when a value is read
        BarType,
        Currency,
        InstrumentId,
        Money,
        Price,
        Quantity,
        Venue,
    )

    return {
        InstrumentId: Reading("an instrument", "EUR/USD.SIM", InstrumentId.from_str),
        BarType: Reading("a bar type", "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL", BarType.from_str),
        Venue: Reading("a venue", "SIM", _venue),
        Currency: Reading("a currency", "USD", _currency),
        Money: Reading("an amount of money", "100000.00 USD", _money),
        Price: Reading("a price", "1.10050", lambda text: Price.from_str(_number(text)), amount=True),
        Quantity: Reading("a quantity", "1000", lambda text: Quantity.from_str(_number(text)), amount=True),
    }


def _read(reading: Reading, text: str) -> Any:
    problem: BaseException
    try:
        if not text or len(text) > LONGEST or text != text.strip() or not text.isprintable():
            raise ValueError("empty, too long, or with spaces around it")  # noqa: TRY301 - one way out
        return reading.read(text)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - the engine's parsers may panic, which is no Exception
        problem = error
    raise ValueError(
        f'{_short(text)} is not {reading.article}: {problem}; write it like "{reading.example}"'
    ) from problem


def _number(text: str) -> str:
    if not PLAIN_NUMBER.fullmatch(text):
        raise ValueError("not digits and a point")
    return text.replace("_", "")


def _venue(text: str) -> Venue:
    from nautilus_trader.model import Venue  # noqa: PLC0415 - the engine loads when a value is read

    if "." in text:
        raise ValueError("a venue is what stands after the last dot of an instrument")
    return Venue(text)


def _currency(code: str) -> Currency:
    from nautilus_trader.model import Currency  # noqa: PLC0415 - the engine loads when a value is read

    try:
        return Currency.from_str(code, strict=True)
    except ValueError as error:
        near = difflib.get_close_matches(
            code.upper(), ("USD", "EUR", "GBP", "JPY", "USDT", "USDC", "BTC"), n=1
        )
        hint = f' (did you mean "{near[0]}"?)' if near else ""
        raise ValueError(f'the engine knows no currency "{short(code)}"{hint}') from error


def _money(text: str) -> Money:
    from nautilus_trader.model import Money  # noqa: PLC0415 - the engine loads when a value is read

    amount, _, code = text.partition(" ")
    if not code:
        raise ValueError("not an amount, a space and a currency")
    digits = _number(amount)
    currency = _currency(code)
    decimals = digits.partition(".")[2].rstrip("0")
    if len(decimals) > currency.precision:
        raise ValueError(f"{code} has {currency.precision} decimals, so the engine would round it")
    return Money.from_str(f"{digits} {code}")


def _digits(value: Any) -> Any:
    """Decimals as digits and a point: with an exponent they would be floats when read back from YAML."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {_digits(key): _digits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_digits(item) for item in value]
    return value


def _short(text: str) -> str:
    return f'"{short(text)}"'
