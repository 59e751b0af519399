"""New settings for a node that runs: limits, parameters, and what the guard allows.

A new file is composed as at a start, so one that is wrong never comes here. Then everything that differs is
named, and either all of it is taken or none. What needs a restart is refused by name. A change that could let
more risk through than before is refused unless a person approves it, and whatever cannot be shown to be
tighter counts as such: a rule that keeps count begins anew when it is changed.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from nautilus_trader.model import Money, Price, Quantity

from framework.compose import market_names
from framework.config.values import to_plain
from framework.engine.assembly import bound, engine_ids, said
from framework.errors import FrameworkError
from framework.risk.rule import RiskRule
from framework.secret import secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from framework.compose import Plan, RulePlan, StrategyPlan
    from framework.engine.live import LiveRun

type Promoted = Callable[[Plan, str | None, Sequence[StrategyPlan]], Iterable[Mapping[str, str]]]
type Kind = Literal["limit", "parameter", "guard", "restart"]
LOOKED_INTO = {"venues", "strategies", "risk", "guard"}
"""The sections of a file of which something can change; every other is what a running node is made of."""
COUNTS = tuple(name for name in vars(RiskRule) if name.startswith("on_"))
LIMIT = re.compile(r"^max_")
"""Settings of a rule of which less is tighter, as rules call theirs."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs.

    Attributes:
        path: Where, such as `risk size-cap: max_notional`.
        old: As it is.
        new: As it would be.
        kind: What it takes to change it.
        loosens: Whether it could let more through than before.
    """

    path: str
    old: Any
    new: Any
    kind: Kind
    loosens: bool = False

    def __str__(self) -> str:
        return f"{self.path} from {self.old} to {self.new}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "path": self.path,
            "old": self.old,
            "new": self.new,
            "kind": self.kind,
            "loosens": self.loosens,
        }


@dataclass(slots=True)
class Reload:
    """Takes new settings into a node.

    Attributes:
        node: The node.
        plan: What it runs by now.
        promoted: Asks for the promotion records of strategies of a plan, as a start does: takes the plan,
            why there may be none and those strategies, and gives what to note or raises a `FrameworkError`.
    """

    node: LiveRun
    plan: Plan
    promoted: Promoted = lambda plan, unproven, told: ()  # noqa: ARG005 - the signature

    def take(
        self, plan: Plan, unproven: str | None = None, *, approved: bool, dry: bool = False
    ) -> dict[str, Any]:
        """Take all that differs in a plan, or nothing.

        Args:
            plan: The new file, composed.
            unproven: Why a live strategy may have settings of which there is no promotion record.
            approved: Whether a person approves of what loosens.
            dry: Whether only to say what would be.

        Returns:
            `taken`, the `changes`, and `why` not when they were not taken.
        """
        changes = list(self.changes(plan))
        answer: dict[str, Any] = {"taken": False, "changes": [change.to_dict() for change in changes]}
        refused = _refused(changes, approved=approved)
        if refused:
            return answer | {"why": refused}
        names = {change.path.partition(":")[0] for change in changes}
        told = tuple(one for one in plan.strategies if f"strategy {one.id}" in names)
        try:
            notes = self.promoted(plan, unproven, told)
        except FrameworkError as error:
            return answer | {"why": str(error)}
        failed = "it was only asked about" if dry else self._apply(plan, names)
        if failed:
            return answer | {"why": failed}
        for note in notes:
            self.node.recorder.note("operator", note)
        return answer | {"taken": True}

    def changes(self, plan: Plan) -> Iterator[Change]:
        """What differs between the plan and what runs."""
        for name in plan.config.__struct_fields__:
            if name not in LOOKED_INTO and getattr(plan.config, name) != getattr(self.plan.config, name):
                yield Change(name, "", "", "restart")
        for section, old, new in (
            ("venue", self.plan.venues, plan.venues),
            ("strategy", self.plan.strategies, plan.strategies),
            ("risk", self.plan.rules, plan.rules),
        ):
            yield from self._parts(section, old, new)
        old_patience, new_patience = self.plan.config.guard.patience, plan.config.guard.patience
        if old_patience != new_patience:
            longer = None not in {old_patience, new_patience} and (new_patience or 0) > (old_patience or 0)
            kind: Kind = "restart" if None in {old_patience, new_patience} else "guard"
            yield Change("guard: patience", old_patience, new_patience, kind, longer)

    def _parts(self, section: str, old: Any, new: Any) -> Iterator[Change]:
        before, after = ({_name(part): part for part in parts} for parts in (old, new))
        if list(before) != list(after):
            differ = [*(before.keys() ^ after.keys())] or ["their order"]
            yield Change(f"{section} {', '.join(sorted(differ))}", "", "", "restart")
            return
        for name, part in before.items():
            other = after[name]
            if _fixed(part) != _fixed(other):
                yield Change(f"{section} {name}", "", "", "restart")
            elif part.config != other.config:
                yield from self._settings(section, name, part, other)

    def _settings(self, section: str, name: str, old: Any, new: Any) -> Iterator[Change]:
        kind: Kind = "restart"
        if section == "risk":
            kind = "limit"
        elif section == "strategy" and hasattr(old.spec.strategy, "reconfigure"):
            kind = "parameter"
        was, becomes = to_plain(old.config), to_plain(new.config)
        counts = section == "risk" and (_counts(old) or old.spec.rule.sizes)
        for field in sorted(was.keys() | becomes.keys()):
            if was.get(field) != becomes.get(field):
                looser = section == "risk" and (counts or not tighter(field, old.config, new.config))
                path = f"{section} {name}: {field}"
                yield Change(path, was.get(field), becomes.get(field), kind, looser)

    def _apply(self, plan: Plan, names: set[str]) -> str:
        """Build what is new first and put it in place last; why it was not done, or an empty string."""
        parts = self.node.parts
        rules: dict[str, Any] = {}
        memories = parts.gate.remember()
        for rule in plan.rules:
            if f"risk {rule.id}" in names:
                try:
                    rules[rule.id] = rule.spec.rule(rule.config)
                    rules[rule.id].start(parts.books.view(rule.strategies))
                    if memories.get(rule.id):
                        with contextlib.suppress(ValueError):  # of other settings: it is as new as they are
                            rules[rule.id].recall(memories[rule.id])
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin
                    return f"risk rule {rule.id} does not take it: {said(error)}"
        ids = engine_ids(strategy.id for strategy in plan.strategies)
        told: list[int] = []
        for index, strategy in enumerate(plan.strategies):
            if f"strategy {strategy.id}" in names:
                told.append(index)
                failed = self._tell(strategy.id, bound(strategy.config, ids[strategy.id]))
                if failed:
                    for before in (self.plan.strategies[number] for number in reversed(told)):
                        lost = self._tell(before.id, bound(before.config, ids[before.id]))
                        if lost:  # nobody knows what it runs by, so it must not open anything
                            self.node.halt(before.id, f"its settings could not be put back: {lost}", "reload")
                            failed += f"; strategy {before.id} is halted: {lost}"
                    return failed
        parts.gate.replace(rules)
        self.node.patience.limit = plan.config.guard.patience
        self.plan = plan
        return ""

    def _tell(self, strategy_id: str, config: Any) -> str:
        strategy, fault = self.node.parts.strategies[strategy_id], self.node.faults[strategy_id]
        origin = f"strategy {strategy_id}, reconfigure"
        if fault.disabled:
            return f"strategy {strategy_id} is disabled, and cannot be told"
        try:
            fault.strategys(origin, strategy.reconfigure)(config)
        except BaseException as error:  # noqa: BLE001 - a strategy is a plugin, and may hang
            return f"{origin} failed: {said(error)}"
        return ""


def _refused(changes: list[Change], *, approved: bool) -> str:
    """Why these are not taken; an empty string when nothing in them speaks against it."""
    fixed = [change.path for change in changes if change.kind == "restart"]
    loose = [str(change) for change in changes if change.loosens]
    if not changes:
        return "the file says what the node does already"
    if fixed:
        return f"this needs a restart: {'; '.join(fixed)}"
    if loose and not approved:
        return f"this may let more risk through and is not approved: {'; '.join(loose)}"
    return ""


def tighter(field: str, old: Any, new: Any) -> bool:
    """Whether a change of one setting can be shown to let less through: a lower `max_`.

    Args:
        field: As it is written in the file.
        old: The settings as they are.
        new: The settings as they would be.
    """
    names = dict(zip(type(old).__struct_encode_fields__, type(old).__struct_fields__, strict=True))
    was, becomes = getattr(old, names[field]), getattr(new, names[field])
    if becomes is None or not LIMIT.match(field):
        return False
    if was is None:
        return True
    before, after = _amount(was), _amount(becomes)
    if before is None or after is None or before[1] != after[1]:
        return False
    return after[0] <= before[0]


def _amount(value: Any) -> tuple[Decimal, str] | None:
    """A number and its unit; None for what is none."""
    if isinstance(value, Money):
        return value.as_decimal(), str(value.currency)
    if isinstance(value, Price | Quantity):
        return value.as_decimal(), ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value)), ""
    return None


def _fixed(part: Any) -> tuple[Any, ...]:
    """What of a part only a restart changes: its plugin, whom it covers, what it trades, its credentials."""
    return (
        part.offer,
        getattr(part, "strategies", ()),
        getattr(part, "filter", None),
        sorted(map(str, market_names(part.config))),
        sorted(map(str, secrets_in(part.config))),
    )


def _counts(rule: RulePlan) -> bool:
    """Whether the rule remembers what happened, which a new one would not."""
    return any(getattr(rule.spec.rule, name) is not getattr(RiskRule, name) for name in COUNTS)


def _name(part: Any) -> str:
    return str(getattr(part, "id", None) or part.name)
