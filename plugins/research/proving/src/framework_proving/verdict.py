"""What a bias check answers: clean, biased or not enough evidence, and what the answer rests on."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec

from framework import CheckFailed, NotEnoughEvidence

type Answer = Literal["clean", "biased", "not enough evidence"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The proof: a decision that is another one when only the future, or only the distant past, changes.

    Attributes:
        decision: What was decided, and what it became.
        ts: When, nanoseconds since the epoch, UTC.
        change: What was done to the data.
        first: The earliest event that is needed to see it.
        last: The latest event that the decision depends on.
        rows: Events from the first to the last, the decision's own included.
        ahead: Of these, how many come after the decision.
    """

    decision: str
    ts: int
    change: str
    first: int
    last: int
    rows: int
    ahead: int = 0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        check: Which check.
        node: The node's name.
        verdict: The answer.
        reason: Why, in a sentence.
        evidence: What was counted.
        fault: The proof, of a biased one.
        notes: What the reader should know besides.
    """

    check: str
    node: str
    verdict: Answer
    reason: str
    evidence: dict[str, int | float | str | None]
    fault: Fault | None = None
    notes: list[str] = []

    @property
    def exit_code(self) -> int:
        """0 for clean; otherwise that of the error it is raised as."""
        if self.verdict == "clean":
            return 0
        return (CheckFailed if self.verdict == "biased" else NotEnoughEvidence).exit_code

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain values, times in ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        if self.fault is not None:
            plain["fault"] |= {name: moment(getattr(self.fault, name)) for name in ("ts", "first", "last")}
        return plain | {"exit_code": self.exit_code}


def moment(ts: int) -> str:
    """Nanoseconds since the epoch as a reader writes them."""
    seconds, rest = divmod(ts, 10**9)
    text = dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"
