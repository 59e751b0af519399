"""A round trip, as plain facts that another process can be told."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class ClosedTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A position that was opened and closed.

    Attributes:
        strategy: The strategy's `id:`.
        instrument_id: What was traded.
        entry: `BUY` or `SELL`.
        opened: When, nanoseconds since the epoch, UTC.
        closed: When.
        profit: After commissions, in `currency`; exact.
        commission: What of it was paid in that currency; exact.
        currency: The code of the currency it settled in.
    """

    strategy: str
    instrument_id: str
    entry: str
    opened: int
    closed: int
    profit: Decimal
    commission: Decimal
    currency: str
