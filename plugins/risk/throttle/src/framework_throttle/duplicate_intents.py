"""The same intent twice within a moment is a mistake: the second is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from framework import APPROVE, Deny, Duration, PluginConfig, RiskRule, nanoseconds
from framework_throttle.window import Window

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class DuplicateIntentsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `duplicate_intents`."""

    window: Annotated[
        Duration, msgspec.Meta(description='How long the same order may not be sent again: "500ms", "5s".')
    ]


class DuplicateIntents(RiskRule[DuplicateIntentsConfig]):
    """Denies a new order that is the same as one that left a moment ago.

    The same is: of one strategy, in one instrument, of the same type, side, size and prices, all as the
    strategy gave them. Exits are never denied.
    """

    def __init__(self, config: DuplicateIntentsConfig) -> None:
        super().__init__(config)
        self._window = Window[Any](1, nanoseconds(config.window))

    def check(self, proposal: Proposal) -> Verdict:
        """Look for the same order in the window."""
        if proposal.action == "modify" or not self._window.full(_intent(proposal), proposal.now):
            return APPROVE
        return Deny(
            f"the same order to {proposal.side.name.lower()} {proposal.order.quantity} of "
            f"{proposal.instrument_id} left within the last {self.config.window}"
        )

    def on_sent(self, proposal: Proposal) -> None:
        """Remember a new order."""
        if proposal.action == "submit":
            self._window.add(_intent(proposal), proposal.now)


def _intent(proposal: Proposal) -> tuple[Any, ...]:
    order = proposal.order
    return (
        proposal.strategy_id,
        proposal.instrument_id,
        order.order_type,
        proposal.side,
        order.quantity,
        proposal.price,
        proposal.trigger_price,
    )
