"""How old a price may be before a size computed from it means nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from framework import Proposal

type Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[1-9][0-9]{0,8}(ms|s|m|h|d)$",
        description='A whole number and a unit: "500ms", "5s", "2h".',
    ),
]

_NANOS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}


def nanos(duration: str) -> int:
    """Nanoseconds in a duration such as "5m"."""
    digits = duration.rstrip("msdh")
    return int(digits) * _NANOS[duration[len(digits) :]]


def unfit(proposal: Proposal, max_age: int) -> str | None:
    """Why the proposal's mark cannot be used, or None when it can.

    Args:
        proposal: Whose mark.
        max_age: The greatest age in nanoseconds; a mark exactly that old is still fresh.
    """
    mark = proposal.mark
    if mark is None:
        return f"no price of {proposal.instrument_id} is known yet"
    age = proposal.now - mark.ts_event
    if age > max_age:
        return (
            f"the last price of {proposal.instrument_id} is {seconds(age)} old, and max_mark_age is "
            f"{seconds(max_age)}"
        )
    return None


def seconds(duration: int) -> str:
    """Nanoseconds as seconds, for a reason a person reads."""
    return f"{duration / 1_000_000_000:g} s"
