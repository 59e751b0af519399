"""Choose on the past, judge on what follows, again and again; then say whether more than luck is left."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from framework import Hurdle, RunError, note_tried, settings_hash
from framework_proving import evidence
from framework_proving.verdict import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from framework_proving.folds import Fold

LEAST_DAYS = 60
"""Daily returns out of sample below which nothing is said."""
SHARPE = "Sharpe Ratio (252 days)"
BY = "framework walkforward"


@dataclass(frozen=True)
class Chosen:
    """What a training led to.

    Attributes:
        point: The settings chosen.
        ratios: The Sharpe ratio of every different trial of the training, of one day.
        settings: The `settings_hash` of everything that was tried.
    """

    point: dict[str, str]
    ratios: tuple[float, ...]
    settings: frozenset[str]


@dataclass(frozen=True)
class Unseen:
    """What a test gave.

    Attributes:
        returns: Of one day each.
        profits: Of every trade opened and closed inside the test, in the currency it settled in.
        capital: Equity when the test began.
        converted: How many of the trades settled in another currency than the account's.
    """

    returns: NDArray[np.float64]
    profits: tuple[float, ...]
    capital: float
    converted: int = 0


@dataclass(frozen=True)
class Bounds:
    """What must hold out of sample.

    Attributes:
        sharpe: The least yearly Sharpe ratio.
        win_rate: The least share of trades that win.
        drawdown: The largest fall from a peak, as a share.
        trades: The least number of trades.
        deflated: The least probability that the Sharpe ratio is above what luck gives the best of the trials.
        p_value: The largest p-value of Hansen's test against doing nothing.
    """

    sharpe: float = 0.5
    win_rate: float = 0.3
    drawdown: float = 0.25
    trades: int = 30
    deflated: float = 0.95
    p_value: float = 0.05


@dataclass(frozen=True)
class Judged:
    """What came of walking forward.

    Attributes:
        verdict: `passed`, `failed` or `not enough evidence`.
        hurdles: Everything that had to hold.
        figures: What else was measured.
        folds: Each stretch with what was chosen on it and what it gave.
        point: The settings to go on with: those chosen on the last stretch there is.
        returns: Out of sample, one day each, end to end.
    """

    verdict: str
    hurdles: tuple[Hurdle, ...]
    figures: dict[str, Any]
    folds: tuple[dict[str, Any], ...]
    point: dict[str, str]
    returns: NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """What the result of a walk has to answer for.

    Attributes:
        own: Different settings that the walk tried.
        earlier: Those that were tried before it.
        variance: Of their Sharpe ratios, of one day.
    """

    own: int
    earlier: int
    variance: float

    @property
    def all(self) -> int:
        """How many there were."""
        return self.own + self.earlier


def walk_forward(
    stretches: Sequence[Fold],
    choose: Callable[[int, int], Chosen],
    test: Callable[[Fold, dict[str, str]], Unseen],
    *,
    bounds: Bounds,
    last: tuple[int, int],
    seed: int = 0,
    before: frozenset[str] = frozenset(),
    earlier: int = 0,
    tick: Callable[[int], None] = lambda done: None,  # noqa: ARG005
) -> Judged:
    """Walk.

    Args:
        stretches: Where to train and where to test.
        choose: Chooses settings on the data from a moment to another.
        test: Runs settings over a fold's test.
        bounds: What must hold.
        last: The stretch on which the settings to go on with are chosen.
        seed: Of the bootstraps.
        before: The `settings_hash` of what is on record as tried before this walk, which it answers for too.
        earlier: Trials made before this walk that are on no record.
        tick: Told how many stretches are done.
    """
    chosen, tested, told = [], [], []
    for number, fold in enumerate(stretches):
        choice = choose(fold.train_start, fold.train_end)
        outcome = test(fold, choice.point)
        chosen.append(choice)
        tested.append(outcome)
        told.append(
            {
                "train": [moment(fold.train_start), moment(fold.train_end)],
                "test": [moment(fold.test_start), moment(fold.test_end)],
                "point": choice.point,
                "trials": len(choice.settings),
                "days": len(outcome.returns),
                "trades": len(outcome.profits),
                "sharpe": evidence.sharpe(outcome.returns) * evidence.DAYS**0.5,
                "return": float(np.prod(1 + outcome.returns) - 1),
            }
        )
        tick(number + 1)
    final = choose(*last)
    chosen.append(final)
    tick(len(stretches) + 1)
    settings = frozenset().union(*(choice.settings for choice in chosen))
    # Of each training by itself: from one to the next it is the market that differs, not the trials.
    spreads = [float(np.var(choice.ratios, ddof=1)) for choice in chosen if len(choice.ratios) > 1]
    variance = float(np.mean(spreads)) if spreads else 0.0
    earlier += len(before - settings)
    days = sum(len(outcome.returns) for outcome in tested)
    variance = evidence.spread_of_trials(variance, earlier, days)
    trials = Trials(max(1, len(settings)), earlier, variance)
    return _judge(tested, trials, bounds, seed, told, final.point)


def _judge(
    tested: Sequence[Unseen],
    trials: Trials,
    bounds: Bounds,
    seed: int,
    told: Sequence[dict[str, Any]],
    point: dict[str, str],
) -> Judged:
    returns = np.concatenate([outcome.returns for outcome in tested])
    profits = [profit for outcome in tested for profit in outcome.profits]
    yearly = evidence.sharpe(returns) * evidence.DAYS**0.5
    fall = evidence.drawdown(np.cumprod(np.concatenate([[1.0], 1 + returns])))
    wins = sum(profit > 0 for profit in profits) / len(profits) if profits else None
    deflated = evidence.deflated_sharpe(returns, trials.all, trials.variance)
    moves = len(returns) > 1 and float(np.std(returns)) > 0
    p_value = evidence.superior(returns, seed=seed) if moves else 1.0
    hurdles = (
        _at_least("trades", len(profits), bounds.trades),
        _at_least("yearly Sharpe ratio", yearly, bounds.sharpe),
        _at_least("win rate", wins, bounds.win_rate),
        _at_most("drawdown", fall, bounds.drawdown),
        _at_least("deflated Sharpe ratio", deflated, bounds.deflated),
        _at_most("p-value of no advantage", p_value, bounds.p_value),
    )
    figures: dict[str, Any] = {
        "days": len(returns),
        "trials": trials.all,
        "trials before this walk": trials.earlier,
        "return": float(np.prod(1 + returns) - 1),
        "variance of the trials' daily Sharpe ratios": trials.variance,
        "Sharpe ratio to beat, yearly": evidence.expected_best_sharpe(trials.all, trials.variance)
        * evidence.DAYS**0.5,
    }
    if moves:
        low, middle, high = evidence.bootstrapped_sharpe(returns, seed=seed)
        scale = evidence.DAYS**0.5
        figures["yearly Sharpe ratio, bootstrapped 5 %, 50 %, 95 %"] = [
            low * scale,
            middle * scale,
            high * scale,
        ]
    converted = sum(outcome.converted for outcome in tested)
    if converted:
        # Won or lost is the same in every currency; amounts of several do not add up.
        figures["trades settled in another currency, so none shuffled"] = converted
    else:
        capital = next((outcome.capital for outcome in tested if outcome.capital > 0), 0.0)
        figures["drawdown of shuffled trades 5 %, 50 %, 95 %"] = list(
            evidence.shuffled_trades(profits, capital, seed=seed)
        )
    if len(returns) < LEAST_DAYS:
        verdict = "not enough evidence"
    else:
        verdict = "passed" if all(hurdle.passed for hurdle in hurdles) else "failed"
    return Judged(verdict, hurdles, figures, tuple(told), point, returns)


def _at_least(name: str, value: float | None, bound: float) -> Hurdle:
    return Hurdle(name=name, value=value, bound=f">= {bound:g}", passed=value is not None and value >= bound)


def _at_most(name: str, value: float | None, bound: float) -> Hurdle:
    return Hurdle(name=name, value=value, bound=f"<= {bound:g}", passed=value is not None and value <= bound)


def chooser(
    study: Any, search: Any, base: dict[str, str], run: Any, file: Any
) -> Callable[[int, int], Chosen]:
    """Chooses with `optimise`, or, when nothing varies, the settings there are."""

    def choose(start: int, end: int) -> Chosen:
        if search is None:
            plan = study.plan(base)
            note_tried([plan], BY)
            return Chosen(dict(base), (), frozenset({settings_hash(plan)}))
        from framework_proving.optimise import optimise  # noqa: PLC0415 - Optuna loads when it is used

        outcome = optimise(study, search, run, base=base, start=start, end=end, by=BY)
        if not outcome.best:
            raise RunError(
                f"no trial of the training from {moment(start)} qualifies",
                where=str(file),
                remedy="Loosen a constraint, or train on longer stretches.",
            )
        ratios: dict[str, float] = {}
        for each in outcome.tried:
            ratio = each.figures.get(SHARPE)
            if isinstance(ratio, int | float) and np.isfinite(ratio):
                ratios[json.dumps(each.point, sort_keys=True)] = float(ratio) / evidence.DAYS**0.5
        return Chosen({**base, **outcome.best[0].point}, tuple(ratios.values()), outcome.settings)

    return choose


def tester(
    study: Any, run: Any, first: int, warmup: int, currency: str | None
) -> Callable[[Fold, dict[str, str]], Unseen]:
    """Runs settings over a test, with history before it that does not count."""

    def test(fold: Fold, point: dict[str, str]) -> Unseen:
        plan = study.plan(point)
        plan = replace(plan, start=max(first, fold.test_start - warmup), end=fold.test_end)
        row = run({0: plan}, ("equity", "trades"))[0]
        if row.failure is not None:
            raise RunError(
                f"the test from {moment(fold.test_start)} fails: {row.failure.message}",
                remedy="`framework node run` with these settings says more.",
            )
        code = currency or (next(iter(row.curve)) if len(row.curve) == 1 else None)
        if code is None or code not in row.curve:
            raise RunError(
                f"equity is in {', '.join(row.curve) or 'nothing'}",
                remedy="Say which to judge: --currency.",
            )
        curve = row.curve[code]
        inside = [
            trade for trade in row.trades if trade.opened >= fold.test_start and trade.closed <= fold.test_end
        ]
        others = [trade.currency for trade in inside if trade.currency != code]
        if others and len(row.curve) > 1:
            raise RunError(
                f"trades settle in {', '.join(sorted(set(others)))} too, and {code} alone would be judged",
                where=moment(fold.test_start),
                remedy="Give the account a base currency, or prove what trades in each by itself.",
            )
        capital = next((amount for ts, amount in curve if ts >= fold.test_start), 0.0)
        returns = evidence.daily_returns(curve, fold.test_start)
        return Unseen(returns, tuple(float(trade.profit) for trade in inside), capital, len(others))

    return test


def now() -> str:
    """This moment, ISO 8601 in UTC."""
    return dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
