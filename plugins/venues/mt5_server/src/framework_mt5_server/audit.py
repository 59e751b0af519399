"""The audit log: who changed what, and who was turned away; never a key, a code or a password.

Whoever has no key can be turned away as often as they like. So of each kind of refusal `FIRST` have a row of
their own, and one more a minute; the others are counted, and a row a minute says how many they were.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING

from framework_mt5_server.rates import Bucket

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
FIRST = 20
SUM_SECONDS = 60.0


class Audit:
    """Rows in the store; the oldest go when there are too many."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted = 0
        self._buckets: dict[str, Bucket] = {}
        self._counted: Counter[str] = Counter()
        self._since = 0.0

    def note(self, key: Key | None, address: str, what: str, status: int, detail: str = "") -> None:
        """Write a row."""
        self._sum_up(SUM_SECONDS)
        self._write(key, address, what, status, detail)

    def refused(
        self, key: Key | None, address: str, what: str, status: int, code: str, detail: str = ""
    ) -> None:
        """Write a row for a request that was turned away, or count it, when its code comes too often."""
        if self._buckets.setdefault(code, Bucket(1 / SUM_SECONDS, FIRST)).wait():
            self._since = self._since if self._counted else time.monotonic()
            self._counted[code] += 1
            self._sum_up(SUM_SECONDS)
        else:
            self.note(key, address, what, status, detail or code)

    def _sum_up(self, seconds: float) -> None:
        """Write how many refusals have no row, once the first of them is so old."""
        if self._counted and time.monotonic() - self._since >= seconds:
            counts = ", ".join(f"{code} {count}" for code, count in sorted(self._counted.items()))
            self._counted.clear()
            self._write(None, "", "refused, and not written one by one", 0, counts)

    def _write(self, key: Key | None, address: str, what: str, status: int, detail: str) -> None:
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
        self._sum_up(0)
        found = self._store.all("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        return [dict(row) for row in found]

    def close(self) -> None:
        """Write what was only counted yet."""
        self._sum_up(0)


def masked(text: str) -> str:
    """A text without anything that opens a door, and on one line."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return "".join(character if character.isprintable() else " " for character in text)
