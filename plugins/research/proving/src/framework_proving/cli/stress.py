"""`framework stress`: what would crashes, outages and wild markets have done?"""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from framework import CheckFailed
from framework_proving.cli.attribute import Currency  # noqa: TC001 - typer reads the annotations
from framework_proving.cli.parts import (
    AsJson,
    Catalog,
    NodeFile,
    Quiet,
    Settings,
    Workers,
    open_plan,
    plain,
    spinner,
)

if TYPE_CHECKING:
    from framework_proving.stress import Outcome, Stressed


def build() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.command("stress", no_args_is_help=True)(stress)
    return app


def stress(
    file: NodeFile,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:SIZE",
            help="gap:-0.1, flash:-0.2, outage:1d or volatility:2; several are replayed one by one.",
            show_default="seven of them",
        ),
    ] = None,
    moments: Annotated[
        int, typer.Option(min=1, max=1_000, help="Moments at which what is sudden happens.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="The same seed chooses the same moments.")] = 0,
    most: Annotated[
        float | None,
        typer.Option(
            "--max-drawdown",
            min=0,
            help="The largest fall a scenario may cause, as a share; 7 when one does more.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The page; stress/NAME.html in the report folder by default.", show_default=False),
    ] = None,
    currency: Currency = None,
    settings: Settings = None,
    catalog: Catalog = None,
    workers: Workers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compose the node, but neither run nor write.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Replay a backtest in the engine on data that something happens to: gaps, flash crashes, silence.

    With --max-drawdown, exits with 7 when equity falls further in any replay, or when the node cannot go on.
    """
    from framework_proving import scenarios as happenings  # noqa: PLC0415 - the engine loads when it runs

    asked = [happenings.parse(text) for text in scenario or happenings.STANDARD]
    plan = open_plan(file, settings, catalog)
    path = out or plan.report / "stress" / f"{plan.name}.html"
    replays = sum(moments if each.sudden else 1 for each in asked)
    if dry_run:
        facts = {"runs": True, "replays": replays, "page": str(path)}
        typer.echo(json.dumps(facts) if as_json else plain(f"would replay {replays} times, and write {path}"))
        return
    from framework_proving.stress import stress as replay  # noqa: PLC0415 - the engine loads when it runs
    from framework_proving.stress_page import page  # noqa: PLC0415 - plotting loads when it is used

    with spinner("replaying", shown=not (quiet or as_json)) as tick:
        found = replay(plan, asked, moments=moments, seed=seed, currency=currency, workers=workers, tick=tick)
    page(found).write(path)
    beyond = [] if most is None else [each for each in found.outcomes if _beyond(each, most)]
    if as_json:
        facts = {
            "name": found.name,
            "currency": found.currency,
            "held": found.held,
            "plain": found.plain.to_dict(),
            "outcomes": [outcome.to_dict() for outcome in found.outcomes],
            "beyond": len(beyond),
            "page": str(path),
        }
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo(plain("\n".join([*_lines(found, quiet=quiet), f"page: {path}"])))
        if beyond:
            typer.echo(f"{len(beyond)} of {len(found.outcomes)} replays fell further than {most:.2%}")
    if beyond:
        raise SystemExit(CheckFailed.exit_code)


def _beyond(outcome: Outcome, most: float) -> bool:
    return outcome.failure is not None or (outcome.drawdown or 0.0) > most


def _lines(found: Stressed, *, quiet: bool) -> list[str]:
    from framework_proving.stress_page import HEADS, line  # noqa: PLC0415 - plotting loads when it is used

    shown = (found.plain, *found.worst())
    table = [HEADS, *map(line, shown[: 2 if quiet else len(shown)])]
    widths = [max(len(cells[place]) for cells in table) for place in range(len(HEADS))]
    lines = [f"{found.name} under stress, {found.currency}; the worst of {len(found.moments)} moments"]
    for cells in table:
        name, when, *figures = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        right = (cell.strip().rjust(len(cell)) for cell in figures)
        lines.append("  ".join(["", name, when, *right]))
    return lines + [f"  {o.scenario}: {o.failure}" for o in found.outcomes if o.failure]
