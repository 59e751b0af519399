"""The signal an entry is made from, and the filter that may refuse it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.model import Bar, BarType
    from nautilus_trader.trading import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An entry that a strategy is about to make.

    Attributes:
        bar_type: The bars it was seen on, as the strategy receives them; they name the instrument.
        direction: 1 to buy, -1 to sell.
        ts_event: Close of the bar that gave the signal, in nanoseconds since the epoch.
        price: Close of that bar.
        seen: Whatever else the strategy looked at, by name; prices are floats, for models.
    """

    bar_type: BarType
    direction: Literal[1, -1]
    ts_event: int
    price: float
    seen: Mapping[str, float] = field(default_factory=dict)


class SignalFilter:
    """Says which entries of one strategy are sent; this one says all of them.

    It must decide from the signal and from what came before it: the same bars and signals in the same order
    give the same answers. It sees every bar of the strategy before the strategy does, and is asked only when
    every other condition for an entry holds.
    """

    def start(self, strategy: Strategy, bar_types: Sequence[BarType]) -> None:
        """Begin anew, knowing nothing: called before the strategy starts, and again after a reset.

        Args:
            strategy: What `framework.follow` is asked with.
            bar_types: The bars that the strategy's settings name.
        """

    def on_bar(self, bar: Bar) -> None:
        """Take in a bar."""

    def accepts(self, signal: Signal) -> bool:
        """True to let the entry be sent."""
        del signal
        return True
