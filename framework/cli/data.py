"""`framework data`: fill the catalog, see what it holds, and check it."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
import typer

from framework.cli.plain import plain
from framework.errors import CheckFailed, ConfigError, DataError, PluginNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from framework.catalog.settings import ImportSettings
    from framework.specs import DataKind, ImporterSpec, Stamp

Catalog = Annotated[Path, typer.Option("--catalog", help="The catalog folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
CATALOG = Path("catalog")


def build(importers: Callable[[], Mapping[str, ImporterSpec]] | None = None) -> typer.Typer:
    """The command group.

    Args:
        importers: Gives the sources by name, called only when an import runs; those of the installed
            plugins when left out.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        help="Fill the data catalog, see what it holds, and check it.",
    )
    _add_import(app, importers or _installed)
    app.command("list")(list_command)
    app.command("verify")(verify_command)
    app.command("adopt")(adopt_command)
    return app


def _add_import(app: typer.Typer, importers: Callable[[], Mapping[str, ImporterSpec]]) -> None:
    @app.command("import")
    def import_command(
        source: Annotated[str, typer.Argument(help="csv, parquet, binance-vision, lean, ...")],
        files: Annotated[list[Path], typer.Argument(help="The files, in any order.")],
        instrument: Annotated[
            str, typer.Option(help="A preset (EURUSD, ES, ...), equity:TICKER, or a YAML definition.")
        ],
        catalog: Catalog = CATALOG,
        venue: Annotated[str | None, typer.Option(help="Replaces the instrument's venue.")] = None,
        bars: Annotated[str | None, typer.Option(help="The file holds these bars: 1-HOUR-LAST.")] = None,
        quotes: Annotated[bool, typer.Option("--quotes", help="The file holds quotes.")] = False,
        trades: Annotated[bool, typer.Option("--trades", help="The file holds trades.")] = False,
        stamp: Annotated[str | None, typer.Option(help="A bar's time is its open or its close.")] = None,
        timezone: Annotated[str | None, typer.Option(help="IANA zone of times without an offset.")] = None,
        session_close: Annotated[
            str | None, typer.Option(help="HH:MM at which daily bars dated with a day close.")
        ] = None,
        time_format: Annotated[str | None, typer.Option(help="strptime pattern of the times.")] = None,
        columns: Annotated[
            str | None, typer.Option(help="Ours to the file's: time=Date+Hour,open=Open,...")
        ] = None,
        delimiter: Annotated[str, typer.Option(help="Between fields; tab for a tabulator.")] = ",",
        no_header: Annotated[
            bool, typer.Option("--no-header", help="The first line is a row; --columns gives positions.")
        ] = False,
        volume: Annotated[str | None, typer.Option(help="The size of rows whose source has none.")] = None,
        round_: Annotated[
            bool, typer.Option("--round", help="Round values finer than the instrument, half to even.")
        ] = False,
        sort: Annotated[bool, typer.Option("--sort", help="Sort rows by time, in memory.")] = False,
        merge: Annotated[
            bool, typer.Option("--merge", help="Add what is missing where the catalog has data already.")
        ] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
        json: Json = False,
    ) -> None:
        """Import files into the catalog; a file that is there already is left alone."""
        from framework.catalog.instruments import find_instrument  # noqa: PLC0415 - loads the engine
        from framework.catalog.settings import ImportSettings  # noqa: PLC0415

        spec = _spec(source, importers())
        settings = ImportSettings(
            instrument=find_instrument(instrument, venue),
            kind=_kind(spec, bars=bars, quotes=quotes, trades=trades),
            bars=bars,
            stamp=_stamp(stamp),
            timezone=timezone,
            session_close=session_close,
            time_format=time_format,
            columns=parse_columns(columns),
            delimiter=_delimiter(delimiter),
            header=not no_header,
            volume=volume,
            round=round_,
            sort=sort,
        )
        _run(catalog, spec, settings, files, merge=merge, dry_run=dry_run, json=json)


def list_command(catalog: Catalog = CATALOG, json: Json = False) -> None:
    """List the series in the catalog: span, rows and stamp."""
    from framework.catalog.streams import list_streams  # noqa: PLC0415

    streams = list_streams(catalog)
    if json:
        _print_json({"catalog": str(catalog), "streams": streams})
        return
    if not streams:
        typer.echo(
            f"{plain(catalog)}: no data; fill it with `framework data import`, or name another --catalog"
        )
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for title in ("series", "first (UTC)", "last (UTC)", "rows", "stamp"):
        table.add_column(title, justify="right" if title == "rows" else "left", overflow="fold")
    for stream in streams:
        cells = (
            stream.bar_type or f"{stream.instrument} {stream.kind}",
            stream.first[:16].replace("T", " "),
            stream.last[:16].replace("T", " "),
            f"{stream.rows:,}",
            stream.stamp or ("unknown" if stream.kind == "bars" else ""),
        )
        table.add_row(*(Text(plain(cell)) for cell in cells))
    Console().print(table)


def verify_command(catalog: Catalog = CATALOG, json: Json = False) -> None:
    """Check every file against the manifest and every row for sense; exit 7 on an error."""
    from framework.catalog.verify import verify_catalog  # noqa: PLC0415

    with _progress(visible=not json) as progress:
        task = progress.add_task("verifying", total=None)
        findings = verify_catalog(
            catalog, lambda name, total: progress.update(task, description=name, advance=1, total=total)
        )
    errors = sum(finding.severity == "error" for finding in findings)
    if json:
        _print_json({"catalog": str(catalog), "errors": errors, "findings": findings})
        if errors:
            raise typer.Exit(CheckFailed.exit_code)
        return
    for finding in findings:
        typer.echo(plain(f"{finding.severity}: {finding.where}: {finding.check}: {finding.message}"))
    if errors:
        raise CheckFailed(
            f"{_count(errors, 'error')} in the catalog",
            where=str(catalog),
            remedy="A backtest on this data would be wrong: see the lines above.",
        )
    typer.echo(f"{plain(catalog)}: no errors, {_count(len(findings), 'remark')}")


def adopt_command(
    stamp: Annotated[str, typer.Option(help="When its bars are stamped; only close can be adopted.")],
    catalog: Catalog = CATALOG,
    json: Json = False,
) -> None:
    """Record the files of a catalog made by another program, on your word that bars are stamped at close."""
    from framework.catalog.streams import adopt  # noqa: PLC0415

    if stamp != "close":
        raise DataError(
            f'bars stamped at "{stamp}" cannot be adopted: nothing in the files is rewritten',
            remedy="Import the original source with --stamp open: the import shifts the bars.",
        )
    files = adopt(catalog, stamp="close")
    if json:
        _print_json({"catalog": str(catalog), "files": files})
    else:
        typer.echo(f"{plain(catalog)}: recorded {_count(len(files), 'file')}")


def parse_columns(text: str | None) -> dict[str, str]:
    """`time=Date,open=Open` as a mapping.

    Raises:
        ConfigError: A part is not `ours=theirs`, or one of ours comes twice.
    """
    mapping: dict[str, str] = {}
    for part in text.split(",") if text else ():
        ours, equals, theirs = part.partition("=")
        if not equals or not ours.strip() or not theirs.strip() or ours.strip() in mapping:
            raise ConfigError(
                f'--columns: "{part}" is not OURS=THEIRS',
                remedy="Write --columns time=Date,open=Open,close=Last.",
            )
        mapping[ours.strip()] = theirs.strip()
    return mapping


def _run(
    catalog: Path,
    spec: ImporterSpec,
    settings: ImportSettings,
    files: list[Path],
    *,
    merge: bool,
    dry_run: bool,
    json: bool,
) -> None:
    from framework.catalog.source import count_lines  # noqa: PLC0415
    from framework.catalog.write import import_file  # noqa: PLC0415

    reports = []
    with _progress(visible=not json) as progress:
        for file in files:
            task = progress.add_task(file.name, total=count_lines(file) if file.is_file() else None)
            reports.append(
                import_file(
                    catalog,
                    spec,
                    settings,
                    file,
                    merge=merge,
                    dry_run=dry_run,
                    on_rows=lambda rows, task=task: progress.advance(task, rows),  # type: ignore[misc]
                )
            )
            progress.update(task, completed=reports[-1].rows, total=reports[-1].rows)
    if json:
        _print_json({"catalog": str(catalog), "dry_run": dry_run, "imports": reports})
        return
    for report in reports:
        if report.status == "unchanged":
            typer.echo(f"{plain(report.source)}: already in the catalog, nothing to do")
            continue
        rounded = f", {report.rounded:,} values rounded" if report.rounded else ""
        verb = "would import" if dry_run else "imported"
        typer.echo(
            f"{plain(report.source)}: {verb} {report.rows:,} rows into {', '.join(report.streams)}, "
            f"{report.first} to {report.last}{rounded}"
        )


def _installed() -> Mapping[str, ImporterSpec]:
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    return {offer.spec.name: cast("ImporterSpec", offer.spec) for offer in installed().offers("importer")}


def _spec(name: str, importers: Mapping[str, ImporterSpec]) -> ImporterSpec:
    if name in importers:
        return importers[name]
    close = difflib.get_close_matches(name, importers, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    raise PluginNotFound(f'no importer "{name}"', remedy=f"{hint}Installed: {', '.join(sorted(importers))}.")


def _kind(spec: ImporterSpec, *, bars: str | None, quotes: bool, trades: bool) -> DataKind:
    stated = [name for name, given in (("bars", bars), ("quotes", quotes), ("trades", trades)) if given]
    if len(stated) == 1:
        return cast("DataKind", stated[0])
    if not stated and len(spec.kinds) == 1:
        return spec.kinds[0]
    raise DataError(
        "what the file holds is stated more than once" if stated else "what the file holds is not stated",
        remedy="Pass one of --bars STEP-AGGREGATION-PRICE (such as 1-HOUR-LAST), --quotes or --trades.",
    )


def _stamp(text: str | None) -> Stamp | None:
    if text not in {None, "open", "close"}:
        raise DataError(f'--stamp is "{text}"', remedy="Pass --stamp open or --stamp close.")
    return cast("Stamp | None", text)


def _delimiter(text: str) -> str:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise DataError(f'--delimiter "{text}" is not one character', remedy="Such as ; or tab.")
    return delimiter


def _progress(*, visible: bool) -> Any:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not (visible and console.is_terminal),
    )


def _count(many: int, noun: str) -> str:
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"


def _print_json(document: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
