"""Small journals, and changing them behind the writer's back."""

import itertools

import apsw
import pytest

from framework.journal import Journal

HOUR = 3_600_000_000_000
MORNING = 1_763_683_200_000_000_000
"""2025-11-21 00:00 UTC."""


class Clock:
    """Stands where a test puts it."""

    def __init__(self, now=MORNING):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def written(path, clock):
    """A journal of seven rows over two days and a bit, closed in order."""
    with Journal.open(path, session="s1", clock=clock) as journal:
        journal.append("session_started", {"mode": "paper"})
        for number in range(1, 6):
            clock.now += 11 * HOUR
            journal.append("intent", {"action": "cancel"}, strategy="vwap", order_id=f"O-{number}")
        journal.append("session_ended", {})
    return path


@pytest.fixture
def tamper():
    """Runs SQL on a journal the way somebody with the file and no framework would."""

    def run(path, *statements):
        connection = apsw.Connection(str(path))
        for statement in itertools.chain(statements, ["PRAGMA wal_checkpoint(TRUNCATE)"]):
            connection.execute(statement).fetchall()
        connection.close()

    return run
