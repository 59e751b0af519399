"""What the future is replaced with: nothing, or itself in another order, with holes, or ten times dearer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework import Tape

    type Change = Callable[[Tape, int, int], Tape]

TEN = 10

CHANGES: dict[str, Change] = {
    "the data ends there": lambda tape, ts, seed: tape.until(ts),  # noqa: ARG005
    "what follows is shuffled": lambda tape, ts, seed: tape.shuffled_after(ts, seed),
    "what follows has holes": lambda tape, ts, seed: tape.holed_after(ts, seed),
    "what follows is ten times dearer": lambda tape, ts, seed: tape.scaled_after(ts, TEN),  # noqa: ARG005
}
"""By what a reader is told; each takes a tape, the moment after which it changes, and a seed.

The engine knows no price that is not a number, so where a table would hold NaN the data has a hole.
"""
