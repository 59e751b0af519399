"""The pages about writing plugins work when followed to the letter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from framework.cli.new import render, write

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"<!-- file: (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)
PAGES = {
    "tutorials/first-strategy-plugin.md": ("strategy", "dip_buyer"),
    "how-to/write-a-venue.md": ("venue", "flat_broker"),
}


def followed(page, folder):
    """The package a reader ends up with."""
    kind, name = PAGES[page]
    package = folder / f"framework-{name.replace('_', '-')}"
    write(package, render(kind, name))
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = {match["path"]: match["text"] for match in BLOCK.finditer(text)}
    assert blocks
    for path, content in blocks.items():
        (package / path).write_text(content, encoding="utf-8")
    if kind == "venue":
        (package / "tests" / "test_venue.py").unlink()
    info = package / "site" / f"framework_{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: 0.1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[framework]\n{name} = framework_{name}\n", encoding="utf-8")
    return package


def run(package, *arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package / "site"), str(package / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page != "tutorials/first-strategy-plugin.md"))
        for page in PAGES
    ],
)
def test_a_package_made_by_the_page_passes_its_tests(page, tmp_path):
    done = run(followed(page, tmp_path), "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tutorials_mistake_is_caught_with_the_message_it_shows(tmp_path):
    page = "tutorials/first-strategy-plugin.md"
    package = followed(page, tmp_path)
    strategy = package / "src" / "framework_dip_buyer" / "strategy.py"
    text = strategy.read_text(encoding="utf-8")
    strategy.write_text(text[: text.index("    def on_reset")], encoding="utf-8")
    done = run(
        package, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_conformance.py", "-k", "not fresh"
    )
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    assert failed == [
        "tests/test_conformance.py::TestConformance::test_reset_and_rerun_gives_the_same_orders"
    ]
    assert failed[0] in (DOCS / page).read_text(encoding="utf-8")
    assert "If this fails, on_reset does not restore what the run changed." in done.stdout


def test_the_tutorials_node_runs_on_the_shipped_sample(tmp_path):
    package = followed("tutorials/first-strategy-plugin.md", tmp_path)
    catalog = DOCS.parent / "catalog" / "sample"
    command = "from framework.cli import main; import sys; main(sys.argv[1:])"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            command,
            "node",
            "run",
            "node.yaml",
            "--catalog",
            str(catalog),
            "--report",
            str(tmp_path / "reports"),
            "--json",
        ],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package / "site"), str(package / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"fills"' in done.stdout


def test_the_venue_pages_broker_charges_exactly_its_commission(tmp_path):
    package = followed("how-to/write-a-venue.md", tmp_path)
    (package / "tests" / "test_fee.py").write_text(
        """
from decimal import Decimal
import framework_flat_broker
from framework.testkit import run_strategy, simulate
from framework.testkit.traders import ROUND_TRIP, RoundTripConfig
from framework_flat_broker.config import FlatBrokerConfig
from nautilus_trader.model import Money, Quantity


def test_two_contracts_cost_four_dollars_fifty(tmp_path):
    market = simulate(tmp_path / "catalog", ["ES"], length=60)
    broker = FlatBrokerConfig(
        balance=Money.from_str("1000000 USD"), commission=Money.from_str("2.25 USD"), leverage=Decimal(10)
    )
    spec = next(iter(framework_flat_broker.register_venues()))
    config = RoundTripConfig(bar_type=market.bar_types[0], quantity=Quantity.from_int(2))
    result = run_strategy(ROUND_TRIP, config, catalog=market.catalog, venue=(spec, broker))
    assert str(result.fills.iloc[0]["commission"]) == "4.50 USD"
""",
        encoding="utf-8",
    )
    done = run(package, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_fee.py")
    assert done.returncode == 0, done.stdout + done.stderr
