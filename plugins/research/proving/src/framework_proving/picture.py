"""What an optimisation looked like: which settings mattered, and the surface of what was looked for."""

from __future__ import annotations

import html
import json
import warnings
from typing import TYPE_CHECKING, Any

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework_proving.optimise import Outcome, Search

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: right; }
th { font-weight: 600; border-bottom: 1px solid; } p { max-width: 46rem; }
"""
SHOWN = 10
ENOUGH = 4
"""Trials that it takes to say which setting mattered."""


def page(name: str, search: Search, outcome: Outcome) -> str:
    """The page as HTML, with everything it needs inside."""
    shorts = short_names([axis.path for axis in search.axes])
    intro = (
        f"<p>{len(outcome.tried)} trials of {outcome.distinct} different settings, seed {search.seed}. "
        f"The best of {outcome.distinct} looks better than it is: part of it is luck. "
        "<code>framework walkforward</code> judges the choice on data that no trial has seen.</p>"
    )
    parts = [
        f"<h1>Optimisation of {html.escape(name)}</h1>",
        intro,
        _table(search, outcome, shorts),
    ]
    script = True
    for title, figure in _figures(search, outcome, shorts):
        parts.append(f"<h2>{html.escape(title)}</h2>")
        parts.append(figure.to_html(full_html=False, include_plotlyjs=script, default_height="420px"))
        script = False
    head = f'<meta charset="utf-8"><title>{html.escape(name)}</title><style>{STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """The last word of every path, or all of it where two end alike."""
    ends = [path.rpartition(".")[2] for path in paths]
    return {path: end if ends.count(end) == 1 else path for path, end in zip(paths, ends, strict=True)}


def _table(search: Search, outcome: Outcome, shorts: dict[str, str]) -> str:
    if not outcome.best:
        return (
            "<p><strong>No trial keeps every constraint and has the figure that was looked for.</strong></p>"
        )
    goals = [objective.wanted for objective in search.objectives]
    heads = "".join(f"<th>{html.escape(text)}</th>" for text in ("trial", *shorts.values(), *goals))
    lines = []
    for each in outcome.best[:SHOWN]:
        cells = [str(each.number), *(each.point[path] for path in shorts), *(f"{v:.4g}" for v in each.values)]
        lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


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
    """The figure with short names in it, and without a title of its own."""
    text = figure.to_json()
    for path in sorted(shorts, key=len, reverse=True):
        text = text.replace(json.dumps(path)[1:-1], json.dumps(shorts[path])[1:-1])
    text = text.replace("Hyperparameter Importance", "share").replace('"Hyperparameter"', '""')
    plain = go.Figure(json.loads(text))
    plain.update_layout(title=None, margin={"t": 20, "l": 60, "r": 20, "b": 60})
    return plain
