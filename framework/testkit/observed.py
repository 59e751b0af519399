"""A risk rule with its answers written down, and put right where they are wrong, so that the run goes on."""

from __future__ import annotations

import json
from copy import replace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.catalog.instruments import find_instrument
from framework.risk.rule import APPROVE, Approve, Deny, Flatten, Halt, Resize, RiskRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.risk.rule import Proposal, Verdict
    from framework.specs import RiskSpec

OBSERVING = ("on_sent", "on_denied", "on_cancel", "on_order", "on_fill", "on_mark")
SILENT = ("on_sent", "on_cancel")


@dataclass
class Notes:
    """What a rule answered in one run.

    Attributes:
        verdicts: Every verdict, with its moment, in order.
        reactions: Every reaction to a fill or a mark, in order.
        problems: By kind of problem, the first one in words.
    """

    verdicts: list[str] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, problem: str) -> None:
        """Keep the first problem of its kind."""
        self.problems.setdefault(kind, problem)

    @property
    def interventions(self) -> int:
        """Verdicts and reactions that changed something."""
        return len(self.reactions) + sum("Approve()" not in verdict for verdict in self.verdicts)


def observed(spec: RiskSpec, notes: Notes, *, twice: bool = False, odd: bool = False) -> RiskSpec:
    """The same rule, observed.

    Args:
        spec: The rule.
        notes: Where what it answers goes.
        twice: Ask twice for every verdict, and use the second.
        odd: Ask also about the same proposal without a price, and about an instrument nobody knows.
    """
    rule = spec.rule
    methods: dict[str, Any] = {"check": _check(rule, notes, twice=twice, odd=odd)}
    for name in OBSERVING:
        if getattr(rule, name) is not getattr(RiskRule, name):
            methods[name] = _observing(rule, name, notes)
    return replace(spec, rule=type(rule.__name__, (rule,), methods))


def _check(rule: Any, notes: Notes, *, twice: bool, odd: bool) -> Callable[[Any, Proposal], Any]:
    stranger = find_instrument("equity:ZZZZ", "NOWHERE")

    def check(self: Any, proposal: Proposal) -> Any:
        verdict = _asked(rule, self, proposal, notes, "raises")
        if twice:
            again = _asked(rule, self, proposal, notes, "raises")
            if again != verdict:
                notes.add("impure", f"{_said(proposal)}: first {verdict}, then {again}")
            verdict = again
        if odd:
            unpriced = replace(proposal, mark=None)
            _asked(rule, self, unpriced, notes, "unpriced")
            _asked(rule, self, replace(unpriced, instrument=stranger), notes, "stranger")
        _remembered(rule, self, notes)
        notes.verdicts.append(f"{proposal.now} {proposal.quantity} {verdict}")
        return _put_right(verdict, proposal, notes, rule)

    return check


def _remembered(rule: Any, self: Any, notes: Notes) -> None:
    """What it wants kept goes through JSON into a new rule, which must want the same kept."""
    if rule.remember is RiskRule.remember:
        return
    try:
        memory = rule.remember(self)
        kept = json.loads(json.dumps(memory))
        if kept != memory:
            notes.add("forgets", f"{memory!r} comes back from JSON as {kept!r}")
        if not kept:
            return
        fresh = rule(self.config)
        fresh.start(self.market)
        fresh.recall(kept)
        if (again := fresh.remember()) != kept:
            notes.add("forgets", f"given {kept!r}, a new one remembers {again!r}")
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the test reports
        notes.add("forgets", f"{type(error).__name__}: {error}")


def _asked(rule: Any, self: Any, proposal: Proposal, notes: Notes, kind: str) -> Any:
    try:
        return rule.check(self, proposal)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the test reports
        notes.add(kind, f"{_said(proposal)}: {type(error).__name__}: {error}")
        return APPROVE


def _put_right(verdict: Any, proposal: Proposal, notes: Notes, rule: Any) -> Any:
    if not isinstance(verdict, Approve | Deny | Resize):
        notes.add("no verdict", f"{_said(proposal)}: {verdict!r}")
        return APPROVE
    if not isinstance(verdict, Approve) and not str(verdict.reason or "").strip():
        notes.add("no reason", f"{_said(proposal)}: {verdict}")
        return APPROVE
    if isinstance(verdict, Resize):
        return _fitting(verdict, proposal, notes, may_grow=rule.sizes)
    if isinstance(verdict, Deny) and proposal.reduces:
        notes.add("trap", f"{_said(proposal)}, which only reduces: {verdict}")
    return verdict


def _fitting(verdict: Resize, proposal: Proposal, notes: Notes, *, may_grow: bool) -> Verdict:
    if not may_grow and verdict.quantity.as_decimal() > proposal.quantity.as_decimal():
        notes.add("growth", f"{_said(proposal)}: {verdict}")
        return APPROVE
    step, precision = proposal.instrument.size_increment.as_decimal(), proposal.instrument.size_precision
    if verdict.quantity.precision != precision or verdict.quantity.as_decimal() % step:
        notes.add(
            "misfit", f"{_said(proposal)}: {verdict}; sizes have {precision} decimals in steps of {step}"
        )
        return APPROVE
    return verdict


def _observing(rule: Any, name: str, notes: Notes) -> Callable[[Any, Any], Any]:
    def observe(self: Any, *event: Any, **named: Any) -> Any:
        try:
            reaction = getattr(rule, name)(self, *event, **named)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the test reports
            notes.add("raises", f"{name}: {type(error).__name__}: {error}")
            return None
        if reaction is None:
            return None
        allowed = isinstance(reaction, Flatten | Halt) and name not in SILENT
        if not (allowed and reaction.reason.strip()):
            notes.add("no reaction", f"{name} answered {reaction!r}")
            return None
        notes.reactions.append(str(reaction))
        return reaction

    return observe


def _said(proposal: Proposal) -> str:
    return f"{proposal.action} {proposal.side.name} {proposal.quantity} {proposal.instrument_id}"
