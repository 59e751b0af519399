"""The day's loss: flatten and stay out until tomorrow when it has grown too large."""

from __future__ import annotations

import datetime as dt
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from framework import APPROVE, Deny, Flatten, Halt, RiskRule
from framework_drawdown.confirmation import Confirmation
from framework_drawdown.equity import Equity
from framework_drawdown.settings import BreakerConfig
from framework_drawdown.trading_day import SECOND, next_boundary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model import OrderFilled

    from framework import Mark, Market, Proposal, Verdict

RETRY = 60 * SECOND
"""How long a flatten may take before it is asked for again, in nanoseconds of market time."""
NOTED = 60 * SECOND
"""How old the equity may be that is remembered over a restart, in nanoseconds of market time."""


class DailyLossConfig(BreakerConfig, frozen=True, kw_only=True):
    """Settings of `daily_loss`."""

    timezone: Annotated[
        str, msgspec.Meta(description="IANA zone whose clocks divide the days: America/New_York.")
    ] = "UTC"
    day_start: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$", description='When a day starts there: "17:00".'
        ),
    ] = "00:00"
    halt: Annotated[
        bool, msgspec.Meta(description="Halt until a person resumes, instead of only until the next day.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse zones that do not exist."""
        super().__post_init__()
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f'timezone "{self.timezone}" is not known; write an IANA name such as America/New_York'
            ) from error


class DailyLoss(RiskRule[DailyLossConfig]):
    """Watches equity against what it was when the day started.

    A day starts from the last equity seen before it, so what a position gains or loses while the market is
    closed belongs to the day it opens again.
    """

    def __init__(self, config: DailyLossConfig) -> None:
        super().__init__(config)
        self._zone = ZoneInfo(config.timezone)
        self._start = dt.time.fromisoformat(config.day_start)
        self._loss = Confirmation(config.confirm)
        self._recent: deque[Decimal] = deque(maxlen=config.confirm)
        self._day_ends = 0
        self._opening: Decimal | None = None
        self._floor = Decimal(0)
        self._stopped = False
        self._flattened = 0
        self._noted: tuple[int, Decimal] | None = None

    def start(self, market: Market) -> None:
        """Find out how to value the account."""
        super().start(market)
        self._equity = Equity(market, self.config)

    def check(self, proposal: Proposal) -> Verdict:
        """Deny entries from the loss until the end of the day."""
        today = proposal.now < self._day_ends
        if self._stopped and today:
            return Deny("the day's loss was reached; no entries until the next day")
        equity = self._equity.now()
        if equity is None:
            return Deny(self._equity.unknown())
        opening = self._opening if today and self._opening is not None else self._typical(equity)
        loss = opening - equity
        if loss >= self.config.loss_allowed(opening):
            return Deny(self._reason(opening, equity))
        return APPROVE

    def on_fill(self, fill: OrderFilled) -> None:
        """Take note that what is held has changed."""
        del fill
        self._equity.traded()

    def on_mark(self, mark: Mark) -> Flatten | Halt | None:
        """Compare equity with the day's opening."""
        now = mark.ts_event
        due = self._equity.due()
        if now >= self._day_ends:
            self._open_day(now)
            due = True
        if not due:
            return None
        equity = self._equity.now()
        if equity is None:
            return None
        self._take(equity, now)
        if self._opening is None:
            self._open_at(equity)
        if self._stopped:
            return self._insist(now)
        if equity > self._floor:
            self._loss.clear()
            return None
        if not (self._loss.add(mark.instrument_id, equity) or self._equity.settled):
            return None
        self._stopped, self._flattened = True, now
        reason = self._reason(equity if self._opening is None else self._opening, equity)
        return Halt(reason) if self.config.halt else Flatten(reason)

    def remember(self) -> Mapping[str, Any]:
        """The day's opening, whether its loss was reached, and the equity of a minute ago at most."""
        if not self._day_ends:
            return {}
        return {
            "of": self._of(),
            "day_ends": self._day_ends,
            "opening": None if self._opening is None else str(self._opening),
            "stopped": self._stopped,
            "equity": None if self._noted is None else str(self._noted[1]),
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go on with the day that a restart interrupted; one that is over leaves its last equity.

        Raises:
            ValueError: It was another account, currency or division of days.
        """
        if memory["of"] != self._of():
            raise ValueError(f"that was of {memory['of']}, and this is of {self._of()}")
        self._day_ends, self._stopped = memory["day_ends"], memory["stopped"]
        if memory["equity"] is not None:
            equity = Decimal(memory["equity"])
            self._recent.append(equity)
            self._noted = 0, equity
        if memory["opening"] is not None:
            self._open_at(Decimal(memory["opening"]))

    def _of(self) -> str:
        config = self.config
        return f"{config.watched} at {config.venue} by days from {config.day_start} {config.timezone}"

    def _open_day(self, now: int) -> None:
        self._day_ends = next_boundary(now, self._start, self._zone)
        known = self._equity.now() if self._equity.settled else None
        self._opening = None
        opening = known if known is not None else self._typical(None)
        if opening is not None:
            self._open_at(opening)
        self._stopped = False
        self._loss.clear()

    def _open_at(self, equity: Decimal) -> None:
        self._opening = equity
        self._floor = equity - self.config.loss_allowed(equity)

    def _take(self, equity: Decimal, now: int) -> None:
        if self._equity.settled:
            self._recent.clear()
        self._recent.append(equity)
        if self._noted is None or now - self._noted[0] >= NOTED:
            self._noted = now, self._typical(equity)

    def _typical[T: Decimal | None](self, otherwise: T) -> Decimal | T:
        """The middle of the last equities, which a single bad tick cannot be."""
        return sorted(self._recent)[(len(self._recent) - 1) // 2] if self._recent else otherwise

    def _insist(self, now: int) -> Flatten | None:
        """Ask again while something is still open: an order may have been late, or refused."""
        if self._equity.flat or now - self._flattened < RETRY:
            return None
        self._flattened = now
        self._equity.traded()
        return Flatten("the day's loss was reached, and positions are still open")

    def _reason(self, opening: Decimal, equity: Decimal) -> str:
        said, allowed = self.config.said, self.config.loss_allowed(opening)
        return (
            f"the day's loss of {said(opening - equity)} reached the {said(allowed)} "
            f"allowed: equity {said(equity)}, at the day's start {said(opening)}"
        )
