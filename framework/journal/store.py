"""The writer: rows in SQLite, one process, one connection, each row durable in the way its kind needs.

SQLite keeps a write-ahead log. An intent is on the disk when `append` returns (`synchronous=FULL`): the order
may leave. An event is with the operating system when `append` returns (`synchronous=NORMAL`): a killed
process does not lose it, a machine that loses power may, until the next intent or `flush` puts both on disk.

Whatever goes wrong while writing ends the journal: no later append succeeds, so that no order leaves without
a record of it. What to do then, such as letting cancels go on, is for the caller to say.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import apsw

from framework.errors import JournalError
from framework.journal.heads import (
    DAY,
    End,
    HeadDamaged,
    Mark,
    MarkFile,
    day_of,
    mark_path,
    read_mark,
    sync_folder,
    write_day,
)
from framework.journal.reading import base_of, end_of, never_written, tell_of_work
from framework.journal.rows import GENESIS, KINDS, LONGEST_BODY, Kind, Row, canonical, chained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

DURABLE: frozenset[str] = frozenset(KINDS) - {"sent", "event", "mark", "clock"}
"""Kinds that are on the disk when `append` returns."""

SCHEMA = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, kind TEXT NOT NULL, session TEXT NOT NULL,
    strategy TEXT NOT NULL, order_id TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT OR IGNORE INTO meta VALUES ('format', '1'), ('base_count', '0'), ('base_hash', '{GENESIS.hex()}'),
    ('flushes', '0');
COMMIT;
"""  # noqa: S608 - nothing but our own constant is in it
INSERT = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
LONGEST_NAME = 256
RELEASE_BATCH = 1_000

type Entry = tuple[Kind, Mapping[str, Any], str, str]
"""Kind, body, strategy and client order id."""


class Journal:
    """An open journal. Use `Journal.open`.

    Attributes:
        path: Its file.
        session: The run of the node that writes it.
        end: The last row.
        failure: What ended it, or None while it can be written.
    """

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        lock: apsw.Connection,
        mark: MarkFile,
        *,
        session: str,
        clock: Callable[[], int],
        synchronous: str,
        key: bytes | None,
        mask: Callable[[str], str] | None,
    ) -> None:
        self.path = path
        self.session = session
        self.failure: JournalError | None = None
        self._connection = connection
        self._process_lock = lock
        self._mark_file = mark
        self._clock = clock
        self._full = synchronous
        self._level = ""
        self._key = key
        self._mask = mask
        self._lock = threading.RLock()
        self.end = end_of(connection)
        self._mark = Mark(self.end, self.end)
        self._day = self._latest() // DAY

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        session: str,
        clock: Callable[[], int] = time.time_ns,
        synchronous: str = "FULL",
        key: bytes | None = None,
        mask: Callable[[str], str] | None = None,
        on_work: Callable[[], None] | None = None,
    ) -> Self:
        """Open a journal for writing, making it when there is none; every row in it is checked first.

        Rows that a machine without power lost before they were on the disk are gone without having been
        acknowledged as durable; a `recovery` row says how many. Anything else that is wrong is refused.

        Args:
            path: The file; `.head`, `.heads` and `.lock` appear beside it.
            session: The run of the node, such as its start time and process.
            clock: Nanoseconds since the epoch, UTC.
            synchronous: SQLite's word for how durable an intent is: FULL, or for tests NORMAL or OFF.
            key: Signs the heads; see `read_key`.
            mask: Applied to every text that is written; it hides secrets.
            on_work: Called once no other process can write the journal, and now and then while it is checked.

        Raises:
            JournalError: It cannot be opened, is damaged, or is being written by another process.
            ValueError: An argument is not what it should be.
        """
        if synchronous not in {"FULL", "NORMAL", "OFF"}:
            raise ValueError(f"synchronous is {synchronous!r}; pass FULL, NORMAL or OFF")
        _refuse_name("session", session)
        path = Path(path).absolute()
        lock = _locked(path)
        connection = None
        mark_file = None
        try:
            if on_work is not None:
                on_work()
            mark = _trusted(path, key, on_work)
            connection = connect(path)
            tell_of_work(connection, on_work)
            mark_file = MarkFile(path, key)
            journal = cls(
                path,
                connection,
                lock,
                mark_file,
                session=session,
                clock=clock,
                synchronous=synchronous,
                key=key,
                mask=mask,
            )
            sync_folder(path.parent)
            journal._begin(mark)
            tell_of_work(connection, None)
        except (apsw.Error, OSError, ValueError) as error:
            _close(mark_file, connection, lock)
            raise _refused(path, error) from error
        except BaseException:
            _close(mark_file, connection, lock)
            raise
        return journal

    def append(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        strategy: str = "",
        order_id: str = "",
        durable: bool | None = None,
    ) -> Row:
        """Write one row.

        Args:
            kind: What it is.
            body: What it says; see `canonical` for how it is kept.
            strategy: The strategy's `id:`, or an empty string.
            order_id: The client order id, or an empty string.
            durable: True returns when it is on the disk, False when a killed process cannot lose it any
                more; by default as the kind needs.

        Raises:
            JournalError: It could not be written, or the journal has failed before.
            ValueError: It cannot be a row; nothing was written, and the journal goes on.
        """
        return self.append_many([(kind, body, strategy, order_id)], durable=durable)[0]

    def append_many(self, entries: Iterable[Entry], *, durable: bool | None = None) -> list[Row]:
        """Write several rows in one commit: all of them or none.

        Args:
            entries: Kind, body, strategy and client order id of each.
            durable: As in `append`; by default when any of them needs it.

        Raises:
            JournalError: They could not be written, or the journal has failed before.
            ValueError: One of them cannot be a row; nothing was written, and the journal goes on.
        """
        with self._lock:
            self._refuse_when_failed()
            rows = self._chained(entries)
            if not rows:
                return rows
            if durable is None:
                durable = any(row.kind in DURABLE for row in rows)
            try:
                self._turn_day(rows[-1].ts)
                self._write(rows, durable=durable)
            except (apsw.Error, OSError, MemoryError) as error:
                raise self._fail(error) from error
            except BaseException:
                self._fail(RuntimeError("it was interrupted while it wrote"))
                raise
            return rows

    def flush(self) -> None:
        """Return when every row is on the disk.

        Raises:
            JournalError: They are not, or the journal has failed before.
        """
        with self._lock:
            self._refuse_when_failed()
            try:
                self._sync()
            except (apsw.Error, OSError, MemoryError) as error:
                raise self._fail(error) from error

    def release(self, through: End) -> None:
        """Remove the first rows, which are kept elsewhere, a few at a time so that appends go on between.

        Args:
            through: The last row to remove.

        Raises:
            JournalError: There is no such row, nothing would be left, or the journal has failed.
        """
        with self._lock:
            self._refuse_when_failed()
            if through.count >= self.end.count or self._hash(through.count) != through.hash:
                raise JournalError(
                    f"rows 1 to {through.count} cannot be removed: the last is not what was archived, "
                    "or nothing would be left",
                    where=str(self.path),
                    remedy="framework journal verify says what is wrong.",
                )
            first = base_of(self._connection).count + 1
        for last in range(first + RELEASE_BATCH, through.count + 1, RELEASE_BATCH):
            self._release(last)
        self._release(through.count)

    def close(self) -> None:
        """Put every row on the disk, fold the log into the file and let go of it; a second time does nothing.

        Raises:
            JournalError: The last rows could not be put on the disk.
        """
        with self._lock:
            if self._closed():
                return
            try:
                if self.failure is None:
                    self.flush()
                    self._mark_file.sync()
            finally:
                _close(self._mark_file, self._connection, self._process_lock)
                self.failure = self.failure or JournalError("the journal is closed", where=str(self.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, mark: Mark | None) -> None:
        """Write the mark, the heads that are missing, and what a power failure took."""
        self._write_mark(durable=True)
        self._mark_file.sync()
        self._turn_day(self._clock())
        lost = mark.written.count - self.end.count if mark else 0
        if lost > 0:
            self.append(
                "recovery",
                {
                    "found": "rows that were written and not yet on the disk are gone",
                    "first_lost": self.end.count + 1,
                    "lost": lost,
                },
            )

    def _chained(self, entries: Iterable[Entry]) -> list[Row]:
        """The rows that would be written, tied to the last one."""
        rows = []
        now, end = self._clock(), self.end
        for kind, body, strategy, order_id in entries:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no kind of row; it is one of {', '.join(KINDS)}")
            _refuse_name("strategy", strategy)
            _refuse_name("order_id", order_id)
            text = canonical(body, self._mask)
            if len(text) > LONGEST_BODY:
                raise ValueError(f"the body of this {kind} row is longer than {LONGEST_BODY:,} bytes")
            seq = end.count + 1
            hashed = chained(end.hash, seq, now, kind, self.session, strategy, order_id, text)
            rows.append(Row(seq, now, kind, self.session, strategy, order_id, text, hashed))
            end = End(seq, hashed)
        return rows

    def _write(self, rows: list[Row], *, durable: bool) -> None:
        self._synchronous(self._full if durable else "NORMAL")
        values = [
            (row.seq, row.ts, row.kind, row.session, row.strategy, row.order_id, row.body, row.hash)
            for row in rows
        ]
        if len(values) == 1:
            self._connection.execute(INSERT, values[0])
        else:
            with self._connection:
                self._connection.executemany(INSERT, values)
        self.end = End(rows[-1].seq, rows[-1].hash)
        self._write_mark(durable=durable)

    def _write_mark(self, *, durable: bool) -> None:
        self._mark = Mark(self.end, self.end if durable else self._mark.synced)
        self._mark_file.write(self._mark)

    def _sync(self) -> None:
        """Put every row on the disk: a commit that is durable takes all before it along."""
        if self._mark.synced != self._mark.written:
            self._synchronous(self._full)
            self._connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'flushes'")
            self._write_mark(durable=True)

    def _synchronous(self, level: str) -> None:
        level = "OFF" if self._full == "OFF" else level
        if level != self._level:
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._level = level

    def _turn_day(self, ts: int) -> None:
        """Write the head of the day that is over, before the first row of the next."""
        if ts // DAY <= self._day:
            return
        if self.end.count:
            self._sync()
            write_day(self.path, day_of(self._day * DAY), self.end, self._key)
        self._day = ts // DAY

    def _latest(self) -> int:
        """The latest time of any row: the clock may have been set back since."""
        latest: int | None = self._connection.execute("SELECT max(ts) FROM rows").get
        return latest or 0

    def _hash(self, seq: int) -> bytes | None:
        found: bytes | None = self._connection.execute("SELECT hash FROM rows WHERE seq = ?", (seq,)).get
        return found

    def _release(self, last: int) -> None:
        with self._lock:
            self._refuse_when_failed()
            hashed = self._hash(last)
            if hashed is None:  # removed before
                return
            try:
                self._synchronous(self._full)
                with self._connection:
                    self._connection.execute(
                        "UPDATE meta SET value = CASE name WHEN 'base_count' THEN ? ELSE ? END "
                        "WHERE name IN ('base_count', 'base_hash')",
                        (str(last), hashed.hex()),
                    )
                    self._connection.execute("DELETE FROM rows WHERE seq <= ?", (last,))
            except (apsw.Error, OSError, MemoryError) as error:
                raise self._fail(error) from error

    def _refuse_when_failed(self) -> None:
        if self.failure is not None:
            raise JournalError(
                self.failure.message, where=self.failure.where, remedy=self.failure.remedy
            ) from self.failure.__cause__

    def _fail(self, error: BaseException) -> JournalError:
        """End the journal; what is written stays written."""
        self.failure = JournalError(
            f"the journal can no longer be written: {type(error).__name__}: {error}",
            where=str(self.path),
            remedy="No new order leaves. Make room on the disk or see to it, then start the node again.",
        )
        self.failure.__cause__ = error
        return self.failure

    def _closed(self) -> bool:
        return self.failure is not None and self.failure.message == "the journal is closed"


def _locked(path: Path) -> apsw.Connection:
    """Held for as long as the journal is open, and let go of by the system however the process ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = apsw.Connection(str(path.with_name(f"{path.name}.lock")))
        lock.execute("BEGIN EXCLUSIVE")
    except apsw.BusyError:
        raise JournalError(
            "another process writes this journal",
            where=str(path),
            remedy="One node writes one journal: stop the other, or give this one another folder.",
        ) from None
    except (apsw.Error, OSError) as error:
        raise _refused(path, error) from error
    return lock


def connect(path: Path) -> apsw.Connection:
    """A connection that writes; the tables are made when there are none."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(1_000)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
        connection.execute(SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _close(mark: MarkFile | None, connection: apsw.Connection | None, lock: apsw.Connection) -> None:
    for part in (mark, connection, lock):
        if part is not None:
            part.close()


def _trusted(path: Path, key: bytes | None, on_work: Callable[[], None] | None) -> Mark | None:
    """The mark of a journal in which nothing is wrong, or nothing but a tail lost with the power.

    Raises:
        JournalError: Something else is wrong.
    """
    from framework.journal.verify import verify  # noqa: PLC0415 - verify reads what this module writes

    mark = _mark(path, key)
    if never_written(path, mark):
        return None
    verdict = verify(path, key=key, archives=False, on_work=on_work)
    wrong = [finding for finding in verdict.errors if finding.check != "tail"]
    if wrong:
        raise JournalError(
            f"the journal is damaged: {wrong[0].where}: {wrong[0].message}",
            where=str(path),
            remedy="framework journal verify says more, and --repair saves what is intact.",
        )
    return mark


def _mark(path: Path, key: bytes | None) -> Mark | None:
    try:
        return read_mark(path, key)
    except HeadDamaged as error:
        raise JournalError(
            f"the journal's mark cannot be trusted: {error}",
            where=str(mark_path(path)),
            remedy="framework journal verify says more, and --repair saves what is intact.",
        ) from None


def _refuse_name(what: str, name: str) -> None:
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError(f"{what} {name!r} is not one line of text of at most {LONGEST_NAME} characters")


def _refused(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal cannot be opened: {type(error).__name__}: {error}",
        where=str(path),
        remedy="framework journal verify says what is wrong with a damaged one.",
    )
