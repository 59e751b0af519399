"""Strategies that turn to what no check can change; in a module that other processes can import."""

from __future__ import annotations

import json
from pathlib import Path

from framework_proving.specimens.trader import Specimen
from nautilus_trader.persistence import ParquetDataCatalog


class ReadsNotes(Specimen):
    """Reads a file of its own with Python, and holds what it says."""

    def prepare(self):
        self.calls = json.loads(Path(self.settings.history).read_text(encoding="utf-8"))

    def wanted(self, bar):
        return self.calls[len(self.closes[bar.bar_type.instrument_id]) % len(self.calls)]


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
