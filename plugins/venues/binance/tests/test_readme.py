"""What a reader copies out of the README works."""

from __future__ import annotations

from pathlib import Path

import framework_binance

from framework.testkit import ReadmeKit


class TestReadme(ReadmeKit):
    folder = Path(__file__).parents[1]
    specs = tuple(framework_binance.register_venues())
    presets = ("BTCUSDT-PERP", "BTCUSDT")
    venue = "BINANCE"
    sizes = (10, 100)
