"""How many positions may be open, or on their way to be, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from framework import APPROVE, Deny, PluginConfig, RiskRule

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class MaxOpenPositionsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `max_open_positions`."""

    max_positions: Annotated[
        int, msgspec.Meta(ge=1, le=100_000, description="Most positions open or on their way at once.")
    ]
    per: Annotated[
        Literal["strategy", "scope"],
        msgspec.Meta(description="Count each strategy by itself, or all that the rule covers together."),
    ] = "scope"
    adding: Annotated[
        Literal["allow", "deny", "count"],
        msgspec.Meta(
            description="An entry where the strategy already has a position or an entry working: allow it, "
            "deny it, or count it as one more position, which it is at a venue with `oms: hedging`."
        ),
    ] = "allow"


class MaxOpenPositions(RiskRule[MaxOpenPositionsConfig]):
    """Denies an entry that could open one position too many."""

    def check(self, proposal: Proposal) -> Verdict:
        """Count open positions, and instruments a working order could open one in."""
        if proposal.action == "modify":
            return APPROVE
        mine = proposal.order.strategy_id
        shared = self.config.per == "scope"
        positions = [item for item in self.market.open_positions() if shared or item.strategy_id == mine]
        entries = [item for item in self.market.pending_entries() if shared or item.strategy_id == mine]
        held = {_key(position) for position in positions}
        known = held | {_key(order) for order in entries}
        if self.config.adding == "count":
            count = len(positions) + sum(1 for order in entries if order.filled_qty.raw == 0)
        else:
            if _key(proposal.order) in known:
                if self.config.adding == "allow":
                    return APPROVE
                return Deny(f"{proposal.instrument_id} already has a position or a working entry")
            count = len(positions) + len(known - held)
        if count < self.config.max_positions:
            return APPROVE
        return Deny(
            f"{count} positions are open or on their way, and max_positions is {self.config.max_positions}"
        )


def _key(item: Any) -> tuple[Any, Any]:
    return item.strategy_id, item.instrument_id
