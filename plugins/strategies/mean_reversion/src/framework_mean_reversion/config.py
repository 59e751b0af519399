"""Settings of the mean reversion strategy."""

from __future__ import annotations

from math import inf, sqrt
from typing import Annotated, Literal

import msgspec
from nautilus_trader.model import BarType, Quantity

from framework import PluginConfig, refuse_repeats

type Deviations = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
type ShareOfPrice = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]


class MeanReversionConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of the mean reversion strategy."""

    bar_types: Annotated[
        list[BarType],
        msgspec.Meta(min_length=1, description="Bars to trade on, one type for each instrument."),
    ]
    quantity: Annotated[
        Quantity,
        msgspec.Meta(description="Size of an entry before the risk rules; in the instrument's units."),
    ]
    lookback: Annotated[
        int, msgspec.Meta(ge=2, description="Closes in the rolling mean and deviation; also the warm-up.")
    ] = 50
    entry: Annotated[
        Deviations, msgspec.Meta(description="Enter when the close is this many deviations from the mean.")
    ] = 2.0
    exit: Annotated[
        Deviations, msgspec.Meta(description="Leave when it is back within this many; below `entry`.")
    ] = 0.5
    stop: Annotated[
        Deviations | None,
        msgspec.Meta(description="Give up when it is this many away; above `entry`; null for never."),
    ] = 4.0
    side: Annotated[Literal["long", "short", "both"], msgspec.Meta(description="Entries allowed.")] = "both"
    min_volatility: Annotated[
        ShareOfPrice, msgspec.Meta(description="Enter only when deviation / mean is at least this.")
    ] = 0.0
    max_volatility: Annotated[
        ShareOfPrice | None, msgspec.Meta(description="Enter only when deviation / mean is at most this.")
    ] = None
    max_bars: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(description="Leave at this many bars after the entry, whatever the price."),
    ] = None
    stop_atr: Annotated[
        Annotated[float, msgspec.Meta(gt=0.0)] | None,
        msgspec.Meta(description="Send a stop order this many ATRs away with every entry; none without it."),
    ] = None
    atr_period: Annotated[
        int, msgspec.Meta(ge=1, description="Bars of Wilder's average true range, for `stop_atr`.")
    ] = 14
    close_on_stop: Annotated[
        bool, msgspec.Meta(description="When the strategy stops, cancel its orders and close its positions.")
    ] = True

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        refuse_repeats(
            (bar_type.instrument_id for bar_type in self.bar_types),
            setting="bar_types",
            instead="run a second strategy for another bar size",
        )
        if not self.quantity.is_positive():
            raise ValueError(f"`quantity` {self.quantity} buys nothing; write a positive size")
        stop = inf if self.stop is None else self.stop
        if not self.exit < self.entry < stop:
            raise ValueError(
                f"`exit` {self.exit}, `entry` {self.entry} and `stop` {self.stop} must rise in that order; "
                "a trade is entered between its goal and its stop"
            )
        reach = sqrt(self.lookback - 1)
        for name, threshold in (("entry", self.entry), ("stop", self.stop)):
            if threshold is not None and threshold >= reach:
                raise ValueError(
                    f"`{name}` {threshold} is out of reach: among {self.lookback} closes none is {reach:.2f} "
                    f"or more deviations from their mean; lower `{name}` or raise `lookback`"
                )
        if self.max_volatility is not None and self.max_volatility <= self.min_volatility:
            raise ValueError(
                f"`max_volatility` {self.max_volatility} is not above `min_volatility` "
                f"{self.min_volatility}; no bar can satisfy both"
            )
