"""What a venue itself wrote down, as plain rows, and what was latched when: the checker's other two sources.

A row of a venue's record is a mapping; every venue can give it, whatever its own log looks like:

    {"seq": 7, "ns": 1764064800000000000, "what": "order", "order": "O-1", "number": "12",
     "symbol": "EUR/USD", "side": "BUY", "quantity": "100", "by_hand": false}

`what` is `order` (taken), `refused` (an order that was not), `again` (a submission of an id that the venue
had already), `fill` (with `trade` and `price`), `change` (with the new `quantity`) or `over` (with `why`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from framework.journal.latch import Latches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

type What = Literal["order", "refused", "again", "fill", "change", "over"]
ZERO = Decimal(0)
FOREVER = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRow:
    """One thing that happened at the venue.

    Attributes:
        seq: Its place in the record.
        ts: When, by the machine's clock, nanoseconds since the epoch, UTC.
        what: What happened.
        order: The client order id.
        instrument_id: The instrument, with the venue after the last dot.
        side: `BUY` or `SELL`; empty where nothing has one.
        quantity: Of the order, the change or the fill.
        trade: The venue's trade id, for a fill.
        why: Why an order was refused or is over.
        by_hand: True for what no node asked for.
    """

    seq: int
    ts: int
    what: What
    order: str
    instrument_id: str = ""
    side: str = ""
    quantity: Decimal = ZERO
    trade: str = ""
    why: str = ""
    by_hand: bool = False

    @property
    def signed(self) -> Decimal:
        """The quantity, below zero for a sale."""
        return self.quantity if self.side == "BUY" else -self.quantity

    def __str__(self) -> str:
        size = f" {self.side} {self.quantity} {self.instrument_id}" if self.side else ""
        return f"exchange {self.seq}: {self.what} {self.order}{size}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A kill latch and how long it held.

    Attributes:
        scope: `all`, `venue:NAME` or `strategy:ID`.
        since: When it was set, nanoseconds since the epoch, UTC.
        until: When a person took it off.
    """

    scope: str
    since: int
    until: int = FOREVER

    def covers(self, strategy: str, venue: str) -> bool:
        """True when it stops this strategy at this venue."""
        return self.scope in {"all", f"strategy:{strategy}", f"venue:{venue}"}


def rows_of(plain: Iterable[Mapping[str, Any]], venue: str) -> list[VenueRow]:
    """A venue's record as the checker reads it.

    Args:
        plain: Rows as the module's docstring describes them.
        venue: What the node calls the venue.

    Raises:
        KeyError: A row lacks something.
    """
    return [
        VenueRow(
            seq=row["seq"],
            ts=row["ns"],
            what=row["what"],
            order=row["order"],
            instrument_id=f"{row['symbol']}.{venue}" if row.get("symbol") else "",
            side=row.get("side", ""),
            quantity=Decimal(row.get("quantity", "0")),
            trade=row.get("trade", ""),
            why=row.get("why") or "",
            by_hand=row.get("by_hand", False),
        )
        for row in plain
    ]


def held_in(folder: Path) -> list[Held]:
    """Every latch a node's latch folder knows of, those that were taken off included."""
    held = []
    for file in sorted((folder / "resumed").glob("*.json")) if folder.is_dir() else ():
        story = json.loads(file.read_bytes())
        held.append(Held(scope=story["scope"], since=story["ts"], until=story["resumed"]["ts"]))
    if folder.is_dir():
        held += [Held(scope=one.scope, since=one.ts) for one in Latches(folder).current().values()]
    return held
