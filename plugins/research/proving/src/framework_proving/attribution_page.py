"""The picture of an attribution: what each part of the trades gave, before and after costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from framework_proving.sheet import Sheet

if TYPE_CHECKING:
    from decimal import Decimal

    from framework_proving.attribution import Attribution, Share

HEADS = ("trades", "won", "before costs", "commission", "net")
GAIN, LOSS, BEFORE = "#1b7f4d", "#b3352a", "#9aa3ad"
TITLES = {
    "strategy": "By strategy",
    "instrument": "By instrument",
    "side": "By side",
    "hour": "By the hour of the entry, {zone}",
    "regime": "By the volatility of the market at the entry",
}


def page(found: Attribution, zone: str) -> Sheet:
    """The page.

    Args:
        found: What was found.
        zone: Whose hours, as a name.
    """
    sheet = Sheet(f"Where the profit of {found.name} came from")
    sheet.text(
        f"Equity went from {money(found.began)} to {money(found.ended)} {found.currency}: "
        f"{money(found.ended - found.began, sign=True)}. Of that, {found.total.trades} closed trades gave "
        f"{money(found.total.gross, sign=True)} before commissions of {money(found.total.commission)}, so "
        f"{money(found.total.net, sign=True)} after them; {money(found.unexplained, sign=True)} is in no "
        "closed trade (open positions, funding, interest)."
    )
    sheet.heading("Risk")
    sheet.text(
        f"Largest fall from a peak: {found.drawdown:.2%}. Of daily returns, without any assumed shape:"
    )
    sheet.table(
        ("confidence", "days", "value at risk", "expected shortfall (CVaR)"),
        [
            (f"{tail.level:.0%}", tail.days, percent(tail.value_at_risk), percent(tail.shortfall))
            for tail in found.tails
        ],
    )
    for way, parts in found.by.items():
        sheet.heading(TITLES[way].format(zone=zone))
        if len(parts) > 1:
            sheet.figure(_bars(parts, found.currency), "300px")
        sheet.table((way, *HEADS), [line(part) for part in parts])
    sheet.text(
        "A best hour or regime found here was looked for among many. It is a question for "
        "`framework walkforward`, not an answer."
    )
    return sheet


def line(part: Share) -> tuple[str, ...]:
    """A part as the cells of a table."""
    won = f"{part.won / part.trades:.0%}" if part.trades else "-"
    return (
        part.name,
        str(part.trades),
        won,
        money(part.gross, sign=True),
        money(part.commission),
        money(part.net, sign=True),
    )


def money(amount: Decimal, *, sign: bool = False) -> str:
    """An amount as a reader writes it, to the hundredth or as fine as it is when that would be nothing."""
    amount = amount.normalize()
    places = 2 if not amount or abs(amount) >= 1 else max(2, min(8, -int(amount.as_tuple().exponent)))
    return f"{amount:+,.{places}f}" if sign else f"{amount:,.{places}f}"


def percent(value: float | None) -> str:
    """A share as a reader writes it."""
    return "too few days" if value is None else f"{value:.2%}"


def _bars(parts: tuple[Share, ...], currency: str) -> go.Figure:
    names = [part.name for part in parts]
    net = [float(part.net) for part in parts]
    figure = go.Figure()
    figure.add_bar(x=names, y=[float(part.gross) for part in parts], name="before costs", marker_color=BEFORE)
    figure.add_bar(x=names, y=net, name="net", marker_color=[GAIN if amount >= 0 else LOSS for amount in net])
    figure.update_layout(barmode="group", yaxis_title=currency, legend={"orientation": "h", "y": 1.15})
    figure.update_xaxes(type="category")
    return figure
