"""What settings and arithmetic need to know of an instrument, whatever kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model import Currency, InstrumentId


def refuse_repeats(
    instruments: Iterable[InstrumentId], *, setting: str = "instruments", instead: str = "keep one"
) -> None:
    """Refuse settings that name an instrument twice; for a config's `__post_init__`.

    Args:
        instruments: Those that are named, in order.
        setting: Where.
        instead: What to do about it.

    Raises:
        ValueError: One is named twice.
    """
    seen = set()
    for instrument_id in instruments:
        if instrument_id in seen:
            raise ValueError(f"`{setting}` names {instrument_id} twice; {instead}")
        seen.add(instrument_id)


def cost_currency(instrument: Any) -> Currency:
    """The currency that profit and loss in an instrument are in.

    An inverse contract is settled in its base currency, which a dated one calls its underlying; a quanto in
    its settlement currency; everything else in its quote currency.
    """
    currency: Currency
    if instrument.is_inverse:
        dated = not hasattr(instrument, "base_currency")
        currency = instrument.underlying if dated else instrument.base_currency
    elif instrument.is_quanto:
        currency = instrument.settlement_currency
    else:
        currency = instrument.quote_currency
    return currency
