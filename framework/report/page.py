"""The report as one HTML file: no network, no dependencies, readable in ten years.

Scripts run only if their SHA-256 stands in the page's own Content-Security-Policy, which also forbids every
connection; every other text is escaped by `markup`. So a strategy's name or a rule's reason is only text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from framework.report import charts, overview, tables, trades, words
from framework.report.interventions import interventions
from framework.report.markup import Markup, join, tag, trusted
from framework.report.notices import notices

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
    plotly, script = (
        _asset("plotly", "package_data/plotly.min.js"),
        _asset("framework.report", "assets/page.js"),
    )
    hashes = " ".join(f"'sha256-{_sha256(code)}'" for code in (plotly, script))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        trusted(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{result.name} \N{MIDDLE DOT} {result.mode} report"),
        tag("style", trusted(_asset("framework.report", "assets/page.css"))),
    )
    payload = {chart.name: [_payload(variant) for variant in chart.variants] for chart in drawn}
    body = tag(
        "body",
        tag("a", "Skip to the figures", href="#figures", class_="skip"),
        overview.header(result),
        tag("main", _sections(result, {chart.name: chart for chart in drawn}), id="figures"),
        _footer(result),
        tag("script", trusted(_json(payload)), type="application/json", id="charts"),
        tag("script", trusted(plotly)) if drawn else None,
        tag("script", trusted(script)),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _sections(result: Result, drawn: Mapping[str, Chart]) -> Iterable[Node]:
    yield overview.notice_list(notices(result))
    yield tag("section", tag("h2", "Key figures", class_="hidden"), overview.cards(result))
    lead = f"Marked to market at {words.count(len(result.equity), 'point')} in time."
    yield _section("Equity and drawdown", _chart(drawn.get("equity")), lead)
    yield _section(
        "Monthly returns", tables.monthly(result), "Change of the marked-to-market equity within each month."
    )
    lead = "No position was opened." if result.positions.empty else "Each position from entry to exit."
    yield _section("Trades on price", _chart(drawn.get("prices")), lead)
    yield _section(
        "Statistics", tables.statistics(result), "As the engine's portfolio analyzer reports them."
    )
    by_strategy = [tables.strategies(result), _chart(drawn.get("strategies"))]
    if any(by_strategy):
        yield _section("Profit by strategy", by_strategy, "Realised profit of positions, after commissions.")
    yield _section("Positions", tables.positions(result))
    yield _section("Risk decisions", interventions(result))
    yield _section(
        "Configuration",
        tag("pre", tag("code", _yaml(result.config)), tabindex="0"),
        "As resolved, defaults filled in.",
    )
    yield _section("Provenance", _provenance(result))


def _section(title: str, content: Node, lead: str = "") -> Markup | None:
    if content is None:
        return None
    name = title.lower().replace(" ", "-")
    heading = tag("h2", title, id=name)
    return tag(
        "section", heading, tag("p", lead, class_="lead") if lead else None, content, aria_labelledby=name
    )


def _chart(chart: Chart | None) -> Markup | None:
    """A place for a chart, its drop-down when there is a choice, and its words for a screen reader."""
    if chart is None:
        return None
    choice = None
    if len(chart.variants) > 1:
        options = [
            tag("option", variant.label, value=str(place)) for place, variant in enumerate(chart.variants)
        ]
        choice = tag(
            "label", f"{chart.choice} ", tag("select", options, data_for=chart.name), class_="choice"
        )
    first = chart.variants[0]
    place = tag(
        "div",
        class_="chart",
        id=f"chart-{chart.name}",
        role="img",
        aria_label=first.alt,
        style=f"height:{chart.height}px",
    )
    missing = tag("noscript", tag("p", "The chart needs JavaScript; the figures do not.", class_="quiet"))
    return tag("figure", choice, place, missing, tag("figcaption", first.note, class_="note"))


def _payload(variant: charts.Variant) -> dict[str, Any]:
    return {"alt": variant.alt, "note": variant.note, "data": variant.data, "layout": variant.layout}


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


def _asset(package: str, path: str) -> str:
    """A file shipped with a package, with the line ends a browser will see, or its hash would not match."""
    text = resources.files(package).joinpath(path).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return str(join(trusted(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))))
