"""`framework journal`: is it what was written, what does it say, and keeping it."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from framework.cli.plain import plain
from framework.errors import CheckFailed, ConfigError, JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from framework.journal import Row, Verdict

JournalFile = Annotated[Path, typer.Argument(help="The journal.", metavar="JOURNAL")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
KeyName = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="WHERE",
        help="Where the key is that the heads are signed with: env:NAME, vault:NAME or keyring:SERVICE/NAME.",
    ),
]
EXPORTS = (".jsonl", ".gz")
NANOSECONDS = 1_000_000_000
LONGEST_LINE = 200
LATEST = 2**63 - 1


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("verify")(verify_command)
    group.command("show")(show)
    group.command("export")(export_command)
    group.command("archive")(archive_command)
    return group


def verify_command(
    file: Annotated[Path, typer.Argument(help="The journal, or an export in JSON lines.", metavar="JOURNAL")],
    key: KeyName = None,
    repair: Annotated[
        Path | None,
        typer.Option(metavar="COPY", help="Copy what is intact into a new journal; JOURNAL stays as it is."),
    ] = None,
    no_archives: Annotated[
        bool, typer.Option("--no-archives", help="The archives are kept elsewhere: do not check them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that a journal is what was written: every row, the end, every day; exit 7 when it is not."""
    from framework.journal.archives import read_export  # noqa: PLC0415 - `framework --help` needs no journal
    from framework.journal.verify import verify, verify_rows  # noqa: PLC0415

    secret = _key(key) if key else None
    if repair is not None:
        _repair(file, repair, secret, as_json=as_json)
        return
    with _progress(f"verifying {file.name}", shown=not as_json) as on_row:
        if file.suffix in EXPORTS:
            verdict = verify_rows(file, read_export(file))
        else:
            verdict = verify(file, key=secret, archives=not no_archives, on_row=on_row)
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(), indent=2))
        if verdict.errors:
            raise typer.Exit(CheckFailed.exit_code)
        return
    _say(verdict)


def show(
    file: JournalFile,
    order: Annotated[str | None, typer.Option(help="Only this client order id.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Only this strategy's id.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only rows of this kind, such as intent; may be repeated.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only rows from then on: 2026-11-21, 2026-11-21T14:30, or 90s, 15m, 2h, 1d ago."),
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many rows, the latest.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more rows, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row.")] = False,
) -> None:
    """Print rows, archived ones included; also while a node writes them."""
    from collections import deque  # noqa: PLC0415

    from framework.journal import reading  # noqa: PLC0415
    from framework.journal.archives import history  # noqa: PLC0415

    wanted: dict[str, Any] = {
        "order_id": order,
        "strategy": strategy,
        "kinds": _kinds(kind),
        "since": _since(since),
    }
    rows = history(file, **wanted)
    if last is not None:
        rows = iter(deque(rows, maxlen=last))
    after = 0
    for row in rows:
        _print(row, as_json=as_json)
        after = row.seq
    if follow:
        sys.stdout.flush()  # a pipe is told what there is before anything is waited for
        for row in reading.follow(file, after=after, **wanted):
            _print(row, as_json=as_json)
            sys.stdout.flush()


def export_command(
    file: JournalFile,
    out: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")],
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl or parquet; by FILE's name when left out.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only rows from then on; as in `show`.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE when it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the rows to a file, archived ones included."""
    from framework.journal.archives import history  # noqa: PLC0415
    from framework.journal.export import Format, export  # noqa: PLC0415

    form = form or out.suffix.removeprefix(".")
    if form not in {"jsonl", "parquet"}:
        raise ConfigError(f'there is no format "{form}"', remedy="Pass --format jsonl or --format parquet.")
    if out.exists() and not force:
        raise JournalError(
            "the file is there already", where=str(out), remedy="Name another, or pass --force."
        )
    with _progress(f"exporting {file.name}", shown=not as_json) as on_row:
        try:
            count = export(_told(history(file, since=_since(since)), on_row), out, cast("Format", form))
        except OSError as error:
            raise JournalError(f"the export cannot be written: {error}", where=str(out)) from None
    if as_json:
        typer.echo(
            json.dumps({"journal": str(file), "file": str(out), "format": form, "rows": count}, indent=2)
        )
    else:
        typer.echo(plain(f"{out}: {_counted(count)}"))


def archive_command(
    file: JournalFile,
    keep_days: Annotated[int, typer.Option(min=0, help="How many whole UTC days before today stay.")],
    key: KeyName = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which days would go, and move none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move days that are over into files of their own beside the journal; no node may be writing it."""
    from framework.journal.archives import over  # noqa: PLC0415
    from framework.journal.retention import retain  # noqa: PLC0415
    from framework.journal.store import Journal  # noqa: PLC0415

    now = time.time_ns()
    secret = _key(key) if key else None
    days = [head.day for head in over(file, keep_days=keep_days, now=now)]
    if not dry_run:
        try:
            with Journal.open(file, session="archive", key=secret) as journal:
                retain(journal, keep_days=keep_days, now=now)
        except OSError as error:
            raise JournalError(f"a day cannot be archived: {error}", where=str(file)) from None
    if as_json:
        typer.echo(json.dumps({"journal": str(file), "days": days, "dry_run": dry_run}, indent=2))
    else:
        verb = "would archive" if dry_run else "archived"
        typer.echo(plain(f"{file}: {verb} {', '.join(days)}" if days else f"{file}: no day to archive"))


def _repair(file: Path, copy: Path, key: bytes | None, *, as_json: bool) -> None:
    from framework.journal.repair import repair  # noqa: PLC0415

    try:
        report = repair(file, copy, key=key)
    except OSError as error:
        raise JournalError(f"the copy cannot be written: {error}", where=str(copy)) from None
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    for finding in report.findings:
        typer.echo(plain(f"error: {finding}"))
    typer.echo(plain(f"{copy}: {_counted(report.kept)} kept, {_counted(report.cut)} after them cut"))


def _say(verdict: Verdict) -> None:
    for finding in verdict.findings:
        typer.echo(plain(f"{finding.severity}: {finding.where}: {finding.message}"))
    if verdict.errors:
        raise CheckFailed(
            f"the journal is not what was written; it is intact up to row {verdict.intact.count}",
            where=verdict.path,
            remedy="framework journal verify JOURNAL --repair COPY copies what is intact.",
        )
    typer.echo(plain(f"{verdict.path}: {_counted(verdict.rows)}, as they were written"))


def _print(row: Row, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(row.to_dict()) + "\n")
        return
    moment = dt.datetime.fromtimestamp(row.ts // NANOSECONDS, dt.UTC)
    names = " ".join(name for name in (row.strategy, row.order_id) if name)
    clock = f"{moment:%Y-%m-%d %H:%M:%S}.{row.ts % NANOSECONDS // 1_000_000:03}"
    line = f"{row.seq:>8} {clock} {row.kind:<15} {names} "
    body = row.body if len(row.body) <= LONGEST_LINE else row.body[:LONGEST_LINE] + " ..."
    sys.stdout.write(plain(line + body).replace("\n", " ") + "\n")


def _kinds(kinds: list[str] | None) -> tuple[str, ...]:
    from framework.journal.rows import KINDS  # noqa: PLC0415

    for kind in kinds or ():
        if kind not in KINDS:
            raise ConfigError(f'there is no kind "{kind}"', remedy=f"Kinds are {', '.join(KINDS)}.")
    return tuple(kinds or ())


def _since(text: str | None) -> int | None:
    """Nanoseconds since the epoch of a UTC time or of a while ago."""
    if text is None:
        return None
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:])
    try:
        if unit and text[:-1].isascii() and text[:-1].isdigit():
            return max(0, time.time_ns() - int(text[:-1]) * unit * NANOSECONDS)
        moment = dt.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return min(round(moment.timestamp()) * NANOSECONDS, LATEST)
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            f'--since "{text}" is no time',
            remedy="Write 2026-11-21, 2026-11-21T14:30 (UTC), or 90s, 15m, 2h, 1d.",
        ) from None


def _told(rows: Iterable[Row], on_row: Callable[[int], None]) -> Iterator[Row]:
    for row in rows:
        on_row(row.seq)
        yield row


@contextmanager
def _progress(title: str, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Counts rows on a terminal, a thousand at a time."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed:,.0f} rows"),
        console=console,
        disable=not (shown and console.is_terminal),
        transient=True,
    )
    with progress:
        task = progress.add_task(plain(title), total=None)
        yield lambda seq: None if seq % 1_000 else progress.update(task, completed=seq)


def _counted(many: int) -> str:
    return f"{many:,} row" if many == 1 else f"{many:,} rows"


def _key(reference: str) -> bytes:
    from framework.journal.heads import read_key  # noqa: PLC0415
    from framework.secret import Secret  # noqa: PLC0415

    try:
        return read_key(Secret(reference))
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        raise ConfigError(message, where="--key", remedy=remedy) from None
