"""Reading a journal, also one that another process is writing at this moment.

Rows are read in batches, each a short transaction of its own: a reader that held one for long would keep the
writer from reusing its log, and the file would grow.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import apsw

from framework.errors import JournalError
from framework.journal.heads import End
from framework.journal.rows import GENESIS, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from framework.journal.heads import Mark

BATCH = 2_000
COLUMNS = "seq, ts, kind, session, strategy, order_id, body, hash"
PATIENCE = 5_000
"""Milliseconds a reader waits for a writer that is just opening or closing the file."""
STEPS = 10_000
"""Of SQLite's instructions, between two calls of `on_work`: some hundreds of rows."""


def read(
    path: Path,
    *,
    after: int = 0,
    kinds: Iterable[str] = (),
    strategy: str | None = None,
    order_id: str | None = None,
    since: int | None = None,
    on_work: Callable[[], None] | None = None,
) -> Iterator[Row]:
    """The rows of a journal in the order they were written.

    What is in `archive` files is not among them; `framework.journal.archives.history` reads those too.

    Args:
        path: The journal.
        after: Only rows with a larger `seq`.
        kinds: Only rows of these kinds; of all without any.
        strategy: Only rows of this strategy.
        order_id: Only rows of this order.
        since: Only rows written at or after this time, nanoseconds since the epoch, UTC.
        on_work: Called now and then while it is read, also where no row comes of it.

    Raises:
        JournalError: There is no such file, it is no journal, or it is damaged.
    """
    kinds = tuple(kinds)
    conditions = ["seq > ?"]
    values: list[Any] = []
    if kinds:
        conditions.append(f"kind IN ({', '.join('?' * len(kinds))})")
        values += kinds
    for column, operator, wanted in (
        ("strategy", "=", strategy),
        ("order_id", "=", order_id),
        ("ts", ">=", since),
    ):
        if wanted is not None:
            conditions.append(f"{column} {operator} ?")
            values.append(wanted)
    query = f"SELECT {COLUMNS} FROM rows WHERE {' AND '.join(conditions)} ORDER BY seq LIMIT {BATCH}"  # noqa: S608 - nothing of the caller's is in it
    with opened(path, on_work) as connection:
        while True:
            batch, error = _query(connection, query, (after, *values))
            yield from batch
            if error is not None:
                raise _unreadable(path, error)
            if len(batch) < BATCH:
                return
            after = batch[-1].seq


def follow(path: Path, *, after: int = 0, pause: float = 0.2, **wanted: Any) -> Iterator[Row]:
    """The rows of a journal, and then those that are written, for ever.

    Args:
        path: The journal.
        after: Only rows with a larger `seq`.
        pause: Seconds between two looks.
        wanted: As in `read`.

    Raises:
        JournalError: As in `read`.
    """
    while True:
        for row in read(path, after=after, **wanted):
            after = row.seq
            yield row
        time.sleep(pause)


def end_of(connection: apsw.Connection) -> End:
    """The last row, or what stands before the first one when there are none.

    Raises:
        apsw.Error: It cannot be read.
        ValueError: What is there is no journal's.
    """
    for seq, hashed in connection.execute("SELECT seq, hash FROM rows ORDER BY seq DESC LIMIT 1"):
        if type(hashed) is bytes:
            return End(seq, hashed)
        raise ValueError(f"row {seq} has no hash")
    return base_of(connection)


def base_of(connection: apsw.Connection) -> End:
    """The last row that was archived and removed; 0 and the beginning of every chain when none was.

    Raises:
        apsw.Error: It cannot be read.
        ValueError: What is there is no journal's.
    """
    facts: dict[str, str] = dict(connection.execute("SELECT name, value FROM meta"))
    if facts.get("format") != "1":
        raise ValueError(f"its format is {facts.get('format')!r}, and this version reads '1'")
    base = End(int(facts["base_count"]), bytes.fromhex(facts["base_hash"]))
    if base.count < 0 or (base.count == 0) != (base.hash == GENESIS):
        raise ValueError("what it says of its archived rows cannot be")
    return base


def is_empty(path: Path) -> bool:
    """True when there is no file, or one whose writer was killed before it held a table.

    SQLite makes the file in two steps: the first page under a rollback journal, then the tables in the log.
    Between them a reader is refused, since it may not roll back, and what it would roll back is nothing.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return True
    try:
        connection = _connect(path)
        try:
            tables: int = connection.execute("SELECT count(*) FROM sqlite_master").get
        finally:
            connection.close()
    except apsw.Error:
        return False  # something is in it; whoever reads it says what
    return tables == 0


def never_written(path: Path, mark: Mark | None) -> bool:
    """True when no row ever was in the journal: none is there, and its mark knows of none."""
    return not (mark and mark.written.count) and is_empty(path)


@contextmanager
def opened(path: Path, on_work: Callable[[], None] | None = None) -> Iterator[apsw.Connection]:
    """A connection that can only read.

    Args:
        path: The journal.
        on_work: Called now and then while SQLite works on it.

    Raises:
        JournalError: There is no such file, or it is no journal.
    """
    if not path.is_file():
        raise no_row(path)
    connection = _connect(path)
    try:
        connection.set_busy_timeout(PATIENCE)
        tell_of_work(connection, on_work)
        try:
            base_of(connection)
        except (apsw.Error, ValueError, KeyError) as error:
            raise (no_row(path) if is_empty(path) else _unreadable(path, error)) from None
        yield connection
    finally:
        connection.close()


def tell_of_work(connection: apsw.Connection, on_work: Callable[[], None] | None) -> None:
    """Have somebody told now and then while SQLite works; nobody any more when it is None."""

    def going_on() -> bool:
        if on_work is not None:
            on_work()
        return False

    connection.set_progress_handler(None if on_work is None else going_on, STEPS)


def _connect(path: Path) -> apsw.Connection:
    """Open for reading; a file in a folder that cannot be written has no log beside it to look at."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("SELECT 1 FROM meta").fetchall()
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        connection.close()
        return apsw.Connection(
            f"{path.absolute().as_uri()}?immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
    except apsw.Error:
        pass  # said again, and better, by whoever asks
    return connection


def _query(
    connection: apsw.Connection, query: str, values: tuple[Any, ...]
) -> tuple[list[Row], Exception | None]:
    """The rows up to the first that cannot be read, and why not."""
    rows: list[Row] = []
    try:
        rows.extend(Row(*found) for found in connection.execute(query, values))
    except (apsw.Error, UnicodeDecodeError) as error:
        return rows, error
    return rows, None


def no_row(path: Path) -> JournalError:
    """There is no file, or no row ever was in it."""
    if not path.is_file():
        return JournalError("there is no journal", where=str(path), remedy="Name the journal.db of a node.")
    return JournalError(
        "there is no journal: the file holds nothing, as when a process is killed while it makes it",
        where=str(path),
        remedy="Start the node: it goes on with this file, and says so if there ever were rows in it.",
    )


def _unreadable(path: Path, error: Exception) -> JournalError:
    return JournalError(
        f"the journal cannot be read: {type(error).__name__}: {error}",
        where=str(path),
        remedy="framework journal verify says what is damaged, and --repair saves what is not.",
    )
