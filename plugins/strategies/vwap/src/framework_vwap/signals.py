"""The signal an entry is made from, and the filter that may refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from nautilus_trader.model import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An entry the strategy is about to make, with what it saw; prices are floats, for models.

    Attributes:
        instrument_id: What would be traded.
        direction: 1 to buy, -1 to sell.
        ts_event: Close of the bar that gave the signal, in nanoseconds since the epoch.
        close: Close of that bar.
        vwap: The session's VWAP, that bar included.
        deviation: The session's volume-weighted standard deviation, that bar included.
        atr: Average true range, that bar included.
        session_bars: Bars with volume in the session so far.
    """

    instrument_id: InstrumentId
    direction: Literal[1, -1]
    ts_event: int
    close: float
    vwap: float
    deviation: float
    atr: float
    session_bars: int


class SignalFilter(Protocol):
    """Accepts or refuses a signal; set on the strategy's `signal_filter` before the run starts.

    It is asked only when every other condition for an entry holds. It must decide from the signal and
    what it knew before it: the same signals in the same order give the same answers.
    """

    def accepts(self, signal: Signal) -> bool:
        """True to let the entry be sent."""


class AcceptAll:
    """The filter that refuses nothing."""

    def accepts(self, signal: Signal) -> bool:
        """True."""
        del signal
        return True
