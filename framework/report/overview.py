"""The top of the page: what ran, what to be careful about, and the key figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.report import measures, words
from framework.report.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.report.markup import Node
    from framework.result import Result

INSTRUMENTS = 6
"""How many instruments the header names before it says how many more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One of the run's key figures.

    Attributes:
        name: What it is.
        value: As text.
        detail: What it rests on, or an empty string.
        tone: `up`, `down`, or an empty string.
    """

    name: str
    value: str
    detail: str = ""
    tone: str = ""


def header(result: Result) -> Markup:
    """Name, mode, period, instruments, data and hash."""
    shown = result.instruments[:INSTRUMENTS]
    rest = result.instruments[INSTRUMENTS:]
    instruments: list[Node] = [", ".join(shown) or "none"]
    if rest:
        more = tag("details", tag("summary", f"and {len(rest):,} more"), tag("p", ", ".join(rest)))
        instruments.append(more)
    counts = ((result.bars, "bar"), (result.quotes, "quote"), (result.trades, "trade"))
    data = ", ".join(words.count(many, noun) for many, noun in counts if many) or "none"
    until = words.moment(result.end, zone=True)
    facts: list[tuple[str, Node]] = [
        ("Period", [_unbroken(words.moment(result.start)), " to ", _unbroken(until)]),
        ("Instruments", instruments),
        ("Data", data),
        ("Result hash", tag("code", result.result_hash[:16], title=result.result_hash)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in list(result.versions.items())[:2])),
    ]
    return tag(
        "header",
        tag("p", tag("span", result.mode, class_="badge mode"), " run report", class_="eyebrow"),
        tag("h1", result.name),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts], class_="facts"),
    )


def _unbroken(text: str) -> Markup:
    return tag("span", text, class_="unbroken")


def _dates_unbroken(text: str) -> list[str | Markup]:
    """The text in pieces; a browser would break a line at a date's hyphen."""
    pieces = re.split(r"(\d{4}-\d\d-\d\d)", text)
    return [_unbroken(piece) if number % 2 else piece for number, piece in enumerate(pieces)]


def notice_list(said: list[str]) -> Markup | None:
    """The notices, or nothing."""
    if not said:
        return None
    return tag(
        "aside",
        tag("h2", "Read these figures with care"),
        tag("ul", [tag("li", sentence) for sentence in said]),
        class_="notices",
        aria_label="Notices",
    )


def cards(result: Result) -> Markup:
    """The key figures as cards."""
    return tag(
        "dl",
        [
            tag(
                "div",
                tag("dt", figure.name),
                tag("dd", figure.value, class_=f"value {figure.tone}".strip()),
                tag("dd", _dates_unbroken(figure.detail), class_="detail") if figure.detail else None,
                class_="card",
            )
            for figure in key_figures(result)
        ],
        class_="cards",
    )


def main_currency(result: Result) -> str:
    """The currency whose figures come first: the first with an equity that moved, or an empty string."""
    names = measures.currencies(result) or list(result.statistics.get("pnl") or {})
    return names[0] if names else ""


def key_figures(result: Result) -> list[KeyFigure]:
    """The figures at the top of the page: the analyzer's, the equity's ends and depth, and counts."""
    still_open, closed = measures.open_and_closed(result)
    returns: Mapping[str, float | None] = result.statistics.get("returns") or {}
    statuses = {} if result.orders.empty else result.orders["status"].value_counts().to_dict()
    cancelled = words.count(int(statuses.get("CANCELED", 0)), "cancelled", "cancelled")
    resized = sum(decision.verdict == "resize" for decision in result.decisions)
    held = f", {still_open:,} still open" if still_open else ""
    return [
        *_profits(result),
        *_equity(result),
        _analyzed(returns, "Sharpe Ratio", "Sharpe ratio"),
        _analyzed(returns, "Profit Factor", "Profit factor"),
        _win_rate(result),
        KeyFigure(name="Positions closed", value=f"{closed:,}", detail=f"{len(result.fills):,} fills{held}"),
        _commissions(result),
        KeyFigure(name="Orders", value=f"{len(result.orders):,}", detail=cancelled),
        KeyFigure(name="Orders denied", value=f"{len(result.denials):,}", detail=f"{resized:,} resized"),
    ]


def _profits(result: Result) -> list[KeyFigure]:
    cards = []
    main = main_currency(result)
    pnl: Mapping[str, Mapping[str, float | None]] = result.statistics.get("pnl") or {}
    for currency in sorted(pnl, key=lambda name: (name != main, name)):
        figures = pnl[currency]
        total, share = figures.get("PnL (total)"), figures.get("PnL% (total)")
        if currency != main and not total:
            continue
        detail = "" if share is None else f"{words.number(share, sign=True)}% of the starting balance"
        tone = "" if not total else "up" if total > 0 else "down"
        cards.append(
            KeyFigure(
                name="Net profit", value=words.money(total, currency, sign=True), detail=detail, tone=tone
            )
        )
    return cards[:3]


def _equity(result: Result) -> list[KeyFigure]:
    currency = main_currency(result)
    if currency not in measures.currencies(result):
        return []
    series = measures.curve(result, currency)
    start = f"from {words.money(float(series.iloc[0]), currency)}"
    end = KeyFigure(name="Final equity", value=words.money(float(series.iloc[-1]), currency), detail=start)
    worst = measures.drawdown(series)
    if worst is None:
        return [end]
    detail = (
        f"{words.money(worst.amount, currency)} by {words.moment(worst.trough)[:10]}" if worst.depth else ""
    )
    return [end, KeyFigure(name="Deepest drawdown", value=words.percent(worst.depth), detail=detail)]


def _analyzed(figures: Mapping[str, float | None], start: str, name: str) -> KeyFigure:
    found = measures.statistic(figures, start)
    if found is None or found[1] is None:
        return KeyFigure(name=name, value=words.NOTHING, detail="undefined for this run")
    return KeyFigure(
        name=name, value=words.number(found[1]), detail=found[0].removeprefix(start).strip(" ()")
    )


def _commissions(result: Result) -> KeyFigure:
    charged = measures.commissions(result)
    if not charged:
        return KeyFigure(name="Commissions", value=words.NOTHING)
    (first, paid), *others = charged.items()
    detail = ", ".join(words.money(amount, currency) for currency, amount in others)
    return KeyFigure(name="Commissions", value=words.money(paid, first), detail=detail)


def _win_rate(result: Result) -> KeyFigure:
    pnl: Mapping[str, Mapping[str, float | None]] = result.statistics.get("pnl") or {}
    rate = (pnl.get(main_currency(result)) or {}).get("Win Rate")
    _, closed = measures.open_and_closed(result)
    of = f"of {words.count(closed, 'closed position')}" if closed else ""
    return KeyFigure(name="Win rate", value=words.percent(rate, 1), detail=of)
