"""A page as one HTML file: no network, no dependencies, readable in ten years.

Scripts run only if their SHA-256 stands in the page's own Content-Security-Policy, which also forbids every
connection; every other text is escaped by `markup`. So a strategy's name or a rule's reason is only text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from framework.report.markup import Markup, join, tag, trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework.report.charts import Chart, Variant
    from framework.report.markup import Node


def document(title: str, top: Node, main: Node, bottom: Node, drawn: Sequence[Chart]) -> str:
    """The page, complete; about five megabytes when it has charts, nearly all of it the chart library.

    Args:
        title: What the browser's tab says.
        top: The header.
        main: The sections.
        bottom: The footer.
        drawn: The charts that `figure` made places for.
    """
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
        tag("title", title),
        tag("style", trusted(_asset("framework.report", "assets/page.css"))),
    )
    payload = {chart.name: [_payload(variant) for variant in chart.variants] for chart in drawn}
    body = tag(
        "body",
        tag("a", "Skip to the figures", href="#figures", class_="skip"),
        top,
        tag("main", main, id="figures"),
        bottom,
        tag("script", trusted(_json(payload)), type="application/json", id="charts"),
        tag("script", trusted(plotly)) if drawn else None,
        tag("script", trusted(script)),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def section(title: str, content: Node, lead: str = "") -> Markup | None:
    """A part of the page with its heading; nothing without content."""
    if content is None:
        return None
    name = title.lower().replace(" ", "-")
    heading = tag("h2", title, id=name)
    return tag(
        "section", heading, tag("p", lead, class_="lead") if lead else None, content, aria_labelledby=name
    )


def figure(chart: Chart | None) -> Markup | None:
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


def _payload(variant: Variant) -> dict[str, Any]:
    return {"alt": variant.alt, "note": variant.note, "data": variant.data, "layout": variant.layout}


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
