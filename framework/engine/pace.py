"""When what was refused is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

FIRST_PAUSE, LONGEST_PAUSE = 1_000_000_000, 30_000_000_000
"""Nanoseconds between two attempts to end what was refused."""


class Pace:
    """When something that is refused is tried again: a second later, then less and less often.

    Times are nanoseconds since the epoch, UTC, of the data.
    """

    def __init__(self) -> None:
        self._tried: dict[Any, tuple[int, int]] = {}

    def is_due(self, what: Any, now: int) -> bool:
        """True when it may be tried now; it counts as tried then."""
        again, pause = self._tried.get(what, (0, FIRST_PAUSE))
        if now < again:
            return False
        self._tried[what] = (now + pause, min(2 * pause, LONGEST_PAUSE))
        return True

    def keep(self, these: AbstractSet[Any]) -> None:
        """Forget everything else."""
        self._tried = {what: tried for what, tried in self._tried.items() if what in these}
