"""What a careful reader would ask about a run before believing its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.report import measures, words

if TYPE_CHECKING:
    from framework.result import Result

FEW_POSITIONS = 30
"""Below this many closed positions averages say little."""

MANY_DENIED = 0.2
"""From this share of denied orders on, the rules shaped the result as much as the strategy did."""

NO_RATE = "Account currency conversion failed"
"""What the engine says when it has no rate for the account's base currency."""

SHORT_DAYS = 30
"""A run shorter than this makes annualised figures an extrapolation."""


def notices(result: Result) -> list[str]:
    """Sentences, the most important first; empty when there is nothing to ask."""
    return [*_trading(result), *_gate(result), *_money(result), *_period(result)]


def _trading(result: Result) -> list[str]:
    if result.orders.empty:
        return ["No strategy sent an order, so there is nothing to judge."]
    if result.fills.empty:
        return [f"None of the {words.count(len(result.orders), 'order')} was filled.", *_refused(result)]
    said = []
    still_open, closed = measures.open_and_closed(result)
    if closed < FEW_POSITIONS:
        were = "position was" if closed == 1 else "positions were"
        said.append(f"Only {closed} {were} closed: averages and ratios over so few say little.")
    if still_open:
        were, their = ("position is", "its") if still_open == 1 else ("positions are", "their")
        said.append(
            f"{still_open:,} {were} still open at the end: {their} unrealised profit is in the equity curve"
            " and not in the profit of closed positions."
        )
    return [*said, *_refused(result)]


def _refused(result: Result) -> list[str]:
    """Orders that neither the rules nor the strategy stopped."""
    orders, said = result.orders, []
    by_rules = orders["reason"].isin([decision.reason for decision in result.denials])  # all of a list too
    denied, rejected = (orders["status"] == "DENIED") & ~by_rules, orders["status"] == "REJECTED"
    for refused, who in ((denied, "The engine denied"), (rejected, "The venue rejected")):
        reasons = list(orders["reason"][refused])
        if reasons:
            count = words.count(len(reasons), "order")
            said.append(f"{who} {count}{', the first' if len(reasons) > 1 else ''} because: {reasons[0]}")
        if any(NO_RATE in why for why in reasons):
            said.append(
                "For an account in one base currency the engine needs quotes, or bid and ask bars, of a pair "
                "with that currency."
            )
    return said


def _gate(result: Result) -> list[str]:
    said = []
    halts = [decision for decision in result.decisions if decision.verdict == "halt"]
    if halts:
        first = halts[0]
        said.append(f"Halted at {words.moment(first.ts, zone=True)} by {first.rule}: {first.reason}")
    denied = len({decision.client_order_id or decision.ts for decision in result.denials})
    if len(result.orders) and denied / len(result.orders) >= MANY_DENIED:
        share = words.percent(min(1.0, denied / len(result.orders)), 0)
        said.append(f"The risk rules denied {share} of all orders: the figures are of what was left.")
    return said


def _money(result: Result) -> list[str]:
    said = []
    for currency in measures.currencies(result):
        if (measures.curve(result, currency) <= 0).any():
            said.append(f"The equity in {currency} fell to zero or below.")  # noqa: PERF401
    if len(result.fills) and not any(measures.commissions(result).values()):
        said.append("No commission was charged on any fill: check the venue's fee model.")
    return said


def _period(result: Result) -> list[str]:
    days = (result.end - result.start) / 86_400e9
    if days >= SHORT_DAYS or result.fills.empty:
        return []
    length = words.duration(result.end - result.start)
    return [f"The run covers {length}: annualised figures extrapolate from it."]
