"""I4: what could be held at every moment, orders whose fate is unknown included."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework.drill.account import Account
from framework.drill.terms import Breach
from framework.journal.state import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from framework.drill.account import Asked
    from framework.drill.record import VenueRow


def exposure(asked: Asked, record: Sequence[VenueRow], caps: Mapping[str, Decimal]) -> Iterator[Breach]:
    """I4: at every moment, if everything filled that may be at the venue, the cap would hold.

    An order counts from its intent on, until the venue says what became of it or the node knows that it never
    left.
    """
    account = Account(asked)
    pending: dict[str, tuple[str, str, Decimal]] = {}
    over: set[str] = set()
    timeline: list[tuple[int, int, Any]] = [(row.ts, 1, row) for row in record]
    timeline += [(rows[0].ts, 0, ("intent", name)) for name, rows in asked.submits.items()]
    timeline += [(row.ts, 2, ("unsent", name)) for name, row in asked.unsent.items()]
    known: set[str] = set()
    for ts, _, what in sorted(timeline, key=lambda item: item[:2]):
        if isinstance(what, tuple):
            name = what[1]
            if what[0] == "intent" and name not in known:
                order = asked.orders[name]
                pending[name] = (order["instrument_id"], order["side"], Decimal(order["quantity"]))
            else:
                pending.pop(name, None)
        else:
            known.add(what.order)
            pending.pop(what.order, None)
            account.apply(what)
        for instrument_id, cap in caps.items():
            for side in ("BUY", "SELL"):
                worst = _worst(account, pending, instrument_id, side)
                key = f"{instrument_id} {side}"
                if worst > cap and key not in over:
                    over.add(key)
                    yield Breach(
                        "I4",
                        f"{worst} {instrument_id} could be held on the {side} side, and the cap is {cap}",
                        (f"at {ts}: {what}", *_exposed(account, pending, instrument_id, side)),
                    )
                elif worst <= cap:
                    over.discard(key)


def _worst(account: Account, pending: Mapping[str, Any], instrument_id: str, side: str) -> Decimal:
    """What could be held on a side: what is held, less any of it, and every order that fills.

    An order that may only reduce takes nothing beyond zero, but it may fill before all others: what is held
    on the other side makes no room that it could not take away.
    """
    held = account.own(instrument_id) * (1 if side == "BUY" else -1)
    exits = entries = ZERO
    for name, left in _on_the_way(account, pending, instrument_id, side):
        if account.reduces(name):
            exits += left
        else:
            entries += left
    return (held if held >= 0 else min(ZERO, held + exits)) + entries


def _on_the_way(
    account: Account, pending: Mapping[str, Any], instrument_id: str, side: str
) -> Iterator[tuple[str, Decimal]]:
    for name, row in account.open.items():
        if row.instrument_id == instrument_id and row.side == side and not row.by_hand:
            yield name, account.left[name]
    for name, (where, which, quantity) in pending.items():
        if (where, which) == (instrument_id, side):
            yield name, quantity


def _exposed(account: Account, pending: Mapping[str, Any], instrument_id: str, side: str) -> Iterator[str]:
    yield f"held: {account.own(instrument_id)}"
    for name, left in _on_the_way(account, pending, instrument_id, side):
        word = "unknown" if name in pending else "working"
        yield f"{word}: {name} {left}{' may only reduce' if account.reduces(name) else ''}"
