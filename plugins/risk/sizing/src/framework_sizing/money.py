"""What the account is worth in the currency that an instrument costs in."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from framework import cost_currency

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model import Currency, InstrumentId

    from framework import Market, Proposal


def rate(
    market: Market, source: Currency, target: Currency, names: Iterable[InstrumentId]
) -> tuple[Decimal, Decimal] | None:
    """What one unit of a currency is worth in another, as numerator and denominator, by the named prices."""
    if source == target:
        return Decimal(1), Decimal(1)
    for name in names:
        instrument = market.instrument(name)
        mark = market.mark(name)
        if mark is None or mark.price.raw <= 0:
            continue
        base, quote = getattr(instrument, "base_currency", None), getattr(instrument, "quote_currency", None)
        if (base, quote) == (source, target):
            return mark.price.as_decimal(), Decimal(1)
        if (quote, base) == (source, target):
            return Decimal(1), mark.price.as_decimal()
    return None


def equity(market: Market, proposal: Proposal, valued_by: Iterable[InstrumentId]) -> Decimal | str:
    """What the account at the order's venue is worth in the currency the instrument costs in.

    Currencies that no price turns into it are left out, which makes sizes smaller.

    Returns:
        The sum, or why there is none.
    """
    target = cost_currency(proposal.instrument)
    names = (proposal.instrument_id, *valued_by)
    venue = proposal.instrument_id.venue
    sums = market.equity(venue)
    total, known = Decimal(0), False
    for currency, money in sums.items():
        worth = rate(market, currency, target, names)
        if worth is not None:
            known = True
            total += money.as_decimal() * worth[0] / worth[1]
    if not known:
        held = ", ".join(str(currency) for currency in sums) or "nothing yet"
        return (
            f"{proposal.instrument_id} costs {target} and the account at {venue} holds {held}; "
            "name an instrument under valued_by that turns one into the other"
        )
    if total <= 0:
        return f"equity at {venue} is {total:f} {target}"
    return total
