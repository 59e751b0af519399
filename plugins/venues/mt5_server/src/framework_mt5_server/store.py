"""What must survive a crash, in one SQLite file: intents, answers, keys, the second factor, the audit log.

The file is in SQLite's rollback mode and synced at every commit: a second process, such as the one that makes
a key, may write to it while the server runs.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    client_id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, request TEXT NOT NULL, tag TEXT NOT NULL,
    magic INTEGER NOT NULL, state TEXT NOT NULL, answer TEXT, ticket INTEGER UNIQUE, position INTEGER,
    made_ms INTEGER NOT NULL, done_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS unsettled ON orders (state) WHERE state IN ('INTENT', 'IN_DOUBT');
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, scope TEXT NOT NULL, hash TEXT NOT NULL, label TEXT NOT NULL, signer TEXT,
    made_ms INTEGER NOT NULL, revoked_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS factor (
    one INTEGER PRIMARY KEY CHECK (one = 1), secret TEXT NOT NULL, last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL, locked_until_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS nonces (
    key_id TEXT NOT NULL, nonce TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (key_id, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS flags (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, key_id TEXT, address TEXT,
    what TEXT NOT NULL, status INTEGER NOT NULL, detail TEXT
) STRICT;
"""


class Store:
    """The file; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=10, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        if fresh:
            path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards, or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """One statement that changes something."""
        with self.change() as connection:
            connection.execute(sql, values)

    def one(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Every row."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def flag(self, name: str) -> str:
        """A flag's value; empty when it was never set."""
        row = self.one("SELECT value FROM flags WHERE name = ?", (name,))
        return "" if row is None else str(row["value"])

    def raise_flag(self, name: str, value: str) -> None:
        """Set a flag."""
        self.run(
            "INSERT INTO flags VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
