"""Which instruments, sides and order types may be used at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from nautilus_trader.model import InstrumentId

from framework import APPROVE, Deny, PluginConfig, RiskRule

if TYPE_CHECKING:
    from framework import Proposal, Verdict

type Instruments = Annotated[list[str], msgspec.Meta(min_length=1)]
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
        for name in self.instruments or ():
            try:
                InstrumentId.from_str(name)
            except ValueError as error:
                raise ValueError(f'{name!r} is no instrument; write SYMBOL.VENUE, or "*.VENUE"') from error
            if "*" in name.removeprefix("*."):
                raise ValueError(
                    f'{name!r} has a * inside; only "*.VENUE" stands for more than one instrument'
                )


class AllowList(RiskRule[AllowListConfig]):
    """Denies an entry that is not on the list."""

    def __init__(self, config: AllowListConfig) -> None:
        super().__init__(config)
        names = config.instruments or []
        self._venues = frozenset(name.removeprefix("*.") for name in names if name.startswith("*."))
        self._instruments = frozenset(
            InstrumentId.from_str(name) for name in names if not name.startswith("*.")
        )
        self._sides = frozenset(side.upper() for side in config.sides or ())
        self._types = frozenset(kind.upper() for kind in config.order_types or ())

    def check(self, proposal: Proposal) -> Verdict:
        """Look the order up."""
        instrument_id, side, kind = proposal.instrument_id, proposal.side.name, proposal.order.order_type.name
        if (
            self.config.instruments is not None
            and instrument_id not in self._instruments
            and str(instrument_id.venue) not in self._venues
        ):
            return Deny(f"{instrument_id} is not on the list: {', '.join(self.config.instruments)}")
        if self._sides and side not in self._sides:
            return Deny(f"{side.lower()} is not on the list: {', '.join(self.config.sides or ())}")
        if self._types and kind not in self._types:
            return Deny(f"{kind.lower()} is not on the list: {', '.join(self.config.order_types or ())}")
        return APPROVE
