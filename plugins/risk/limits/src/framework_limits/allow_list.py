"""Which instruments, sides and order types may be used at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from framework import APPROVE, Deny, PluginConfig, RiskRule
from framework_limits.names import Instruments, Names, refuse_nonsense

if TYPE_CHECKING:
    from framework import Proposal, Verdict

type Side = Literal["buy", "sell"]
type Type = Literal[
    "market",
    "limit",
    "stop_market",
    "stop_limit",
    "market_to_limit",
    "market_if_touched",
    "limit_if_touched",
    "trailing_stop_market",
    "trailing_stop_limit",
]
type Sides = Annotated[list[Side], msgspec.Meta(min_length=1)]
type Types = Annotated[list[Type], msgspec.Meta(min_length=1)]


class AllowListConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `allow_list`; what is left out is not restricted."""

    instruments: Annotated[
        Instruments | None,
        msgspec.Meta(description='Exact identifiers, or "*.VENUE" for every instrument of a venue.'),
    ] = None
    sides: Annotated[Sides | None, msgspec.Meta(description="Sides an entry may be on: buy, sell.")] = None
    order_types: Annotated[
        Types | None,
        msgspec.Meta(description="Types an entry may have: market, limit, stop_market, ..."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse a list of nothing, and names that are no instruments."""
        if self.instruments is None and self.sides is None and self.order_types is None:
            raise ValueError("nothing is restricted; write instruments, sides or order_types")
        refuse_nonsense(self.instruments or ())


class AllowList(RiskRule[AllowListConfig]):
    """Denies an entry that is not on the list."""

    def __init__(self, config: AllowListConfig) -> None:
        super().__init__(config)
        self._names = None if config.instruments is None else Names(config.instruments)
        self._sides = frozenset(side.upper() for side in config.sides or ())
        self._types = frozenset(kind.upper() for kind in config.order_types or ())

    def check(self, proposal: Proposal) -> Verdict:
        """Look the order up."""
        instrument_id, side, kind = proposal.instrument_id, proposal.side.name, proposal.order.order_type.name
        if self._names is not None and instrument_id not in self._names:
            return Deny(f"{instrument_id} is not on the list: {', '.join(self.config.instruments or ())}")
        if self._sides and side not in self._sides:
            return Deny(f"{side.lower()} is not on the list: {', '.join(self.config.sides or ())}")
        if self._types and kind not in self._types:
            return Deny(f"{kind.lower()} is not on the list: {', '.join(self.config.order_types or ())}")
        return APPROVE
