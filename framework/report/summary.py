"""A run in a few lines: the record kept as `result.json`, and the table a terminal shows of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.report import measures, words
from framework.report.notices import notices
from framework.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

INSTRUMENTS = 4
"""How many instruments the terminal names before it says how many more there are."""


def facts(result: Result) -> dict[str, Any]:
    """`result.json`: the run's summary, and what a reader needs to see it again without the tables.

    Plain values that strict JSON can hold: no NaN, times in ISO 8601, amounts as text.
    """
    still_open, _ = measures.open_and_closed(result)
    return {
        **result.summary(),
        "statistics": defined(result.statistics),
        "open_positions": still_open,
        "decisions": [
            {"rule": group.rule, "verdict": group.verdict, "reason": group.reason, "count": group.count}
            for group in measures.reason_groups(result.decisions)
        ],
        "equity": {currency: _equity(result, currency) for currency in measures.currencies(result)},
        "notices": notices(result),
        "versions": dict(result.versions),
    }


def render(source: Result | Mapping[str, Any]) -> RenderableType:
    """A small table for the terminal, of a result or of what `facts` made of one; folds on a narrow one."""
    from rich.console import Group  # noqa: PLC0415 - `framework --help` needs no tables
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    record = facts(source) if isinstance(source, Result) else source
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value, style in _lines(record):
        table.add_row(name, Text(_printable(value), style=style))
    title = Text.assemble((_printable(record["name"]), "bold"), f"  {_printable(record['mode'])}")
    said = [Text(f"! {_printable(sentence)}", style="yellow") for sentence in record["notices"]]
    return Group(title, table, *said)


def defined(value: Any) -> Any:
    """The value with None for every number that is not finite, in mappings (sorted) and lists too."""
    if hasattr(value, "items"):
        return {key: defined(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _equity(result: Result, currency: str) -> dict[str, Any]:
    series = measures.curve(result, currency)
    digits = words.precision(currency)
    worst = measures.drawdown(series)
    return {
        "first": f"{series.iloc[0]:.{digits}f}",
        "last": f"{series.iloc[-1]:.{digits}f}",
        "drawdown": None if worst is None else round(worst.depth, 8),
    }


def _lines(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, value and style of each line."""
    names = record["instruments"]
    more = f" and {len(names) - INSTRUMENTS:,} more" if len(names) > INSTRUMENTS else ""
    yield "Period", f"{_minute(record['start'])} to {_minute(record['end'])} UTC", ""
    yield "Instruments", ", ".join(names[:INSTRUMENTS]) + more, ""
    counts = ((record["bars"], "bar"), (record["quotes"], "quote"), (record["trades"], "trade"))
    yield "Data", ", ".join(words.count(many, noun) for many, noun in counts if many) or "none", ""
    yield "Orders", f"{record['orders']:,}", ""
    yield "Fills", f"{record['fills']:,}", ""
    yield "Denials", f"{record['denials']:,}", "yellow" if record["denials"] else ""
    statistics = record["statistics"]
    for currency, figures in (statistics.get("pnl") or {}).items():
        total, share = figures.get("PnL (total)"), figures.get("PnL% (total)")
        of = "" if share is None else f" ({words.number(share, sign=True)}%)"
        tone = "" if not total else "green" if total > 0 else "red"
        yield "Net profit", words.money(total, currency, sign=True) + of, tone
    for currency, equity in record["equity"].items():
        if equity["drawdown"] is not None:
            yield "Max drawdown", f"{words.percent(equity['drawdown'])} of {currency} equity", ""
    sharpe = measures.statistic(statistics.get("returns") or {}, "Sharpe Ratio")
    yield "Sharpe", words.number(sharpe[1]) if sharpe else words.NOTHING, ""
    rates = [figures.get("Win Rate") for figures in (statistics.get("pnl") or {}).values()]
    rate = next((rate for rate in rates if rate is not None), None)
    closed = words.count(record["positions"] - record["open_positions"], "closed position")
    yield "Win rate", f"{words.percent(rate, 1)} of {closed}", ""
    yield "Result hash", record["result_hash"][:16], ""
    if record["report"]:
        yield "Report", _from_here(record["report"]), "bold"


def _from_here(folder: str) -> str:
    """The folder from the current one when it lies below: short enough for one line, and to be copied."""
    try:
        return str(Path(folder).relative_to(Path.cwd()))
    except (OSError, ValueError):  # elsewhere, or the current folder is gone
        return folder


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")


def _printable(text: Any) -> str:
    """Text that cannot drive the terminal, and that any terminal's encoding has."""
    plain = str(text).replace(words.MINUS, "-").replace(words.NOTHING, "-")
    return "".join(letter if letter.isprintable() else "?" for letter in plain)
