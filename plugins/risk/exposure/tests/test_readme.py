"""What a reader copies out of the README works."""

from __future__ import annotations

from pathlib import Path

import framework_exposure

from framework.testkit import ReadmeKit


class TestReadme(ReadmeKit):
    folder = Path(__file__).parents[1]
    specs = tuple(framework_exposure.register_risk())
