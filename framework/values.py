"""The engine's values in configuration: how they are written, read, and written again."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import BarType, Currency, InstrumentId, Money, Price, Quantity, Venue

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: dict[type, str] = {
    InstrumentId: "EUR/USD.SIM",
    BarType: "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL",
    Price: "1.10250",
    Quantity: "10000",
    Money: "100000 USD",
    Currency: "USD",
    Venue: "SIM",
}
"""The engine's types a plugin's config may use, and a value of each as YAML writes it."""

NUMBERS = (Price, Quantity)


def decode_value(kind: type, value: Any) -> Any:
    """`msgspec`'s `dec_hook`: one of the engine's values from what YAML says.

    Raises:
        ValueError: The text is no such value; the message shows one that is.
    """
    if kind not in EXAMPLES:
        raise NotImplementedError(f"a config field of type {kind!r} cannot be read from YAML")
    number = kind in NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not (isinstance(value, str) or number):
        raise ValueError(f'expected text such as "{EXAMPLES[kind]}", got {_said(value)}')
    text = str(value)
    parse: Callable[[str], Any] = getattr(kind, "from_str", kind)
    try:
        parsed = parse(text)
        if kind is Currency and not _known_currency(text):
            raise ValueError("unknown currency")  # noqa: TRY301 - the engine invents one instead
    except Exception as error:
        raise ValueError(f'"{text}" is no {kind.__name__}; write it like "{EXAMPLES[kind]}" ({error})') from error
    return parsed


def encode_value(value: Any) -> Any:
    """`msgspec`'s `enc_hook`: the text that `decode_value` reads back."""
    if isinstance(value, tuple(EXAMPLES)):  # a bar type is an instance of one of its two variants
        return str(value)
    raise NotImplementedError(f"{type(value)!r} cannot be written to YAML")


def schema_value(kind: type) -> dict[str, Any]:
    """`msgspec`'s `schema_hook`: a string, with an example."""
    if kind not in EXAMPLES:
        raise NotImplementedError(f"{kind!r} has no schema")
    return {"type": "string", "examples": [EXAMPLES[kind]]}


def to_plain(value: Any) -> Any:
    """A config as mappings, lists, strings, numbers and booleans that read back as the same config."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {
            shown: to_plain(getattr(value, name))
            for name, shown in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        }
        return {str(value.__struct_config__.tag_field): tag, **fields} if tag is not None else fields
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    return encode_value(value)


def to_nanos(text: str, *, end_of_day: bool = False) -> int:
    """Nanoseconds since the epoch of an ISO 8601 date or time; UTC unless it says otherwise.

    Args:
        text: Such as `2017-01-31`, `2017-01-31 14:00` or `2017-01-31T14:00:00+01:00`.
        end_of_day: Read a date without a time as its last nanosecond instead of its first.

    Raises:
        ConfigError: It is neither.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        only_date = len(text.strip()) <= len("2017-01-31") and ":" not in text
    except ValueError as error:
        raise ConfigError(
            f'"{text}" is neither a date nor a time', remedy="Write 2017-01-31 or 2017-01-31T14:00:00Z."
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    nanos = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
    if nanos < 0:
        raise ConfigError(f'"{text}" is before 1970', remedy="Market time starts in 1970 here.")
    return nanos + 86_400 * 1_000_000_000 - 1 if end_of_day and only_date else nanos


def _known_currency(text: str) -> bool:
    """True for a currency the engine knows: it invents a crypto currency for any other code."""
    try:
        Money.from_str(f"0 {text}")
    except ValueError:
        return False
    return True


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'}"
    return f"{value}"
