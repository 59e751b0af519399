"""How far an order's prices may stand from the market: the guard against a misplaced decimal point."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import InstrumentId

from framework import (
    APPROVE,
    Deny,
    Duration,
    PluginConfig,
    RiskRule,
    fresh_mark,
    nanoseconds,
    refuse_repeats,
)

if TYPE_CHECKING:
    from framework import Proposal, Verdict

type Ticks = Annotated[int, msgspec.Meta(ge=1)]


class Collar(PluginConfig, frozen=True, kw_only=True):
    """The collar of one instrument, in place of the rule's own."""

    id: Annotated[InstrumentId, msgspec.Meta(description="The instrument.")]
    percent: Annotated[
        Decimal | None,
        msgspec.Meta(description='Most a price may differ from the mark, in percent of it: "0.5".'),
    ] = None
    ticks: Annotated[
        Ticks | None, msgspec.Meta(description="Most a price may differ from the mark, in price increments.")
    ] = None

    def __post_init__(self) -> None:
        """Refuse collars that hold nothing."""
        _refuse_nothing(self.percent, self.ticks)


class PriceCollarConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `price_collar`."""

    max_mark_age: Annotated[
        Duration,
        msgspec.Meta(
            description='Oldest price to compare with: "5s", "2h"; an older one, or none at all, denies. '
            "With bars, write more than the length of a bar."
        ),
    ]
    percent: Annotated[
        Decimal | None,
        msgspec.Meta(description='Most a price may differ from the mark, in percent of it: "0.5".'),
    ] = None
    ticks: Annotated[
        Ticks | None, msgspec.Meta(description="Most a price may differ from the mark, in price increments.")
    ] = None
    instruments: Annotated[
        list[Collar],
        msgspec.Meta(description="Other collars for some instruments: [{id: ESZ4.CME, ticks: 40}]."),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse collars that hold nothing."""
        _refuse_nothing(self.percent, self.ticks)
        refuse_repeats(collar.id for collar in self.instruments)


def _refuse_nothing(percent: Decimal | None, ticks: int | None) -> None:
    if percent is None and ticks is None:
        raise ValueError("there is no collar; write percent, ticks or both")
    if percent is not None and not (percent.is_finite() and percent > 0):
        raise ValueError(f'percent is {percent}; write a number above 0: half a percent is "0.5"')


class PriceCollar(RiskRule[PriceCollarConfig]):
    """Denies an order whose limit or trigger price is too far from the mark, on either side of it.

    An order without a price of its own is judged by the age of the mark alone.
    """

    def __init__(self, config: PriceCollarConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age)
        self._default = (config.percent, config.ticks)
        self._own = {collar.id: (collar.percent, collar.ticks) for collar in config.instruments}

    def check(self, proposal: Proposal) -> Verdict:
        """Compare the order's prices with the mark; exactly at the collar passes."""
        last = fresh_mark(proposal, self._max_age)
        if isinstance(last, str):
            return Deny(last)
        mark = last.price.as_decimal()
        percent, ticks = self._own.get(proposal.instrument_id, self._default)
        for name, price in (("limit", proposal.price), ("trigger", proposal.trigger_price)):
            if price is None:
                continue
            distance = abs(price.as_decimal() - mark)
            if percent is not None and distance * 100 > percent * abs(mark):
                return Deny(f"{name} price {price} is more than {percent:f} % from the mark {mark}")
            if ticks is not None:
                tick = proposal.instrument.price_increment.as_decimal()
                if distance > ticks * tick:
                    return Deny(f"{name} price {price} is more than {ticks} ticks from the mark {mark}")
        return APPROVE
