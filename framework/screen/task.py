"""One point of a grid, from its plan to its account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.errors import CheckFailed, CompositionError
from framework.screen import ledger
from framework.screen.ranking import Score
from framework.screen.tape import Tape, money
from framework.screen.terms import Terms, check_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from framework.compose import StrategyPlan

NOT_KEPT = np.zeros((0, 4), np.int64)


@dataclass(frozen=True, slots=True)
class Task:
    """One point, read and understood; what is left to do needs nothing of the engine.

    Attributes:
        number: Of the point, as the grid counts.
        point: Its settings.
        strategy: The strategy, with its settings.
        tape: The bars.
        terms: What trading costs.
    """

    number: int
    point: Mapping[str, str]
    strategy: StrategyPlan
    tape: Tape
    terms: Terms

    def keep(self, rows: NDArray[np.int64] = NOT_KEPT) -> tuple[ledger.Account, int]:
        """The account at the end, and the balance it began with.

        Args:
            rows: Where to write the fills; see `ledger.keep`.
        """
        tape, name = self.tape, self.strategy.spec.name
        signals = self.strategy.spec.signals(self.strategy.config, tape.bars)  # type: ignore[misc]
        target = signals.target
        if target.dtype != np.int64 or target.shape != tape.close.shape:
            raise CheckFailed(
                f"the signals of {name} are {target.dtype} of shape {target.shape}, not one int64 for each "
                f"of {len(tape.close)} bars",
                remedy="Report it to the plugin; see framework.Signals.",
            )
        check_limits(tape.instrument, sizes(target, at_once=signals.turns_at_once), tape.prices)
        amounts = money(tape, self.terms, int(np.abs(target).max()))
        account = ledger.keep(
            target,
            signals.closes_at_end,
            signals.turns_at_once,
            tape.book_price,
            tape.book_size,
            tape.close,
            amounts,
            rows,
        )
        return ledger.Account(*account), amounts.balance

    def score(self) -> Score:
        """What the point earns."""
        try:
            account, start = self.keep()
        except CompositionError as error:
            error.where = error.where or named(self.point)
            raise
        return Score(self.number, self.point, start, self.terms.currency.precision, account)


def sizes(target: NDArray[np.int64], *, at_once: bool) -> tuple[int, int]:
    """The smallest and the largest order, in steps, that the targets lead to; 0 and 0 for none."""
    before = np.concatenate([[0], target])
    after = np.append(target, 0)
    turns = before.astype(bool) & after.astype(bool) & ((before > 0) != (after > 0))
    orders = np.abs(after - before)
    if not at_once:
        orders = np.concatenate([orders[~turns], np.abs(before[turns]), np.abs(after[turns])])
    orders = orders[orders > 0]
    return (int(orders.min()), int(orders.max())) if len(orders) else (0, 0)


def named(point: Mapping[str, str]) -> str:
    """A point in words, for messages."""
    return (
        "at " + ", ".join(f"{path}={value}" for path, value in point.items())
        if point
        else "at the file's own"
    )
