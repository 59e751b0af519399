"""The audit log: who changed what, and who was turned away; never a key, a code or a password."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework_mt5_server.keys import Key
    from framework_mt5_server.store import Store

MASKS = (
    (re.compile(r"fmk_([0-9a-f]{1,12})?[A-Za-z0-9_\-]*"), r"fmk_\1_***"),
    (re.compile(r"(?i)(password|secret|authorization|x-totp|x-signature)(\W+)\S+"), r"\1\2***"),
)
DETAIL_CHARACTERS = 500
KEPT = 100_000
CUT_EVERY = 1_000


class Audit:
    """Rows in the store; the oldest go when there are too many."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted = 0

    def note(self, key: Key | None, address: str, what: str, status: int, detail: str = "") -> None:
        """Write a row."""
        self._store.run(
            "INSERT INTO audit (at_ms, key_id, address, what, status, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (
                int(time.time() * 1000),
                None if key is None else key.id,
                address,
                masked(what)[:DETAIL_CHARACTERS],
                status,
                masked(detail)[:DETAIL_CHARACTERS],
            ),
        )
        self._noted += 1
        if self._noted % CUT_EVERY == 0:
            self._store.run("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?", (KEPT,))

    def rows(self, after: int, limit: int) -> list[dict[str, object]]:
        """Rows after a number, oldest first."""
        found = self._store.all("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        return [dict(row) for row in found]


def masked(text: str) -> str:
    """A text without anything that opens a door, and on one line."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return "".join(character if character.isprintable() else " " for character in text)
