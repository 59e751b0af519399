"""What every contender should have done, worked out by plain loops over integers and floats.

The fill convention: a market order decided on a row is filled at that row's close, or, with quotes, at its
ask when buying and its bid when selling. A fee is a share of price times quantity. Every rule ends flat on
the last row but one, because some peers fill on the call after the one that decided.

The averages are exponential, seeded with the simple average of their first values. Rules decide from the row
after the one on which the slower average has all of them, and without averages from the second row, because
backtesting.py never shows the row before that.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICK = Decimal("0.00001")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Truth:
    """What a rule does on given data.

    Attributes:
        fills: int64 rows of series, row, signed quantity and ticks, sorted.
        equity: Final equity with every fee rounded to the cent, as money is.
        unrounded: Final equity with no rounding, which is what peers that compute in floats should have.
    """

    fills: np.ndarray
    equity: Decimal
    unrounded: Decimal


def ema(values: Sequence[float], period: int) -> Iterator[float | None]:
    """The average after each value; None until there are `period` of them."""
    seed, average = 0.0, None
    for count, value in enumerate(values, start=1):
        if count <= period:
            seed += value
            average = seed / period if count == period else None
        elif average is not None:
            average += 2.0 / (period + 1.0) * (value - average)
        yield average


def cross(close: Sequence[int], fast: int, slow: int, first: int, size: int) -> list[tuple[int, int, int]]:
    """Row, signed quantity and ticks of each order of the crossing averages, from row `first` on."""
    prices = [ticks / 100_000 for ticks in close]
    orders, held = [], 0
    averages = zip(ema(prices, fast), ema(prices, slow), strict=True)
    for row, (quick, calm) in enumerate(averages):
        if quick is None or calm is None or row < first:
            continue
        wanted = size if quick > calm else -size
        if row >= len(close) - 2:
            wanted = 0
        if wanted != held:
            orders.append((row, wanted - held, close[row]))
            held = wanted
    return orders


def alternate(close: Sequence[int], size: int) -> list[tuple[int, int, int]]:
    """An order on every row but the first and the last two, buying and selling in turn."""
    return [(row, size if row % 2 else -size, close[row]) for row in range(1, len(close) - 2)]


def every_nth(bid: Sequence[int], ask: Sequence[int], every: int, size: int) -> list[tuple[int, int, int]]:
    """An order on each nth quote, buying at the ask and selling at the bid in turn."""
    orders = []
    for number, row in enumerate(range(every - 1, len(bid), every)):
        orders.append((row, -size, bid[row]) if number % 2 else (row, size, ask[row]))
    return orders


def settle(orders: Sequence[Sequence[tuple[int, int, int]]], cash: int, fee: str) -> Truth:
    """The orders of each series, filled and paid for.

    Raises:
        ValueError: A series does not end flat, or a fee is half a cent, which is rounded by custom.
    """
    rate = Decimal(fee)
    equity = unrounded = Decimal(cash)
    rows = []
    for number, series in enumerate(orders):
        if sum(quantity for _, quantity, _ in series):
            raise ValueError(f"series {number} does not end flat")
        for row, quantity, ticks in series:
            amount = quantity * ticks * TICK
            charge = abs(amount) * rate
            if charge % CENT == CENT / 2:
                raise ValueError(f"the fee {charge} of row {row} is half a cent")
            equity -= amount + charge.quantize(CENT, ROUND_HALF_EVEN)
            unrounded -= amount + charge
            rows.append((number, row, quantity, ticks))
    return Truth(np.array(rows, dtype="<i8").reshape(-1, 4), equity, unrounded)


def off(equity: str, wanted: Decimal) -> Decimal:
    """How far an equity is from what it should be; infinitely far when it is no number."""
    found = Decimal(equity)
    return abs(found - wanted) if found.is_finite() else Decimal("inf")


def difference(truth: Truth, fills: np.ndarray, equity: str, *, rounds: bool, tolerance: str) -> str | None:
    """How a contender's work differs from the truth, in words; None when it does not.

    Args:
        truth: What should have happened.
        fills: What the contender says happened, in the same columns and order.
        equity: Its final equity.
        rounds: Whether it keeps money in cents.
        tolerance: How far its equity may be off.
    """
    if len(fills) != len(truth.fills):
        return f"{len(fills)} fills instead of {len(truth.fills)}"
    wrong = np.flatnonzero((fills != truth.fills).any(axis=1))
    if len(wrong):
        first = wrong[0]
        names = ("series", "row", "quantity", "ticks")
        found, wanted = (
            ", ".join(f"{name} {value}" for name, value in zip(names, side[first].tolist(), strict=True))
            for side in (fills, truth.fills)
        )
        return f"{len(wrong)} fills differ, first number {first}: {found} instead of {wanted}"
    wanted_equity = truth.equity if rounds else truth.unrounded
    if off(equity, wanted_equity) > Decimal(tolerance):
        return f"final equity {equity} instead of {wanted_equity}"
    return None
