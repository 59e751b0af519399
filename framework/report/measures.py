"""What the report derives from a result's tables: sums and extremes, never a rival performance figure.

Sharpe, win rate and the rest come from the engine's analyzer. Here are only facts that tables give by
addition or comparison: profit by strategy, the deepest fall of the equity, the months, the reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from framework.result import Result
    from framework.risk.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall of an equity curve from a peak, as a share of the peak.

    Attributes:
        depth: From -1 to 0.
        amount: The same in currency, not positive.
        peak: When the fall began, nanoseconds.
        trough: When it was deepest, nanoseconds.
    """

    depth: float
    amount: float
    peak: int
    trough: int


@dataclass(slots=True)
class Share:
    """What one strategy contributed.

    Attributes:
        closed: Positions closed.
        winners: Of those, the ones with a profit.
        profit: Realised profit after commissions, by currency, of open positions too.
        denied: Orders the gate denied.
    """

    closed: int = 0
    winners: int = 0
    profit: dict[str, Decimal] = field(default_factory=dict)
    denied: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonGroup:
    """Decisions of one rule with the same reason, numbers aside.

    Attributes:
        rule: Who decided.
        verdict: What was decided.
        reason: An example, in the rule's words.
        count: How many.
        varies: True when the others say it with different numbers.
    """

    rule: str
    verdict: str
    reason: str
    count: int
    varies: bool


def amount(text: Any) -> tuple[Decimal, str] | None:
    """`"-2.25 USD"` as an amount and its currency; None for anything that is not one."""
    match str(text).rsplit(" ", 1):
        case [digits, currency] if re.fullmatch(r"-?[\d_,]+(\.\d+)?(E-?\d+)?", digits, re.IGNORECASE):
            return Decimal(digits.replace("_", "").replace(",", "")), currency
    return None


def is_open(positions: pd.DataFrame) -> pd.Series[bool]:
    """For each position, whether it was still open at the end."""
    return ~positions["side"].isin(["FLAT", "NO_POSITION_SIDE"])


def open_and_closed(result: Result) -> tuple[int, int]:
    """Positions still open at the end, and positions closed."""
    if result.positions.empty:
        return 0, 0
    still = int(is_open(result.positions).sum())
    return still, len(result.positions) - still


def curve(result: Result, currency: str) -> pd.Series[float]:
    """The equity in one currency, without undefined points."""
    series: pd.Series[float] = result.equity[currency].dropna()
    return series


def currencies(result: Result) -> list[str]:
    """Currencies with an equity curve, those that moved first."""
    names = [str(name) for name in result.equity.columns if not curve(result, name).empty]
    return sorted(names, key=lambda name: is_flat(curve(result, name)))


def is_flat(series: pd.Series[float]) -> bool:
    """Whether the curve never moves."""
    return bool(series.min() == series.max())


def below_peak(series: pd.Series[float]) -> pd.Series[float]:
    """For each point, how far below the highest so far: -1 to 0, undefined while that is not positive."""
    peaks = series.cummax()
    return (series / peaks - 1).where(peaks > 0)


def drawdown(series: pd.Series[float]) -> Drawdown | None:
    """The deepest fall, or None when the curve has no positive peak."""
    falls = below_peak(series)
    if falls.isna().all():
        return None
    trough = int(falls.argmin(skipna=True))
    values = series.to_numpy()[: trough + 1]
    peak = trough - int(values[::-1].argmax())
    stamps: Any = series.index
    return Drawdown(
        depth=float(falls.iloc[trough]),
        amount=float(values[trough] - values[peak]),
        peak=nanoseconds(stamps[peak]),
        trough=nanoseconds(stamps[trough]),
    )


def monthly(series: pd.Series[float]) -> dict[tuple[int, int], float]:
    """Change of the equity in each month from the end of the one before, keyed by year and month.

    The first month starts from the first point. A month that starts from nothing or less is left out.
    """
    changes: dict[tuple[int, int], float] = {}
    if series.empty:
        return changes
    opening = float(series.iloc[0])
    stamps: Any = series.index
    months: Any = series.groupby([stamps.year, stamps.month])
    for (year, month), points in months:
        closing = float(points.iloc[-1])
        if opening > 0:
            changes[int(year), int(month)] = closing / opening - 1
        opening = closing
    return changes


def attribution(result: Result) -> dict[str, Share]:
    """What each strategy contributed, by its identifier, in alphabetical order."""
    shares: dict[str, Share] = {}
    if not result.positions.empty:
        table = result.positions
        rows = zip(table["strategy_id"], table["realized_pnl"], is_open(table), strict=True)
        for strategy, pnl, still_open in rows:
            share = shares.setdefault(str(strategy), Share())
            profit = amount(pnl)
            if profit is not None:
                value, currency = profit
                share.profit[currency] = share.profit.get(currency, Decimal(0)) + value
            share.closed += not still_open
            share.winners += bool(not still_open and profit and profit[0] > 0)
    if not result.orders.empty:
        for strategy in result.orders["strategy_id"]:
            shares.setdefault(str(strategy), Share())
    for decision in result.denials:
        shares.setdefault(decision.scope, Share()).denied += 1
    return dict(sorted(shares.items()))


def commissions(result: Result) -> dict[str, Decimal]:
    """What the fills cost, by currency, the largest number of charges first."""
    if result.fills.empty or "commission" not in result.fills:
        return {}
    sums: dict[str, Decimal] = {}
    charged = [charge for charge in map(amount, result.fills["commission"]) if charge is not None]
    counts = Counter(currency for _, currency in charged)
    for value, currency in charged:
        sums[currency] = sums.get(currency, Decimal(0)) + value
    return dict(sorted(sums.items(), key=lambda item: (-counts[item[0]], item[0])))


def reason_groups(decisions: Iterable[Decision]) -> list[ReasonGroup]:
    """Decisions grouped by rule, verdict and reason, numbers aside, the most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], set[str]] = {}
    first: dict[tuple[str, str, str], str] = {}
    for decision in decisions:
        key = (decision.rule, decision.verdict, re.sub(r"\d[\d.,:_]*", "#", decision.reason))
        counts[key] += 1
        first.setdefault(key, decision.reason)
        examples.setdefault(key, set()).add(decision.reason)
    return [
        ReasonGroup(rule=key[0], verdict=key[1], reason=first[key], count=many, varies=len(examples[key]) > 1)
        for key, many in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def statistic(figures: Mapping[str, float | None], start: str) -> tuple[str, float | None] | None:
    """The analyzer's figure whose name starts so, with its full name; None when there is none."""
    for name in sorted(figures):
        if name.startswith(start):
            return name, figures[name]
    return None


def nanoseconds(stamp: Any) -> int:
    """A pandas timestamp as nanoseconds since the epoch."""
    return int(stamp.as_unit("ns").value)
