"""From a latch to a flat account: cancel everything, close what is held, and ask the venue whether it is so.

"Flat" is a word only the venue may say. Orders of the engine that are done and books that add up to nothing
are not enough: a fill may be on its way, and a cancellation may not have arrived. So the closing goes on,
tries again what was refused, never asks for more than is held, and ends when the venue's own reports show
none of the orders and no position but what others have there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.engine.recover import held
from framework.journal.state import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from framework.engine.live import LiveRun

LOOK = 0.1
"""Seconds between two looks at the books."""
AGAIN = 1.0
"""Seconds before a close that was refused is tried again, and a venue that does not answer asked again."""
PATIENCE = 600.0
"""Seconds after which a closing is given up: a person has to look at it long before."""
_log = logging.getLogger("framework.live")


@dataclass(slots=True, kw_only=True)
class Closing:
    """One flatten.

    Args:
        run: The node.
        command: What was asked: `scope`, `who`, `why`.
        strategies: The strategies it covers, by `id:`.
        venue: The venue it is about, or an empty string for all of them.
        note: Keeps what came of it.
        answer: The file that whoever asked looks at.
    """

    run: LiveRun
    command: Mapping[str, Any]
    strategies: Sequence[str]
    venue: str
    note: Callable[[Mapping[str, Any]], None]
    answer: Path
    said: str = ""

    async def carry_out(self) -> None:
        """Cancel, close, and ask the venue; returns when it is flat, or nobody could say for too long.

        What others on the account hold the opposite of is not closed a second time, and said.
        """
        began = time.monotonic()
        asked = -AGAIN
        self._cancel()
        while time.monotonic() - began < PATIENCE:
            working, positions = self._working(), [one for one in self._positions() if self._left(*one)]
            if working or positions:
                self._say(flat=False, why=_left(working, positions))
                if time.monotonic() - asked >= AGAIN:
                    asked = time.monotonic()
                    self._cancel()
                    self._close(positions)
                await asyncio.sleep(LOOK)
                continue
            doubt = await self._doubt()
            if not doubt:
                self._say(flat=True, why=self._whose())
                return
            self._say(flat=False, why=doubt)
            await asyncio.sleep(AGAIN)
        self._say(flat=False, why=f"given up after {PATIENCE:.0f} s: {self.said}")

    def _cancel(self) -> None:
        for strategy_id in self.strategies:
            desk = self.run.parts.desks[strategy_id]
            desk.cancel(self.run.parts.strategies[strategy_id], exits=True, venue=self.venue)

    def _close(self, positions: Sequence[tuple[str, Any]]) -> None:
        for strategy_id, position in positions:
            desk, strategy = self.run.parts.desks[strategy_id], self.run.parts.strategies[strategy_id]
            desk.close(strategy, position)

    def _left(self, strategy_id: str, position: Any) -> Decimal:
        """How much of a position the venue still has to close."""
        return self.run.parts.desks[strategy_id].netting.left(position)

    def _working(self) -> list[str]:
        return [
            str(client_order_id)
            for strategy_id in self.strategies
            for client_order_id, order in self.run.parts.desks[strategy_id].working().items()
            if self._here(order)
        ]

    def _positions(self) -> Iterator[tuple[str, Any]]:
        for strategy_id in self.strategies:
            for position in self.run.parts.books.positions(strategy_id):
                if self._here(position):
                    yield strategy_id, position

    def _here(self, item: Any) -> bool:
        return self.venue in ("", str(item.instrument_id.venue))

    async def _doubt(self) -> str:
        """Why it cannot be said to be flat although the books say so; an empty string when it can."""
        if self.run.plan.mode == "paper":
            return ""  # the engine is the venue
        for venue in self.run.plan.venues:
            if self.venue not in ("", venue.name):
                continue
            before = self._known(venue.name)
            answer = await self.run.venues.ask(venue.name)
            after = self._known(venue.name)
            if self._working() or any(self._left(*one) for one in self._positions()):
                return f"something of it was traded while {venue.name} was asked"
            if answer is None:
                return f"{venue.name} does not say what it holds"
            ours = {str(key) for name in self.strategies for key in self.run.parts.desks[name].approved}
            if open_here := sorted(answer.orders & ours):
                return f"{venue.name} still has {len(open_here)} open orders, such as {open_here[0]}"
            for name in sorted(before.keys() | after.keys() | answer.positions.keys()):
                there = answer.positions.get(name, ZERO)
                if there not in {before.get(name, ZERO), after.get(name, ZERO)}:  # others may trade meanwhile
                    return f"{venue.name} holds {there} {name}, not {after.get(name, ZERO)}"
        return ""

    def _known(self, venue: str = "") -> dict[str, Decimal]:
        """What is held of each instrument for all that is known, by others on the account too."""
        known = held(self.run.cache.positions_open())
        for name, size in self.run.parts.books.unexplained.items():
            known[name] = known.get(name, ZERO) + size
        return {name: size for name, size in known.items() if size and venue in ("", name.rpartition(".")[2])}

    def _whose(self) -> str:
        kept = ", ".join(f"{size} {name}" for name, size in sorted(self._known().items()))
        if gone := ", ".join(_holds(*one) for one in self._positions()):
            return (
                f"no order is open; {gone} in the books, and others on the account the opposite: no order "
                f"was sent for that; the account holds {kept or 'nothing'}"
            )
        if not kept:
            return "no order is open and nothing is held"
        return f"nothing of it is open or held; others on the account hold {kept}"

    def _say(self, *, flat: bool, why: str) -> None:
        if why == self.said and not flat:
            return
        self.said = why
        scope = self.command["scope"]
        if flat:
            self.note({"command": "flat", "scope": scope, "why": why})
        else:
            _log.info("closing %s: %s", scope, why)
        draft = self.answer.with_suffix(".draft")
        draft.write_text(json.dumps({"scope": scope, "flat": flat, "why": why}), encoding="utf-8")
        draft.replace(self.answer)


def _left(working: Sequence[str], positions: Sequence[tuple[str, Any]]) -> str:
    parts = [f"{len(working)} orders are not cancelled yet"] if working else []
    parts += [_holds(*one) for one in positions]
    return ", ".join(parts)


def _holds(strategy_id: str, position: Any) -> str:
    return f"{strategy_id} holds {position.signed_qty:g} {position.instrument_id}"
