"""The journal: what the node meant to do, did and was told, on disk before anyone else learns of it.

    >>> journal = Journal.open(folder / "journal.db", session="2026-11-21-1")
    >>> journal.append("intent", {"action": "submit", "order": order.to_dict()}, order_id="O-1")

One process writes. Any other may read at the same time, with `read`, `follow` and `verify`. `recovery` turns
what is written into the state a node starts from, and `latch` is the kill switch that outlives the node.

The file belongs to `apsw`: opening it with Python's own `sqlite3` in the node's process would drop its locks.
"""

from __future__ import annotations

from framework.journal.heads import read_key
from framework.journal.reading import follow, read
from framework.journal.rows import KINDS, Kind, Row
from framework.journal.store import Journal
from framework.journal.verify import Finding, Verdict, verify

__all__ = [
    "KINDS",
    "Finding",
    "Journal",
    "Kind",
    "Row",
    "Verdict",
    "follow",
    "read",
    "read_key",
    "verify",
]
