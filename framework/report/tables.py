"""Tables of the page, all made by one function so that they read, sort and scroll alike."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.report import measures, words
from framework.report.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework.report.markup import Node
    from framework.result import Result

POSITIONS = 250
"""How many positions the page lists; all of them are in `positions.parquet`."""

_SHARES = ("Win Rate", "Returns Volatility", "CAGR", "Max Drawdown")
_ORDER = (
    "PnL (total)",
    "PnL% (total)",
    "Expectancy",
    "Win Rate",
    "Avg Winner",
    "Max Winner",
    "Min Winner",
    "Avg Loser",
    "Max Loser",
    "Min Loser",
    "Sharpe",
    "Sortino",
    "Profit Factor",
    "Risk Return",
    "CAGR",
    "Max Drawdown",
    "Calmar",
    "Returns Volatility",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a table cell shows.

    Attributes:
        content: Text or markup.
        key: What sorting compares, when that is not the text.
        tone: `up`, `down`, or an empty string.
        heat: From -1 to 1, the strength of a heatmap's background; 0 has none.
    """

    content: Node
    key: float | str | None = None
    tone: str = ""
    heat: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; numbers are aligned to the right."""

    title: str
    numeric: bool = False


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell | str]],
    *,
    sortable: bool = False,
    caption_shown: bool = True,
    style: str = "",
) -> Markup:
    """A table whose first column names the row, in a box that scrolls sideways on a narrow screen."""
    head = [
        tag(
            "th",
            tag("button", column.title, type="button") if sortable else column.title,
            scope="col",
            class_="number" if column.numeric else "text",
            aria_sort="none" if sortable else None,
        )
        for column in columns
    ]
    body = [
        tag("tr", [_cell(cell, column, first=not place) for place, (cell, column) in _placed(row, columns)])
        for row in rows
    ]
    classes = " ".join(filter(None, ["sortable" if sortable else "", style]))
    content = tag(
        "table",
        tag("caption", caption, class_=None if caption_shown else "hidden"),
        tag("thead", tag("tr", head)),
        tag("tbody", body),
        class_=classes or None,
    )
    return tag("div", content, class_="scroll", role="region", aria_label=caption, tabindex="0")


def monthly(result: Result) -> Markup | None:
    """Return of the equity, a row a year and a column a month, one table a currency that moved."""
    moved = [
        name for name in measures.currencies(result) if not measures.is_flat(measures.curve(result, name))
    ]
    return tag("div", [_months(result, name, several=len(moved) > 1) for name in moved]) if moved else None


def statistics(result: Result) -> Markup:
    """Every figure of the engine's analyzer, as it names them."""
    groups: list[Markup] = []
    pnl: Mapping[str, Mapping[str, float | None]] = result.statistics.get("pnl") or {}
    for currency, figures in pnl.items():
        groups.append(_figures(f"Profit and loss, {currency}", figures, currency))
    for name, title in (("returns", "Returns"), ("general", "General")):
        if result.statistics.get(name):
            groups.append(_figures(title, result.statistics[name], ""))
    if not groups:
        return tag("p", "The analyzer had nothing to measure.", class_="quiet")
    return tag("div", groups, class_="columns")


def strategies(result: Result) -> Markup | None:
    """Profit by strategy, when there are several."""
    shares = measures.attribution(result)
    if len(shares) < 2:  # noqa: PLR2004 - several
        return None
    currencies = sorted({currency for share in shares.values() for currency in share.profit})
    columns = [
        Column(title="Strategy"),
        Column(title="Positions closed", numeric=True),
        Column(title="Winners", numeric=True),
        *(Column(title=f"Realised profit, {currency}", numeric=True) for currency in currencies),
        Column(title="Orders denied", numeric=True),
    ]
    rows: list[list[Cell | str]] = [
        [
            name,
            Cell(content=f"{share.closed:,}", key=share.closed),
            Cell(content=f"{share.winners:,}", key=share.winners),
            *(_profit(share.profit.get(currency), currency) for currency in currencies),
            Cell(content=f"{share.denied:,}", key=share.denied),
        ]
        for name, share in shares.items()
    ]
    return table("Profit by strategy", columns, rows, sortable=True, caption_shown=False)


def positions(result: Result) -> Markup | None:
    """The first positions in time order, and where the others are."""
    frame = result.positions
    if frame.empty:
        return None
    columns = [
        Column(title="Opened"),
        Column(title="Instrument"),
        Column(title="Strategy"),
        Column(title="Side"),
        Column(title="Quantity", numeric=True),
        Column(title="Entry", numeric=True),
        Column(title="Exit", numeric=True),
        Column(title="Held", numeric=True),
        Column(title="Return", numeric=True),
        Column(title="Profit", numeric=True),
    ]
    shown = frame.sort_values("ts_opened", kind="stable").head(POSITIONS)
    rows = [_position(row) for row in shown.to_dict("records")]
    note = None
    if len(frame) > len(shown):
        more = len(frame) - len(shown)
        text = f"The first {len(shown):,} in time order; {more:,} more are in positions.parquet."
        note = tag("p", text, class_="note")
    listed = table("Positions", columns, rows, sortable=True, caption_shown=False, style="tall")
    return tag("div", listed, note)


def _months(result: Result, currency: str, *, several: bool) -> Markup:
    changes = measures.monthly(measures.curve(result, currency))
    strongest = max((abs(change) for change in changes.values()), default=0.0)
    columns = [
        Column(title="Year"),
        *(Column(title=name, numeric=True) for name in list(calendar.month_abbr)[1:]),
        Column(title="Whole year", numeric=True),
    ]
    rows = []
    for year in sorted({year for year, _ in changes}):
        whole = 1.0
        row: list[Cell | str] = [str(year)]
        for month in range(1, 13):
            change = changes.get((year, month))
            whole *= 1 + (change or 0)
            heat = change / strongest if change and strongest else 0.0
            row.append(Cell(content="" if change is None else words.percent(change, sign=True), heat=heat))
        row.append(Cell(content=words.percent(whole - 1, sign=True), tone=_tone(whole - 1)))
        rows.append(row)
    caption = f"Monthly return, {currency}"
    return table(caption, columns, rows, caption_shown=several, style="heat")


def _figures(title: str, figures: Mapping[str, float | None], currency: str) -> Markup:
    def place(name: str) -> tuple[int, str]:
        ranks = (rank for rank, start in enumerate(_ORDER) if name.startswith(start))
        return next(ranks, len(_ORDER)), name

    rows: list[list[Cell | str]] = [
        [name, Cell(content=_figure(name, figures[name], currency))] for name in sorted(figures, key=place)
    ]
    return table(title, [Column(title="Figure"), Column(title="Value", numeric=True)], rows)


def _figure(name: str, value: float | None, currency: str) -> str:
    if "%" in name:
        text = words.number(value)
        return text if text == words.NOTHING else f"{text}%"
    if name.startswith(_SHARES) or "(Return)" in name:
        return words.percent(value, 3 if "(Return)" in name else 2)
    return words.money(value, currency) if currency else words.figure(value)


def _position(row: dict[Any, Any]) -> list[Cell | str]:
    closed = str(row["side"]) == "FLAT"
    digits = int(row.get("price_precision", 5))
    profit = measures.amount(row["realized_pnl"])
    opened = measures.nanoseconds(row["ts_opened"])
    held = int(row["duration_ns"]) if closed else 0
    entry = float(row["avg_px_open"])
    close = float(row["avg_px_close"]) if closed else None
    change = float(row["realized_return"]) if closed else None
    size = str(row["peak_qty"])
    return [
        Cell(content=words.moment(opened), key=opened),
        str(row["instrument_id"]),
        str(row["strategy_id"]),
        "Long" if row["entry"] == "BUY" else "Short",
        Cell(content=size, key=float(size)),
        Cell(content=words.number(entry, digits), key=entry),
        Cell(content=words.number(close, digits) if closed else "open", key=close),
        Cell(content=words.duration(held) if closed else words.NOTHING, key=held),
        Cell(content=words.percent(change, sign=True), key=change, tone=_tone(change)),
        _profit(profit[0], profit[1]) if profit else str(row["realized_pnl"]),
    ]


def _profit(value: Any, currency: str) -> Cell:
    if value is None:
        return Cell(content=words.NOTHING)
    return Cell(content=words.money(value, currency, sign=True), key=float(value), tone=_tone(value))


def _tone(value: Any) -> str:
    return "" if not value else "up" if value > 0 else "down"


def _placed(row: Sequence[Cell | str], columns: Sequence[Column]) -> enumerate[tuple[Cell | str, Column]]:
    return enumerate(zip(row, columns, strict=True))


def _cell(cell: Cell | str, column: Column, *, first: bool) -> Markup:
    shown = cell if isinstance(cell, Cell) else Cell(content=cell)
    classes = ["number" if column.numeric else "text", shown.tone]
    if shown.heat:
        classes.append("gain" if shown.heat > 0 else "fall")
    return tag(
        "th" if first else "td",
        shown.content,
        class_=" ".join(filter(None, classes)),
        scope="row" if first else None,
        data_key=None if shown.key is None else str(shown.key),
        style=f"--heat:{8 + abs(shown.heat) * 47:.0f}%" if shown.heat else None,
    )
