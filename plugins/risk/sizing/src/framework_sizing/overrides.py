"""Settings of their own for some instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model import InstrumentId


def refuse_repeats(instruments: Iterable[InstrumentId]) -> None:
    """Refuse an instrument that is listed twice.

    Raises:
        ValueError: One is.
    """
    seen = set()
    for instrument_id in instruments:
        if instrument_id in seen:
            raise ValueError(f"`instruments` lists {instrument_id} twice; keep one")
        seen.add(instrument_id)
