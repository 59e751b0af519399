"""Optuna over a node's settings: the same trials wherever and however fast they run, kept as they end.

Trials are asked for in batches, run all at once, and told in the order they were asked for. The sampler is
seeded anew for every trial. So what is tried depends on the seed and on what was told before, and never on
how many cores there are, which run ended first, or whether the search was interrupted.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from framework import ConfigError, RunError, Study, note_tried, settings_hash
from framework_proving.search import distributions, point

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from framework import Row
    from framework_proving.runners import Runner
    from framework_proving.search import Constraint, Objective

BATCH = 8
STARTUP = 10
"""Trials drawn blindly before the sampler learns."""
NAME = "optimisation"
SUBJECT, POINT, EXCESS, FIGURES, FAILED = "subject", "point", "excess", "figures", "failed"


@dataclass(frozen=True)
class Search:
    """What is searched for, and how.

    Attributes:
        axes: The settings and their values: a grid's axes.
        objectives: Figures; several give a front instead of one best.
        constraints: Bounds that a best trial keeps.
        trials: How many.
        batch: How many are asked for at once; part of what makes two searches the same.
        seed: The same seed tries the same settings.
    """

    axes: tuple[Any, ...]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    trials: int = 100
    batch: int = BATCH
    seed: int = 0


@dataclass(frozen=True)
class Tried:
    """One trial that was told.

    Attributes:
        number: In the order of asking.
        point: Settings by path, as written.
        values: The objectives; empty when the run failed or has no such figure.
        feasible: Whether it keeps every constraint.
        figures: Every figure of the run.
        failure: Why there is none.
    """

    number: int
    point: dict[str, str]
    values: tuple[float, ...]
    feasible: bool
    figures: dict[str, Any]
    failure: str | None


@dataclass(frozen=True)
class Outcome:
    """What came of a search.

    Attributes:
        tried: Every trial, by number.
        best: The best trial, or the front of several objectives, best first; empty when none qualifies.
        distinct: Different settings that were run: the true number of trials.
        settings: The `settings_hash` of those that were run in this go.
        study: Optuna's own, for its plots.
    """

    tried: tuple[Tried, ...]
    best: tuple[Tried, ...]
    distinct: int
    settings: frozenset[str]
    study: optuna.Study


def optimise(
    study: Study,
    search: Search,
    run: Runner,
    journal: Path | None = None,
    *,
    resume: bool = False,
    base: dict[str, str] | None = None,
    start: int | None = None,
    end: int | None = None,
    tick: Callable[[int], None] = lambda told: None,  # noqa: ARG005
    plan_ends: Sequence[str] = (),
    by: str = "framework optimize",
) -> Outcome:
    """Search.

    Args:
        study: The node.
        search: What for.
        run: Where.
        journal: Where trials are kept as they end; nowhere when None.
        resume: Go on where the journal ends.
        base: Settings of every trial.
        start: First nanosecond of data.
        end: Last nanosecond of data.
        tick: Told how many trials are done.
        plan_ends: What rows keep beside figures; the rows themselves are not kept.
        by: Who tries, for the record of what was tried.

    Raises:
        ConfigError: A setting is wrong, or the journal is that of another search.
        RunError: Every trial of the first batch failed.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    every = [study.plan({**(base or {}), **at}, start=start, end=end) for at in corners(search.axes)]
    held = _open(search, _subject(search, every[0]), journal, resume=resume)
    drawn = distributions(search.axes)
    tried: set[str] = set()
    while (asked := len(held.trials)) < search.trials or _waiting(held):
        waiting = _waiting(held)
        batch = (waiting[0].number if waiting else asked) // search.batch
        for number in range(asked, min(search.trials, (batch + 1) * search.batch)):
            held.sampler = _sampler(search.seed, number)
            waiting.append(held.ask(drawn))
        known = {_key(t.user_attrs[POINT]): t for t in held.trials if t.state.is_finished()}
        points = {trial.number: point(search.axes, trial.params) for trial in waiting}
        fresh: dict[str, int] = {}
        for number, settings in points.items():
            if _key(settings) not in known:
                fresh.setdefault(_key(settings), number)
        plans = {
            number: study.plan({**(base or {}), **points[number]}, start=start, end=end)
            for number in fresh.values()
        }
        rows = run(plans, plan_ends)
        tried |= {settings_hash(plan) for plan in plans.values()}
        note_tried((plans[number] for number, row in rows.items() if row.failure is None), by)
        if not known and rows and all(row.failure is not None for row in rows.values()):
            row = rows[min(rows)]
            raise RunError(
                f"every trial of the first batch failed, the first with: {_said(row)}",
                remedy="`framework node run` with these settings says more.",
            )
        for trial in waiting:
            _tell(
                held,
                trial,
                search,
                points[trial.number],
                known,
                rows.get(fresh.get(_key(points[trial.number]), -1)),
            )
        tick(len(held.trials))
    return _outcome(held, search, frozenset(tried))


def corners(axes: Sequence[Any]) -> list[dict[str, str]]:
    """Points that have every value of every axis once, so that a wrong one is known before anything runs."""
    longest = max(len(axis.values) for axis in axes)
    return [
        {axis.path: axis.values[min(place, len(axis.values) - 1)] for axis in axes}
        for place in range(longest)
    ]


def _open(search: Search, subject: str, journal: Path | None, *, resume: bool) -> optuna.Study:
    directions = [
        StudyDirection.MINIMIZE if objective.minimize else StudyDirection.MAXIMIZE
        for objective in search.objectives
    ]
    storage = None
    if journal is not None:
        if journal.exists() and not resume:
            raise ConfigError(
                "an optimisation is here already",
                where=str(journal),
                remedy="Go on with it: --resume. Or begin again: delete this file, or choose --out.",
            )
        journal.parent.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(journal)))
    held = optuna.create_study(storage=storage, study_name=NAME, directions=directions, load_if_exists=resume)
    if held.user_attrs.get(SUBJECT, subject) != subject:
        raise ConfigError(
            "this is the journal of another optimisation: of other settings, data, versions, or seed",
            where=str(journal),
            remedy="Choose another --out, or delete the file to begin again.",
        )
    if SUBJECT not in held.user_attrs:
        held.set_user_attr(SUBJECT, subject)
    return held


def _subject(search: Search, plan: Any) -> str:
    """SHA-256 over what makes two searches the same; the number of trials may grow."""
    node = {key: value for key, value in Study.resolved(plan).items() if key not in {"report", "log"}}
    facts = [
        node,
        [plan.start, plan.end, Study.hashes(plan)],
        [[axis.path, list(axis.values)] for axis in search.axes],
        [[objective.wanted, objective.minimize] for objective in search.objectives],
        [[c.wanted, c.most, c.bound] for c in search.constraints],
        [search.batch, search.seed, optuna.__version__],
        dict(plan.versions),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _waiting(held: optuna.Study) -> list[Trial]:
    """Trials that were asked for and never told: an earlier go was interrupted."""
    return [
        Trial(held, trial._trial_id)  # noqa: SLF001 - what optuna names a stored trial by
        for trial in held.get_trials(deepcopy=False)
        if trial.state == TrialState.RUNNING
    ]


def _sampler(seed: int, number: int) -> TPESampler:
    own = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4])
    return TPESampler(seed=own, n_startup_trials=STARTUP)


def _tell(
    held: optuna.Study,
    trial: Trial,
    search: Search,
    settings: dict[str, str],
    known: dict[str, Any],
    row: Row | None,
) -> None:
    """Tell a trial what came of its settings, in this batch or before."""
    earlier = known.get(_key(settings))
    held.sampler = _sampler(search.seed, trial.number)
    trial.set_user_attr(POINT, settings)
    if row is None and earlier is None:  # the same settings as another trial of this batch, told before it
        earlier = next(
            t for t in held.trials if t.state.is_finished() and t.user_attrs.get(POINT) == settings
        )
    if earlier is not None:
        for name, value in earlier.user_attrs.items():
            trial.set_user_attr(name, value)
        values = earlier.values
    else:
        assert row is not None  # noqa: S101 - every settings were run, here or before
        values = _values(trial, search, row)
    for place, excess in enumerate(trial.user_attrs[EXCESS]):
        trial.set_constraint(str(place), excess)
    if values is None:
        held.tell(trial, state=TrialState.FAIL)
    else:
        held.tell(trial, list(values))


def _values(trial: Trial, search: Search, row: Row) -> list[float] | None:
    from framework import figures  # noqa: PLC0415 - beside its use

    excess = [min(constraint.excess(row), 1e300) for constraint in search.constraints]
    trial.set_user_attr(EXCESS, excess)
    trial.set_user_attr(FIGURES, figures(row))
    if row.failure is not None:
        trial.set_user_attr(FAILED, _said(row))
        return None
    values = [objective.value(row) for objective in search.objectives]
    return None if None in values else [value for value in values if value is not None]


def _outcome(held: optuna.Study, search: Search, settings: frozenset[str]) -> Outcome:
    tried = tuple(_tried(trial) for trial in held.trials)
    fit = [each for each in tried if each.values and each.feasible]
    signs = [1 if objective.minimize else -1 for objective in search.objectives]

    def worth(each: Tried) -> tuple[float, ...]:
        return tuple(sign * value for sign, value in zip(signs, each.values, strict=True))

    front = [each for each in fit if not any(_better(worth(other), worth(each)) for other in fit)]
    seen: set[str] = set()
    best = []
    for each in sorted(front, key=lambda each: (worth(each), each.number)):
        if _key(each.point) not in seen:
            seen.add(_key(each.point))
            best.append(each)
    distinct = len({_key(each.point) for each in tried})
    return Outcome(tried, tuple(best[:1] if len(signs) == 1 else best), distinct, settings, held)


def _tried(trial: Any) -> Tried:
    attrs = trial.user_attrs
    return Tried(
        number=trial.number,
        point=attrs.get(POINT, {}),
        values=tuple(trial.values or ()),
        feasible=all(excess <= 0 for excess in attrs.get(EXCESS, [])),
        figures=attrs.get(FIGURES, {}),
        failure=attrs.get(FAILED),
    )


def _better(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """As good everywhere and better somewhere; less is better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def _key(settings: dict[str, str]) -> str:
    return json.dumps(settings, sort_keys=True)


def _said(row: Row) -> str:
    return "" if row.failure is None else f"{row.failure.error}: {row.failure.message}"
