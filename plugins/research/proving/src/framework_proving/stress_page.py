"""The picture of a stress test: how far equity fell in every scenario, and the way it took."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from framework_proving.attribution_page import GAIN, LOSS, money
from framework_proving.sheet import Sheet
from framework_proving.verdict import moment

if TYPE_CHECKING:
    from framework_proving.stress import Outcome, Stressed

HEADS = ("scenario", "at", "profit", "fall", "worst day", "positions", "denials")
MOST_MARKS = 1_000
"""Marks of a curve that are drawn."""


def page(found: Stressed) -> Sheet:
    """The page."""
    sheet = Sheet(f"{found.name} under stress")
    where = "at which it held something" if found.held else "of the run; it never held anything"
    sheet.text(
        f"{len(found.outcomes)} replays of the node in the engine, with its own risk rules, venue and costs, "
        f"on data that something happens to. What is sudden happens at {len(found.moments)} moments {where}. "
        f"As it was, the node made {_profit(found.plain)} {found.currency} and fell by {_fall(found.plain)}."
    )
    worst = found.worst()
    sheet.heading("The largest fall of every scenario, worst moment")
    sheet.figure(_falls(found.plain, worst), f"{120 + 34 * (len(worst) + 1)}px")
    sheet.heading(f"Equity on the way, {found.currency}, worst moment of every scenario")
    sheet.figure(_ways(found.plain, worst), "460px")
    sheet.heading("Every replay")
    sheet.table(HEADS, [line(outcome) for outcome in (found.plain, *found.outcomes)])
    failed = [outcome for outcome in found.outcomes if outcome.failure]
    for outcome in failed:
        sheet.text(f"{outcome.scenario} at {_at(outcome)} ended the run: {outcome.failure}")
    sheet.text(
        "Prices jump here as the data says; the simulated venue fills at the first price after the jump. A "
        "real one may be worse: it may not answer, widen its spread, or ask for more margin."
    )
    return sheet


def line(outcome: Outcome) -> tuple[str, ...]:
    """A replay as the cells of a table."""
    if outcome.failure is not None:
        return (outcome.scenario, _at(outcome), "the run failed", "-", "-", "-", "-")
    return (
        outcome.scenario,
        _at(outcome),
        _profit(outcome),
        _fall(outcome),
        "-" if outcome.worst_day is None else f"{outcome.worst_day:+.2%}",
        str(outcome.trades),
        str(outcome.denials),
    )


def _at(outcome: Outcome) -> str:
    return "-" if outcome.at is None else moment(outcome.at)[:16].replace("T", " ")


def _profit(outcome: Outcome) -> str:
    return "-" if outcome.profit is None else money(outcome.profit, sign=True)


def _fall(outcome: Outcome) -> str:
    return "-" if outcome.drawdown is None else f"{outcome.drawdown:.2%}"


def _falls(plain: Outcome, worst: tuple[Outcome, ...]) -> go.Figure:
    shown = [outcome for outcome in (*worst, plain) if outcome.drawdown is not None][::-1]
    falls = [100 * (outcome.drawdown or 0.0) for outcome in shown]
    figure = go.Figure()
    figure.add_bar(
        x=falls,
        y=[outcome.says for outcome in shown],
        orientation="h",
        marker_color=[GAIN if outcome is plain else LOSS for outcome in shown],
        text=[f"{fall:.2f} %" for fall in falls],
        textposition="outside",
        cliponaxis=False,
    )
    figure.update_xaxes(title="largest fall from a peak, %", range=[0, 1.15 * max([*falls, 0.01])])
    figure.update_yaxes(automargin=True)
    return figure


def _ways(plain: Outcome, worst: tuple[Outcome, ...]) -> go.Figure:
    figure = go.Figure()
    for outcome in (plain, *worst):
        if not outcome.curve:
            continue
        step = -(-len(outcome.curve) // MOST_MARKS)
        marks = [*outcome.curve[:-1:step], outcome.curve[-1]]
        figure.add_scatter(
            x=[dt.datetime.fromtimestamp(ts / 10**9, tz=dt.UTC) for ts, _ in marks],
            y=[amount for _, amount in marks],
            mode="lines",
            name=outcome.says,
            line={"width": 3, "color": "#222"} if outcome is plain else {"width": 1.4},
        )
    figure.update_layout(legend={"orientation": "h", "y": -0.15})
    return figure
