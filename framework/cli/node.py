"""`framework node`: run, check and explain a node.yaml."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from framework import bundle as bundles
from framework.cli.plain import plain
from framework.errors import ConfigError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from framework.compose import Plan, StrategyPlan
    from framework.result import Result
    from framework.specs import Mode

FASTEST = 1e9
NodeFile = Annotated[Path, typer.Argument(help="The node.yaml to use.", metavar="NODE.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
ModeName = Annotated[
    str | None, typer.Option("--mode", help="backtest, paper or live; the file's mode by default.")
]


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("run")(run)
    group.command("check")(check)
    group.command("explain")(explain)
    from framework.cli import operator, watch  # noqa: PLC0415 - the commands for a node that runs

    operator.add(group)
    group.command("watch")(watch.watch)
    return group


def run(
    file: Annotated[
        Path | None, typer.Argument(help="The node.yaml to run.", metavar="NODE.yaml", show_default=False)
    ] = None,
    mode: ModeName = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Repeat the run kept in this report folder, and compare.")
    ] = None,
    catalog: Annotated[Path | None, typer.Option(help="Read this catalog instead of the file's.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here instead of the file's folder.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data too, but neither run nor write.")
    ] = False,
    speed: Annotated[
        str | None,
        typer.Option(
            help="On paper, seconds of data a second, or max; the file's `paper: speed:` by default."
        ),
    ] = None,
    unproven: Annotated[
        str | None,
        typer.Option(
            envvar="FRAMEWORK_UNPROVEN",
            metavar="REASON",
            help="Trade live without a promotion record; the reason goes into the journal.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a node: a backtest on the catalog, on paper, or live."""
    if (file is None) == (bundle is None):
        raise ConfigError("name one node.yaml, or one --bundle", remedy="framework node run NODE.yaml")
    kept = bundles.read(bundle) if bundle is not None else None
    plan = _plan(kept.node if kept else cast("Path", file), mode, catalog, report)
    if plan.mode == "live" and not plan.config.mode == mode == "live":
        raise ConfigError(
            "live must be said twice: in the file and on the command line",
            where=str(file),
            path="mode",
            remedy="Write `mode: live` in the file and pass --mode live, when real money is meant to move.",
        )
    notes = _proven(plan, unproven) if plan.mode == "live" else []
    if kept:
        bundles.check_versions(kept, plan.versions)
    from framework.cli.installed import installed  # noqa: PLC0415 - loaded by _plan already
    from framework.engine import feed  # noqa: PLC0415 - the engine loads when it runs

    if kept or dry_run:
        opened = feed.open_feed(plan)
        if kept:
            bundles.check_data(kept, opened.hashes)
        if dry_run:
            _say({"runs": True, "rows": dict(opened.rows), "files": len(opened.hashes)}, as_json=as_json)
            return
    from framework.report.write import prepare  # noqa: PLC0415 - reports load when there is one to write

    prepare(plan.report)
    hooks = installed().hooks
    from framework.engine import logs  # noqa: PLC0415 - as above

    with logs.masked(plan):
        with logged(plan), _progress(plan.name, shown=not (quiet or as_json)) as progress:
            result = _runner(plan, speed, notes, file)(
                plan,
                started=lambda plan, node: _started(hooks, plan, node),
                progress=progress,
            )
        result = _report(plan, result, tried=kept is None)
    _finished(hooks, plan, result)
    if kept:
        bundles.check_result(kept, result.result_hash)
    if as_json:
        typer.echo(json.dumps(result.summary(), indent=2))
    elif not quiet:
        _summarise(result, repeated=kept is not None)


def check(file: NodeFile, mode: ModeName = None, as_json: AsJson = False) -> None:
    """Check that a node.yaml would compose: names, settings, and that the parts fit."""
    plan = _plan(file, mode)
    facts = {
        "ok": True,
        "name": plan.name,
        "mode": plan.mode,
        "venues": [venue.name for venue in plan.venues],
        "strategies": [strategy.id for strategy in plan.strategies],
        "risk": [rule.id for rule in plan.rules],
        "data": [stream.name for stream in plan.streams],
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        counts = ", ".join(
            _counted(len(plan_part), name)
            for name, plan_part in (
                ("venue", plan.venues),
                ("strategy", plan.strategies),
                ("risk rule", plan.rules),
                ("data stream", plan.streams),
            )
        )
        typer.echo(plain(f"{file}: ok ({counts})"))


def explain(file: NodeFile, mode: ModeName = None, as_json: AsJson = False) -> None:
    """Show what a node.yaml means: every default filled in, and which rule judges which strategy."""
    plan = _plan(file, mode)
    from framework.explain import explanation, render  # noqa: PLC0415 - only for this command

    if as_json:
        typer.echo(json.dumps(explanation(plan), indent=2))
        return
    from rich.console import Console  # noqa: PLC0415 - only when a person reads

    Console().print(render(plan))


def _plan(file: Path, mode: str | None, catalog: Path | None = None, report: Path | None = None) -> Plan:
    from dataclasses import replace  # noqa: PLC0415 - stdlib, but compose is not
    from typing import get_args  # noqa: PLC0415

    from framework import specs  # noqa: PLC0415
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed
    from framework.compose import compose  # noqa: PLC0415 - the engine's model loads with it
    from framework.config import load  # noqa: PLC0415

    modes = get_args(specs.Mode.__value__)
    if mode is not None and mode not in modes:
        raise ConfigError(f'no mode "{mode}"', where="--mode", remedy=f"One of: {', '.join(modes)}.")
    loaded = load(file)
    plan = compose(loaded, installed(), cast("Mode | None", mode))
    if catalog is not None:
        plan = replace(plan, catalog=catalog.resolve())
    if report is not None:
        plan = replace(plan, report=report.resolve())
    return plan


def _proven(
    plan: Plan, unproven: str | None, strategies: Sequence[StrategyPlan] | None = None
) -> list[dict[str, str]]:
    """What the journal is to keep about the promotion of the strategies, or of some of them."""
    from framework.promotion import demand  # noqa: PLC0415 - the engine's model loads with it

    return demand(plan, unproven, strategies)


def _runner(
    plan: Plan, speed: str | None, notes: Sequence[Mapping[str, str]], file: Path | None
) -> Callable[..., Result]:
    """What runs a plan of this mode."""
    if plan.mode == "backtest":
        if speed is not None:
            raise ConfigError("--speed is for paper", remedy="A backtest is always as fast as it can be.")
        from framework.engine import backtest  # noqa: PLC0415 - the engine loads when it runs

        return backtest.run
    from functools import partial  # noqa: PLC0415

    from framework.engine import operate  # noqa: PLC0415 - the live engine loads when it runs

    return partial(
        operate.run,
        notes=notes,
        speed=_speed(plan.config.paper.speed if speed is None else speed),
        tell=lambda line: typer.echo(plain(line), err=True),
        composed=None if file is None else composer(file.resolve(), plan.mode),
        promoted=_proven if plan.mode == "live" else lambda plan, unproven, told: [],  # noqa: ARG005 - the signature
    )


def composer(file: Path, mode: Mode) -> Callable[[str | None], Plan]:
    """Makes a plan, for one mode, of a text in the place of the file's, or of the file as it is by then."""
    from framework import config  # noqa: PLC0415 - loaded by _plan already
    from framework.cli.installed import installed  # noqa: PLC0415 - as above
    from framework.compose import compose  # noqa: PLC0415 - as above
    from framework.config import document  # noqa: PLC0415 - as above

    def composed(text: str | None) -> Plan:
        said = document.read(file) if text is None else document.parse(text, document.shown(file))
        return compose(config.understand(said, file.parent), installed(), mode)

    return composed


def _speed(said: float | str) -> float | None:
    if said == "max":
        return None
    try:
        speed = float(said)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= FASTEST:
        raise ConfigError(
            f"{said} is no speed", where="--speed", remedy="A number above 0 and up to 1e9, or max."
        )
    return speed


def _report(plan: Plan, result: Result, *, tried: bool) -> Result:
    """Write the report, and of a backtest that is no repetition that its settings were tried."""
    from framework.report.write import write  # noqa: PLC0415 - plotting loads when there is something to plot

    folder = write(
        result,
        plan.report,
        extra=lambda folder: bundles.write(folder, plan, result),
        html=plan.config.report.html,
    )
    if tried and plan.mode == "backtest":
        from framework.tried import note_tried  # noqa: PLC0415 - the engine's model loads with it

        note_tried([plan], "framework node run")
    return result.reported(folder)


def _started(hooks: Any, plan: Plan, node: Any) -> None:
    """Tell the plugins; one that cannot start what it is for stops the run before it begins."""
    try:
        hooks.run_started(plan=plan, node=node)
    except (Exception, SystemExit) as error:
        raise RunError(
            f"a run_started hook failed: {type(error).__name__}: {error}",
            remedy="Uninstall the plugin in the traceback above, or mend it.",
        ) from error


def _finished(hooks: Any, plan: Plan, result: Result) -> None:
    """Tell the plugins; whatever one raises is shown and does not mask the result."""
    try:
        hooks.run_finished(plan=plan, result=result)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - observer hooks never mask a result
        typer.echo(plain(f"a run_finished hook failed: {type(error).__name__}: {error}"), err=True)


def _summarise(result: Result, *, repeated: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - only when a person reads

    from framework.report.summary import render  # noqa: PLC0415

    Console().print(render(result))
    if repeated:
        typer.echo("The run repeated: same data, same versions, same result.")


def _say(facts: dict[str, Any], *, as_json: bool) -> None:
    rows = ", ".join(f"{count:,} {kind}" for kind, count in facts["rows"].items())
    typer.echo(json.dumps(facts, indent=2) if as_json else f"would run on {rows}")


def logged(plan: Plan) -> AbstractContextManager[None]:
    """What the log of a run goes through; a backtest that knows no secret needs the least of it."""
    from framework.engine import logs  # noqa: PLC0415 - the engine loads when it runs

    plain_enough = plan.mode == "backtest" and not logs.mask_of(plan).hides
    return _engine_on_stderr() if plain_enough else logs.logging_to(plan)


@contextmanager
def _engine_on_stderr() -> Iterator[None]:
    """Send what the engine's logger writes to stdout, at whatever level, to stderr: stdout is for results."""
    try:
        sys.stdout.flush()
        stdout, stderr = sys.stdout.fileno(), sys.stderr.fileno()
        kept = os.dup(stdout)
    except (AttributeError, OSError, ValueError):  # closed, or no file, as inside another program
        yield
        return
    os.dup2(stderr, stdout)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, stdout)
        os.close(kept)


@contextmanager
def _progress(name: str, *, shown: bool) -> Iterator[Callable[[float], None] | None]:
    """A progress bar on stderr, when a person is watching."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"backtest {name}", total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _counted(count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
