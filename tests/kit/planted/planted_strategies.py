"""Strategies with one fault each, and one without: what the kit must tell apart."""

from __future__ import annotations

import datetime as dt
import random
import time
from typing import Annotated

import msgspec
import numpy as np
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.trading import Strategy

from framework import PluginConfig, Signals


class Config(PluginConfig, frozen=True, kw_only=True):
    """Settings of every planted strategy."""

    bar_type: Annotated[BarType, msgspec.Meta(description="Bars to trade on.")]
    quantity: Annotated[Quantity, msgspec.Meta(description="Size of an entry.")]
    catalog: Annotated[str, msgspec.Meta(description="A catalog to read, for those that cheat.")] = ""


class Changeable(Config, frozen=False, kw_only=True):
    """Can be changed after it was read."""


class Open(Config, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Accepts unknown keys."""


class Undocumented(Config, frozen=True, kw_only=True):
    """One field says nothing."""

    mystery: int = 1


class OutOfBounds(Config, frozen=True, kw_only=True):
    """The default is not one of the values allowed."""

    period: Annotated[int, msgspec.Meta(ge=1, description="Bars.")] = 0


class Sound(Strategy):
    """Buys after three rising closes in a row, sells what it holds after three falling ones."""

    def __init__(self, config):
        super().__init__(config)
        self.bar_type, self.quantity = config.bar_type, config.quantity
        self.instrument_id = config.bar_type.instrument_id
        self.last, self.run = None, 0

    def on_start(self):
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar):
        close = float(bar.close)
        if self.last is not None and close != self.last:
            rising = close > self.last
            self.run = max(self.run, 0) + 1 if rising else min(self.run, 0) - 1
        self.last = close
        self.decide(bar)

    def decide(self, bar):
        if self.run == 3:
            self.enter()
        elif self.run == -3:
            self.leave()

    def enter(self):
        if not self.cache.positions_open(instrument_id=self.instrument_id, strategy_id=self.strategy_id):
            self.buy(self.quantity)

    def buy(self, quantity):
        self.submit_order(self.order_factory.market(self.instrument_id, OrderSide.BUY, quantity))

    def sell(self, quantity):
        self.submit_order(self.order_factory.market(self.instrument_id, OrderSide.SELL, quantity))

    def leave(self):
        self.close_all_positions(self.instrument_id)

    def on_stop(self):
        self.close_all_positions(self.instrument_id)

    def on_reset(self):
        self.last, self.run = None, 0


class PeeksAtTheCatalog(Sound):
    """Reads the whole catalog when it starts, and buys only when the last price is higher."""

    def __init__(self, config):
        super().__init__(config)
        self.catalog, self.highest = config.catalog, 0.0

    def on_start(self):
        bars = ParquetDataCatalog(self.catalog).query_bars([str(self.bar_type)])
        self.highest = float(bars[-1].close) if bars else 0.0
        super().on_start()

    def enter(self):
        if self.last < self.highest:
            super().enter()


class ShiftsAnArray(Sound):
    """Works out its indicator over an array of all closes, one place too far."""

    def __init__(self, config):
        super().__init__(config)
        self.catalog, self.count, self.closes = config.catalog, 0, []

    def on_start(self):
        bars = ParquetDataCatalog(self.catalog).query_bars([str(self.bar_type)])
        self.closes, self.count = [float(bar.close) for bar in bars], 0
        super().on_start()

    def decide(self, bar):
        self.count += 1
        following = self.closes[self.count] if self.count < len(self.closes) else self.last
        if following > self.last:
            self.enter()
        elif following < self.last:
            self.leave()


class RollsDice(Sound):
    """Enters on the toss of the process's own coin."""

    def enter(self):
        if random.random() < 0.5:
            super().enter()


class RollsItsOwnDice(Sound):
    """Enters on the toss of a coin that nobody seeded."""

    def __init__(self, config):
        super().__init__(config)
        self.rng = random.Random()

    def enter(self):
        if self.rng.random() < 0.5:
            super().enter()


class ReadsTheClock(Sound):
    """Trades only in this century, by the computer's clock."""

    def enter(self):
        if time.time() > 1_000_000_000:
            super().enter()


class ReadsTheCalendar(Sound):
    """Trades only in this century, by the computer's calendar."""

    def enter(self):
        if dt.datetime.now(tz=dt.UTC).year > 2000:
            super().enter()


class DependsOnHashes(Sound):
    """Takes whichever half of the size comes first out of a set of words."""

    def enter(self):
        words = {f"word{number}" for number in range(64)}
        pick = sum(ord(letter) for letter in next(iter(words)))
        if pick % 7 > 2 or self.cache.positions_open(strategy_id=self.strategy_id):
            super().enter()
        else:
            self.buy(Quantity.from_int(pick))


SEEN: list[float] = []


class LeaksBetweenRuns(Sound):
    """Counts bars in a variable of the module."""

    def decide(self, bar):
        SEEN.append(self.last)
        if len(SEEN) < 600:
            super().decide(bar)


class DiesOfADenial(Sound):
    """Takes a denied order for impossible."""

    def on_order_denied(self, event):
        raise RuntimeError("this cannot happen")


class NeverRests(Sound):
    """Sends a denied order again, at once and for ever."""

    def on_order_denied(self, event):
        self.buy(self.quantity)


class BelievesItsOrders(Sound):
    """Remembers what it asked for, and sells that."""

    def __init__(self, config):
        super().__init__(config)
        self.held = None

    def enter(self):
        if self.held is None:
            self.buy(self.quantity)
            self.held = self.quantity

    def leave(self):
        if self.held is not None:
            order = self.order_factory.market(self.instrument_id, OrderSide.SELL, self.held, reduce_only=True)
            self.submit_order(order)
            self.held = None

    def on_stop(self):
        self.leave()

    def on_reset(self):
        super().on_reset()
        self.held = None


class CountsFillsAsOrders(Sound):
    """Takes every fill for the whole order."""

    def __init__(self, config):
        super().__init__(config)
        self.held = 0

    def on_order_filled(self, event):
        order = self.cache.order(event.client_order_id)
        self.held += int(order.quantity.as_decimal()) * (1 if order.side == OrderSide.BUY else 0)

    def leave(self):
        if self.cache.positions_open(strategy_id=self.strategy_id):
            self.sell(Quantity.from_int(self.held))
        self.held = 0

    def on_reset(self):
        super().on_reset()
        self.held = 0


class ForgetsToReset(Sound):
    """Keeps its memory when it is reset."""

    def __init__(self, config):
        super().__init__(config)
        self.bars = 0

    def decide(self, bar):
        self.bars += 1
        if self.bars > 200:
            super().decide(bar)


class FailsToReset(Sound):
    """Raises when it is reset."""

    def on_reset(self):
        raise RuntimeError("nobody ever resets")


class OverridesTheGate(Sound):
    """Replaces the method that the gate owns."""

    def submit_order(self, order, *args, **kwargs):
        super().submit_order(order, *args, **kwargs)


class GoesPastTheGate(Sound):
    """Calls the engine's own method."""

    def buy(self, quantity):
        Strategy.submit_order(self, self.order_factory.market(self.instrument_id, OrderSide.BUY, quantity))


class SwallowsItsBug(Sound):
    """Misspells an attribute, and catches what comes of it."""

    def enter(self):
        try:
            self.size = self.quantitty
        except Exception:  # noqa: BLE001 - the fault
            self.size = self.quantity
        super().enter()


class NeedsData(Sound):
    """Takes for granted that there was a bar."""

    def on_stop(self):
        self.final = self.last + 0.0
        super().on_stop()


class NeedsThreeBars(Sound):
    """Takes for granted that there were three bars, when there was one."""

    def on_stop(self):
        if self.last is not None and self.run == 0:
            raise ValueError("not enough bars")
        super().on_stop()


class DoesNothing(Sound):
    """Never trades."""

    def decide(self, bar):
        pass


class Raises(Sound):
    """Raises in an ordinary run."""

    def leave(self):
        raise ValueError("boom")


def in_arrays(closes, size, *, enough=3):
    """The rule of `Sound` over closes."""
    target, held, run = np.zeros(len(closes), np.int64), 0, 0
    for n, change in enumerate(np.diff(closes, prepend=closes[0])):
        if change:
            run = max(run, 0) + 1 if change > 0 else min(run, 0) - 1
        held = size if run == enough else 0 if run == -enough else held
        target[n] = held
    return target


class SoundInArrays(Sound):
    """Offers its rule in arrays too."""


class PeeksInArrays(Sound):
    """The array form knows the next close."""


class AnotherRuleInArrays(Sound):
    """The array form is content with two closes in a row."""


SIGNALS = {
    "SoundInArrays": lambda config, bars: Signals(
        in_arrays(bars.close, bars.steps(config.quantity)), closes_at_end=True
    ),
    "PeeksInArrays": lambda config, bars: Signals(
        in_arrays(np.append(bars.close[1:], bars.close[-1]), bars.steps(config.quantity)), closes_at_end=True
    ),
    "AnotherRuleInArrays": lambda config, bars: Signals(
        in_arrays(bars.close, bars.steps(config.quantity), enough=2), closes_at_end=True
    ),
}
