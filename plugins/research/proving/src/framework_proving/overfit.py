"""Is the best of these settings best because it is good, or because there were many?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework import ConfigError, RunError
from framework_proving import evidence
from framework_proving.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework_proving.runners import Runner

BLOCKS = 10
LEAST_DAYS = 60


def over_fit(
    plans: Mapping[int, Any],
    run: Runner,
    *,
    currency: str | None = None,
    most: float = 0.5,
    least: float = 0.95,
    earlier: int = 0,
) -> Verdict:
    """Judge the choice of the best among plans that differ in their settings.

    Args:
        plans: By number; two or more, on the same data.
        run: Where.
        currency: Of the equity that is judged; needed when there are several.
        most: The largest probability of overfitting.
        least: The least deflated Sharpe ratio of the best.
        earlier: Trials made before these, which the best must answer for as well.

    Raises:
        ConfigError: There are fewer than two plans, or no such currency.
        RunError: Fewer than two plans can be run.
    """
    if len(plans) < 2:  # noqa: PLR2004 - a choice needs two
        raise ConfigError("one setting is no choice", where="--set", remedy="Give two values or more.")
    rows = {number: row for number, row in run(plans, ("equity",)).items() if row.failure is None}
    if len(rows) < 2:  # noqa: PLR2004 - a choice needs two
        raise RunError("fewer than two of the settings can be run", remedy="`framework sweep` says why.")
    series = {number: _marks(row.curve, currency) for number, row in sorted(rows.items())}
    days = sorted(set.intersection(*(set(marks) for marks in series.values())))
    values = np.array([[marks[day] for marks in series.values()] for day in days])
    returns = np.diff(values, axis=0) / values[:-1] if len(days) > 1 else np.zeros((0, len(series)))
    moving = returns[:, np.std(returns, axis=0) > 0] if len(returns) > 1 else returns[:, :0]
    counts: dict[str, Any] = {
        "settings": len(plans),
        "earlier": earlier,
        "failed": len(plans) - len(rows),
        "trading": moving.shape[1],
        "days": len(returns),
    }
    name = next(iter(plans.values())).name
    if len(returns) < LEAST_DAYS or moving.shape[1] < 2:  # noqa: PLR2004 - a choice needs two
        reason = (
            f"{len(returns)} daily returns of {moving.shape[1]} settings that trade; "
            f"{LEAST_DAYS} returns of 2 settings are needed"
        )
        return _verdict(name, "not enough evidence", reason, counts)
    ratios = [evidence.sharpe(column) for column in moving.T]
    best = moving[:, int(np.argmax(ratios))]
    probability = evidence.overfit_probability(moving, blocks=BLOCKS)
    variance = evidence.spread_of_trials(float(np.var(ratios, ddof=1)), earlier, len(returns))
    deflated = evidence.deflated_sharpe(best, len(plans) + earlier, variance)
    counts |= {
        "overfit_probability": round(probability, 4),
        "deflated_sharpe": round(deflated, 4),
        "best_yearly_sharpe": round(max(ratios) * evidence.DAYS**0.5, 4),
    }
    found = f"probability of overfitting {probability:.2f}, deflated Sharpe ratio of the best {deflated:.2f}"
    if probability > most or deflated < least:
        others = f", after {earlier} others," if earlier else ""
        reason = f"the best of {len(plans)} settings{others} may be luck: {found}"
        return _verdict(name, "biased", reason, counts)
    return _verdict(name, "clean", f"the best stands out from {len(plans)} settings: {found}", counts)


def _marks(curve: Mapping[str, Any], currency: str | None) -> dict[int, float]:
    """The last mark of equity of every UTC day."""
    code = currency or (next(iter(curve)) if len(curve) == 1 else None)
    if code is None or code not in curve:
        raise ConfigError(
            f"equity is in {', '.join(curve) or 'nothing'}", where="--currency", remedy="Say which to judge."
        )
    return {(ts - 1) // (86_400 * 10**9): amount for ts, amount in curve[code]}


def _verdict(name: str, answer: Any, reason: str, counts: dict[str, Any]) -> Verdict:
    return Verdict(check="overfit", node=name, verdict=answer, reason=reason, evidence=counts)
