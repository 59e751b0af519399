"""The exchange's own memory: an append-only log of events that survives the process.

One SQLite file, one connection, a full sync at every commit. Rows are never changed or deleted; the file
itself refuses it.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from framework_simexchange.server.matching import Event

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, ns INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class Truth:
    """The log; in memory when there is no path."""

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(":memory:" if path is None else path, timeout=1.0, isolation_level=None)
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)

    def append(self, events: Sequence[Event]) -> None:
        """Write events, all or none; they are on the disk when this returns."""
        if not events:
            return
        rows = [(e["seq"], e["ns"], e["kind"], json.dumps(e["body"], sort_keys=True)) for e in events]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def read(self, after: int = 0, limit: int = -1) -> Iterator[Event]:
        """Events after a sequence number, in order."""
        rows = self._db.execute(
            "SELECT seq, ns, kind, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        )
        for seq, ns, kind, body in rows:
            yield {"seq": seq, "ns": ns, "kind": kind, "body": json.loads(body)}

    def close(self) -> None:
        """Close the file."""
        self._db.close()
