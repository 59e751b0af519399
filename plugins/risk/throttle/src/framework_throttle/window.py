"""Counting what happened within a sliding window."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

MANY = 1_024
"""Keys after which those whose window is empty are forgotten."""


class Window[K: Hashable]:
    """The last moments of each key, as many as it takes to know that a window is full.

    Args:
        most: How many moments fill it.
        length: How long a moment stays in it, in nanoseconds; one exactly that old has left.
    """

    def __init__(self, most: int, length: int) -> None:
        self._most = most
        self._length = length
        self._moments: dict[K, deque[int]] = {}
        self._limit = MANY

    def full(self, key: K, now: int) -> bool:
        """True when `most` moments of the key are in the window that ends now."""
        moments = self._moments.get(key)
        return moments is not None and len(moments) == self._most and now - moments[0] < self._length

    def add(self, key: K, now: int, times: int = 1) -> None:
        """Count one moment, or several at once."""
        moments = self._moments.get(key)
        if moments is None:
            self._forget(now)
            moments = self._moments[key] = deque(maxlen=self._most)
        moments.extend([now] * min(times, self._most))

    def _forget(self, now: int) -> None:
        if len(self._moments) < self._limit:
            return
        self._moments = {
            key: moments for key, moments in self._moments.items() if now - moments[-1] < self._length
        }
        self._limit = max(MANY, 2 * len(self._moments))
