"""What a strategy asked for, call by call: the record that two runs are compared by.

The recorder sits outside the guard, on the instance, so it sees what the strategy asked for and not what the
gate made of it. The identifiers the engine numbers are replaced by their order of appearance.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework.risk.decision import Decision

ASKING = (
    "submit_order",
    "submit_order_list",
    "modify_order",
    "modify_orders",
    "cancel_order",
    "cancel_orders",
    "cancel_all_orders",
)
"""The calls through which a strategy's decisions leave; the guard's other methods end in one of these."""
NUMBERED = re.compile(r"(O|OL|P)-\S+")
UNDECIDED = {
    "init_id",
    "status",
    "filled_qty",
    "liquidity_side",
    "trader_id",
    "strategy_id",
    "ts_init",
    "ts_last",
}
"""What an order carries beside the strategy's decision; `init_id` is random, the rest says nothing new."""
STORM = 20_000
"""Calls after which a strategy is taken to be going round in circles."""


class Asked(NamedTuple):
    """One decision.

    Attributes:
        ts: When, nanoseconds UTC.
        what: The method called.
        details: Its arguments as JSON: every price, quantity and setting of every order.
        stopping: True when it was called from `on_stop`, which the end of the data causes.
    """

    ts: int
    what: str
    details: str
    stopping: bool

    def __str__(self) -> str:
        """The decision in one line."""
        return f"{self.ts} {self.what} {self.details}"


@dataclass
class Record:
    """Everything every strategy of a run asked for, in order."""

    asked: list[Asked] = field(default_factory=list)

    def before(self, ts: int) -> list[Asked]:
        """The decisions made at `ts` or earlier, without those that the end of the data caused."""
        return before(self.asked, ts)

    def attach(self, strategies: Mapping[str, Any]) -> None:
        """Listen to the strategies of a built node."""
        for name, strategy in strategies.items():
            names = _Names()
            stopping: list[bool] = []
            for what in ASKING:
                setattr(strategy, what, self._heard(name, strategy, what, names, stopping))
            strategy.on_stop = _marked(strategy.on_stop, stopping)

    def _heard(
        self, name: str, strategy: Any, what: str, names: _Names, stopping: list[bool]
    ) -> Callable[..., Any]:
        ask = getattr(strategy, what)

        def heard(*args: Any, **kwargs: Any) -> Any:
            if len(self.asked) >= STORM:
                raise RuntimeError(f"{what} was the {STORM + 1}th call of this run: the strategy never rests")
            plain = names.plain({"strategy": name, "args": args, "kwargs": kwargs})
            now = strategy.clock.timestamp_ns()
            self.asked.append(Asked(now, what, json.dumps(plain, sort_keys=True), bool(stopping)))
            return ask(*args, **kwargs)

        return heard


def before(asked: Sequence[Asked], ts: int) -> list[Asked]:
    """The decisions made at `ts` or earlier, without those that the end of the data caused."""
    return [one for one in asked if one.ts <= ts and not one.stopping]


def judged(asked: Sequence[Asked], decisions: Iterable[Decision]) -> list[Asked]:
    """What the strategies asked for and what the gate did, in time order.

    A cancel, a change of size or a halt by a risk rule is a decision like a strategy's own.
    """
    gate = [
        Asked(
            decision.ts,
            f"gate {decision.verdict}",
            json.dumps(
                {key: value for key, value in decision.to_dict().items() if key != "client_order_id"},
                sort_keys=True,
            ),
            False,
        )
        for decision in decisions
    ]
    return sorted([*asked, *gate], key=lambda one: one.ts)


def difference(first: list[Asked], second: list[Asked]) -> str | None:
    """Where two records part, in words, or None when they are equal.

    Cancels in a row at one moment may come in any order: the engine's cache hands working orders out in an
    order of its own, and the outcome is the same.
    """
    first, second = _settled(first), _settled(second)
    for number, (one, other) in enumerate(zip(first, second, strict=False), start=1):
        if one != other:
            return f"decision {number} was\n    {one}\n  and became\n    {other}"
    if len(first) == len(second):
        return None
    longer, which = (first, "first") if len(first) > len(second) else (second, "second")
    return (
        f"{len(first)} decisions became {len(second)}; the {which} run went on with\n"
        f"    {longer[min(len(first), len(second))]}"
    )


def _settled(asked: list[Asked]) -> list[Asked]:
    settled: list[Asked] = []
    for _, group in itertools.groupby(asked, lambda one: (one.ts, one.what, one.stopping)):
        row = list(group)
        settled += sorted(row) if row[0].what == "cancel_order" else row
    return settled


class _Names:
    """Replaces numbered identifiers by their order of appearance."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def plain(self, value: Any) -> Any:
        """The value as JSON has it."""
        if isinstance(value, dict):
            return {
                str(key): self.plain(item)
                for key, item in value.items()
                if key not in UNDECIDED and item is not None
            }
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        if hasattr(value, "to_dict"):
            return self.plain(value.to_dict())
        text = str(value)
        if NUMBERED.fullmatch(text):
            return self._seen.setdefault(text, f"#{len(self._seen) + 1}")
        return text


def _marked(on_stop: Callable[[], Any], stopping: list[bool]) -> Callable[[], Any]:
    def marked() -> Any:
        stopping.append(True)
        return on_stop()

    return marked
