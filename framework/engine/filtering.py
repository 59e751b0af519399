"""A filter between the engine and a strategy: shown every bar first, and asked about every entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.trading import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model import Bar, BarType

    from framework.signals.filter import SignalFilter


def filtering(chosen: SignalFilter, bar_types: Sequence[BarType]) -> type[Strategy]:
    """A layer over a strategy that asks `self.signal_filter`.

    Args:
        chosen: The filter, built.
        bar_types: Those that the strategy's settings name.
    """
    show = chosen.on_bar

    class Filtering(Strategy):
        """Starts the filter before the strategy, and shows it every bar first."""

        signal_filter = chosen

        def on_start(self) -> None:
            chosen.start(self, bar_types)
            super().on_start()

        def on_bar(self, bar: Bar) -> None:
            show(bar)
            super().on_bar(bar)

    return Filtering
