"""Every entry moves equity by the same fraction in an ordinary move of its price."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from framework import Deny, Duration, RiskRule, fresh_mark, nanoseconds
from framework_sizing.grid import PerUnit, sized
from framework_sizing.money import equity
from framework_sizing.settings import PricedConfig

if TYPE_CHECKING:
    from nautilus_trader.model import InstrumentId, Price

    from framework import Mark, Proposal, Verdict


class VolatilityParityConfig(PricedConfig, frozen=True, kw_only=True):
    """Settings of `volatility_parity`."""

    fraction: Annotated[
        Decimal,
        msgspec.Meta(
            description='What an ordinary move of one mark to the next may change, of equity: "0.001".'
        ),
    ]
    marks: Annotated[
        int,
        msgspec.Meta(
            ge=2, le=10_000, description="Changes from mark to mark that an ordinary move is taken from."
        ),
    ]
    every: Annotated[
        Duration | None,
        msgspec.Meta(
            description='Shortest time between two marks taken: "1h" makes hourly moves of quotes or trades; '
            "without it, every mark is taken."
        ),
    ] = None
    measure: Annotated[
        Literal["deviation", "mean_absolute"],
        msgspec.Meta(
            description="An ordinary move is the standard deviation of the changes, or the mean of their "
            "sizes: an average true range without highs and lows."
        ),
    ] = "deviation"

    def __post_init__(self) -> None:
        """Refuse fractions that are none."""
        if not (self.fraction.is_finite() and 0 < self.fraction < 1):
            raise ValueError(f'fraction is {self.fraction}; write it between 0 and 1: 0.1 percent is "0.001"')


class VolatilityParity(RiskRule[VolatilityParityConfig]):
    """Sets an entry to the quantity whose ordinary move is the fraction of equity."""

    sizes: ClassVar[bool] = True

    def __init__(self, config: VolatilityParityConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age)
        self._every = nanoseconds(config.every) if config.every else 0
        self._prices: dict[InstrumentId, deque[Price]] = {}
        self._due: dict[InstrumentId, int] = {}

    def on_mark(self, mark: Mark) -> None:
        """Take the price, unless the last one taken is too recent."""
        if self._every:
            if mark.ts_event < self._due.get(mark.instrument_id, 0):
                return
            self._due[mark.instrument_id] = mark.ts_event + self._every
        prices = self._prices.get(mark.instrument_id)
        if prices is None:
            prices = self._prices[mark.instrument_id] = deque(maxlen=self.config.marks + 1)
        prices.append(mark.price)

    def check(self, proposal: Proposal) -> Verdict:
        """Size the entry."""
        last = fresh_mark(proposal, self._max_age)
        if isinstance(last, str):
            return Deny(last)
        prices = [price.as_decimal() for price in self._prices.get(proposal.instrument_id, ())]
        if len(prices) <= self.config.marks:
            have = max(0, len(prices) - 1)
            return Deny(
                f"{have} of the {self.config.marks} changes of {proposal.instrument_id} are known yet"
            )
        inverse = proposal.instrument.is_inverse
        if inverse and min(prices) <= 0:
            return Deny(f"an inverse contract has no worth at a price of {min(prices):f}")
        move = _ordinary_move([1 / price for price in prices] if inverse else prices, self.config.measure)
        if move <= 0:
            return Deny(f"the price of {proposal.instrument_id} has not moved in {self.config.marks} marks")
        worth = equity(self.market, proposal, self.config.valued_by)
        if isinstance(worth, str):
            return Deny(worth)
        return sized(
            proposal,
            self.market,
            worth * self.config.fraction,
            PerUnit(proposal.instrument.multiplier.as_decimal() * move),
            f"{self.config.fraction * 100:f} % of equity in an ordinary move of {move:.6g}",
            whole_lots=self.config.whole_lots,
        )


def _ordinary_move(values: list[Decimal], measure: str) -> Decimal:
    """The sample standard deviation of the changes, or the mean of their sizes."""
    changes = [after - before for before, after in pairwise(values)]
    if measure == "mean_absolute":
        return sum((abs(change) for change in changes), Decimal(0)) / len(changes)
    mean = sum(changes, Decimal(0)) / len(changes)
    return (sum(((change - mean) ** 2 for change in changes), Decimal(0)) / (len(changes) - 1)).sqrt()
