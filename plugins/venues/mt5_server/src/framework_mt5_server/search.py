"""Looking for an order in doubt in the terminal's books."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_mt5_server import words

if TYPE_CHECKING:
    import sqlite3

    from framework_mt5_server.store import Store
    from framework_mt5_server.terminal import Asker
    from framework_mt5_server.wallclock import ServerClock

DAY = timedelta(days=1)
CLOCKS_MS = 5_000
"""How far the broker's clock and this machine's may be apart."""
TAG = 13


class Ambiguous(Exception):  # noqa: N818 - a state of knowledge, not a malfunction
    """The books show orders that may be the intent's, or another intent's."""


class Search:
    """Finds the ticket of an intent, by its magic number and its tag.

    Where the broker has overwritten the comment, an order may be the intent's when it has the same magic
    number, symbol, type and volume, was placed after the intent, and belongs to nobody else. When there are
    as many such orders as intents in doubt that look the same, they are given out in order: the terminal's
    thread sends one after the other.
    """

    def __init__(self, store: Store, clock: ServerClock) -> None:
        self._store = store
        self._clock = clock

    def find(self, ask: Asker, row: sqlite3.Row) -> int | None:
        """The ticket, or None when the books show nothing of it; runs on the terminal's thread.

        Raises:
            Ambiguous: They show something that may be it.
        """
        request = json.loads(row["request"])
        alike = [order for order in self._books(ask, row) if self._is_like(order, row, request)]
        for order in alike:
            if order.comment[:TAG] == row["tag"]:
                return int(order.ticket)
        free = sorted(
            int(order.ticket)
            for order in alike
            if not _tagged(order.comment) and not self._taken(order.ticket)
        )
        if not free:
            return None
        twins = self._twins(row, request)
        if len(free) != len(twins):
            raise Ambiguous(f"{len(free)} orders may be that of {len(twins)} client ids")
        return free[twins.index(row["client_id"])]

    def _books(self, ask: Asker, row: sqlite3.Row) -> list[Any]:
        made = datetime.fromtimestamp(self._clock.to_wall_ms(row["made_ms"]) / 1000, tz=UTC)
        past = ask("history_orders_get", made - DAY, made + 30 * DAY)
        return [*ask("orders_get"), *past]

    def _is_like(self, order: Any, row: sqlite3.Row, request: dict[str, Any]) -> bool:
        kind = 8 if request["type"] == "close_by" else words.ORDER_TYPES[request["side"], request["type"]]
        # A stop-limit whose stop was reached is a limit.
        kinds = {kind, kind - 4} if kind in {6, 7} else {kind}
        volume = request.get("volume")
        return (
            order.magic == row["magic"]
            and order.symbol == request["symbol"]
            and order.type in kinds
            and (volume is None or Decimal(words.number(order.volume_initial)) == Decimal(volume))
            and self._clock.to_utc_ms(order.time_setup_msc) >= row["made_ms"] - CLOCKS_MS
        )

    def _taken(self, ticket: int) -> bool:
        return self._store.one("SELECT 1 FROM orders WHERE ticket = ?", (ticket,)) is not None

    def _twins(self, row: sqlite3.Row, request: dict[str, Any]) -> list[str]:
        """The client ids in doubt that look the same, this one among them, in the order they came."""
        others = self._store.all(
            "SELECT client_id, request FROM orders "
            "WHERE state IN ('INTENT', 'IN_DOUBT') AND magic = ? ORDER BY made_ms, rowid",
            (row["magic"],),
        )
        names = ("symbol", "type", "side", "volume")
        shape = [request.get(name) for name in names]
        found = [(other["client_id"], json.loads(other["request"])) for other in others]
        return [name for name, wanted in found if [wanted.get(part) for part in names] == shape]


def _tagged(comment: str) -> bool:
    """Whether a comment is one of this server's, so that the order is another intent's."""
    letters = comment[1:TAG]
    return comment[:1] == "f" and len(letters) == TAG - 1 and letters.isalnum() and letters == letters.lower()
