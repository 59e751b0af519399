"""How many orders and changes may leave within a sliding window: the stop for a strategy in a loop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from framework import APPROVE, Deny, Duration, PluginConfig, RiskRule, nanoseconds

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class OrderRateConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `order_rate`."""

    max_orders: Annotated[
        int, msgspec.Meta(ge=1, le=1_000_000, description="Most submissions and modifications in a window.")
    ]
    window: Annotated[Duration, msgspec.Meta(description='Length of the window: "1s", "1m", "1d".')]
    per: Annotated[
        Literal["strategy", "scope"],
        msgspec.Meta(description="Count each strategy by itself, or all that the rule covers together."),
    ] = "strategy"


class OrderRate(RiskRule[OrderRateConfig]):
    """Denies an entry when the window before it is full.

    Everything that leaves counts, exits too; exits are never denied.
    """

    def __init__(self, config: OrderRateConfig) -> None:
        super().__init__(config)
        self._window = nanoseconds(config.window)
        self._sent: dict[str, deque[int]] = {}

    def check(self, proposal: Proposal) -> Verdict:
        """Look at the oldest of the last `max_orders`: inside the window, it is full."""
        sent = self._sent.get(self._key(proposal))
        if sent is None or len(sent) < self.config.max_orders or proposal.now - sent[0] >= self._window:
            return APPROVE
        return Deny(f"{self.config.max_orders} orders left within the last {self.config.window}")

    def on_sent(self, proposal: Proposal) -> None:
        """Count what leaves."""
        key = self._key(proposal)
        sent = self._sent.get(key)
        if sent is None:
            sent = self._sent[key] = deque(maxlen=self.config.max_orders)
        sent.append(proposal.now)

    def _key(self, proposal: Proposal) -> str:
        return proposal.strategy_id if self.config.per == "strategy" else ""
