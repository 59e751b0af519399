"""Who may trade what: whatever is not granted is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from framework import APPROVE, Deny, PluginConfig, RiskRule
from framework_limits.names import Instruments, Names, refuse_nonsense

if TYPE_CHECKING:
    from framework import Proposal, Verdict

ANYONE = "*"

type Strategy = Annotated[str, msgspec.Meta(min_length=1)]


class Grant(PluginConfig, frozen=True, kw_only=True):
    """What one strategy may trade."""

    strategy: Annotated[
        Strategy, msgspec.Meta(description='The strategy\'s `id:`, or "*" for every strategy.')
    ]
    instruments: Annotated[
        Instruments,
        msgspec.Meta(description='Exact identifiers, or "*.VENUE" for every instrument of a venue.'),
    ]

    def __post_init__(self) -> None:
        """Refuse names that are no instruments."""
        refuse_nonsense(self.instruments)


class PermissionsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `permissions`."""

    grants: Annotated[
        list[Grant],
        msgspec.Meta(
            description="What each strategy may trade: [{strategy: vwap, instruments: [EUR/USD.SIM]}]. "
            "Several grants of one strategy add up."
        ),
    ]


class Permissions(RiskRule[PermissionsConfig]):
    """Denies every entry that no grant allows, those of a strategy that is not named at all included."""

    def __init__(self, config: PermissionsConfig) -> None:
        super().__init__(config)
        granted: dict[str, list[str]] = {}
        for grant in config.grants:
            granted.setdefault(grant.strategy, []).extend(grant.instruments)
        self._anyone = Names(granted.pop(ANYONE, ()))
        self._granted = {strategy: Names(names) for strategy, names in granted.items()}

    def check(self, proposal: Proposal) -> Verdict:
        """Look for a grant."""
        strategy_id, instrument_id = proposal.strategy_id, proposal.instrument_id
        mine = self._granted.get(strategy_id)
        if instrument_id in self._anyone or (mine is not None and instrument_id in mine):
            return APPROVE
        return Deny(f"{strategy_id} has no permission to trade {instrument_id}")
