"""Risk rules that stand in a strategy's way, to see that it copes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model import Quantity

from framework.risk.rule import APPROVE, Deny, Resize, RiskRule
from framework.specs import PluginConfig, RiskSpec

if TYPE_CHECKING:
    from framework.risk.rule import Proposal, Verdict


class ObstacleConfig(PluginConfig, frozen=True, kw_only=True):
    """An obstacle has nothing to set."""


class DenyEverything(RiskRule[ObstacleConfig]):
    """Nothing leaves, exits included."""

    judges_exits = True

    def check(self, proposal: Proposal) -> Verdict:
        """No."""
        del proposal
        return Deny("the test kit denies every order")


class HalveEntries(RiskRule[ObstacleConfig]):
    """Every entry leaves at half its size, rounded down to the instrument's step."""

    def check(self, proposal: Proposal) -> Verdict:
        """Half, unless half is nothing."""
        step = proposal.instrument.size_increment.as_decimal()
        half = proposal.quantity.as_decimal() / 2 // step * step
        if half <= 0:
            return APPROVE
        precision = proposal.instrument.size_precision
        return Resize(Quantity.from_decimal_dp(half, precision), "the test kit halves every entry")


DENY_EVERYTHING = (
    RiskSpec(name="testkit_deny", rule=DenyEverything, config=ObstacleConfig),
    ObstacleConfig(),
)
HALVE_ENTRIES = (RiskSpec(name="testkit_halve", rule=HalveEntries, config=ObstacleConfig), ObstacleConfig())
