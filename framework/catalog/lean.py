"""The importer for QuantConnect LEAN's data files: a .zip or .csv without a header.

Hour and day files write `YYYYMMDD HH:MM`; minute, second and tick files count milliseconds since midnight
and carry the date in their name. Bars are stamped at their open. Prices of US equities are in hundredths of
a cent. Forex and CFD files have no sizes and write 0.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from framework.catalog.delimited import in_chunks, read
from framework.catalog.frames import CHUNK, OHLC, QUOTE_BARS, table
from framework.catalog.source import open_bytes
from framework.catalog.times import from_local, utc_nanoseconds
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from framework.catalog.frames import Column
    from framework.catalog.settings import ImportSettings

DAY_MS = 86_400_000
TRADE_BAR = ("time", *OHLC, "volume")
QUOTE_BAR = ("time", *QUOTE_BARS)
LAYOUTS: dict[tuple[str, int], tuple[str, ...]] = {
    ("bars", 6): TRADE_BAR,
    ("bars", 11): QUOTE_BAR,
    ("quotes", 3): ("time", "bid", "ask"),
    ("quotes", 5): ("time", "bid", "bid_size", "ask", "ask_size"),
    ("quotes", 8): ("time", "bid", "bid_size", "ask", "ask_size", "", "", ""),
    ("trades", 3): ("time", "price", "size"),
    ("trades", 6): ("time", "price", "size", "", "", ""),
}
"""Our columns by kind and number of fields; an empty name is a field that is not imported."""
SIZES = frozenset({"volume", "bid_volume", "ask_volume", "bid_size", "ask_size", "size"})


def read_lean(path: Path, settings: ImportSettings) -> Iterator[pa.Table]:
    """Bars, quotes or trades of one LEAN file.

    Raises:
        DataError: The columns are not those of this kind of data, a row is malformed, or the file's name
            holds no date while its times need one.
    """
    from nautilus_trader.model import Equity  # noqa: PLC0415 - loads when it is needed

    with open_bytes(path) as (_, member):
        day = re.search(r"(?<!\d)(\d{8})(?!\d)", member) or re.search(r"(?<!\d)(\d{8})(?!\d)", path.name)
    zone = settings.timezone or ("America/New_York" if isinstance(settings.instrument, Equity) else None)
    layout: tuple[str, ...] | None = None
    for chunk in in_chunks(read(path), CHUNK):
        *columns, lines = chunk.columns
        if layout is None:
            layout = _layout(len(columns), settings, f"{path}:{lines[0].as_py()}")
        fields = dict(zip(layout, columns, strict=True))
        times = fields.pop("time").to_pylist()
        fields.pop("", None)
        ts = _times(times, lines, path, day.group(1) if day else None, zone)
        scaled = isinstance(settings.instrument, Equity)
        values: dict[str, Any] = {
            name: _hundredths_of_cents(texts.to_pylist()) if scaled and name not in SIZES else texts
            for name, texts in fields.items()
            if name not in SIZES or not _without_sizes(settings.instrument)
        }
        yield table(lines, ts, values)
    if layout is None:
        raise DataError("the file has no rows", where=str(path))


def _layout(width: int, settings: ImportSettings, where: str) -> tuple[str, ...]:
    layout = LAYOUTS.get((settings.kind, width))
    if layout is None:
        known = sorted(width for kind, width in LAYOUTS if kind == settings.kind)
        raise DataError(
            f"the row has {width} fields, and LEAN {settings.kind} have {' or '.join(map(str, known))}",
            where=where,
            remedy="Say what the file holds with --bars STEP, --quotes or --trades.",
        )
    return layout


def _times(
    texts: Sequence[str], lines: Column, path: Path, day: str | None, zone: str | None
) -> npt.NDArray[np.int64]:
    if " " in texts[0]:
        return utc_nanoseconds(texts, lines, path=str(path), timezone=zone, time_format="%Y%m%d %H:%M")
    import numpy as np  # noqa: PLC0415

    if day is None:
        raise DataError(
            "times count milliseconds since midnight, and the file's name holds no date",
            where=f"{path}:{lines[0].as_py()}",
            remedy="Name the file as LEAN does, such as 20140508_quote.zip.",
        )
    for text, line in zip(texts, lines.to_pylist(), strict=True):
        if not (text.isascii() and text.isdigit() and int(text) < DAY_MS):
            raise DataError(f'"{text[:40]}" is not milliseconds since midnight', where=f"{path}:{line}")
    midnight = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns").astype(np.int64)
    naive = midnight + np.array([int(text) for text in texts], dtype=np.int64) * 1_000_000
    return from_local(naive, lines, path=str(path), timezone=zone)


def _hundredths_of_cents(texts: Sequence[str]) -> list[str]:
    return [_shifted(text) for text in texts]


def _shifted(text: str) -> str:
    try:
        return str(Decimal(text).scaleb(-4))
    except InvalidOperation:
        return text


def _without_sizes(instrument: Any) -> bool:
    """Whether LEAN has no sizes for it: currency pairs and metals, but not crypto."""
    from nautilus_trader.model import CurrencyPair, CurrencyType  # noqa: PLC0415

    return (
        isinstance(instrument, CurrencyPair) and instrument.base_currency.currency_type != CurrencyType.CRYPTO
    )
