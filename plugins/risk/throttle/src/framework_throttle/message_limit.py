"""How many messages may leave within a sliding window, with a part of it kept for cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from framework import APPROVE, Deny, Duration, PluginConfig, RiskRule, nanoseconds
from framework_throttle.window import Window

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class MessageLimitConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `message_limit`."""

    max_messages: Annotated[
        int,
        msgspec.Meta(
            ge=1, le=1_000_000, description="Most submissions, modifications and cancels in a window."
        ),
    ]
    window: Annotated[Duration, msgspec.Meta(description='Length of the window: "1s", "1m", "1d".')]
    cancel_reserve: Annotated[
        int,
        msgspec.Meta(
            ge=0, le=999_999, description="Messages of a window that entries may not use: room for cancels."
        ),
    ] = 0
    per: Annotated[
        Literal["strategy", "scope"],
        msgspec.Meta(description="Count each strategy by itself, or all that the rule covers together."),
    ] = "scope"

    def __post_init__(self) -> None:
        """Refuse a reserve that leaves nothing."""
        if self.cancel_reserve >= self.max_messages:
            raise ValueError(
                f"cancel_reserve is {self.cancel_reserve} of {self.max_messages} messages, which leaves none "
                "for orders; write less"
            )


class MessageLimit(RiskRule[MessageLimitConfig]):
    """Denies an entry when the part of the window that entries may use is full.

    Everything that leaves counts. Cancels and exits are never denied, so they may go beyond the limit.
    """

    def __init__(self, config: MessageLimitConfig) -> None:
        super().__init__(config)
        self._usable = config.max_messages - config.cancel_reserve
        self._window = Window[str](self._usable, nanoseconds(config.window))
        self._apart = config.per == "strategy"

    def check(self, proposal: Proposal) -> Verdict:
        """Deny when the window is full."""
        if not self._window.full(self._key(proposal.strategy_id), proposal.now):
            return APPROVE
        kept = (
            f", and {self.config.cancel_reserve} are kept for cancels" if self.config.cancel_reserve else ""
        )
        return Deny(f"{self._usable} messages left within the last {self.config.window}{kept}")

    def on_sent(self, proposal: Proposal) -> None:
        """Count an order or a change."""
        self._window.add(self._key(proposal.strategy_id), proposal.now)

    def on_cancel(self, strategy_id: str, orders: int, now: int) -> None:
        """Count cancels, one for each order."""
        self._window.add(self._key(strategy_id), now, orders)

    def _key(self, strategy_id: str) -> str:
        return strategy_id if self._apart else ""
