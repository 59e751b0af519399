"""The arrays' trades beside the event engine's: the same, or the first that is not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pandas as pd

from framework.errors import CheckFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework.result import Result
    from framework.screen.tape import Tape


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill.

    Attributes:
        time: Nanoseconds UTC.
        side: BUY or SELL.
        size: Not signed.
        price: Paid.
        commission: In the account's currency.
    """

    time: int
    side: str
    size: Decimal
    price: Decimal
    commission: Decimal

    def __str__(self) -> str:
        """As a table of fills would have it."""
        when = pd.Timestamp(self.time, unit="ns", tz="UTC").isoformat()
        return f"{when} {self.side} {self.size} at {self.price}, commission {self.commission}"


def of_arrays(rows: NDArray[Any], tape: Tape, digits: int) -> list[Fill]:
    """The ledger's fills.

    Args:
        rows: Bar, signed size, price and commission, as the ledger writes them.
        tape: What they were made on.
        digits: Decimals of the currency.
    """
    instrument = tape.instrument
    return [
        Fill(
            int(tape.bars.ts[bar]),
            "BUY" if size > 0 else "SELL",
            Decimal(abs(size)).scaleb(-instrument.size_precision),
            Decimal(price).scaleb(-instrument.price_precision),
            Decimal(commission).scaleb(-digits),
        )
        for bar, size, price, commission in rows.tolist()
    ]


def of_engine(result: Result) -> list[Fill]:
    """The engine's fills in the order they happened."""
    fills = result.fills
    if not len(fills):
        return []
    order = fills.assign(
        order_number=[int(str(name).rsplit("-", 1)[1]) for name in fills.index],
        fill_number=[int(str(name).rsplit("-", 1)[1]) for name in fills["trade_id"]],
    ).sort_values(["ts_event", "fill_number", "order_number"], kind="stable")
    columns = ("ts_event", "order_side", "last_qty", "last_px", "commission")
    return [
        Fill(
            int(pd.Timestamp(time).value),
            str(side),
            Decimal(str(size)),
            Decimal(str(price)),
            Decimal(str(commission).split()[0]),
        )
        for time, side, size, price, commission in zip(*(order[name] for name in columns), strict=True)
    ]


def compare(arrays: list[Fill], engine: list[Fill], what: str) -> None:
    """Refuse a difference.

    Args:
        arrays: The ledger's fills.
        engine: The engine's.
        what: The point, for the message.

    Raises:
        CheckFailed: They are not the same, one by one.
    """
    for number, (mine, theirs) in enumerate(zip_longest(arrays, engine), start=1):
        if mine != theirs:
            raise CheckFailed(
                f"{what}: fill {number} differs\n  arrays: {mine or 'none'}\n  engine: {theirs or 'none'}",
                remedy="The engine is right. The strategy's `signals` is not the rule its class trades, or "
                "looks ahead: report it to the plugin, and use `framework sweep` meanwhile.",
            )


def compare_equity(mine: Decimal, result: Result, currency: str, what: str) -> None:
    """Refuse a difference in what is left at the end.

    Raises:
        CheckFailed: It is not the same, to the last unit of the currency that a float can tell.
    """
    said = float(result.equity[currency].iloc[-1])
    theirs = Decimal(str(said)).quantize(mine)
    # The table holds floats, which of very large amounts do not know the last unit.
    if mine != theirs and abs(mine - theirs) > 4 * Decimal(math.ulp(said)):
        raise CheckFailed(
            f"{what}: arrays end with {mine} {currency}, the engine with {theirs}",
            remedy="All fills agree, so this is a mistake in the framework: please report it.",
        )
