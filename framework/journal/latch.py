"""The kill latch on disk: any process sets it, the node sees it, a person takes it off, a restart keeps it.

One folder, one file for each thing that is latched. That a file is there is the latch; what it says is only
why. So nothing has to be read, changed and written back, no lock can be held by a process that hangs, and a
file that was torn or damaged still holds. A damaged file, or a folder that is gone, holds everything.

    >>> latches = Latches(folder / "latch")
    >>> latches.set("strategy:vwap", who="anna", why="wrong prices")
    >>> latches.holds(strategy="vwap", venue="SIM").why
    'wrong prices'
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from copy import replace
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from framework.errors import ConfigError, JournalError
from framework.journal.heads import sync_folder, write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = "all"
KINDS = ("venue", "strategy")
SETTLED = 2_000_000_000
"""Nanoseconds after which the time stamp of a folder can be trusted to differ after the next change."""

LONGEST = 500


@dataclass(frozen=True, slots=True)
class LatchRecord:
    """One thing that is stopped.

    Attributes:
        scope: `all`, `venue:NAME` or `strategy:ID`.
        who: The person or the process.
        why: In words for the trader.
        ts: When, nanoseconds since the epoch, UTC.
        flat: Whether positions are kept closed while it holds, or left as they are.
    """

    scope: str
    who: str
    why: str
    ts: int
    flat: bool = False


class Latches:
    """The latches of one node.

    Args:
        folder: Made when it is not there.
        clock: Nanoseconds since the epoch, UTC.

    Raises:
        JournalError: The folder cannot be made.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self._held: dict[str, LatchRecord] = {}
        try:
            (self._folder / "resumed").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failed(self._folder, error) from error

    def set(self, scope: str, *, who: str, why: str, flat: bool = False) -> bool:
        """Latch; when this returns, the latch is on the disk and survives whatever happens.

        Args:
            scope: `all`, `venue:NAME` or `strategy:ID`.
            who: The person or the process.
            why: In words for the trader.
            flat: Whether positions are to be kept closed; a latch that left them keeps them closed then.

        Returns:
            True when the scope was not latched before; the first latch stays, with its reason.

        Raises:
            ConfigError: There is no such scope.
            JournalError: It cannot be written. Stop the node by other means.
        """
        file = self._file(scope)
        record = LatchRecord(scope, _short(who), _short(why), self._clock(), flat)
        part = file.with_name(f".{os.getpid()}.{time.monotonic_ns()}.part")
        try:
            with part.open("w", encoding="utf-8") as stream:
                json.dump(asdict(record), stream)
                stream.flush()
                # In place first: others see it before the disk does, and the disk is asked once for both.
                fresh = _place(part, file)
                os.fsync(stream.fileno())
            sync_folder(self._folder)
            if flat and not fresh:
                _keep_flat(scope, file)
        except OSError as error:
            raise _failed(file, error) from error
        finally:
            part.unlink(missing_ok=True)
        return fresh

    def resume(self, scope: str, *, who: str, why: str) -> LatchRecord | None:
        """Take one latch off; what it was, by whom and why it was taken off stays in `resumed/`.

        Returns:
            The latch, or None when the scope was not latched. A wider latch may still hold.

        Raises:
            ConfigError: There is no such scope.
            JournalError: It cannot be taken off.
        """
        file = self._file(scope)
        if not file.exists():
            return None
        latch = _read(file)
        now = self._clock()
        story = {**asdict(latch), "resumed": {"who": _short(who), "why": _short(why), "ts": now}}
        try:
            write_durably(self._folder / "resumed" / f"{now}-{file.name}", json.dumps(story).encode())
            file.unlink()
            sync_folder(self._folder)
        except OSError as error:
            raise _failed(file, error) from error
        return latch

    def resumed(self, scope: str) -> LatchRecord | None:
        """Who took the latch off last, why and when; None when nobody has."""
        stories = sorted(
            (self._folder / "resumed").glob(f"*-{self._file(scope).name}"),
            key=lambda story: int(story.name.partition("-")[0]),
        )
        if not stories:
            return None
        facts = json.loads(stories[-1].read_bytes())["resumed"]
        return LatchRecord(scope, str(facts["who"]), str(facts["why"]), int(facts["ts"]))

    def holds(self, *, strategy: str = "", venue: str = "") -> LatchRecord | None:
        """The latch that stops new risk of the strategy at the venue, or None; cheap enough to ask often.

        Of several the widest, and one that keeps positions closed before all others.
        """
        held = self.current()
        if not held:
            return None
        scopes = (ALL, f"venue:{venue}", f"strategy:{strategy}")
        ours = (held[scope] for scope in scopes if scope in held)
        return min(ours, key=lambda record: not record.flat, default=None)

    def written(self, scope: str) -> LatchRecord | None:
        """The latch in the file of this scope; None when there is none, whatever else may hold it."""
        try:
            record = _read(self._file(scope))
        except OSError:
            return None
        return record if record.scope == scope else None

    def current(self) -> dict[str, LatchRecord]:
        """Every latch by scope, in the order they were set; looks at the folder only when it has changed."""
        try:
            stat = os.stat(self._folder)  # noqa: PTH116 - half the time of Path.stat, on every order
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen == self._seen:
                return self._held
            held = self._listed()
        except OSError as error:
            record = LatchRecord(ALL, "the latch", f"its folder cannot be read: {error}", self._clock())
            self._seen, self._held = None, {ALL: record}
            return self._held
        # Two changes within one tick of the file system's clock have one time stamp.
        settled = abs(time.time_ns() - stat.st_mtime_ns) > SETTLED
        self._seen, self._held = (seen if settled else None), held
        return held

    def _listed(self) -> dict[str, LatchRecord]:
        records = []
        for file in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # taken off a moment ago
                records.append(_read(file))
        return {record.scope: record for record in sorted(records, key=lambda one: (one.ts, one.scope))}

    def _file(self, scope: str) -> Path:
        """The file of a scope: its name can be read, and no two scopes share one on any file system."""
        kind, _, name = scope.partition(":")
        if scope != ALL and (
            kind not in KINDS or not name or not scope.isprintable() or len(scope) > LONGEST
        ):
            raise ConfigError(
                f"nothing can be latched that is called {scope!r}",
                remedy="Name all, venue:NAME or strategy:ID.",
            )
        letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in scope)
        return self._folder / f"{letters[:80]}-{hashlib.sha256(scope.encode()).hexdigest()[:12]}.json"


def _place(part: Path, file: Path) -> bool:
    """Give the written file its name; False when the name is taken."""
    try:
        os.link(part, file)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: an empty file holds too, until it is replaced
        try:
            file.touch(exist_ok=False)
        except FileExistsError:
            return False
        part.replace(file)
    return True


def _keep_flat(scope: str, file: Path) -> None:
    """Have a latch keep positions closed; a damaged one stays as it is, and one that is gone stays gone."""
    try:
        known = _read(file)
    except FileNotFoundError:
        return
    if known.scope == scope and not known.flat:
        write_durably(file, json.dumps(asdict(replace(known, flat=True))).encode())


def _read(file: Path) -> LatchRecord:
    """The latch a file speaks of; one that cannot be read holds everything, one that is gone raises."""
    text = b""
    try:
        text = file.read_bytes()
        facts = json.loads(text)
        scope, who, why = str(facts["scope"]), str(facts["who"]), str(facts["why"])
        record = LatchRecord(scope, who, why, int(facts["ts"]), facts.get("flat") is True)
    except (ValueError, KeyError, TypeError):
        return LatchRecord(
            ALL,
            "the latch",
            f"{file.name} is damaged, so everything is held: resume what it is named after",
            0,
        )
    return record


def _short(text: str) -> str:
    return str(text)[:LONGEST].encode(errors="replace").decode()


def _failed(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"the kill latch cannot be written: {type(error).__name__}: {error}",
        where=str(path),
        remedy="Stop the node's process, and cancel and close at the venue by hand.",
    )
