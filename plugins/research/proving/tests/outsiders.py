"""Strategies that turn to what no check can change; in a module that other processes can import."""

from __future__ import annotations

import json
import random
from pathlib import Path

from framework_proving.specimens.trader import Specimen, SpecimenConfig
from nautilus_trader.persistence import ParquetDataCatalog

from framework import StrategySpec


class ReadsNotes(Specimen):
    """Reads a file of its own with Python, and holds what it says."""

    def prepare(self):
        self.calls = json.loads(Path(self.settings.history).read_text(encoding="utf-8"))

    def wanted(self, bar):
        return self.calls[len(self.closes[bar.bar_type.instrument_id]) % len(self.calls)]


class ReadsNotesWhenItIsMade(ReadsNotes):
    """The same, before anything starts."""

    def __init__(self, config):
        super().__init__(config)
        self.calls = json.loads(Path(config.history).read_text(encoding="utf-8"))

    def prepare(self):
        pass


class FindsTheCatalog(Specimen):
    """Reads the catalog it was not told of, with the engine's own reader, and uses nothing of it."""

    def prepare(self):
        names = [str(bar_type) for bar_type in self.settings.bar_types]
        ParquetDataCatalog(self.settings.history.removeprefix("file://")).query_bars(names)

    def wanted(self, bar):
        closes = self.closes[bar.bar_type.instrument_id]
        return (closes[-1] > closes[0]) - (closes[-1] < closes[0])


class RemembersBetweenRuns(Specimen):
    """Leaves a note for its next run, and acts on it."""

    def prepare(self):
        note = Path(self.settings.history)
        self.side = -1 if note.exists() else 1
        note.write_text("seen", encoding="utf-8")

    def wanted(self, bar):
        return self.side * (len(self.closes[bar.bar_type.instrument_id]) % 2)


class DiceConfig(SpecimenConfig, frozen=True, kw_only=True):
    """Settings of a strategy that throws dice."""

    dice: int = 0


class ThrowsDice(Specimen):
    """Long or short for a day, as its dice say: no setting knows anything. Without dice it is long."""

    def prepare(self):
        self.rng = random.Random(self.settings.dice)

    def wanted(self, bar):
        if not self.settings.dice:
            return 1
        return self.rng.choice((1, -1)) if bar.ts_event % (24 * 3_600 * 10**9) == 0 else None


DICE = StrategySpec(name="dice", strategy=ThrowsDice, config=DiceConfig)


class HoldsOn(Specimen):
    """Buys, and keeps what it has."""

    def wanted(self, bar):
        return 1


class BreaksOnAJump(HoldsOn):
    """Cannot cope with a price that moves by a twentieth from one bar to the next."""

    def wanted(self, bar):
        closes = self.closes[bar.bar_type.instrument_id]
        if len(closes) > 1 and abs(closes[-1] / closes[-2] - 1) > 0.05:
            raise ValueError("a jump")
        return super().wanted(bar)
