"""The road of somebody else's plugin: `framework new`, a wheel, a clean environment, a backtest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.fresh

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "catalog" / "sample"
OURS = ("PYTEST_", "COV_", "COVERAGE_", "PYTHON", "VIRTUAL_ENV")


class Clean:
    """An environment with nothing but what was installed into it."""

    def __init__(self, folder):
        self.folder = folder
        self.scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        venv.create(folder / "env", with_pip=True)

    def run(self, program, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        done = subprocess.run(
            [str(self.scripts / program), *map(str, arguments)],
            cwd=self.folder,
            env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wheel(self, source):
        """Build one wheel, and nothing it needs."""
        self.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", self.folder / "dist", source)

    def install(self, *arguments):
        self.run("python", "-m", "pip", "install", "-q", "-c", CHECKOUT / "constraints.txt", *arguments)

    def built(self, start):
        (found,) = (self.folder / "dist").glob(f"{start}-*.whl")
        return found

    def framework_files(self):
        """The hash of every file of the installed framework."""
        place = Path(self.run("python", "-c", "import framework; print(framework.__path__[0])").strip())
        assert place.is_relative_to(self.folder), "the checkout leaked into the clean environment"
        files = [path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Framework and simulated venue from wheels, then a new plugin written, built and installed there."""
    environment = Clean(tmp_path_factory.mktemp("clean"))
    environment.wheel(CHECKOUT)
    environment.wheel(CHECKOUT / "plugins" / "venues" / "simulated")
    environment.install(environment.built("framework"), environment.built("framework_simulated"))
    environment.before = environment.framework_files()
    environment.run("framework", "new", "strategy", "clean_idea", "--directory", environment.folder)
    environment.package = environment.folder / "framework-clean-idea"
    environment.wheel(environment.package)
    environment.install("--no-index", "--no-deps", environment.built("framework_clean_idea"))
    return environment


def test_the_plugin_is_listed(clean):
    listed = json.loads(clean.run("framework", "plugins", "list", "--json"))
    assert listed["broken"] == []
    offers = {(offer["kind"], offer["name"]): offer["distribution"] for offer in listed["plugins"]}
    assert offers["strategy", "clean_idea"] == "framework-clean-idea"
    assert offers["venue", "simulated"] == "framework-simulated"


def test_its_example_node_runs_on_the_shipped_sample(clean):
    node = clean.package / "node.yaml"
    report = clean.folder / "reports"
    runs = [
        json.loads(
            clean.run("framework", "node", "run", node, "--catalog", SAMPLE, "--report", report, "--json")
        )
        for _ in range(2)
    ]
    assert runs[0]["instruments"] == ["EUR/USD.SIM"]
    assert runs[0]["fills"] > 0
    assert runs[0]["result_hash"] == runs[1]["result_hash"]
    assert Path(runs[0]["report"]).is_relative_to(report)


def test_its_own_tests_pass_there(clean):
    clean.install("pytest", "PyYAML")
    printed = clean.run("python", "-m", "pytest", "-q", clean.package)
    assert " passed" in printed
    assert " failed" not in printed
    assert " skipped" not in printed


def test_the_framework_was_not_changed(clean):
    assert clean.framework_files() == clean.before


def test_every_kind_of_skeleton_is_in_the_wheel(clean):
    for kind in ("risk", "venue"):
        facts = json.loads(
            clean.run("framework", "new", kind, f"clean_{kind}", "--directory", clean.folder, "--json")
        )
        assert "pyproject.toml" in facts["files"]
        assert (Path(facts["folder"]) / "tests" / "test_conformance.py").is_file()


def test_nothing_of_the_test_run_leaks_in(clean):
    assert clean.run("python", "-c", "import sys; print(sys.prefix)").strip() != sys.prefix
