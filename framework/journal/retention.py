"""Keeping a journal from growing for ever: what recovery needs as one row, then old days into archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.journal.archives import archive, due, over
from framework.journal.heads import DAY
from framework.journal.state import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from framework.journal.store import Journal


def retain(
    journal: Journal, *, keep_days: int, now: int, on_work: Callable[[], None] | None = None
) -> list[Path]:
    """Move the days that are long over out of an open journal.

    When recovery still needs one of them, what the journal adds up to is written as a `checkpoint` first; it
    forgets orders that are over, and trades, older than the days that stay, and none that what is held is
    made of.

    Args:
        journal: It stays open and usable from other threads.
        keep_days: How many whole UTC days before today stay.
        now: Nanoseconds since the epoch, UTC.
        on_work: Called now and then meanwhile.

    Returns:
        The archives, one a day.

    Raises:
        JournalError: The journal is damaged or cannot be written, or a row does not say what it has to.
        OSError: An archive cannot be written; the day stays in the journal.
        ValueError: `keep_days` is negative.
    """
    long_over = over(journal.path, keep_days=keep_days, now=now, on_work=on_work)
    if len(long_over) > len(due(journal.path, keep_days=keep_days, now=now, on_work=on_work)):
        state = load(journal.path, on_work).trimmed(now - keep_days * DAY)
        journal.append("checkpoint", {"state": state.to_dict()})
    return archive(journal, keep_days=keep_days, now=now, on_work=on_work)
