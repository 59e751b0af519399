"""`framework optimize`: search a node's settings with Optuna."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework import ConfigError, RunError, Study
from framework_proving.cli.parts import AsJson, Catalog, NodeFile, Quiet, Workers, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from framework_proving.optimise import Outcome, Search
    from framework_proving.runners import Runner

Axes = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUES",
        help="A setting and its values: strategies.ID.config.KEY=1,2,5 or =10:30:5; one value fixes it.",
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        help="The figure looked for, or a part of its name; :min for the least. Several give a front.",
        show_default="Sharpe Ratio (252 days)",
    ),
]
Constraints = Annotated[
    list[str] | None,
    typer.Option(
        "--constraint",
        metavar="FIGURE>=NUMBER",
        help="A bound that a best trial keeps, such as positions>=30.",
        show_default=False,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Run on the Dask cluster whose scheduler is here, such as tcp://host:8786.", show_default=False
    ),
]
FIGURE = "Sharpe Ratio (252 days)"
SHOWN = 5


def build() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.command("optimize", no_args_is_help=True)(optimize)
    return app


def optimize(
    file: NodeFile,
    axes: Axes,
    objective: Objectives = None,
    constraint: Constraints = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="Settings to try.")] = 100,
    batch: Annotated[
        int, typer.Option(min=1, max=1024, help="Trials asked for at once; another batch is another search.")
    ] = 8,
    seed: Annotated[int, typer.Option(help="The same seed tries the same settings.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the results; optimisations/NAME in the report folder by default.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where this search was interrupted, or with more trials.")
    ] = False,
    dask: Dask = None,
    workers: Workers = None,
    catalog: Catalog = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compose every value, but neither run nor write.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search a node's settings for the best of a figure, net of what the venue charges.

    The same settings are tried whatever the number of cores or machines, and however often it is interrupted.
    """
    from framework_proving import optimise  # noqa: PLC0415 - Optuna loads when it is used

    study = Study.open(file, catalog=catalog)
    search, base = searched(axes, objective, constraint, trials, batch, seed)
    plan = study.plan(base)
    folder = out or plan.report / "optimisations" / plan.name
    if dry_run:
        for corner in optimise.corners(search.axes):
            study.plan({**base, **corner})
        size = 1
        for axis in search.axes:
            size *= len(axis.values)
        typer.echo(
            json.dumps({"runs": True, "trials": trials, "settings": size})
            if as_json
            else f"would try {trials} of {size} settings"
        )
        return
    journal = folder / "journal.log"
    with ExitStack() as stack:
        told = stack.enter_context(bar(plan.name, trials, shown=not (quiet or as_json)))
        run = stack.enter_context(runner(dask, workers))
        try:
            outcome = optimise.optimise(study, search, run, journal, resume=resume, base=base, tick=told)
        except KeyboardInterrupt:
            typer.echo(plain(f"what was tried is kept in {journal}; --resume goes on"), err=True)
            raise
    _write(folder, plan.name, search, outcome)
    _show(plan.name, search, outcome, folder, as_json=as_json, quiet=quiet)


def searched(
    texts: list[str],
    objectives: list[str] | None,
    constraints: list[str] | None,
    trials: int,
    batch: int,
    seed: int,
) -> tuple[Search, dict[str, str]]:
    """What is searched, and the settings that are fixed.

    Raises:
        ConfigError: An axis, an objective or a constraint is wrong, or nothing varies.
    """
    from framework_proving.optimise import Search  # noqa: PLC0415 - Optuna loads when it is used
    from framework_proving.search import Constraint, Objective  # noqa: PLC0415

    axes = Study.grid(texts).axes
    varied = tuple(axis for axis in axes if len(axis.values) > 1)
    if not varied:
        raise ConfigError("nothing varies", where="--set", remedy="Give a setting two values or more.")
    search = Search(
        axes=varied,
        objectives=tuple(Objective.parse(text) for text in objectives or [FIGURE]),
        constraints=tuple(Constraint.parse(text) for text in constraints or ()),
        trials=trials,
        batch=batch,
        seed=seed,
    )
    return search, {axis.path: axis.values[0] for axis in axes if len(axis.values) == 1}


@contextmanager
def runner(dask: str | None, workers: int | None) -> Iterator[Runner]:
    """Where plans run."""
    from framework_proving import runners  # noqa: PLC0415 - beside its use

    if dask is None:
        yield runners.local(workers)
        return
    with runners.cluster(dask) as run:
        yield run


@contextmanager
def bar(name: str, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, when a person is watching; no thread draws it."""
    if not (shown and sys.stderr.isatty()):
        yield lambda done: None  # noqa: ARG005 - nobody looks
        return
    from rich.console import Console  # noqa: PLC0415 - only when a person watches
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(name, total=total)

        def draw(done: int) -> None:
            progress.update(task, completed=done)
            progress.refresh()

        draw(0)
        yield draw


def _write(folder: Path, name: str, search: Search, outcome: Outcome) -> None:
    import pandas as pd  # noqa: PLC0415 - half a second that only the end needs

    from framework_proving import picture  # noqa: PLC0415 - plotting loads when there is something to plot

    shorts = picture.short_names([axis.path for axis in search.axes])
    lines: list[dict[str, Any]] = [
        {
            "trial": each.number,
            **{shorts[path]: value for path, value in each.point.items()},
            **{
                f"objective {objective.wanted}": value
                for objective, value in zip(search.objectives, each.values, strict=False)
            },
            "feasible": each.feasible,
            **each.figures,
            "error": each.failure,
        }
        for each in outcome.tried
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(lines).to_csv(folder / "trials.csv", index=False)
    except OSError as error:
        raise ConfigError(f"the results cannot be written: {error}", where=str(folder)) from error
    picture.page(name, search, outcome).write(folder / "optimisation.html")


def _show(name: str, search: Search, outcome: Outcome, folder: Path, *, as_json: bool, quiet: bool) -> None:
    failed = [each for each in outcome.tried if each.failure]
    best: list[dict[str, Any]] = [
        {
            "trial": each.number,
            "set": each.point,
            "values": {
                objective.wanted: value
                for objective, value in zip(search.objectives, each.values, strict=True)
            },
        }
        for each in outcome.best
    ]
    if as_json:
        facts = {
            "name": name,
            "trials": len(outcome.tried),
            "distinct": outcome.distinct,
            "failed": len(failed),
            "best": best,
            "folder": str(folder),
        }
        typer.echo(json.dumps(facts, indent=2))
    elif not quiet:
        for each in best[:SHOWN]:
            values = ", ".join(f"{goal} {value:.4g}" for goal, value in each["values"].items())
            typer.echo(plain(f"trial {each['trial']}: {values}"))
            for path, value in each["set"].items():
                typer.echo(plain(f"  --set {path}={value}"))
        typer.echo(
            plain(
                f"{len(outcome.tried)} trials of {outcome.distinct} settings, {len(failed)} failed; "
                f"pictures and the table: {folder}"
            )
        )
        typer.echo("The best of many looks better than it is; `framework walkforward` judges the choice.")
    if not best:
        raise RunError(
            "no trial keeps every constraint and has the figure that was looked for",
            remedy="Loosen a constraint, or see the errors in trials.csv.",
        )
