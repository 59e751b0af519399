"""`framework sweep`: one node.yaml, run at many settings on all cores."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.plain import plain
from framework.errors import ConfigError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework.compose import Plan
    from framework.sweep.grid import Grid
    from framework.sweep.journal import Journal
    from framework.sweep.row import Row
    from framework.sweep.table import Line

MOST_POINTS = 10_000
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "KI": 1024, "MI": 1024**2, "GI": 1024**3}
SIZE = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([KMG]I?|)B?\s*", re.IGNORECASE)
LIMIT = re.compile(r"([1-9][0-9]{0,6})(s|m|h)")
SECONDS = {"s": 1, "m": 60, "h": 3_600}
FEW = 3
"""Kinds of failure shown; the table has all."""


def build() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.command("sweep", no_args_is_help=True)(sweep)
    return app


def sweep(
    file: Annotated[Path, typer.Argument(help="The node.yaml to run.", metavar="NODE.yaml")],
    axes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="PATH=VALUES",
            help="A setting and its values, such as strategies.ID.config.KEY=1,2,5 or =10:30:5.",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Processes; one a core by default.", show_default=False),
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(help="What the workers may hold together, such as 2GiB.", show_default=False)
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="How long a point may take, such as 90s or 5m; one that takes longer has failed.",
            show_default=False,
        ),
    ] = None,
    objective: Annotated[
        str, typer.Option(help="The figure that ranks the points; a part of its name will do.")
    ] = "Sharpe Ratio (252 days)",
    minimize: Annotated[bool, typer.Option("--minimize", help="The smallest is the best.")] = False,
    top: Annotated[int, typer.Option(min=0, help="How many of the best to show.")] = 10,
    sample: Annotated[
        int | None, typer.Option(help="Draw this many points instead of running all.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same points.")] = 0,
    max_points: Annotated[int, typer.Option(min=1, help="Refuse to run more.")] = MOST_POINTS,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The table, .parquet or .csv, and beside it the page, .html; by default sweeps/NAME.parquet "
            "in the report folder.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where this sweep was interrupted; failed points run again."),
    ] = False,
    catalog: Annotated[
        Path | None, typer.Option(help="Read this catalog instead of the file's.", show_default=False)
    ] = None,
    hashed: Annotated[
        bool,
        typer.Option("--hash", help="Keep every point's result hash, to compare with single runs; slower."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compose every point, but neither run nor write.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")] = False,
) -> None:
    """Run one node.yaml at many settings, and rank them.

    Every point is composed before the first one runs, and is a whole backtest: the figures are those of
    `framework node run`. Results are kept as they end; after Ctrl-C, `--resume` goes on.
    """
    # One thread for linear algebra: the workers have the cores, and a process without threads can be forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from framework.sweep import table as tables  # noqa: PLC0415 - `framework --help` needs no sweep
    from framework.sweep.journal import Journal  # noqa: PLC0415
    from framework.tried import note_tried  # noqa: PLC0415

    memory = None if max_memory is None else _bytes(max_memory)
    seconds = None if time_limit is None else _seconds(time_limit)
    grid, plans = _plans(file, axes, sample, seed, max_points, catalog)
    first = next(iter(plans.values()))
    target = out or first.report / "sweeps" / f"{first.name}.parquet"
    tables.check_format(target)
    if dry_run:
        facts = {"points": len(plans), "of": len(grid), "out": str(target)}
        typer.echo(json.dumps(facts, indent=2) if as_json else f"would run {len(plans)} points into {target}")
        return
    subject = _subject(grid, plans, hashed=hashed)
    journal = Journal(target.with_suffix(".journal.jsonl"), subject, resume=resume)
    try:
        limits = _Limits(workers or _cores(), memory, seconds)
        ended = _run(plans, journal, limits, objective, hashed, quiet=quiet or as_json)
    finally:
        journal.close()
    note_tried((plans[row.number] for row in ended.rows if row.failure is None), "framework sweep")
    table = tables.lines(grid, ended.rows)
    tables.write(target, table)
    name = ended.objective or objective
    page = _write_page(target, first.name, grid, table, name, ended.elapsed, minimize=minimize)
    best = tables.ranked(table, name, minimize=minimize)[:top]
    failed = [row for row in ended.rows if row.failure is not None]
    if as_json:
        summary = {
            "name": first.name,
            "points": len(plans),
            "failed": len(failed),
            "objective": name,
            "elapsed": round(ended.elapsed, 3),
            "notes": ended.notes,
            "out": str(target),
            "page": str(page),
            "best": best,
            "failures": [{"point": row.number, "error": _said(row)} for row in failed],
        }
        typer.echo(json.dumps(summary, indent=2))
    elif not quiet:
        _show(best, name, grid, ended, (target, page))
    if failed:
        _tell(failed, len(plans), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What running may take: processes, bytes that they hold together, and seconds a point."""

    workers: int
    memory: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of running."""

    rows: list[Row]
    objective: str | None
    elapsed: float
    notes: list[str]


def _plans(
    file: Path, axes: list[str], sample: int | None, seed: int, most: int, catalog: Path | None
) -> tuple[Grid, dict[int, Plan]]:
    """The plan of every point, by number: what is wrong with any of them is known before one runs."""
    from framework import config  # noqa: PLC0415
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed
    from framework.sweep.grid import Grid, compose_point, parse  # noqa: PLC0415

    grid = Grid(tuple(parse(text) for text in axes))
    numbers = grid.choose(sample=sample, seed=seed, most=most)
    loaded, plugins = config.load(file), installed()
    plans = {number: compose_point(loaded, plugins, grid.point(number), "backtest") for number in numbers}
    if catalog is not None:
        plans = {number: replace(plan, catalog=catalog.resolve()) for number, plan in plans.items()}
    return grid, plans


def _subject(grid: Grid, plans: dict[int, Plan], *, hashed: bool) -> Any:
    from framework.engine.outcome import resolved  # noqa: PLC0415
    from framework.sweep.journal import Subject, fingerprint  # noqa: PLC0415

    first = next(iter(plans.values()))
    node = resolved(first)
    ignored = {"report", "log"}
    return Subject(
        node=first.name,
        axes=[f"{axis.path}={','.join(axis.values)}" for axis in grid.axes],
        numbers=len(plans),
        fingerprint=fingerprint(
            {key: value for key, value in node.items() if key not in ignored},
            str(first.catalog),
            [[axis.path, list(axis.values)] for axis in grid.axes],
            list(plans),
            dict(first.versions),
            hashed,
        ),
    )


def _run(
    plans: dict[int, Plan],
    journal: Journal,
    limits: _Limits,
    objective: str,
    hashed: bool,
    *,
    quiet: bool,
) -> Ended:
    from framework.sweep import pool, table  # noqa: PLC0415

    rows = dict(journal.rows)
    todo = [(number, plan) for number, plan in plans.items() if number not in rows]
    named = next((table.find_objective(objective, row) for row in rows.values()), None)
    notes: list[str] = []
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            bar = stack.enter_context(_progress(len(plans), len(rows), shown=not quiet))
            running = pool.run(
                todo,
                workers=min(limits.workers, len(todo) or 1),
                max_memory=limits.memory,
                time_limit=limits.seconds,
                hashed=hashed,
                tick=lambda: bar(rows),
                note=notes.append,
                opened=journal.check,
            )
            stack.enter_context(closing(running))
            for row in running:
                rows[row.number] = row
                journal.add(row)
                if named is None and row.failure is None:
                    named = table.find_objective(objective, row)
                bar(rows)
    except KeyboardInterrupt:
        typer.echo(
            plain(f"{len(rows)} of {len(plans)} points are kept in {journal.path}; --resume goes on"),
            err=True,
        )
        raise
    for text in notes:
        typer.echo(text, err=True)
    return Ended([rows[number] for number in plans], named, time.monotonic() - began, notes)


def _cores() -> int:
    return os.process_cpu_count() or 1


def _bytes(text: str) -> int:
    match = SIZE.fullmatch(text)
    size = 0 if match is None else int(float(match[1]) * UNITS[match[2].upper()])
    if size < 1:
        raise ConfigError(
            f'"{text}" is not an amount of memory',
            where="--max-memory",
            remedy="Write it like 2GiB or 800MiB.",
        )
    return size


def _seconds(text: str) -> float:
    match = LIMIT.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'"{text}" is not a length of time', where="--time-limit", remedy="Write it like 90s, 5m or 2h."
        )
    return int(match[1]) * SECONDS[match[2]]


def _write_page(
    target: Path,
    name: str,
    grid: Grid,
    table: Sequence[Line],
    objective: str,
    elapsed: float,
    *,
    minimize: bool,
) -> Path:
    from framework.sweep.page import Swept, render  # noqa: PLC0415 - only the end of a sweep needs it

    swept = Swept(
        name=name,
        grid=grid,
        table=table,
        objective=objective,
        minimize=minimize,
        elapsed=elapsed,
        file=target.name,
    )
    page = target.with_suffix(".html")
    try:
        page.write_text(render(swept), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{page} cannot be written: {error}", where="--out") from error
    return page


def _show(best: Sequence[Line], objective: str, grid: Grid, ended: Ended, files: tuple[Path, Path]) -> None:
    """The best points on the terminal, and how little their being the best says."""
    from rich.console import Console  # noqa: PLC0415 - only when a person reads
    from rich.table import Table  # noqa: PLC0415

    from framework.sweep.table import short_names  # noqa: PLC0415

    settings = list(short_names([axis.path for axis in grid.axes]).values())
    console = Console()
    if best:
        money = [name for name in best[0] if name.startswith("PnL (total) ")]
        columns = dict.fromkeys(["point", *settings, objective, *money, "Max Drawdown", "orders"])
        shown = Table(box=None, pad_edge=False)
        for name in columns:
            shown.add_column(plain(name), justify="right", overflow="fold")
        for line in best:
            shown.add_row(*(_cell(line.get(name)) for name in columns))
        console.print(shown)
    finished = sum(row.failure is None for row in ended.rows)
    speed = f", {len(ended.rows) / ended.elapsed:.1f}/s" if ended.elapsed else ""
    console.print(f"{finished} of {len(ended.rows)} points finished in {ended.elapsed:.1f} s{speed}")
    console.print(
        plain(f"All of them: {files[0]}\nThe page: {files[1]}"), soft_wrap=True, markup=False, highlight=False
    )
    if finished > 1:
        console.print(
            f"The best of {finished} trials looks better than it is: part of it is luck.\n"
            "Judge the settings on data that no trial has seen."
        )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.2f}"  # noqa: PLR2004 - cents are enough
    return "" if value is None else plain(str(value))


def _said(row: Row) -> str:
    return "" if row.failure is None else f"{row.failure.error}: {row.failure.message}"


def _tell(failed: Sequence[Row], points: int, *, as_json: bool) -> None:
    """Say what went wrong, the commonest first, and end the command as a failed run does."""
    if not as_json:
        kinds = Counter(_said(row) for row in failed)
        for text, count in kinds.most_common(FEW):
            row = next(row for row in failed if _said(row) == text)
            if row.failure is not None and row.failure.detail:
                typer.echo(plain(row.failure.detail), err=True)
            typer.echo(plain(f"{count} points, such as {row.number}: {text}"), err=True)
        raise RunError(
            f"{len(failed)} of {points} points failed",
            remedy="The others are in the table. --resume runs the failed ones again.",
        )
    raise SystemExit(RunError.exit_code)


@contextmanager
def _progress(total: int, done: int, *, shown: bool) -> Iterator[Callable[[dict[int, Row]], None]]:
    """A progress bar on stderr, when a person is watching; no thread draws it, because workers are forked."""
    if not (shown and sys.stderr.isatty()):
        yield lambda rows: None  # noqa: ARG005 - nobody looks
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}", style="red"),
    )
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("sweep", total=total, completed=done, rate="", failed="")

        def draw(rows: dict[int, Row]) -> None:
            failed = sum(row.failure is not None for row in rows.values())
            rate = (len(rows) - done) / max(time.monotonic() - began, 0.001)
            bar.update(
                task,
                completed=len(rows),
                rate=f"{rate:.1f}/s",
                failed=f"{failed} failed" if failed else "",
            )
            bar.refresh()

        yield draw
