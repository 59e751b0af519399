"""`framework attribute`: where did the profit come from?"""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from framework import ConfigError, Study
from framework_proving.cli.parts import (
    AsJson,
    Catalog,
    NodeFile,
    Quiet,
    Settings,
    open_plan,
    plain,
    spinner,
)

if TYPE_CHECKING:
    from framework_proving.attribution import Attribution

Currency = Annotated[str | None, typer.Option(help="Of the equity that is looked at.", show_default=False)]


def build() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.command("attribute", no_args_is_help=True)(attribute)
    return app


def attribute(
    file: NodeFile,
    zone: Annotated[
        str, typer.Option("--time-zone", help="Whose hours trades are put in, such as Europe/London.")
    ] = "UTC",
    window: Annotated[
        int, typer.Option("--regime-days", min=2, help="Days of the volatility that makes a regime.")
    ] = 20,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page; attribution/NAME.html in the report folder by default.", show_default=False
        ),
    ] = None,
    currency: Currency = None,
    settings: Settings = None,
    catalog: Catalog = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compose the node, but neither run nor write.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Divide a backtest's profit by strategy, instrument, side, hour, regime and cost, with its VaR and CVaR.

    Every way of dividing adds up to the same total, to the cent; what is in no closed trade is shown apart.
    """
    from framework_proving.attribution import attribute as divide  # noqa: PLC0415 - the engine loads when it runs
    from framework_proving.attribution_page import page  # noqa: PLC0415
    from framework_proving.regime import Regimes  # noqa: PLC0415

    hours = _zone(zone)
    plan = open_plan(file, settings, catalog)
    path = out or plan.report / "attribution" / f"{plan.name}.html"
    if dry_run:
        typer.echo(json.dumps({"runs": True, "page": str(path)}) if as_json else plain(f"would write {path}"))
        return
    with spinner("running", shown=not (quiet or as_json)) as tick:
        (row,) = Study.rows([(0, plan)], workers=1, keep=["equity", "trades"], tick=tick)
        if row.failure is not None:
            raise row.failure.raised()
        found = divide(plan.name, row, Regimes(Study.tapes(plan), window), hours, currency)
    page(found, zone).write(path)
    if as_json:
        typer.echo(json.dumps(found.to_dict() | {"time_zone": zone, "page": str(path)}, indent=2))
        return
    lines = _lines(found)
    typer.echo(plain("\n".join([*(lines[:1] if quiet else lines), f"page: {path}"])))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ConfigError(
            f'no time zone "{name}"', where="--time-zone", remedy="Write an IANA name, such as Europe/London."
        ) from None


def _lines(found: Attribution) -> list[str]:
    from framework_proving.attribution_page import HEADS, line, money, percent  # noqa: PLC0415

    lines = [
        f"{found.name}: {money(found.total.net, sign=True)} {found.currency} in {found.total.trades} trades",
        f"  before costs: {money(found.total.gross, sign=True)}, commissions {money(found.total.commission)}",
        f"  in no closed trade: {money(found.unexplained, sign=True)}",
        f"  largest fall: {found.drawdown:.2%}",
        *(
            f"  {tail.level:.0%} of days: VaR {percent(tail.value_at_risk)}, CVaR {percent(tail.shortfall)}"
            for tail in found.tails
        ),
    ]
    for way, parts in found.by.items():
        table = [(f"by {way}", *HEADS), *map(line, parts)]
        widths = [max(len(cells[place]) for cells in table) for place in range(len(table[0]))]
        for cells in table:
            figures = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
            lines.append("  ".join(["", cells[0].ljust(widths[0]), *figures]))
    return lines
