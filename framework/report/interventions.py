"""What the risk rules did: how often and why first, then one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.report import measures, words
from framework.report.markup import Markup, tag
from framework.report.tables import Cell, Column, table

if TYPE_CHECKING:
    from framework.result import Result
    from framework.risk.decision import Decision

DECISIONS = 200
"""How many decisions the page lists; all of them are in `decisions.parquet`."""

_VERDICTS = {"deny": "Denied", "resize": "Resized", "flatten": "Flattened", "halt": "Halted"}


def interventions(result: Result) -> Markup:
    """The section's content; says so when every order passed untouched."""
    if not result.decisions:
        return tag("p", "Every order passed the risk rules untouched.", class_="quiet")
    groups = measures.reason_groups(result.decisions)
    columns = [
        Column(title="Rule"),
        Column(title="Verdict"),
        Column(title="Reason"),
        Column(title="Times", numeric=True),
    ]
    alike = tag("em", " and alike, with other numbers")
    rows: list[list[Cell | str]] = [
        [
            group.rule,
            Cell(content=_badge(group.verdict)),
            Cell(content=[group.reason, alike if group.varies else None]),
            Cell(content=f"{group.count:,}", key=group.count),
        ]
        for group in groups
    ]
    total = words.count(len(result.decisions), "decision")
    return tag(
        "div",
        table("Decisions by rule and reason", columns, rows, sortable=True, caption_shown=False),
        tag("details", tag("summary", f"One by one ({total})"), _list(result.decisions)),
    )


def _list(decisions: tuple[Decision, ...]) -> Markup:
    columns = [
        Column(title="Time"),
        Column(title="Verdict"),
        Column(title="Rule"),
        Column(title="Strategy"),
        Column(title="Order"),
        Column(title="Reason"),
    ]
    rows: list[list[Cell | str]] = [
        [
            Cell(content=words.moment(decision.ts), key=decision.ts),
            Cell(content=_badge(decision.verdict)),
            decision.rule,
            decision.scope,
            _order(decision),
            decision.reason,
        ]
        for decision in decisions[:DECISIONS]
    ]
    note = None
    if len(decisions) > DECISIONS:
        more = len(decisions) - DECISIONS
        text = f"The first {DECISIONS:,}; {more:,} more are in decisions.parquet beside this page."
        note = tag("p", text, class_="note")
    listed = table("Decisions", columns, rows, sortable=True, caption_shown=False, style="tall")
    return tag("div", listed, note)


def _order(decision: Decision) -> str:
    if not decision.instrument_id:
        return words.NOTHING
    size = decision.quantity + (f" \N{RIGHTWARDS ARROW} {decision.resized_to}" if decision.resized_to else "")
    change = "change to " if decision.action == "modify" else ""
    return f"{change}{decision.side} {size} {decision.instrument_id}"


def _badge(verdict: str) -> Markup:
    return tag("span", _VERDICTS[verdict], class_=f"badge {verdict}")
