"""Every entry the same quantity."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from nautilus_trader.model import InstrumentId, Quantity

from framework import Deny, PluginConfig, RiskRule, refuse_repeats
from framework_sizing.grid import PerUnit, sized
from framework_sizing.settings import SizerConfig

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class InstrumentQuantity(PluginConfig, frozen=True, kw_only=True):
    """The quantity of one instrument."""

    id: Annotated[InstrumentId, msgspec.Meta(description="The instrument.")]
    quantity: Annotated[Quantity, msgspec.Meta(description="Units an entry holds.")]

    def __post_init__(self) -> None:
        """Refuse nothing."""
        _refuse_nothing(self.quantity)


class FixedQuantityConfig(SizerConfig, frozen=True, kw_only=True):
    """Settings of `fixed_quantity`."""

    quantity: Annotated[
        Quantity | None,
        msgspec.Meta(description="Units an entry holds: contracts, shares, units of base currency."),
    ] = None
    instruments: Annotated[
        list[InstrumentQuantity],
        msgspec.Meta(
            description="Other quantities: [{id: ESZ4.CME, quantity: 2}]. Without `quantity`, the only ones."
        ),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse no quantity at all."""
        if self.quantity is None and not self.instruments:
            raise ValueError("there is no quantity; write `quantity`, or one for each of `instruments`")
        _refuse_nothing(self.quantity)
        refuse_repeats(item.id for item in self.instruments)


class FixedQuantity(RiskRule[FixedQuantityConfig]):
    """Sets an entry to its quantity."""

    sizes: ClassVar[bool] = True

    def __init__(self, config: FixedQuantityConfig) -> None:
        super().__init__(config)
        self._own = {item.id: item.quantity for item in config.instruments}

    def check(self, proposal: Proposal) -> Verdict:
        """Size the entry."""
        quantity = self._own.get(proposal.instrument_id, self.config.quantity)
        if quantity is None:
            return Deny(f"there is no quantity for {proposal.instrument_id}")
        return sized(
            proposal,
            self.market,
            quantity.as_decimal(),
            PerUnit(),
            f"a fixed quantity of {quantity}",
            whole_lots=self.config.whole_lots,
        )


def _refuse_nothing(quantity: Quantity | None) -> None:
    if quantity is not None and quantity.as_decimal() == Decimal(0):
        raise ValueError("quantity is 0; write how much an entry holds")
