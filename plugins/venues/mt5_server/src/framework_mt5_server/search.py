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


class Search:
    """Finds the ticket of an intent, by its magic number and its tag.

    Where the broker has overwritten the comment, an order counts as the intent's when it has the same magic
    number, symbol, type and volume, was placed after the intent, belongs to nobody else, and there is no
    second such order and no second intent it could belong to.
    """

    def __init__(self, store: Store, clock: ServerClock) -> None:
        self._store = store
        self._clock = clock

    def find(self, ask: Asker, row: sqlite3.Row) -> int | None:
        """The ticket, if the books show it now; runs on the terminal's thread."""
        request = json.loads(row["request"])
        alike = [order for order in self._books(ask, row) if self._is_like(order, row, request)]
        for order in alike:
            if order.comment[:TAG] == row["tag"]:
                return int(order.ticket)
        free = [order for order in alike if not _tagged(order.comment) and not self._taken(order.ticket)]
        return int(free[0].ticket) if len(free) == 1 and not self._twins(row, request) else None

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

    def _twins(self, row: sqlite3.Row, request: dict[str, Any]) -> bool:
        """Whether another intent in doubt looks the same."""
        others = self._store.all(
            "SELECT request FROM orders "
            "WHERE state IN ('INTENT', 'IN_DOUBT') AND client_id != ? AND magic = ?",
            (row["client_id"], row["magic"]),
        )
        names = ("symbol", "type", "side", "volume")
        shape = [request.get(name) for name in names]
        return any([json.loads(other["request"]).get(name) for name in names] == shape for other in others)


def _tagged(comment: str) -> bool:
    """Whether a comment is one of this server's, so that the order is another intent's."""
    letters = comment[1:TAG]
    return comment[:1] == "f" and len(letters) == TAG - 1 and letters.isalnum() and letters == letters.lower()
