"""The picture of a walk forward: what the choices of the past made of what followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from framework_proving.attribution_page import GAIN, LOSS
from framework_proving.sheet import Sheet

if TYPE_CHECKING:
    from framework_proving.walkforward import Judged

SAYS = {
    "passed": "Every hurdle is taken: this node may go live with exactly the settings below.",
    "failed": "At least one hurdle is not taken: this node is refused live.",
    "not enough evidence": "There are too few days to say anything: this node is refused live.",
}


def page(name: str, judged: Judged) -> Sheet:
    """The page.

    Args:
        name: The node's.
        judged: What came of the walk.
    """
    sheet = Sheet(f"Walk forward of {name}: {judged.verdict}")
    sheet.text(SAYS[judged.verdict])
    figures = judged.figures
    beat, earlier = figures["Sharpe ratio to beat, yearly"], figures["trials before this walk"]
    before = f", {earlier} of them before this walk" if earlier else ""
    sheet.text(
        f"{len(judged.folds)} times settings were chosen on the past and run on what followed. Only what "
        f"followed counts: {figures['days']} days, {figures['return']:+.2%} in all. "
        f"{figures['trials']} different settings were tried{before}; the best of so many that know nothing "
        f"is expected to show a yearly Sharpe ratio of {beat:.2f}."
    )
    sheet.heading("The hurdles")
    sheet.table(
        ("", "measured", "bound", ""),
        [
            (
                hurdle.name,
                "none" if hurdle.value is None else f"{hurdle.value:.3g}",
                hurdle.bound,
                "taken" if hurdle.passed else "NOT TAKEN",
            )
            for hurdle in judged.hurdles
        ],
    )
    if len(judged.returns):
        sheet.heading("What was not seen before, end to end")
        sheet.figure(_way(judged))
    sheet.heading("Test by test")
    sheet.figure(_tests(judged), "300px")
    sheet.table(
        ("test", "return", "yearly Sharpe", "trades", "trials", "chosen"),
        [
            (
                _stretch(fold),
                f"{fold['return']:+.2%}",
                f"{fold['sharpe']:.2f}",
                fold["trades"],
                fold["trials"],
                _settings(fold["point"]),
            )
            for fold in judged.folds
        ],
    )
    sheet.heading("Luck")
    sheet.table(
        ("", "5 %", "50 %", "95 %"),
        [
            (name, *(f"{value:.3g}" for value in judged.figures[figure]))
            for name, figure in (
                (
                    "yearly Sharpe ratio, days drawn again",
                    "yearly Sharpe ratio, bootstrapped 5 %, 50 %, 95 %",
                ),
                ("largest fall, trades in another order", "drawdown of shuffled trades 5 %, 50 %, 95 %"),
            )
            if figure in judged.figures
        ],
    )
    sheet.heading("To go on with" if judged.verdict == "passed" else "What it would have gone on with")
    sheet.text(_settings(judged.point) or "the settings in the file")
    return sheet


def _stretch(fold: dict[str, Any]) -> str:
    return f"{fold['test'][0][:10]} to {fold['test'][1][:10]}"


def _settings(point: dict[str, str]) -> str:
    return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in point.items())


def _way(judged: Judged) -> go.Figure:
    """Equity of one unit over the days of all tests, and where each test begins."""
    equity = np.cumprod(np.concatenate([[1.0], 1 + judged.returns]))
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(equity))),
        y=(100 * (equity - 1)).tolist(),
        mode="lines",
        line={"color": GAIN if equity[-1] >= 1 else LOSS},
        showlegend=False,
    )
    begun = 0
    for fold in judged.folds:
        figure.add_vline(
            x=begun,
            line={"color": "#9aa3ad", "dash": "dot", "width": 1},
            annotation={"text": f" {fold['test'][0][:10]}", "font": {"size": 11}},
            annotation_position="top right",
        )
        begun += fold["days"]
    figure.update_xaxes(title="days of tests")
    figure.update_yaxes(title="return, %")
    return figure


def _tests(judged: Judged) -> go.Figure:
    gains = [100 * fold["return"] for fold in judged.folds]
    figure = go.Figure()
    figure.add_bar(
        x=[_stretch(fold) for fold in judged.folds],
        y=gains,
        marker_color=[GAIN if gain >= 0 else LOSS for gain in gains],
    )
    figure.update_yaxes(title="return, %")
    figure.update_xaxes(type="category")
    return figure
