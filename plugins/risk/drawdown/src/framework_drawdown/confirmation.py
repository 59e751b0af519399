"""Telling a move from a bad tick: what it shows must still be true some marks later."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model import InstrumentId

SILENCE = 10
"""How many times as many marks of other instruments confirm, when the one in doubt falls silent."""


class Confirmation:
    """Counts marks in a row of the instrument whose mark raised the doubt.

    Only that instrument's next price can tell its last one was wrong, so the others' do not count.

    Args:
        needed: Marks in a row, the first included.
    """

    def __init__(self, needed: int) -> None:
        self._needed = needed
        self._doubted: InstrumentId | None = None
        self._others = 0
        self.values: deque[Decimal] = deque(maxlen=needed)

    def add(self, instrument_id: InstrumentId, value: Decimal) -> bool:
        """Add a mark that shows it, with the equity at that mark; True once it is confirmed."""
        if self._doubted is None:
            self._doubted = instrument_id
        if instrument_id == self._doubted:
            self.values.append(value)
        else:
            self._others += 1
        return len(self.values) == self._needed or self._others >= SILENCE * self._needed

    def clear(self) -> None:
        """Start over: a mark did not show it."""
        if self._doubted is not None:
            self._doubted = None
            self._others = 0
            self.values.clear()
