"""The table of these tests."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.contract(
    "C-991",
    says="The table in docs/explanation/what-the-engine-does.md is the one `tests/contract/table.py` writes.",
    leans="The reader of the table.",
)
def test_the_table_is_up_to_date():
    done = subprocess.run([sys.executable, HERE / "table.py"], check=False)
    assert done.returncode == 0, "run: python tests/contract/table.py --write"


@pytest.mark.contract(
    "C-992",
    says="Every contract test has a number of its own.",
    leans="Anybody who quotes a number.",
)
def test_every_number_is_used_once():
    numbers = Counter(
        number
        for path in HERE.glob("test_*.py")
        for number in re.findall(r'mark\.contract\(\s*"(C-\d{3})"', path.read_text())
    )
    assert [number for number, count in numbers.items() if count > 1] == []
    assert len(numbers) > 100


@pytest.mark.contract(
    "C-993",
    says="Every file and folder of the project that the tests name is there.",
    leans="The reader of a failure: a name that leads nowhere helps nobody.",
)
def test_every_file_named_is_there():
    root = HERE.parents[1]
    named = {
        name.rstrip(".")
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"\b(?:framework|plugins)/[\w/.]+", path.read_text())
    }
    assert {name for name in named if not (root / name).exists()} == set()
    assert len(named) > 10
