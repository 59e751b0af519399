"""Points in the order of an objective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.errors import ConfigError
from framework.screen.ledger import FINE, NO_MARKET, TOO_DEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from framework.screen.ledger import Account

WHY = {
    NO_MARKET: "an order at bar {} came before anything was traded",
    TOO_DEAR: "the account may not be able to pay an order at bar {}",
}


@dataclass(frozen=True, slots=True)
class Score:
    """What a point earned, in the account's currency.

    Attributes:
        number: Of the point, as the grid counts from 0.
        point: Its settings.
        start: Balance before, in units of the currency.
        digits: Decimals of the currency.
        account: How it ended.
    """

    number: int
    point: Mapping[str, str]
    start: int
    digits: int
    account: Account

    @property
    def problem(self) -> str | None:
        """Why the arrays could not go to the end."""
        if self.account.stopped == FINE:
            return None
        return WHY[self.account.stopped].format(self.account.at)

    @property
    def profit(self) -> int:
        """Change of the balance marked at the last close, in units of the currency."""
        return self.account.balance - self.start

    def amount(self, units: int) -> str:
        """Units of the currency as a decimal."""
        sign, whole = "-" if units < 0 else "", abs(units)
        if not self.digits:
            return f"{sign}{whole}"
        whole, part = divmod(whole, 10**self.digits)
        return f"{sign}{whole}.{part:0{self.digits}d}"

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        facts: dict[str, Any] = {"number": self.number, "point": dict(self.point), "problem": self.problem}
        if self.problem is None:
            facts |= {
                "profit": self.amount(self.profit),
                "commission": self.amount(self.account.commission),
                "drawdown": self.amount(self.account.drawdown),
                "trades": self.account.trades,
                "fills": self.account.fills,
                "profit_to_drawdown": _defined(_profit_to_drawdown(self)),
                "sharpe": _defined(_sharpe(self)),
            }
        return facts


def _profit(score: Score) -> float:
    return score.profit


def _drawdown(score: Score) -> float:
    return -score.account.drawdown


def _profit_to_drawdown(score: Score) -> float:
    """Nothing lost is the best there is, and nothing earned then is nothing."""
    if score.account.drawdown:
        return score.profit / score.account.drawdown
    return math.inf if score.profit > 0 else 0.0


def _sharpe(score: Score) -> float:
    """The mean change of equity from bar to bar over its deviation; not annualised, which ranks the same."""
    return score.account.mean / score.account.deviation if score.account.deviation else 0.0


OBJECTIVES: dict[str, Callable[[Score], float]] = {
    "profit": _profit,
    "drawdown": _drawdown,
    "profit_to_drawdown": _profit_to_drawdown,
    "sharpe": _sharpe,
}
"""What points are ranked by, the best first: the largest, and of drawdown the smallest."""


def ranked(scores: Iterable[Score], objective: str) -> list[Score]:
    """The best first, of equal ones the first in the grid; what did not go to the end is last.

    Raises:
        ConfigError: There is no such objective.
    """
    value = OBJECTIVES.get(objective)
    if value is None:
        raise ConfigError(
            f'no objective "{objective}"', where="--objective", remedy=f"One of: {', '.join(OBJECTIVES)}."
        )
    return sorted(
        scores,
        key=lambda score: (score.problem is not None, 0.0 if score.problem else -value(score), score.number),
    )


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
