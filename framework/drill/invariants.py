"""The invariants that hold after every fault, checked offline from what the node and the venue wrote down.

    I1  position, trades and working orders are the venue's, and belong to whom they were made by
    I2  at most one venue order for each intent
    I3  no order at the venue without a durable intent before it
    I4  no exposure above the cap, counting orders whose fate is unknown
    I5  no new risk after the kill latch
    I6  the journal's chain verifies, and its checkpoints say what its rows say
    I7  the same seed gives the same journal

The checker shares no code with the gate, the adapter or recovery: positions and exposure are added up from
the venue's own record. It uses the journal's reader and `fold`: what `fold` believes is what is being judged.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from framework.drill.account import Account, Asked
from framework.drill.exposure import exposure
from framework.drill.terms import MS, Breach, Terms
from framework.errors import JournalError
from framework.journal import read, verify
from framework.journal.state import EXTERNAL, ZERO, State, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal
    from pathlib import Path

    from framework.drill.record import Held, VenueRow
    from framework.journal import Row


def check(journals: Sequence[Path], record: Sequence[VenueRow], terms: Terms) -> tuple[Breach, ...]:
    """Every invariant that is broken, I1 to I6; `digest` is for I7.

    Args:
        journals: Of every node that traded on the account.
        record: What the venue wrote down, in its order.
        terms: What was promised.
    """
    rows: list[Row] = []
    states: list[State] = []
    breaches: list[Breach] = []
    for path in journals:
        chain = list(_chain(path))
        breaches += chain
        try:
            mine = list(read(path))
            states.append(fold(row for row in mine if row.kind != "checkpoint"))
            rows += mine
            breaches += _checkpoints(path, mine, states[-1])
        except JournalError as error:
            if not chain:
                breaches.append(Breach("I6", f"{path.name} does not fold: {error}"))
    rows.sort(key=lambda row: row.ts)
    asked = Asked(rows)
    breaches += _ids(asked, record)
    breaches += _intended(asked, record, terms)
    breaches += exposure(asked, record, terms.caps)
    breaches += _latched(asked, record, terms)
    if terms.settled:
        breaches += _settled(states, asked, record, terms)
    return tuple(sorted(breaches, key=lambda breach: breach.invariant))


def _chain(path: Path) -> Iterator[Breach]:
    verdict = verify(path)
    for finding in verdict.errors:
        yield Breach("I6", f"{path.name}: {finding.message}", (finding.where,))


def _checkpoints(path: Path, rows: Sequence[Row], whole: State) -> Iterator[Breach]:
    """What a start would fold, from the last checkpoint on, is what all the rows come to."""
    last = max((row.seq for row in rows if row.kind == "checkpoint"), default=0)
    if not last:
        return
    short = fold(row for row in rows if row.seq >= last)
    for what, ours, theirs in (
        ("positions", short.positions, whole.positions),
        ("working orders", _live(short), _live(whole)),
    ):
        if ours != theirs:
            yield Breach(
                "I6",
                f"{path.name}: the checkpoint in row {last} changes the {what}",
                (f"{ours}", f"{theirs}"),
            )


def _ids(asked: Asked, record: Sequence[VenueRow]) -> Iterator[Breach]:
    """I2: one intent an order, one order an intent, and none of them sent twice."""
    for name, rows in asked.submits.items():
        if len(rows) > 1:
            yield Breach("I2", f"{name} was intended {len(rows)} times", tuple(map(_row, rows)))
    arrived = Counter(
        row.order for row in record if row.what in {"order", "refused", "again"} and not row.by_hand
    )
    for name, count in arrived.items():
        if count > 1:
            shown = [row for row in record if row.order == name and row.what in {"order", "refused", "again"}]
            yield Breach("I2", f"{name} reached the venue {count} times", tuple(map(str, shown)))


def _intended(asked: Asked, record: Sequence[VenueRow], terms: Terms) -> Iterator[Breach]:
    """I3: what the venue took had been written down, and before."""
    for row in record:
        if row.by_hand or row.what not in {"order", "change"}:
            continue
        intents = (asked.submits if row.what == "order" else asked.changes).get(row.order, [])
        word = "" if row.what == "order" else "a change of "
        if not intents:
            yield Breach("I3", f"{word}{row.order} is at the venue and in no journal", (str(row),))
        elif intents[0].ts > row.ts + terms.clock_ns:
            late = (intents[0].ts - row.ts) / MS
            yield Breach(
                "I3",
                f"{word}{row.order} was written down {late:.3f} ms after the venue had it",
                (str(row), _row(intents[0])),
            )


def _latched(asked: Asked, record: Sequence[VenueRow], terms: Terms) -> Iterator[Breach]:
    """I5: after a latch nothing is intended, and nothing arrives, that takes risk."""
    if not terms.held:
        return
    account = Account(asked)
    for row in record:
        strategy = account.owner(row)
        if row.what in {"order", "change"} and not row.by_hand and strategy != EXTERNAL:
            intents = (asked.submits if row.what == "order" else asked.changes).get(row.order, [])
            intent = next((one for one in reversed(intents) if one.ts <= row.ts + terms.clock_ns), None)
            latch = next((one for one in terms.held if _too_late(one, row, intent, strategy, terms)), None)
            if latch and _takes_risk(account, row, strategy):
                yield Breach(
                    "I5",
                    f"{row.what} {row.order} of {strategy} took risk under the latch {latch.scope}",
                    (f"latched at {latch.since}", str(row), *(() if intent is None else (_row(intent),))),
                )
        account.apply(row)


def _too_late(latch: Held, row: VenueRow, intent: Row | None, strategy: str, terms: Terms) -> bool:
    if not latch.covers(strategy, terms.venue) or not latch.since <= row.ts - terms.clock_ns < latch.until:
        return False
    if intent is not None and latch.since + terms.latch_ns < intent.ts < latch.until:
        return True
    return row.ts - terms.clock_ns > latch.since + terms.late_ns and (
        intent is None or intent.ts <= latch.since + terms.latch_ns
    )


def _takes_risk(account: Account, row: VenueRow, strategy: str) -> bool:
    """True unless it can do nothing but shrink what the strategy holds."""
    side = row.side or account.open[row.order].side
    if row.what == "change" and row.quantity <= account.open[row.order].quantity:
        return False
    held = account.held.get(strategy, {}).get(row.instrument_id, ZERO)
    against = held < 0 if side == "BUY" else held > 0
    return not against or row.quantity > abs(held)


def _settled(
    states: Sequence[State], asked: Asked, record: Sequence[VenueRow], terms: Terms
) -> Iterator[Breach]:
    """I1: what the journals come to is what the venue has."""
    account = Account(asked)
    for row in record:
        account.apply(row)
    yield from _positions(states, account, terms.venue)
    trades = {key for state in states for key in state.fills}
    for key in sorted(account.trades.keys() - trades):
        yield Breach("I1", f"trade {key} is not in the journal", (str(account.trades[key]),))
    for key in sorted(trades - account.trades.keys()):
        if _venue(key.partition(" ")[0]) == terms.venue:
            yield Breach("I1", f"trade {key} is in the journal and not at the venue")
    live = {name for state in states for name in _live(state)}
    working = {name for name, row in account.open.items() if not row.by_hand}
    for name in sorted(working - live):
        shown = str(account.open[name])
        yield Breach("I1", f"{name} works at the venue and is over in the journal", (shown,))
    for name in sorted((live - working) & asked.submits.keys()):
        yield Breach("I1", f"{name} is alive in the journal and does not work at the venue")


def _positions(states: Sequence[State], account: Account, venue: str) -> Iterator[Breach]:
    believed: dict[tuple[str, str], Decimal] = {}
    for state in states:
        for owner, held in state.positions.items():
            for instrument_id, quantity in held.items():
                key = (owner, instrument_id)
                believed[key] = believed.get(key, ZERO) + quantity
    actual = {
        (owner, instrument_id): quantity
        for owner, held in account.held.items()
        for instrument_id, quantity in held.items()
    }
    for owner, instrument_id in sorted({*believed, *actual}):
        theirs = actual.get((owner, instrument_id), ZERO)
        ours = believed.get((owner, instrument_id), ZERO)
        if ours != theirs and _venue(instrument_id) == venue:
            yield Breach(
                "I1", f"{owner} holds {theirs} {instrument_id} at the venue and {ours} in the journal"
            )


def _live(state: State) -> set[str]:
    return {name for name, order in state.orders.items() if order.is_live}


def _row(row: Row) -> str:
    return f"journal {row.seq} at {row.ts}: {row.kind} {row.order_id} {row.body[:160]}"


def _venue(instrument_id: str) -> str:
    return instrument_id.rpartition(".")[2]
