"""Trades on price: candles when few, a line when many, and each position from entry to exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.report import charts, look, measures, words
from framework.report.thinning import sample, thin

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from framework.result import Result

CANDLES = 300
"""Up to so many bars are drawn as candles."""

PRICE_POINTS = 1500
"""About how many points of a price line are drawn; fewer each when there are many instruments."""

ALL_POINTS = 40_000
"""About how many points all price lines may have together, which keeps the page small."""

POSITIONS = 500
"""How many positions one instrument's chart marks; beyond that an even choice."""

CROWD = 120
"""From this many positions on, their marks are smaller."""

_RIM = {"color": "--panel", "width": 1}


def prices(result: Result) -> charts.Chart | None:
    """One chart an instrument, those with positions first."""
    traded = set() if result.positions.empty else set(result.positions["instrument_id"])
    names = [name for name, frame in result.prices.items() if not frame.empty]
    names.sort(key=lambda name: (name not in traded, name))
    points = max(200, min(PRICE_POINTS, ALL_POINTS // max(1, len(names))))
    variants = [_variant(result, name, points) for name in names]
    if not variants:
        return None
    return charts.Chart(name="prices", choice="Instrument", height=460, variants=variants)


def _variant(result: Result, name: str, points: int) -> charts.Variant:
    frame = result.prices[name]
    table = result.positions
    ours = table.iloc[0:0] if table.empty else table[table["instrument_id"] == name]
    ours = ours.sort_values("ts_opened", kind="stable") if len(ours) else ours
    shown = ours.iloc[sample(len(ours), POSITIONS)]
    notes = []
    if len(shown) < len(ours):
        notes.append(f"{len(shown):,} of {len(ours):,} positions are marked, evenly chosen.")
    if len(frame) <= CANDLES:
        traces = [_candles(frame)]
    else:
        rows = thin(frame["close"], points=points)
        traces = [_line(frame.iloc[rows])]
        if len(rows) < len(frame):
            notes.append(f"The line joins {len(rows):,} closes, every peak and trough among them.")
    marks = _marks(shown) if len(shown) else []
    layout = look.layout(
        hovermode="closest",
        showlegend=bool(marks),
        xaxis=look.axis(type="date", rangeslider={"visible": False}, rangebreaks=_weekends(frame)),
        yaxis=look.axis(side="right", tickformat=",.8~f"),
    )
    alt = f"Price of {name} with {words.count(len(ours), 'position')} marked from entry to exit."
    return charts.Variant(label=name, alt=alt, data=traces + marks, layout=layout, note=" ".join(notes))


def _weekends(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Weekends are cut out of candles that never have one; in a line the cut costs more than it shows."""
    stamps: Any = frame.index
    weekdays_only = len(frame) <= CANDLES and bool((stamps.day_of_week < 5).all())  # noqa: PLR2004 - Saturday
    return [{"bounds": ["sat", "mon"]}] if weekdays_only else []


def _candles(frame: pd.DataFrame) -> dict[str, Any]:
    columns = {name: [_price(value) for value in frame[name]] for name in ("open", "high", "low", "close")}
    return {
        "type": "candlestick",
        "name": "Price",
        "showlegend": False,
        "x": charts.times(frame.index),
        **columns,
        "increasing": {"line": {"color": "--candle-up", "width": 1}, "fillcolor": "--candle-up"},
        "decreasing": {"line": {"color": "--candle-down", "width": 1}, "fillcolor": "--candle-down"},
    }


def _line(frame: pd.DataFrame) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Price",
        "showlegend": False,
        "x": charts.times(frame.index),
        "y": [_price(value) for value in frame["close"]],
        "line": {"color": "--price", "width": 1.2},
        "hovertemplate": "%{y}<extra>Close</extra>",
    }


def _price(value: float) -> float | None:
    return None if value != value else float(f"{value:.10g}")  # noqa: PLR0124 - NaN is not equal to itself


def _marks(positions: pd.DataFrame) -> list[dict[str, Any]]:
    """Entries, exits and the lines between them, grouped so that the legend switches them on and off."""
    rows = [_Position(row) for row in positions.to_dict("records")]
    size = 9 if len(rows) <= CROWD else 6
    traces = []
    for won, name, color in ((True, "Profit", "--up"), (False, "Loss", "--down")):
        closed = [row for row in rows if row.exit_time and row.won is won]
        if closed:
            traces += _links(closed, name, color, size - 2)
    for side, name, symbol, color in (
        ("BUY", "Long entry", "triangle-up", "--accent"),
        ("SELL", "Short entry", "triangle-down", "--series-3"),
    ):
        entered = [row for row in rows if row.side == side]
        if entered:
            marker = {"symbol": symbol, "size": size, "color": color, "line": _RIM}
            x, y = [row.entry_time for row in entered], [row.entry_price for row in entered]
            texts = [row.entry_text for row in entered]
            traces.append(_points(f"{name} ({len(entered):,})", x, y, texts, marker))
    return traces


def _links(closed: list[_Position], name: str, color: str, size: int) -> list[dict[str, Any]]:
    x = [part for row in closed for part in (row.entry_time, row.exit_time, None)]
    y = [part for row in closed for part in (row.entry_price, row.exit_price, None)]
    line = {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": name,
        "showlegend": False,
        "hoverinfo": "skip",
        "x": x,
        "y": y,
        "line": {"color": color, "width": 1.4, "dash": "dot"},
    }
    symbol = "circle" if name == "Profit" else "x"
    marker = {"symbol": symbol, "size": size, "color": color, "line": _RIM}
    exits = _points(
        f"{name} ({len(closed):,})",
        [row.exit_time for row in closed],
        [row.exit_price for row in closed],
        [row.exit_text for row in closed],
        marker,
    )
    return [line, exits | {"legendgroup": name}]


def _points(
    name: str, x: Sequence[str | None], y: Sequence[float | None], texts: list[str], marker: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "text": texts,
        "marker": marker,
        "hovertemplate": "%{text}<extra></extra>",
    }


class _Position:
    """One row of the positions report, as the chart needs it."""

    def __init__(self, row: dict[Any, Any]) -> None:
        self.side = str(row["entry"])
        self.entry_time = charts.times([row["ts_opened"]])[0]
        self.entry_price = _price(float(row["avg_px_open"]))
        still_open = str(row["side"]) != "FLAT"
        self.exit_time = None if still_open else charts.times([row["ts_closed"]])[0]
        self.exit_price = None if still_open else _price(float(row["avg_px_close"]))
        profit = measures.amount(row["realized_pnl"])
        self.won = bool(profit and profit[0] > 0)
        word = "Long" if self.side == "BUY" else "Short"
        strategy = f"strategy {row['strategy_id']}"
        self.entry_text = charts.hover(
            f"{word} {row['peak_qty']} @ {self.entry_price}" + (", still open" if still_open else ""),
            f"{self.entry_time} UTC",
            strategy,
        )
        self.exit_text = (
            ""
            if still_open
            else charts.hover(
                f"{words.money(profit[0], profit[1], sign=True) if profit else row['realized_pnl']}"
                f" on {word.lower()} {row['peak_qty']}",
                f"{self.entry_price} to {self.exit_price} in {words.duration(int(row['duration_ns']))}",
                f"{self.exit_time} UTC",
                strategy,
            )
        )
