"""How old a price may be before anything computed from it means nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from framework.risk.rule import Mark, Proposal

type Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[1-9][0-9]{0,8}(ms|s|m|h|d)(?!\n)$",
        description='A whole number and a unit: "500ms", "5s", "2h".',
    ),
]
"""A setting that is a length of time: a whole number and `ms`, `s`, `m`, `h` or `d`."""

_NANOS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}


def nanoseconds(duration: str) -> int:
    """The nanoseconds in a `Duration` such as "5m"."""
    digits = duration.rstrip("msdh")
    return int(digits) * _NANOS[duration[len(digits) :]]


def fresh_mark(proposal: Proposal, max_mark_age: int) -> Mark | str:
    """The last known price of what a proposal trades, unless it is too old to compute from.

    Args:
        proposal: Whose mark.
        max_mark_age: The greatest age in nanoseconds; a mark exactly that old is still fresh.

    Returns:
        The mark, or why there is none to use, for the reason of a `Deny`.
    """
    mark = proposal.mark
    if mark is None:
        return f"no price of {proposal.instrument_id} is known yet"
    age = proposal.now - mark.ts_event
    if age > max_mark_age:
        return (
            f"the last price of {proposal.instrument_id} is {_seconds(age)} old, and max_mark_age is "
            f"{_seconds(max_mark_age)}"
        )
    return mark


def _seconds(duration: int) -> str:
    return f"{duration / 1_000_000_000:g} s"
