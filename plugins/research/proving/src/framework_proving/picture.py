"""What an optimisation looked like: which settings mattered, and the surface of what was looked for."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from framework_proving.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework_proving.optimise import Outcome, Search

SHOWN = 10
ENOUGH = 4
"""Trials that it takes to say which setting mattered."""


def page(name: str, search: Search, outcome: Outcome) -> Sheet:
    """The page."""
    shorts = short_names([axis.path for axis in search.axes])
    sheet = Sheet(f"Optimisation of {name}")
    sheet.text(
        f"{len(outcome.tried)} trials of {outcome.distinct} different settings, seed {search.seed}. "
        f"The best of {outcome.distinct} looks better than it is: part of it is luck. "
        "`framework walkforward` judges the choice on data that no trial has seen."
    )
    _best(sheet, search, outcome, shorts)
    for title, figure in _figures(search, outcome, shorts):
        sheet.heading(title)
        sheet.figure(figure)
    return sheet


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """The last word of every path, or all of it where two end alike."""
    ends = [path.rpartition(".")[2] for path in paths]
    return {path: end if ends.count(end) == 1 else path for path, end in zip(paths, ends, strict=True)}


def _best(sheet: Sheet, search: Search, outcome: Outcome, shorts: dict[str, str]) -> None:
    if not outcome.best:
        sheet.text("No trial keeps every constraint and has the figure that was looked for.")
        return
    goals = [objective.wanted for objective in search.objectives]
    sheet.table(
        ("trial", *shorts.values(), *goals),
        [
            (each.number, *(each.point[path] for path in shorts), *(f"{v:.4g}" for v in each.values))
            for each in outcome.best[:SHOWN]
        ],
    )


def _figures(search: Search, outcome: Outcome, shorts: dict[str, str]) -> Iterator[tuple[str, go.Figure]]:
    study = outcome.study
    told = [trial for trial in study.trials if trial.values]
    for place, objective in enumerate(search.objectives):
        goal = objective.wanted

        def target(trial: optuna.trial.FrozenTrial, place: int = place) -> float:
            return float(trial.values[place])

        if len({tuple(trial.params.values()) for trial in told}) < ENOUGH:
            continue
        yield (
            f"{goal}, trial by trial",
            _plain(visualization.plot_optimization_history(study, target=target, target_name=goal), shorts),
        )
        varied = [path for path in shorts if len({trial.params[path] for trial in told}) > 1]
        if len(varied) > 1:
            judge = PedAnovaImportanceEvaluator()
            sign = 1 if objective.minimize else -1

            def low_is_good(trial: optuna.trial.FrozenTrial, place: int = place, sign: int = sign) -> float:
                return sign * float(trial.values[place])  # what the judge asks for

            with warnings.catch_warnings():  # it says what `low_is_good` sees to
                warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes", UserWarning)
                weights = get_param_importances(study, evaluator=judge, target=low_is_good, params=varied)
                bar = visualization.plot_param_importances(
                    study, evaluator=judge, target=low_is_good, params=varied, target_name=goal
                )
            yield f"Which settings mattered for {goal}", _plain(bar, shorts)
            strongest = sorted(varied, key=lambda path: -weights.get(path, 0.0))[:2]
            surface = visualization.plot_contour(study, params=strongest, target=target, target_name=goal)
            yield f"The surface of {goal} over the two that mattered most", _plain(surface, shorts)
        slices = visualization.plot_slice(study, params=varied or None, target=target, target_name=goal)
        yield f"{goal} against each setting", _plain(slices, shorts)


def _plain(figure: Any, shorts: dict[str, str]) -> go.Figure:
    """The figure with short names in it."""
    text = figure.to_json()
    for path in sorted(shorts, key=len, reverse=True):
        text = text.replace(json.dumps(path)[1:-1], json.dumps(shorts[path])[1:-1])
    text = text.replace("Hyperparameter Importance", "share").replace('"Hyperparameter"', '""')
    return go.Figure(json.loads(text))
