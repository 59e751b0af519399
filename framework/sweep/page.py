"""A sweep as one HTML page: where the good settings lie, how each point did, and how little that proves."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.report import look, words
from framework.report.charts import Chart, Variant, hover
from framework.report.markup import tag
from framework.report.overview import notice_list
from framework.report.shell import document, figure, section
from framework.report.tables import Cell, Column
from framework.report.tables import table as html_table
from framework.sweep.table import ranked, short_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework.report.markup import Markup, Node
    from framework.sweep.grid import Axis, Grid
    from framework.sweep.table import Line

SHOWN = 500
"""Points that the page lists, the best first; all of them are in the table's file."""
FEW = 14
"""Values of an axis up to which the numbers are written into a heat map."""
MONEY = 1_000
"""From here on a number is shown without decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A finished sweep.

    Attributes:
        name: The node's.
        grid: What was swept.
        table: A line a point.
        objective: The figure that ranks.
        minimize: The smallest is the best.
        elapsed: Seconds.
        file: The name of the table's file.
    """

    name: str
    grid: Grid
    table: Sequence[Line]
    objective: str
    minimize: bool
    elapsed: float
    file: str


def render(swept: Swept) -> str:
    """The page, complete."""
    best = ranked(swept.table, swept.objective, minimize=swept.minimize)
    names = short_names([axis.path for axis in swept.grid.axes])
    chart = _chart(swept, best, names) if best else None
    failed = [line for line in swept.table if line["error"] is not None]
    sections = [
        notice_list(_notices(swept, best, failed)),
        tag("section", tag("h2", "The best", class_="hidden"), _cards(swept, best, names)),
        section(_title(swept), figure(chart), _lead(swept)),
        section("Points", _points(swept, best, names), _listed(best)),
        section("Failed points", _failed(failed, names, swept.grid) if failed else None),
    ]
    return document(
        f"{swept.name} \N{MIDDLE DOT} sweep",
        _header(swept, best, names),
        sections,
        _footer(swept),
        [chart] if chart else [],
    )


def _title(swept: Swept) -> str:
    return f"{swept.objective} by {'two settings' if len(swept.grid.axes) > 1 else 'setting'}"


def _lead(swept: Swept) -> str:
    return f"A {'field for each pair' if len(swept.grid.axes) > 1 else 'dot for each'} of values."


def _header(swept: Swept, best: Sequence[Line], names: dict[str, str]) -> Markup:
    finished = sum(line["error"] is None for line in swept.table)
    facts: list[tuple[str, Node]] = [
        ("Points", f"{finished:,} of {len(swept.table):,} finished"),
        ("Ranked by", f"{swept.objective}, the {'smallest' if swept.minimize else 'largest'} first"),
        ("Best", _settings(best[0], names) if best else "none"),
        *((axis.path, _values(axis)) for axis in swept.grid.axes),
    ]
    return tag(
        "header",
        tag("p", tag("span", "backtest", class_="badge mode"), " sweep", class_="eyebrow"),
        tag("h1", swept.name),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts], class_="facts"),
    )


def _values(axis: Axis) -> str:
    many = len(axis.values)
    if many <= FEW:
        return ", ".join(axis.values)
    return f"{axis.values[0]} to {axis.values[-1]}, {many} values"


def _settings(line: Line, names: dict[str, str]) -> str:
    return ", ".join(f"{name} {line[name]}" for name in names.values())


def _notices(swept: Swept, best: Sequence[Line], failed: Sequence[Line]) -> list[str]:
    said = []
    if len(best) > 1:
        said.append(
            f"The best of {len(best):,} trials looks better than it is: part of it is luck. Judge the "
            "settings on data that no trial has seen, and trust a good region more than a good point."
        )
    if len(swept.table) < len(swept.grid):
        said.append(
            f"{len(swept.table):,} of {len(swept.grid):,} points were drawn; the others are not known."
        )
    if failed:
        said.append(f"{words.count(len(failed), 'point')} failed and can be anywhere in the ranking.")
    unranked = sum(line["error"] is None for line in swept.table) - len(best)
    if unranked:
        said.append(
            f"{words.count(unranked, 'point')} had no {swept.objective}: nothing was traded, or lost."
        )
    return said


def _cards(swept: Swept, best: Sequence[Line], names: dict[str, str]) -> Markup | None:
    if not best:
        return None
    figures = [line[swept.objective] for line in best]
    shown = [
        ("Best", _number(figures[0]), _settings(best[0], names)),
        ("Median point", _number(statistics.median(figures)), "half of the points are no better"),
        ("Worst", _number(figures[-1]), _settings(best[-1], names)),
    ]
    return tag(
        "dl",
        [
            tag(
                "div",
                tag("dt", name),
                tag("dd", value, class_="value"),
                tag("dd", detail, class_="detail"),
                class_="card",
            )
            for name, value, detail in shown
        ],
        class_="cards",
    )


def _chart(swept: Swept, best: Sequence[Line], names: dict[str, str]) -> Chart:
    """A curve over one setting, or a map over every two."""
    axes = swept.grid.axes
    if len(axes) == 1:
        return Chart(name="curve", choice="", height=380, variants=[_curve(swept, best, axes[0], names)])
    variants = [_map(swept, best, names, pair) for pair in itertools.combinations(axes, 2)]
    tallest = max(len(axis.values) for axis in axes)
    return Chart(name="map", choice="Settings", height=min(900, 170 + 34 * tallest), variants=variants)


def _curve(swept: Swept, best: Sequence[Line], axis: Axis, names: dict[str, str]) -> Variant:
    name = names[axis.path]
    by_point = sorted(best, key=lambda line: line["point"])
    x, y = [str(line[name]) for line in by_point], [line[swept.objective] for line in by_point]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": y,
        "line": {"color": "--accent", "width": 1.6},
        "hovertemplate": f"{hover(name)} %{{x}}<br>{hover(swept.objective)} %{{y:,.4~f}}<extra></extra>",
    }
    layout = look.layout(
        xaxis=look.axis(type="category", title={"text": name}),
        yaxis=look.axis(side="right", tickformat=",.4~f", title={"text": swept.objective}),
    )
    alt = f"{swept.objective} at {words.count(len(x), 'value')} of {name}."
    return Variant(label=name, alt=alt, data=[trace], layout=layout)


def _map(swept: Swept, best: Sequence[Line], names: dict[str, str], pair: tuple[Axis, Axis]) -> Variant:
    """The objective over two settings; over several points of a field, their median."""
    down, across = pair
    fields: dict[tuple[str, str], list[float]] = {}
    for line in best:
        point = swept.grid.point(line["point"])
        fields.setdefault((point[down.path], point[across.path]), []).append(line[swept.objective])
    z = [
        [statistics.median(fields[y, x]) if (y, x) in fields else None for x in across.values]
        for y in down.values
    ]
    written = max(len(down.values), len(across.values)) <= FEW
    first, second = names[down.path], names[across.path]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": list(across.values),
        "y": list(down.values),
        "z": z,
        "colorscale": "Viridis",
        "reversescale": swept.minimize,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "colorbar": {"thickness": 12, "outlinewidth": 0, "tickformat": ",.4~f"},
        "text": [[("" if value is None else _number(value)) for value in row] for row in z],
        "texttemplate": "%{text}" if written else "",
        "hovertemplate": f"{hover(first)} %{{y}}<br>{hover(second)} %{{x}}<br>"
        f"{hover(swept.objective)} %{{text}}<extra></extra>",
    }
    layout = look.layout(
        xaxis=look.axis(type="category", title={"text": second}, showgrid=False),
        yaxis=look.axis(type="category", title={"text": first}, showgrid=False, autorange="reversed"),
        dragmode=False,
    )
    most = max(len(held) for held in fields.values())
    others = [names[axis.path] for axis in swept.grid.axes if axis not in pair]
    note = (
        f"A field is the median over up to {most} points that differ in {', '.join(others)}."
        if others
        else ""
    )
    alt = f"{swept.objective} over {len(down.values)} values of {first} and {len(across.values)} of {second}."
    return Variant(label=f"{first} and {second}", alt=alt, data=[trace], layout=layout, note=note)


def _listed(best: Sequence[Line]) -> str:
    if len(best) > SHOWN:
        return f"The best {SHOWN:,} of {len(best):,}. Click a heading to sort."
    return "The best first. Click a heading to sort." if best else "None has a figure to rank by."


def _points(swept: Swept, best: Sequence[Line], names: dict[str, str]) -> Markup | None:
    if not best:
        return None
    money = [name for name in best[0] if name.startswith(("PnL (total) ", "PnL% (total) "))]
    titles = dict.fromkeys([swept.objective, *money, "Max Drawdown", "Win Rate", "orders", "denials"])
    columns = [title for title in titles if any(line.get(title) is not None for line in best)]
    rows = [
        [
            Cell(content=str(line["point"]), key=line["point"]),
            *(
                Cell(content=text, key=line[names[path]])
                for path, text in swept.grid.point(line["point"]).items()
            ),
            *(_cell(line.get(title), cents=title in money) for title in columns),
        ]
        for line in best[:SHOWN]
    ]
    head = [
        Column(title="Point"),
        *(Column(title=title, numeric=True) for title in (*names.values(), *columns)),
    ]
    return html_table("Points", head, rows, sortable=True, caption_shown=False, style="tall")


def _failed(failed: Sequence[Line], names: dict[str, str], grid: Grid) -> Markup:
    rows: list[list[Cell | str]] = [
        [
            Cell(content=str(line["point"]), key=line["point"]),
            *(str(grid.point(line["point"])[path]) for path in names),
            str(line["error"]),
        ]
        for line in failed[:SHOWN]
    ]
    head = [
        Column(title="Point"),
        *(Column(title=name, numeric=True) for name in names.values()),
        Column(title="Why"),
    ]
    return html_table("Failed points", head, rows, caption_shown=False, style="tall")


def _cell(value: float | None, *, cents: bool) -> Cell:
    if value is None:
        return Cell(content="")
    return Cell(content=f"{value:,.2f}" if cents else _number(value), key=value)


def _number(value: float) -> str:
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= MONEY else f"{value:,.3f}"


def _footer(swept: Swept) -> Markup:
    return tag(
        "footer",
        tag(
            "p",
            f"Beside this page: {swept.file}, every figure of every point. They took {swept.elapsed:,.1f} s.",
        ),
        tag("p", "A backtest shows what would have happened under its assumptions, not what will."),
    )
