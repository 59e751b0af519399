"""Telling a move from a bad tick: a price far from the last good one counts only once others confirm it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


class Quarantine:
    """The last good price of one instrument, and the strange ones since.

    Prices are the engine's fixed-point integers, so that nothing is rounded and nothing is slow.

    Args:
        percent: Most a price may differ from the last good one, in percent of it.
        confirm: Strange prices in a row, each that near to the first of them, that make a move real.
    """

    def __init__(self, percent: Decimal, confirm: int) -> None:
        numerator, denominator = percent.as_integer_ratio()
        self._most, self._per = numerator, denominator * 100
        self._confirm = confirm
        self._good: int | None = None
        self._strange: int | None = None
        self._seen = 0

    def add(self, raw: int, *, possible: bool) -> None:
        """Take a price into account.

        Args:
            raw: The price.
            possible: False for one that can never become a good price, as zero.
        """
        if not possible:
            self._strange, self._seen = None, 1
            return
        if self._good is None or self._near(raw, self._good):
            self._good, self._strange, self._seen = raw, None, 0
            return
        if self._strange is None or not self._near(raw, self._strange):
            self._strange, self._seen = raw, 0
        self._seen += 1
        if self._seen >= self._confirm:
            self._good, self._strange, self._seen = raw, None, 0

    @property
    def holds(self) -> bool:
        """True when the last price is not believed yet."""
        return self._seen > 0

    def _near(self, raw: int, other: int) -> bool:
        return abs(raw - other) * self._per <= abs(other) * self._most
