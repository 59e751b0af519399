"""`framework binance`: what belongs to Binance alone."""

from __future__ import annotations

import json as jsons
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

import typer

from framework import DataError
from framework_binance.download import download, part_of
from framework_binance.vision import KINDS, Wanted, is_whole

if TYPE_CHECKING:
    from framework_binance.vision import Kind, Market

SITE = "https://data.binance.vision"


def build() -> typer.Typer:
    """The command group."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help="Binance's public data.")

    @app.callback()
    def group() -> None:
        """Binance's public data."""

    app.command("download")(download_command)
    return app


def download_command(
    kind: Annotated[str, typer.Argument(help="klines, trades, aggTrades or fundingRate.")],
    symbol: Annotated[str, typer.Argument(help="As Binance calls it: BTCUSDT.")],
    first: Annotated[str, typer.Option("--from", help="A month, 2024-01, or a day, 2024-01-15.")],
    last: Annotated[str | None, typer.Option("--to", help="The last one; left out, it is the first.")] = None,
    step: Annotated[str | None, typer.Option(help="Of klines: 1m, 1h, 1d, ...")] = None,
    market: Annotated[str, typer.Option(help="futures (USD-M), or spot: into a folder spot.")] = "futures",
    into: Annotated[Path, typer.Option(help="The folder the files are put into.")] = Path("downloads"),
    url: Annotated[str, typer.Option(help="Where the site, or a copy of it, is.")] = SITE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing; ask nobody.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Download files of Binance's public data; what is here already and whole is left alone.

    Each file is compared with its published SHA-256 before it gets its name. An interrupted download
    continues where it ended when the command is given again.
    """
    paths = _wanted(kind, symbol, first, last or first, step, market).files()
    base = _address(url)
    folder = into / "spot" if market == "spot" else into  # the files of both markets have the same names
    rows: list[dict[str, Any]] = []
    with _progress(visible=not json) as bars:
        for path in paths:
            target = folder / path.rpartition("/")[2]
            if dry_run:
                status = _outlook(target)
            else:
                task = bars.add_task(target.name, total=None)
                status = download(
                    f"{base}/{path}",
                    target,
                    lambda here, of, task=task: bars.update(task, completed=here, total=of),  # type: ignore[misc]
                )
            rows.append({"file": str(target), "url": f"{base}/{path}", "status": status})
    if json:
        document = {"dry_run": dry_run, "files": rows}
        sys.stdout.write(jsons.dumps(document, indent=2) + "\n")
        return
    for row in rows:
        typer.echo(f"{row['file']}: {row['status']}")


def _wanted(kind: str, symbol: str, first: str, last: str, step: str | None, market: str) -> Wanted:
    if kind not in KINDS:
        raise DataError(f'"{kind}" are not offered', remedy=f"One of {', '.join(KINDS)}.")
    if market not in {"futures", "spot"}:
        raise DataError(f'--market is "{market}"', remedy="It is futures or spot.")
    return Wanted(
        kind=cast("Kind", kind),
        symbol=symbol,
        market=cast("Market", market),
        step=step,
        first=first,
        last=last,
    )


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DataError(f'--url "{url}" is no address', remedy=f"Such as {SITE}.")
    return url.rstrip("/")


def _outlook(target: Path) -> str:
    if is_whole(target):
        return "unchanged"
    part = part_of(target)
    if part.is_file() and part.stat().st_size:
        return f"would be continued after {part.stat().st_size:,} bytes"
    return "would be downloaded"


def _progress(*, visible: bool) -> Any:
    from rich.console import Console  # noqa: PLC0415 - only when something is downloaded
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not (visible and console.is_terminal),
    )
