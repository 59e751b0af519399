"""Settings of the trend strategy."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from nautilus_trader.model import BarType, Quantity

from framework import PluginConfig, refuse_repeats

type Period = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class TrendConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of the trend strategy."""

    bar_types: Annotated[
        list[BarType],
        msgspec.Meta(min_length=1, description="Bars to trade on, one type for each instrument."),
    ]
    quantity: Annotated[
        Quantity,
        msgspec.Meta(description="Size of an entry before the risk rules; in the instrument's units."),
    ]
    fast: Annotated[Period, msgspec.Meta(description="Closes in the fast average; below `slow`.")] = 10
    slow: Annotated[Period, msgspec.Meta(description="Closes in the slow average; also the warm-up.")] = 30
    side: Annotated[Literal["long", "short", "both"], msgspec.Meta(description="Entries allowed.")] = "both"
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
        if self.fast >= self.slow:
            raise ValueError(f"`fast` {self.fast} is not below `slow` {self.slow}; the averages never cross")
