"""What a sweep keeps of every point: figures, without tables or charts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from framework import errors
from framework.engine.asked import Asked
from framework.trades import ClosedTrade

type Keep = Literal["asked", "equity", "trades"]
"""What a row may hold beside its figures."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a point has no figures.

    Attributes:
        error: The kind of error, as `framework.errors` names it.
        message: What was wrong.
        where: The place, as errors give it.
        path: The YAML path, as errors give it.
        remedy: What to do about it.
        detail: The traceback behind it, or nothing.
    """

    error: str
    message: str
    where: str | None = None
    path: str | None = None
    remedy: str | None = None
    detail: str = ""

    def raised(self) -> errors.FrameworkError:
        """The same failure as an exception."""
        kind = getattr(errors, self.error, errors.RunError)
        error: errors.FrameworkError = kind(
            self.message, where=self.where, path=self.path, remedy=self.remedy
        )
        return error


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A finished point.

    Attributes:
        number: Which point of the grid.
        statistics: As `Result.statistics` has them.
        equity: Marked-to-market equity at the end, by currency; exact.
        orders: Orders the engine knew, denied ones included.
        positions: Positions opened.
        denials: Orders that were not allowed to leave.
        elapsed: Seconds from building the engine to its last figure.
        result_hash: `Result.result_hash`, when it was asked for.
        failure: Why there is none of the above.
        curve: With `equity` kept: marked-to-market equity by currency, at each snapshot the engine took,
            nanoseconds since the epoch; at least one a UTC day with data.
        trades: With `trades` kept: every closed position, in the order of closing.
        asked: With `asked` kept: what the strategies asked for and what the gate did, up to a failure.
        reads: With `asked` kept: files, hosts and programs that Python code turned to while the run went on,
            the catalog apart.
    """

    number: int
    statistics: dict[str, dict[str, Any]] = {}
    equity: dict[str, Decimal] = {}
    orders: int = 0
    positions: int = 0
    denials: int = 0
    elapsed: float = 0.0
    result_hash: str | None = None
    failure: Failure | None = None
    curve: dict[str, list[tuple[int, float]]] = {}
    trades: list[ClosedTrade] = []
    asked: list[Asked] = []
    reads: list[str] = []
