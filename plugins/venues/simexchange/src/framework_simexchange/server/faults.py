"""What goes wrong on request: each fault is armed over the control port and counted as it strikes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REQUEST_KINDS = {"timeout", "slow", "status", "rate_limit", "ban", "drop", "garbage"}
"""How an HTTP request can fail: `timeout` never answers, `slow` waits and goes on, `status` answers `code`,
`rate_limit` 429 and `ban` 418 with Retry-After, `drop` cuts the connection, `garbage` answers no JSON."""

STREAM_KINDS = {"duplicate", "reorder", "lose", "late"}
"""What can happen to a private message: sent twice, after the next one, never, or `seconds` later."""

ACTIONS = {"any", "submit", "cancel", "modify", "query", "session", "time"}
MESSAGES = {"any", "order", "fill", "account"}


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that will go wrong, `count` times."""

    kind: str
    on: str = "any"
    when: str = "before"
    count: int = 1
    seconds: float = 5.0
    code: int = 503
    hits: int = 0

    def __post_init__(self) -> None:
        """Refuse what would never strike."""
        kinds = REQUEST_KINDS | STREAM_KINDS
        if self.kind not in kinds:
            raise ValueError(f"`kind` must be one of {', '.join(sorted(kinds))}")
        places = ACTIONS if self.kind in REQUEST_KINDS else MESSAGES
        if self.on not in places:
            raise ValueError(f"`on` must be one of {', '.join(sorted(places))}")
        if self.when not in {"before", "after"}:
            raise ValueError("`when` must be before or after")
        if type(self.count) is not int or self.count < 1:
            raise ValueError("`count` must be a whole number above zero")
        if type(self.seconds) not in {int, float} or not 0 <= self.seconds <= 3_600:  # noqa: PLR2004 - an hour
            raise ValueError("`seconds` must be between 0 and 3600")
        if type(self.code) is not int or not 400 <= self.code <= 599:  # noqa: PLR2004 - HTTP's errors
            raise ValueError("`code` must be between 400 and 599")


@dataclass(slots=True)
class Faults:
    """What is armed, in order, and what has struck."""

    armed: list[Fault] = field(default_factory=list)
    latency: float = 0.0
    refuse_streams: bool = False
    muted: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)

    def arm(self, wanted: dict[str, Any]) -> Fault:
        """Arm a fault.

        Raises:
            ValueError: There is no such fault.
        """
        try:
            fault = Fault(**wanted)
        except TypeError as error:
            raise ValueError(str(error).replace("Fault.__init__() ", "")) from error
        self.armed.append(fault)
        return fault

    def strike(self, kinds: set[str], on: str, when: str | None = None) -> Fault | None:
        """The first armed fault that fits, used up by one."""
        for fault in self.armed:
            if fault.kind in kinds and fault.on in {"any", on} and when in {None, fault.when}:
                fault.hits += 1
                self.log.append({"kind": fault.kind, "on": on, "when": fault.when})
                if fault.hits >= fault.count:
                    self.armed.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Disarm everything; what has struck stays on record."""
        self.armed.clear()
        self.latency = 0.0
        self.refuse_streams = self.muted = False
