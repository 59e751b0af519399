"""I7: the hash that two runs of one seed share."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from framework.journal.rows import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from framework.journal import Row

VOLATILE = frozenset(
    {
        "at",
        "ts",
        "ts_event",
        "ts_init",
        "ts_last",
        "ts_accepted",
        "ts_submitted",
        "ts_triggered",
        "event_id",
        "init_id",
        "last_event_id",
        "order_list_id",
        "position_id",
        "trade_id",
        "last_trade_id",
        "venue_order_id",
        "versions",
        "lines",
    }
)
"""What a row says that two runs of one seed may say differently: wall-clock times and random identifiers."""


def digest(rows: Iterable[Row]) -> str:
    """The hash that two runs of one seed share, where the run is deterministic (I7).

    Hashed are kind, strategy and body of every intent, decision and event in the order each strategy made
    them. Left out is what the wall clock or a random number made: times, sessions, event, trade, position and
    venue identifiers; client order ids are replaced by the order's number within its strategy.
    """
    kept = [row for row in rows if row.kind in {"intent", "decision", "event"}]
    numbers: dict[str, dict[str, int]] = {}
    for row in kept:  # all of them first: an order of a list is named by the others before it is sent
        if row.order_id:
            mine = numbers.setdefault(row.strategy, {})
            mine.setdefault(row.order_id, len(mine) + 1)
    lines: dict[str, list[str]] = {}
    for row in kept:
        mine = numbers.get(row.strategy, {})
        said = [row.kind, mine.get(row.order_id, 0), _stable(row.fields(), mine)]
        lines.setdefault(row.strategy, []).append(encode(said))
    whole = hashlib.sha256()
    for strategy in sorted(lines):
        whole.update(json.dumps([strategy, lines[strategy]]).encode())
    return whole.hexdigest()


def _stable(value: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(value, dict):
        return {name: _stable(item, numbers) for name, item in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [_stable(item, numbers) for item in value]
    return numbers.get(value, value) if isinstance(value, str) else value
