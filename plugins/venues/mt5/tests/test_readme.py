"""What a reader copies out of the README works."""

from __future__ import annotations

from pathlib import Path

import framework_mt5

from framework.testkit import ReadmeKit


class TestReadme(ReadmeKit):
    folder = Path(__file__).parents[1]
    specs = (*framework_mt5.register_venues(), *framework_mt5.register_risk())
