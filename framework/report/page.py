"""The report of a run as one HTML file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from framework.report import charts, overview, tables, trades, words
from framework.report.interventions import interventions
from framework.report.markup import Markup, tag
from framework.report.notices import notices
from framework.report.shell import document, figure, section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from framework.report.charts import Chart
    from framework.report.markup import Node
    from framework.result import Result

_SECRET = re.compile(r"secret|password|passphrase|token|credential|private_key|api_?key", re.IGNORECASE)


def render(result: Result) -> str:
    """The page, complete; about five megabytes, nearly all of it the chart library."""
    drawn = [
        chart for chart in (charts.equity(result), trades.prices(result), charts.strategies(result)) if chart
    ]
    return document(
        f"{result.name} \N{MIDDLE DOT} {result.mode} report",
        overview.header(result),
        _sections(result, {chart.name: chart for chart in drawn}),
        _footer(result),
        drawn,
    )


def _sections(result: Result, drawn: Mapping[str, Chart]) -> Iterable[Node]:
    yield overview.notice_list(notices(result))
    yield tag("section", tag("h2", "Key figures", class_="hidden"), overview.cards(result))
    lead = f"Marked to market at {words.count(len(result.equity), 'point')} in time."
    yield section("Equity and drawdown", figure(drawn.get("equity")), lead)
    yield section(
        "Monthly returns", tables.monthly(result), "Change of the marked-to-market equity within each month."
    )
    lead = "No position was opened." if result.positions.empty else "Each position from entry to exit."
    yield section("Trades on price", figure(drawn.get("prices")), lead)
    yield section("Statistics", tables.statistics(result), "As the engine's portfolio analyzer reports them.")
    by_strategy = [tables.strategies(result), figure(drawn.get("strategies"))]
    if any(by_strategy):
        yield section("Profit by strategy", by_strategy, "Realised profit of positions, after commissions.")
    yield section("Positions", tables.positions(result))
    yield section("Risk decisions", interventions(result))
    yield section(
        "Configuration",
        tag("pre", tag("code", _yaml(result.config)), tabindex="0"),
        "As resolved, defaults filled in.",
    )
    yield section("Provenance", _provenance(result))


def _provenance(result: Result) -> Markup:
    versions = list(result.versions.items())
    files: list[list[tables.Cell | str]] = [
        [path, tables.Cell(content=tag("code", digest))] for path, digest in sorted(result.data.items())
    ]
    name, version = tables.Column(title="Distribution"), tables.Column(title="Version")
    path, digest = tables.Column(title="File in the catalog"), tables.Column(title="SHA-256")
    return tag(
        "div",
        tag("p", "Result hash ", tag("code", result.result_hash), ": equal runs have equal hashes."),
        tag("div", tables.table("Versions", [name, version], versions), class_="columns"),
        tag(
            "details",
            tag("summary", words.count(len(files), "data file")),
            tables.table("Data read", [path, digest], files, caption_shown=False, style="tall"),
        )
        if files
        else None,
    )


def _footer(result: Result) -> Markup:
    tables_beside = "orders, fills, positions, equity and decisions .parquet, and result.json"
    return tag(
        "footer",
        tag("p", f"Beside this page: {tables_beside}. The engine ran for {result.elapsed:,.2f} s."),
        tag("p", "A backtest shows what would have happened under its assumptions, not what will."),
    )


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml  # noqa: PLC0415 - only a report writes YAML

    return str(yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True, width=100))


def plain(value: Any, key: str = "") -> Any:
    """Settings as plain values for YAML and JSON, secrets masked."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): plain(item, str(name)) for name, item in value.items()}
    if _SECRET.search(key) and value not in (None, ""):
        return "********"
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, key) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
