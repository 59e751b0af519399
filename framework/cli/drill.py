"""`framework drill`: practise what goes wrong, against an exchange that is made to fail."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.plain import plain
from framework.errors import CheckFailed, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework.drill.drills import Drill
    from framework.drill.outcome import Outcome

FEW = 8
"""Breaches shown of each seed."""
Seed = Annotated[int, typer.Option(help="Where everything that goes wrong comes from.")]
Seeds = Annotated[int, typer.Option(min=1, help="Run this many seeds, from --seed on.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Seeds run at once.")]
Venue = Annotated[
    str | None,
    typer.Option(help="The venue plugin whose exchange to practise on; the first installed by default."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        help="Leave journals, logs and the exchange's state in this new folder.", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the schedule, and run nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; the verdict alone.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
Kills = Annotated[
    int | None,
    typer.Option(min=1, max=1_000, help="Kills in each seed; drawn from the seed, 1 to 4, by default."),
]
Resting = Annotated[int, typer.Option(min=1, max=10_000, help="Orders that rest when the switch is pulled.")]


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    for command in (recovery, kill, disconnect):
        group.command(command.__name__)(command)
    return group


def recovery(
    seed: Seed = 0,
    seeds: Seeds = 1,
    kills: Kills = None,
    jobs: Jobs = 1,
    venue: Venue = None,
    keep: Keep = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Kill a node again and again on a bad network; in the end it must know what the exchange knows.

    Exit code 7 when an invariant is broken.
    """
    _run("recovery", range(seed, seed + seeds), venue, keep, dry_run, quiet, as_json, jobs=jobs, kills=kills)


def kill(
    seed: Seed = 0,
    seeds: Seeds = 1,
    resting: Resting = 300,
    jobs: Jobs = 1,
    venue: Venue = None,
    keep: Keep = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pull the kill switch on a node that trades: latched, cancelled, flat, and still so after a restart.

    Exit code 7 when an invariant is broken.
    """
    _run("kill", range(seed, seed + seeds), venue, keep, dry_run, quiet, as_json, jobs=jobs, resting=resting)


def disconnect(
    seed: Seed = 0,
    seeds: Seeds = 1,
    jobs: Jobs = 1,
    venue: Venue = None,
    keep: Keep = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Cut, hold back and mangle the network under a node that trades; it must miss nothing in the end.

    Exit code 7 when an invariant is broken.
    """
    _run("disconnect", range(seed, seed + seeds), venue, keep, dry_run, quiet, as_json, jobs=jobs)


def _run(
    drill: Drill,
    seeds: Sequence[int],
    venue: str | None,
    keep: Path | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed
    from framework.drill import drills  # noqa: PLC0415 - the engine loads with it

    use, simulator = drills.simulator_of(installed(), venue)
    if dry_run:
        schedules = [drills.schedule_of(drill, seed, kills=options.get("kills")) for seed in seeds]
        if as_json:
            typer.echo(json.dumps({schedule.seed: str(schedule) for schedule in schedules}, indent=2))
        else:
            for schedule in schedules:
                typer.echo(plain(str(schedule)))
        return
    command = _command(drill, use, options)
    outcomes = []
    with _folder(keep) as folder, _progress(drill, len(seeds), shown=not (quiet or as_json)) as progress:
        for outcome in drills.run(drill, seeds, simulator, use, folder, said=progress.say, **options):
            outcomes.append(outcome)
            progress.done()
    outcomes.sort(key=lambda outcome: outcome.seed)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if as_json:
        told = [{**one.to_dict(), "repeat": command(one.seed)} for one in outcomes]
        facts = {"drill": drill, "venue": use, "ok": not failed, "seeds": told}
        typer.echo(json.dumps(facts, indent=2))
        raise typer.Exit(CheckFailed.exit_code if failed else 0)
    for outcome in outcomes:
        for line in _lines(outcome, command(outcome.seed)):
            typer.echo(plain(line))
    if failed:
        raise CheckFailed(
            f"{len(failed)} of {len(outcomes)} seeds broke something",
            remedy="Each is repeated by the command above; --keep FOLDER keeps its journal and logs.",
        )
    typer.echo(f"{drill}: {len(outcomes)} of {len(outcomes)} held")


def _command(drill: Drill, use: str, options: dict[str, Any]) -> Callable[[int], str]:
    said = [f"--{name}={value}" for name, value in options.items() if name != "jobs" and value is not None]

    def command(seed: int) -> str:
        return shlex.join(["framework", "drill", drill, f"--seed={seed}", f"--venue={use}", *said])

    return command


def _lines(outcome: Outcome, command: str) -> list[str]:
    facts = [f"{outcome.kills} kills"] if outcome.kills else []
    facts += [f"{outcome.orders} orders", f"{outcome.fills} fills"]
    if outcome.unclean:
        facts.append(f"{outcome.unclean} unclean stops")
    if outcome.recoveries:
        facts.append(f"slowest recovery {max(outcome.recoveries):.2f} s")
    facts += [f"{what} after {seconds * 1_000:.0f} ms" for what, seconds in outcome.measured.items()]
    word = "held" if outcome.ok else "BROKEN"
    lines = [f"seed {outcome.seed}: {word} ({', '.join(facts)})"]
    if not outcome.ok:
        lines += [f"  {breach}" for breach in outcome.breaches[:FEW]]
        if len(outcome.breaches) > FEW:
            lines.append(f"  and {len(outcome.breaches) - FEW} more; --json has them all")
        lines += [f"  {problem}" for problem in outcome.problems]
        lines.append(f"  repeat with: {command}")
    return lines


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder that was asked for, or one that is gone afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="framework-drill-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(
            f"the folder cannot be made: {error.strerror}", where=str(keep), remedy="Name a new one."
        ) from error
    yield keep.resolve()


class _Silent:
    """Progress that nobody watches."""

    def say(self, text: str) -> None:
        """Pass over it."""

    def done(self) -> None:
        """Pass over it."""


class _Bar(_Silent):
    """Progress on stderr: seeds that are over, and what happens now."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar = bar
        self._task = task

    def say(self, text: str) -> None:
        """Show what happens."""
        self._bar.update(self._task, now=plain(text.strip())[:60])

    def done(self) -> None:
        """One seed is over."""
        self._bar.advance(self._task)


@contextmanager
def _progress(drill: str, count: int, *, shown: bool) -> Iterator[_Silent]:
    """A progress bar on stderr, when a person is watching."""
    if not (shown and sys.stderr.isatty()):
        yield _Silent()
        return
    from rich.console import Console  # noqa: PLC0415 - only when a person watches
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(f"drill {drill}", total=count, now=""))
