"""Settings of the session VWAP strategy."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from nautilus_trader.model import BarType, Quantity

from framework import PluginConfig, refuse_repeats

type Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
type TimeOfDay = Annotated[
    str,
    msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$", description='Hours and minutes: "09:30".'),
]


class Window(PluginConfig, frozen=True, kw_only=True):
    """When entries are allowed: from `from`, included, to `to`, excluded, in the strategy's time zone.

    A `to` that is not after its `from` is on the next day; `days` are those on which the window starts.
    """

    days: Annotated[list[Day], msgspec.Meta(min_length=1, description="Days on which the window starts.")]
    start: Annotated[TimeOfDay, msgspec.Meta(description="First moment inside.")] = msgspec.field(name="from")
    end: Annotated[TimeOfDay, msgspec.Meta(description='First moment outside; "00:00" is midnight.')] = (
        msgspec.field(name="to")
    )

    def __post_init__(self) -> None:
        """Refuse days named twice."""
        if len(set(self.days)) != len(self.days):
            raise ValueError(f"`days` names a day twice: {', '.join(self.days)}; name each once")


class VwapConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of the session VWAP strategy."""

    bar_types: Annotated[
        list[BarType],
        msgspec.Meta(
            min_length=1, description="Bars to trade on, one type for each instrument, with volume."
        ),
    ]
    quantity: Annotated[
        Quantity,
        msgspec.Meta(description="Size of an entry before the risk rules; in the instrument's units."),
    ]
    mode: Annotated[
        Literal["fade", "breakout"],
        msgspec.Meta(description="Trade back towards the VWAP when a band is crossed, or away from it."),
    ]
    entry_band: Annotated[
        float,
        msgspec.Meta(gt=0.0, description="Bands, in volume-weighted standard deviations from the VWAP."),
    ] = 2.0
    side: Annotated[Literal["long", "short", "both"], msgspec.Meta(description="Entries allowed.")] = "both"
    time_zone: Annotated[
        str, msgspec.Meta(description='IANA zone of `session_start` and `schedule`: "America/New_York".')
    ] = "UTC"
    session_start: Annotated[
        TimeOfDay, msgspec.Meta(description="When the VWAP starts again, every day.")
    ] = "00:00"
    warmup_bars: Annotated[
        int, msgspec.Meta(ge=1, description="Bars with volume a session needs before its bands are trusted.")
    ] = 20
    schedule: Annotated[
        list[Window], msgspec.Meta(description="Windows in which entries are allowed; none means always.")
    ] = msgspec.field(default_factory=list)
    flat_at_window_end: Annotated[
        bool, msgspec.Meta(description="Close what is open at the first bar outside the schedule.")
    ] = True
    atr_period: Annotated[int, msgspec.Meta(ge=1, description="Bars of Wilder's average true range.")] = 14
    stop_atr: Annotated[float, msgspec.Meta(gt=0.0, description="Stop distance, in ATRs.")] = 2.0
    target_atr: Annotated[float, msgspec.Meta(gt=0.0, description="Take-profit distance, in ATRs.")] = 3.0
    exits: Annotated[
        Literal["bracket", "after_fill"],
        msgspec.Meta(
            description="Stop and take-profit travel with the entry, or are sent when it has filled: for a "
            "venue that takes no linked orders."
        ),
    ] = "bracket"
    exit_at_vwap: Annotated[
        bool,
        msgspec.Meta(
            description="Close when the price is back at the VWAP: a fade's goal, a breakout's failure."
        ),
    ] = True
    cooldown_bars: Annotated[
        int, msgspec.Meta(ge=0, description="Bars that must close after a trade before the next entry.")
    ] = 0
    max_trades_per_session: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(description="Trades opened in an instrument in a session."),
    ] = None
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
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f'`time_zone` {self.time_zone!r} is unknown; write an IANA name such as "America/New_York"'
            ) from error
