"""What the commands share: a node at other settings, something that moves, and how a verdict ends."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework import CheckFailed, ConfigError, NotEnoughEvidence, Study
from framework_proving.verdict import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework_proving.verdict import Verdict

NodeFile = Annotated[Path, typer.Argument(help="The node.yaml to judge.", metavar="NODE.yaml")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="A setting in place of the file's, such as start=2020-01-01 or strategies.ID.config.KEY=3.",
        show_default=False,
    ),
]
Catalog = Annotated[
    Path | None, typer.Option(help="Read this catalog instead of the file's.", show_default=False)
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Processes; one a core by default.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, and only the answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]


def open_plan(file: Path, settings: Sequence[str] | None, catalog: Path | None) -> Any:
    """The node as a backtest, at other settings."""
    study = Study.open(file, catalog=catalog)
    return study.plan(point_of(settings))


def point_of(settings: Sequence[str] | None) -> dict[str, str]:
    """Settings of one value each, by path.

    Raises:
        ConfigError: One has several values.
    """
    point: dict[str, str] = {}
    for axis in Study.grid(settings or ()).axes:
        if len(axis.values) != 1:
            raise ConfigError(
                f"{axis.path} has {len(axis.values)} values, and one run takes one",
                where="--set",
                remedy="Give one value.",
            )
        point[axis.path] = axis.values[0]
    return point


@contextmanager
def spinner(text: str, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Something that moves on stderr while a person waits; no thread draws it."""
    if not (shown and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - only when a person watches
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        bar.add_task(text)
        yield bar.refresh


def conclude(verdict: Verdict, *, as_json: bool) -> None:
    """Print a verdict, and end the command with its exit code."""
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(), indent=2))
        raise SystemExit(verdict.exit_code)
    counts = ", ".join(
        f"{value} {name.replace('_', ' ')}" for name, value in verdict.evidence.items() if value is not None
    )
    text = f"{verdict.check} of {verdict.node}: {verdict.verdict}\n  {verdict.reason}\n  {counts}"
    fault = verdict.fault
    if fault is not None:
        text += (
            f"\n  seen when {fault.change}"
            f"\n  smallest window: {moment(fault.first)} to {moment(fault.last)}, {fault.rows} events"
            + (f", {fault.ahead} of them after the decision" if fault.ahead else "")
            + f"\n  {fault.decision}"
        )
    for note in verdict.notes:
        text += f"\n  {note}"
    typer.echo(plain(text))
    if verdict.verdict != "clean":
        kind = CheckFailed if verdict.verdict == "biased" else NotEnoughEvidence
        raise SystemExit(kind.exit_code)


def plain(text: object) -> str:
    """The text with every control and invisible character spelled out; line ends stay."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in str(text)
    )
