"""The volume-weighted average price of a session and the spread of prices around it."""

from __future__ import annotations

from math import sqrt


class SessionVwap:
    """VWAP and volume-weighted standard deviation, updated bar by bar.

    With typical prices p and volumes v, `value` is sum(v p) / sum(v) and `deviation` is
    sqrt(sum(v (p - value)^2) / sum(v)), by D. H. D. West's update ("Updating mean and variance
    estimates", Communications of the ACM 22, 1979), which does not lose digits to subtraction.
    A bar without volume changes nothing.
    """

    __slots__ = ("_squares", "_weight", "bars", "value")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new session."""
        self.bars = 0
        self.value = 0.0
        self._weight = 0.0
        self._squares = 0.0

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Add a bar at its typical price, the mean of high, low and close."""
        if volume <= 0.0:
            return
        self.bars += 1
        self._weight += volume
        price = (high + low + close) / 3.0
        delta = price - self.value
        self.value += delta * volume / self._weight
        self._squares += volume * delta * (price - self.value)

    @property
    def deviation(self) -> float:
        """Volume-weighted standard deviation, in price units; 0 before the first bar with volume."""
        return sqrt(self._squares / self._weight) if self._weight > 0.0 and self._squares > 0.0 else 0.0
