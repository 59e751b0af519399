"""What an instrument is, as text: built-in presets and small YAML definitions, turned into the engine's own.

A definition file holds the fields of `InstrumentDefinition`, all optional beside a `preset:` to start from:

    preset: 6E
    id: 6EH4.XCME
    expiration: 2024-03-18T14:16:00Z
"""

from __future__ import annotations

import difflib
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from framework.catalog.presets import PRESETS, US_EQUITY
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 << 10
NEVER = 4_102_444_800_000_000_000
"""2100-01-01 in nanoseconds: the expiry of a continuous futures series, which has none."""

type Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)?(?!\n)$")]


class InstrumentDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instrument in text; numbers are decimal strings, so that no digit is lost.

    Attributes:
        type: Which kind of instrument the engine builds.
        id: `SYMBOL.VENUE`.
        price_increment: The smallest price step; its decimals are the price precision (`0.03125`: five).
        size_increment: The smallest size step of a currency pair or perpetual; its decimals are the size
            precision.
        base: The currency bought, or what a future is written on.
        quote: The currency of the price.
        settlement: The currency of a perpetual's margin; its quote when left out.
        multiplier: Quote currency per whole point of price and one contract.
        lot_size: The size a round lot has.
        min_quantity: The smallest order.
        min_notional: The smallest order value, in the quote currency.
        margin_init: Initial margin as a fraction of the position's value.
        margin_maint: Maintenance margin, likewise.
        asset_class: Of a future.
        activation: When a future starts trading, ISO 8601 with an offset.
        expiration: When a future stops trading, likewise; left out for a continuous series.
    """

    type: Literal["currency_pair", "perpetual", "future", "equity"]
    id: str
    quote: str
    price_increment: Number
    size_increment: Number = "1"
    base: str | None = None
    settlement: str | None = None
    multiplier: Number = "1"
    lot_size: Number | None = None
    min_quantity: Number | None = None
    min_notional: Number | None = None
    margin_init: Number = "0"
    margin_maint: Number = "0"
    asset_class: Literal["INDEX", "FX", "DEBT", "COMMODITY", "EQUITY", "CRYPTOCURRENCY"] | None = None
    activation: str | None = None
    expiration: str | None = None


def find_instrument(text: str, venue: str | None = None) -> Any:
    """The instrument a user names on the command line.

    Args:
        text: A preset (`EURUSD`, `EUR/USD`, `6E`), a US stock (`equity:AAPL`), or a YAML file.
        venue: Replaces the venue of the definition; a US stock has none of its own.

    Raises:
        DataError: No such preset or file, or the definition is wrong.
    """
    if text.lower().endswith((".yaml", ".yml")):
        fields, where = _from_file(Path(text)), text
    elif text.lower().startswith("equity:"):
        if venue is None:
            raise DataError(
                f"{text} needs a venue",
                remedy="State the listing exchange with --venue, such as XNAS (Nasdaq) or XNYS (New York).",
            )
        fields, where = US_EQUITY | {"id": f"{text.partition(':')[2].upper()}.{venue}"}, text
    else:
        fields, where = _preset(text), text
    if venue is not None and "id" in fields:
        fields = {**fields, "id": f"{fields['id'].rpartition('.')[0]}.{venue}"}
    return build(decode(fields, where), where)


def decode(fields: Mapping[str, str], where: str) -> InstrumentDefinition:
    """Checks a definition's fields.

    Raises:
        DataError: A field is unknown, missing or not of its type.
    """
    try:
        return msgspec.convert(dict(fields), InstrumentDefinition)
    except msgspec.ValidationError as error:
        unknown = set(fields) - set(InstrumentDefinition.__struct_fields__)
        close = difflib.get_close_matches(
            next(iter(sorted(unknown)), ""), InstrumentDefinition.__struct_fields__, n=1
        )
        hint = f'Did you mean "{close[0]}"? ' if close else ""
        raise DataError(
            f"the instrument definition is wrong: {error}",
            where=where,
            remedy=f"{hint}The fields are preset, {', '.join(InstrumentDefinition.__struct_fields__)}.",
        ) from error


def build(definition: InstrumentDefinition, where: str) -> Any:
    """The engine's instrument.

    Raises:
        DataError: The engine does not accept the definition.
    """
    builders = {
        "currency_pair": _currency_pair,
        "perpetual": _perpetual,
        "future": _future,
        "equity": _equity,
    }
    try:
        return builders[definition.type](definition)
    except (ValueError, TypeError, OverflowError, InvalidOperation) as error:
        raise DataError(f"the instrument cannot be built: {error}", where=where) from error


def _currency_pair(d: InstrumentDefinition) -> Any:
    from nautilus_trader.model import CurrencyPair  # noqa: PLC0415 - the engine loads when it is needed

    return CurrencyPair(
        base_currency=_currency(d.base, "base"),
        quote_currency=_currency(d.quote, "quote"),
        **_sized(d),
        **_common(d),
    )


def _perpetual(d: InstrumentDefinition) -> Any:
    from nautilus_trader.model import CryptoPerpetual  # noqa: PLC0415

    return CryptoPerpetual(
        base_currency=_currency(d.base, "base"),
        quote_currency=_currency(d.quote, "quote"),
        settlement_currency=_currency(d.settlement or d.quote, "settlement"),
        is_inverse=False,
        **_sized(d),
        **_common(d),
    )


def _future(d: InstrumentDefinition) -> Any:
    from nautilus_trader.model import AssetClass, FuturesContract, Quantity  # noqa: PLC0415

    common = _common(d) | {"lot_size": Quantity.from_str(d.lot_size or "1")}
    return FuturesContract(
        asset_class=AssetClass.from_str(d.asset_class or "INDEX"),
        underlying=d.base or d.id.rpartition(".")[0],
        activation_ns=_instant(d.activation) if d.activation else 0,
        expiration_ns=_instant(d.expiration) if d.expiration else NEVER,
        currency=_currency(d.quote, "quote"),
        multiplier=Quantity.from_str(d.multiplier),
        exchange=d.id.rpartition(".")[2],
        **common,
    )


def _equity(d: InstrumentDefinition) -> Any:
    from nautilus_trader.model import Equity  # noqa: PLC0415

    return Equity(currency=_currency(d.quote, "quote"), **_common(d))


def _common(d: InstrumentDefinition) -> dict[str, Any]:
    from nautilus_trader.model import InstrumentId, Price, Quantity, Symbol  # noqa: PLC0415

    identifier = InstrumentId.from_str(d.id)
    increment = Price.from_str(d.price_increment)
    if increment.as_decimal() <= 0:
        raise ValueError("price_increment must be more than zero")
    return {
        "instrument_id": identifier,
        "raw_symbol": Symbol(str(identifier.symbol)),
        "price_precision": increment.precision,
        "price_increment": increment,
        "lot_size": Quantity.from_str(d.lot_size) if d.lot_size else None,
        "min_quantity": Quantity.from_str(d.min_quantity) if d.min_quantity else None,
        "margin_init": Decimal(d.margin_init),
        "margin_maint": Decimal(d.margin_maint),
        "ts_event": 0,
        "ts_init": 0,
    }


def _sized(d: InstrumentDefinition) -> dict[str, Any]:
    from nautilus_trader.model import Money, Quantity  # noqa: PLC0415

    increment = Quantity.from_str(d.size_increment)
    if increment.as_decimal() <= 0:
        raise ValueError("size_increment must be more than zero")
    return {
        "size_precision": increment.precision,
        "size_increment": increment,
        "multiplier": Quantity.from_str(d.multiplier),
        "min_notional": Money.from_str(f"{d.min_notional} {d.quote}") if d.min_notional else None,
    }


def _currency(code: str | None, field: str) -> Any:
    from nautilus_trader.model import Currency  # noqa: PLC0415

    if not code:
        raise ValueError(f"{field} is missing: a currency code")
    # The engine makes a new crypto currency of any unknown code: right for a coin that is bought, and a
    # misspelling everywhere money is counted in it.
    return Currency.from_str(code, strict=field != "base")


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC: end it with Z")
    return int(moment.timestamp()) * 1_000_000_000


def _preset(text: str) -> dict[str, str]:
    wanted = text.upper().replace("/", "")
    if wanted in PRESETS:
        return dict(PRESETS[wanted])
    close = difflib.get_close_matches(wanted, PRESETS, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    raise DataError(
        f'no instrument preset "{text}"',
        remedy=f"{hint}Presets: {', '.join(PRESETS)}; equity:TICKER with --venue for a US stock; or a YAML "
        "file with the definition.",
    )


def _from_file(path: Path) -> dict[str, str]:
    """The fields of a definition file; every scalar stays the text it is, so `0.10` keeps its zero."""
    import yaml  # noqa: PLC0415

    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"an instrument definition is smaller than {MAX_BYTES} bytes", where=str(path))
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the instrument definition cannot be read: {error}", where=str(path)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise DataError(f"not YAML: {getattr(error, 'problem', error)}", where=where) from error
    if not isinstance(node, yaml.MappingNode):
        raise DataError("an instrument definition is a list of `field: value` lines", where=str(path))
    fields: dict[str, str] = {}
    for key, value in node.value:
        where = f"{path}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
        if not isinstance(value, yaml.ScalarNode) or not isinstance(key, yaml.ScalarNode):
            raise DataError("the field is not a single value", where=where)
        if key.value in fields:
            raise DataError(f'the field "{key.value}" is given twice', where=where)
        fields[key.value] = value.value
    preset = fields.pop("preset", None)
    return (_preset(preset) | fields) if preset is not None else fields
