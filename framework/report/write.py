"""A run's folder: everything or nothing, and never over another run's."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framework.errors import RunError
from framework.report import page, parquet, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from framework.result import Result

LATEST = "latest"
"""The name, beside the run folders, that leads to the newest."""

PAGE = "report.html"
"""The page in a run's folder."""


def write(
    result: Result, directory: Path, extra: Callable[[Path], None] | None = None, *, html: bool = True
) -> Path:
    """Write a run's report and return its new folder, `directory/<UTC time>-<first 8 of the result hash>`.

    The folder is prepared under a hidden name and renamed when complete, so that an interrupt or a full disk
    leaves no half report. `directory/latest` then leads to it.

    Args:
        result: The finished run.
        directory: Where run folders are kept; made when missing.
        extra: Called with the folder before it is renamed, to add files of its own.
        html: Whether to write the page; the tables and the record are always written.

    Raises:
        RunError: The report cannot be written there.
    """
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)
        draft = directory / f".draft-{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            if html:
                text = page.render(result)
                (draft / PAGE).write_text(text, encoding="utf-8", newline="\n")
            _tables(result, draft)
            if extra is not None:
                extra(draft)
            folder = _publish(result, draft, directory)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    _point(directory / LATEST, folder)
    return folder


def prepare(directory: Path) -> None:
    """Make sure that a report can be written, before the run that is to be reported; leaves nothing behind.

    Raises:
        RunError: It cannot.
    """
    with _told(directory):
        nearest = next(folder for folder in (directory, *directory.parents) if folder.exists())
        draft = nearest / f".draft-{uuid.uuid4().hex}"
        draft.mkdir()
        draft.rmdir()


def resolve(folder: Path) -> Path:
    """The run folder a path leads to: itself, or what `latest` names, be that a link or a text file.

    Raises:
        RunError: There is no report.
    """
    found = folder
    if folder.is_symlink():
        found = folder.parent / folder.readlink()
    elif folder.is_file():
        found = folder.parent / folder.read_text(encoding="utf-8").strip()
    if not (found / "result.json").is_file():
        raise RunError(
            "no report here",
            where=str(folder),
            remedy="run `framework node run NODE.yaml`, or name a folder that holds a result.json",
        )
    return found


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """What the file system says about the folder, in words."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise RunError(
            "the report could not be written: something that is no folder has its name, or a parent's",
            where=str(directory),
            remedy="name another `directory:` under `report:`, or move away what is there",
        ) from error
    except OSError as error:
        raise RunError(
            f"the report could not be written: {error.strerror or error}",
            where=str(directory),
            remedy="name a `directory:` that can be written to under `report:`, with some megabytes free",
        ) from error


def _tables(result: Result, folder: Path) -> None:
    parquet.write(folder / "orders.parquet", result.orders, key="client_order_id")
    parquet.write(folder / "fills.parquet", result.fills, key="client_order_id")
    parquet.write(folder / "positions.parquet", result.positions, key="position_id", without=("events",))
    parquet.write(folder / "equity.parquet", result.equity, key="ts")
    parquet.write_decisions(folder / "decisions.parquet", result.decisions)


def _publish(result: Result, draft: Path, directory: Path) -> Path:
    """Rename the draft to the first free name, which its `result.json` already states."""
    name = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{result.result_hash[:8]}"
    attempt = 1
    while True:
        folder = directory / (name if attempt == 1 else f"{name}-{attempt}")
        record = summary.facts(result.reported(folder))
        (draft / "result.json").write_text(_json(record), encoding="utf-8", newline="\n")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            attempt += 1
        else:
            return folder


def _point(latest: Path, folder: Path) -> None:
    """Lead `latest` to the run: a relative link, or a text file where the system allows no links."""
    fresh = latest.with_name(f".{LATEST}-{uuid.uuid4().hex}")
    try:
        try:
            fresh.symlink_to(folder.name, target_is_directory=True)
        except OSError:
            fresh.write_text(f"{folder.name}\n", encoding="utf-8")
        fresh.replace(latest)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise RunError(
            f"the report is complete in {folder}, and `latest` cannot lead to it: {error.strerror or error}",
            where=str(latest),
            remedy="move away what has that name; only reports belong in this folder",
        ) from error


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
