"""The drawdown from peak equity: flatten and halt when it has grown too large."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework import APPROVE, Deny, Halt, RiskRule
from framework_drawdown.confirmation import Confirmation
from framework_drawdown.equity import Equity
from framework_drawdown.settings import BreakerConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model import OrderFilled

    from framework import Mark, Market, Proposal, Verdict


class MaxDrawdownConfig(BreakerConfig, frozen=True, kw_only=True):
    """Settings of `max_drawdown`."""


class MaxDrawdown(RiskRule[MaxDrawdownConfig]):
    """Watches equity against the highest it has been: since the run started, and live since the last halt."""

    def __init__(self, config: MaxDrawdownConfig) -> None:
        super().__init__(config)
        self._rise = Confirmation(config.confirm)
        self._fall = Confirmation(config.confirm)
        self._peak: Decimal | None = None
        self._floor = Decimal(0)
        self._tripped = False

    def start(self, market: Market) -> None:
        """Find out how to value the account."""
        super().start(market)
        self._equity = Equity(market, self.config)

    def check(self, proposal: Proposal) -> Verdict:
        """Deny entries once the drawdown has been reached."""
        del proposal
        if self._tripped:
            return Deny("the drawdown was reached; entries are over")
        equity = self._equity.now()
        if equity is None:
            return Deny(self._equity.unknown())
        if self._peak is not None and equity <= self._floor:
            return Deny(self._reason(self._peak, equity))
        return APPROVE

    def on_fill(self, fill: OrderFilled) -> None:
        """Take note that what is held has changed."""
        del fill
        self._equity.traded()

    def on_mark(self, mark: Mark) -> Halt | None:
        """Compare equity with its peak."""
        if not self._equity.due() or self._tripped:
            return None
        equity = self._equity.now()
        if equity is None:
            return None
        peak = self._climb(mark, equity)
        if equity > self._floor:
            self._fall.clear()
            return None
        if not (self._fall.add(mark.instrument_id, equity) or self._equity.settled):
            return None
        self._tripped = True
        return Halt(self._reason(peak, equity))

    def remember(self) -> Mapping[str, Any]:
        """The peak; nothing once it has halted, because a person who resumes begins anew."""
        if self._tripped or self._peak is None:
            return {}
        return {"of": self._of(), "peak": str(self._peak)}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go on from the peak of before a restart.

        Raises:
            ValueError: It was another account or currency.
        """
        if memory["of"] != self._of():
            raise ValueError(f"that was of {memory['of']}, and this is of {self._of()}")
        self._stand(Decimal(memory["peak"]))

    def _of(self) -> str:
        return f"{self.config.watched} at {self.config.venue}"

    def _stand(self, peak: Decimal) -> None:
        self._peak = peak
        self._floor = peak - self.config.loss_allowed(peak)

    def _climb(self, mark: Mark, equity: Decimal) -> Decimal:
        """The peak so far; a new one is the lowest of the marks that confirm it."""
        peak = self._peak
        if peak is None or (self._equity.settled and equity > peak):
            peak = equity
            self._rise.clear()
        elif equity <= peak:
            self._rise.clear()
        elif self._rise.add(mark.instrument_id, equity):
            peak = max(peak, min(self._rise.values))
        if peak is not self._peak:
            self._stand(peak)
        return peak

    def _reason(self, peak: Decimal, equity: Decimal) -> str:
        said, allowed = self.config.said, self.config.loss_allowed(peak)
        return (
            f"the drawdown of {said(peak - equity)} reached the {said(allowed)} allowed: "
            f"equity {said(equity)}, at its peak {said(peak)}"
        )
