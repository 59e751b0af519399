"""The gate's kill switch in a paper or live node: what its folder latches holds, and it latches there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from framework.errors import JournalError
from framework.journal.latch import ALL
from framework.risk.kill import KillSwitch, Latch

if TYPE_CHECKING:
    from framework.journal.latch import Latches, LatchRecord
    from framework.secret import Mask

_log = logging.getLogger("framework.live")


class DiskKill(KillSwitch):
    """The gate's kill switch with the latches of the node's folder in it.

    Asked before every order, so that a latch holds from the moment it is on the disk.

    Args:
        latches: Of the node.
        disabled: Its strategies that are not to be called.
        mask: Hides what must not be written.
    """

    def __init__(self, latches: Latches, disabled: Latches, mask: Mask) -> None:
        super().__init__()
        self._mask = mask
        self._disk = latches
        self._disabled = disabled
        self._owed: dict[str, Latch] = {}

    def latch(self, latch: Latch) -> bool:
        """Pull the switch, here, and on the disk if it is not there: a rule may pull at every price."""
        fresh = super().latch(latch)
        held = self._latches[latch.scope]
        scope = ALL if latch.scope == self.ALL else f"strategy:{latch.scope}"
        known = self._disk.written(scope)
        if known is not None and (known.flat or not held.flat):
            return fresh
        self._owed[scope] = held
        try:
            self.write()
        except JournalError:
            # A full disk is one of the reasons to latch: in this process it holds all the same.
            _log.critical("the latch of %s holds, and cannot be written yet", latch.scope, exc_info=True)
        return fresh

    def write(self) -> None:
        """Write the latches that could not be written when they were pulled.

        Raises:
            JournalError: They still cannot.
        """
        for scope, latch in list(self._owed.items()):
            self._disk.set(scope, who=latch.rule, why=self._mask(latch.reason), flat=latch.flat)
            del self._owed[scope]

    def disable(self, latch: Latch) -> bool:
        """Pull the switch, and have the strategy not called again; both stay on the disk."""
        self.latch(latch)
        return self._disabled.set(f"strategy:{latch.scope}", who=latch.rule, why=self._mask(latch.reason))

    @property
    def armed(self) -> bool:
        """Always: whether anything is latched is asked when there is an order."""
        return True

    def holds(self, strategy_id: str, venue: str = "") -> Latch | None:
        """The latch that stops the strategy at the venue, or None."""
        known = super().holds(strategy_id, venue)
        if known is not None and known.flat:
            return known
        found = self._disk.holds(strategy=strategy_id, venue=venue)
        return _latch(found) if found is not None and (known is None or found.flat) else known

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Every latch, those of earlier sessions and other processes first."""
        disk = {latch.scope: latch for latch in map(_latch, self._disk.current().values())}
        return tuple((disk | self._latches).values())


def _latch(record: LatchRecord) -> Latch:
    return Latch(covers(record.scope), record.why, record.who, record.ts, record.flat)


def covers(scope: str) -> str:
    """What the switch calls the scope of a latch on the disk; it has none for a venue."""
    return KillSwitch.ALL if scope == ALL else scope.removeprefix("strategy:")
