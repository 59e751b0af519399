"""The charts, as data for plotly.js: what is drawn here, how it looks in `look.py` and `assets/`."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.report import look, measures, words
from framework.report.thinning import thin

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from framework.result import Result

CURVE_POINTS = 2000
"""About how many points of an equity curve are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One state of a chart, such as one instrument.

    Attributes:
        label: What the drop-down says.
        alt: What the picture shows, in a sentence, for a screen reader.
        data: Traces.
        layout: Layout.
        note: What is left out of the picture, or an empty string.
    """

    label: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of the page; a drop-down chooses among several variants.

    Attributes:
        name: Unique in the page; letters and hyphens.
        choice: What the drop-down chooses, such as `Instrument`.
        height: In pixels.
        variants: At least one.
    """

    name: str
    choice: str
    height: int
    variants: list[Variant]


def equity(result: Result) -> Chart | None:
    """Equity and, under it on the same time axis, the fall from the highest equity so far."""
    variants = [_equity(result, currency) for currency in measures.currencies(result)]
    return Chart(name="equity", choice="Currency", height=460, variants=variants) if variants else None


def strategies(result: Result) -> Chart | None:
    """Realised profit of each strategy over time, when there are several."""
    table = result.positions
    if table.empty or table["strategy_id"].nunique() < 2:  # noqa: PLR2004 - several
        return None
    closed = table[~measures.is_open(table)].sort_values("ts_closed", kind="stable")
    amounts = [measures.amount(text) for text in closed["realized_pnl"]]
    currencies = sorted({currency for _, currency in filter(None, amounts)})
    variants = []
    for currency in currencies:
        traces = []
        names = sorted(closed["strategy_id"].unique())
        for number, name in enumerate(names):
            ours = [
                (stamp, float(found[0]))
                for stamp, owner, found in zip(
                    closed["ts_closed"], closed["strategy_id"], amounts, strict=True
                )
                if owner == name and found and found[1] == currency
            ]
            traces.append(_running_total(name, ours, look.series_color(number), currency))
        alt = (
            f"Realised profit over time of {words.count(len(names), 'strategy', 'strategies')} in {currency}."
        )
        layout = look.layout(hovermode="x unified", yaxis=look.axis(side="right", tickformat=",.8~f"))
        variants.append(Variant(label=currency, alt=alt, data=traces, layout=layout))
    return Chart(name="strategies", choice="Currency", height=300, variants=variants) if variants else None


def times(index: Iterable[Any]) -> list[str]:
    """Timestamps as plotly reads them: UTC, to the second."""
    return [stamp.strftime("%Y-%m-%d %H:%M:%S") for stamp in index]


def hover(*lines: str) -> str:
    """Lines of a hover label. Plotly renders a few tags in it, so every line is escaped."""
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def _equity(result: Result, currency: str) -> Variant:
    full = measures.curve(result, currency)
    falls = measures.below_peak(full)
    rows = thin(full, falls, points=CURVE_POINTS)
    shown, fallen = full.iloc[rows], falls.iloc[rows]
    x = times(shown.index)
    digits = words.precision(currency)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Equity",
            "showlegend": False,
            "x": x,
            "y": [round(float(value), digits) for value in shown],
            "line": {"color": "--accent", "width": 1.6},
            "hovertemplate": f"%{{y:,.{digits}f}} {html.escape(currency)}<extra>Equity</extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Drawdown",
            "showlegend": False,
            "x": x,
            "y": [None if value != value else round(float(value), 6) for value in fallen],  # noqa: PLR0124
            "yaxis": "y2",
            "fill": "tozeroy",
            "fillcolor": "--down-soft",
            "line": {"color": "--down", "width": 1.2},
            "hovertemplate": "%{y:.2%}<extra>Drawdown</extra>",
        },
    ]
    stops, shapes = _stops(result, full)
    worst = measures.drawdown(full)
    depth = words.percent(worst.depth) if worst else "undefined"
    first, last = words.money(full.iloc[0], currency), words.money(full.iloc[-1], currency)
    layout = look.layout(
        hovermode="x unified",
        showlegend=bool(stops),
        legend={"orientation": "h", "x": 0, "y": -0.08, "xanchor": "left", "yanchor": "top"},
        xaxis=look.axis(anchor="y2", type="date"),
        yaxis=look.axis(side="right", domain=[0.36, 1], tickformat=",.8~f", **_room(full)),
        yaxis2=look.axis(side="right", domain=[0, 0.27], tickformat=".2~%", nticks=4, **_room(falls, 0)),
        annotations=[
            look.label(f"Equity, {html.escape(currency)}", y=1),
            look.label("Drawdown from the highest equity so far", y=0.29),
        ],
        shapes=[
            *shapes,
            look.line(
                y0=float(full.iloc[0]), y1=float(full.iloc[0]), xref="paper", x0=0, x1=1, color="--line"
            ),
        ],
    )
    thinned = f"{len(rows):,} of {len(full):,} points are drawn, every peak and trough among them."
    return Variant(
        label=currency,
        alt=f"Equity went from {first} to {last}; the deepest drawdown was {depth}.",
        data=[*traces, *stops],
        layout=layout,
        note=thinned if len(rows) < len(full) else "",
    )


def _room(series: pd.Series[float], above: float = 0.01) -> dict[str, Any]:
    """A range for an axis whose curve never moves, which would otherwise be blown up to nothing."""
    if not measures.is_flat(series):
        return {}
    level = float(series.iloc[0])
    room = abs(level) or 1.0
    return {"range": [level - room * 0.01, level + room * above]}


def _stops(result: Result, full: pd.Series[float]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Markers and vertical lines where the gate flattened or halted."""
    traces, shapes = [], []
    for verdict, color, symbol in (("flatten", "--warn", "diamond"), ("halt", "--down", "x")):
        stops = [decision for decision in result.decisions if decision.verdict == verdict]
        if not stops:
            continue
        x = [words.moment(stop.ts) for stop in stops]
        stamps = [measures.nanoseconds(stamp) for stamp in full.index]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{verdict.capitalize()} ({len(stops):,})",
                "x": x,
                "y": [float(full.iloc[_latest(stamps, stop.ts)]) for stop in stops],
                "marker": {"color": color, "symbol": symbol, "size": 10},
                "text": [hover(f"{stop.rule}: {stop.reason}", f"covers {stop.scope}") for stop in stops],
                "hovertemplate": "%{text}<extra>" + verdict.capitalize() + "</extra>",
            }
        )
        shapes += [look.line(x0=at, x1=at, yref="paper", y0=0, y1=1, color=color) for at in x[:100]]
    return traces, shapes


def _latest(stamps: list[int], ts: int) -> int:
    from bisect import bisect_right  # noqa: PLC0415 - beside its one use

    return max(0, bisect_right(stamps, ts) - 1)


def _running_total(name: str, closed: list[tuple[Any, float]], color: str, currency: str) -> dict[str, Any]:
    total, totals = 0.0, []
    for _, profit in closed:
        total += profit
        totals.append(total)
    import pandas as pd  # noqa: PLC0415 - only a run with several strategies comes here

    rows = thin(pd.Series(totals, dtype=float), points=CURVE_POINTS // 2) if totals else []
    digits = words.precision(currency)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": html.escape(name, quote=False),
        "x": times(closed[row][0] for row in rows),
        "y": [round(totals[row], digits) for row in rows],
        "line": {"color": color, "width": 1.6, "shape": "hv"},
        "hovertemplate": f"%{{y:+,.{digits}f}} {html.escape(currency)}",
    }
