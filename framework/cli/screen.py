"""`framework screen`: rank a large grid over arrays, and run its best points on the event engine."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.plain import plain
from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from framework.compose import Plan
    from framework.screen import Screened

SHOWN = 10
"""Ranked points in the table, beside those that were confirmed."""


def build() -> typer.Typer:
    """The command."""
    group = typer.Typer(add_completion=False)
    group.command("screen")(screen)
    return group


def screen(
    file: Annotated[Path, typer.Argument(help="The node.yaml to screen.", metavar="NODE.yaml")],
    axes: Annotated[
        list[str],
        typer.Option(
            "--set",
            help="A setting and its values: PATH=1,2,3 or PATH=FIRST:LAST:STEP. Repeat it for a grid.",
            metavar="PATH=VALUES",
        ),
    ],
    top: Annotated[int, typer.Option(help="How many of the best the event engine runs.", min=1)] = 3,
    objective: Annotated[
        str, typer.Option(help="What is best: profit, drawdown, profit_to_drawdown or sharpe.")
    ] = "profit",
    sample: Annotated[
        int | None, typer.Option(help="Draw this many points of the grid instead of taking all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    max_points: Annotated[int, typer.Option(help="Refuse a grid with more points.", min=1)] = 100_000,
    catalog: Annotated[Path | None, typer.Option(help="Read this catalog instead of the file's.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")] = False,
) -> None:
    """Rank a grid of settings over arrays, and confirm its best points on the event engine."""
    from dataclasses import replace  # noqa: PLC0415 - only this command

    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed
    from framework.cli.node import _engine_on_stderr  # noqa: PLC0415 - the engine speaks there too
    from framework.config import load  # noqa: PLC0415 - the engine's model loads with it
    from framework.screen import OBJECTIVES  # noqa: PLC0415 - numba loads with it
    from framework.screen import screen as run  # noqa: PLC0415
    from framework.sweep.grid import Grid, compose_point, parse  # noqa: PLC0415
    from framework.tried import note_tried  # noqa: PLC0415

    if objective not in OBJECTIVES:
        raise ConfigError(
            f'no objective "{objective}"', where="--objective", remedy=f"One of: {', '.join(OBJECTIVES)}."
        )
    grid = Grid(tuple(parse(axis) for axis in axes))
    numbers = grid.choose(sample=sample, seed=seed, most=max_points)
    loaded, plugins = load(file), installed()
    composed: list[Plan] = []

    def plan_of(point: Mapping[str, str]) -> Plan:
        plan = compose_point(loaded, plugins, point)
        composed.append(plan if catalog is None else replace(plan, catalog=catalog.resolve()))
        return composed[-1]

    with _engine_on_stderr(), _progress(len(numbers), shown=not (quiet or as_json)) as progress:
        screened = run(
            [(number, grid.point(number)) for number in numbers],
            plan_of,
            objective=objective,
            top=top,
            progress=progress,
        )
    note_tried(composed, "framework screen")
    if as_json:
        typer.echo(json.dumps(_facts(screened, objective), indent=2))
    elif not quiet:
        _show(screened, objective)


def _facts(screened: Screened, objective: str) -> dict[str, Any]:
    arrays, engine = screened.seconds
    return {
        "objective": objective,
        "currency": screened.currency,
        "bars": screened.bars,
        "points": len(screened.scores),
        "seconds": {"arrays": round(arrays, 3), "engine": round(engine, 3)},
        "confirmed": [
            {**score.to_dict(), "result": result.summary()}
            for score, result in zip(screened.best, screened.confirmed, strict=True)
        ],
        "ranking": [score.to_dict() for score in screened.scores],
    }


def _show(screened: Screened, objective: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - only when a person reads
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    table = Table(title=f"by {objective}, in {screened.currency}", title_justify="left")
    for name in ("", "settings"):
        table.add_column(name, overflow="fold")
    for name in ("profit", "drawdown", "trades"):
        table.add_column(name, justify="right")
    confirmed = {score.number for score in screened.best}
    for rank, score in enumerate(screened.scores[: max(SHOWN, len(confirmed))], start=1):
        settings = "\n".join(f"{path.rsplit('.', 1)[-1]}={value}" for path, value in score.point.items())
        amounts = (
            (score.amount(score.profit), score.amount(score.account.drawdown), str(score.account.trades))
            if score.problem is None
            else (score.problem, "", "")
        )
        mark = "*" if score.number in confirmed else ""
        table.add_row(*(Text(plain(cell)) for cell in (f"{rank}{mark}", settings, *amounts)))
    console.print(table)
    arrays, engine = screened.seconds
    failed = sum(score.problem is not None for score in screened.scores)
    console.print(
        f"{len(screened.scores)} points of {screened.bars:,} bars in {arrays:.2f} s"
        + (f", {failed} of them not to the end" if failed else ""),
        highlight=False,
    )
    if confirmed:
        console.print(
            f"* run by the event engine too, in {engine:.2f} s: every fill is the same", highlight=False
        )
    else:
        console.print("no point went to the end, so none was confirmed", highlight=False)


@contextmanager
def _progress(points: int, *, shown: bool) -> Iterator[Callable[[], None] | None]:
    """A progress bar on stderr, when a person is watching."""
    import sys  # noqa: PLC0415 - only here

    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("screening", total=points)
        yield lambda: bar.advance(task)
