"""Filters with one fault each, and one without."""

from __future__ import annotations

import random
from typing import Annotated

import msgspec
import numpy as np

from framework import Feature, PluginConfig, SignalFilter, follow, load_bars


class Config(PluginConfig, frozen=True, kw_only=True):
    """Settings of every planted filter."""

    period: Annotated[int, msgspec.Meta(ge=1, description="Bars looked back.")] = 5
    catalog: Annotated[str, msgspec.Meta(description="For the one that peeks.")] = ""


class Open(Config, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Accepts unknown keys."""


class Undocumented(Config, frozen=True, kw_only=True):
    """Says nothing about a setting."""

    more: int = 1


class OutOfBounds(Config, frozen=True, kw_only=True):
    """A default that its own bounds refuse."""

    more: Annotated[int, msgspec.Meta(ge=1, description="At least one.")] = 0


class Change:
    """The close less the close some bars before, bar by bar."""

    def __init__(self, period):
        self.period, self.closes = period, []

    def update(self, bar):
        self.closes = [*self.closes, bar.close.as_double()][-self.period - 1 :]

    def values(self):
        return [self.closes[-1] - self.closes[0] if len(self.closes) > self.period else float("nan")]


def change(period):
    def offline(bars):
        rows = np.full((1, len(bars)), np.nan)
        rows[0, period:] = bars.close[period:] - bars.close[:-period]
        return rows

    return Feature(
        name=f"change({period})",
        columns=("change",),
        online=lambda instrument: Change(period),
        offline=offline,
    )


class Sound(SignalFilter):
    """Lets entries through that go with the last change."""

    def __init__(self, config):
        self.config = config
        self.bars = 0

    def start(self, strategy, bar_types):
        self.bars = 0
        self.readings = {kind: follow(strategy, change(self.config.period), kind) for kind in bar_types}

    def on_bar(self, bar):
        self.bars += 1
        self.readings[bar.bar_type].update(bar)

    def accepts(self, signal):
        (moved,) = self.readings[signal.bar_type].values()
        return moved * signal.direction > 0


class Raises(Sound):
    """Has a bug."""

    def on_bar(self, bar):
        super().on_bar(bar)
        if self.bars == 50:
            raise ValueError("the fiftieth bar")


class RefusesAll(Sound):
    """Does nothing but refuse."""

    def accepts(self, signal):
        return False


class SwallowsItsBug(Sound):
    """Answers although it failed."""

    def accepts(self, signal):
        try:
            signal.prise  # noqa: B018
        except AttributeError:
            return super().accepts(signal)


class RollsDice(Sound):
    """Lets luck decide."""

    def accepts(self, signal):
        return random.random() < 0.5 and super().accepts(signal)


class RemembersTheRunBefore(Sound):
    """Forgets nothing when it starts again."""

    def start(self, strategy, bar_types):
        bars = self.bars
        super().start(strategy, bar_types)
        self.bars = bars

    def accepts(self, signal):
        return self.bars % 7 < 5 and super().accepts(signal)


class OtherwiseInABacktest(Sound):
    """Uses what only a backtest has."""

    def start(self, strategy, bar_types):
        super().start(strategy, bar_types)
        self.precomputed = getattr(strategy, "_precomputed", None) is not None

    def accepts(self, signal):
        return (self.precomputed or self.bars % 2 == 0) and super().accepts(signal)


class PeeksAtTheCatalog(Sound):
    """Reads the file it is replayed from."""

    def start(self, strategy, bar_types):
        super().start(strategy, bar_types)
        from pathlib import Path

        self.ahead = {kind: load_bars(Path(self.config.catalog), kind) for kind in bar_types}

    def accepts(self, signal):
        bars = self.ahead[signal.bar_type]
        at = int(np.searchsorted(bars.ts, signal.ts_event))
        return bool((bars.close[min(at + 5, len(bars) - 1)] - signal.price) * signal.direction > 0)
