"""`framework check` as a user meets it: words, JSON, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[4]
QUICKSTART = CHECKOUT / "examples" / "quickstart" / "node.yaml"
SHORT = ["--set", "end=2017-03-01"]


def framework(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "framework", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=cwd,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A quickstart whose catalog no other test reads: whoever opens it meanwhile is taken for the node."""
    home = tmp_path_factory.mktemp("checkout")
    for part in ("examples/quickstart", "catalog/sample"):
        shutil.copytree(CHECKOUT / part, home / part, ignore=shutil.ignore_patterns("reports"))
    return home / QUICKSTART.relative_to(CHECKOUT)


def test_the_quickstart_sees_no_future(node, tmp_path):
    done = framework("check", "lookahead", node, *SHORT, "--cuts", 2, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["verdict"], verdict["exit_code"], verdict["node"]) == ("clean", 0, "quickstart")
    assert verdict["evidence"]["decisions"] >= 10


def test_few_starts_say_in_words_what_was_found(node):
    done = framework("check", "warmup", node, *SHORT, "--starts", 3, "--minimum", 100_000)
    assert done.returncode in {7, 8}
    assert done.stdout.startswith("warmup of quickstart: ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["lookahead", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["lookahead", QUICKSTART, "--set", "strategies.vwap-eurusd.config.entri_band=2"], 2, "entry_band"),
        (["lookahead", QUICKSTART, "--set", "strategies.vwap-eurusd.config.entry_band=1,2"], 2, "one value"),
        (["lookahead", QUICKSTART, "--catalog", "nowhere"], 5, "no catalog"),
        (["lookahead", QUICKSTART, "--cuts", "0"], 2, "cuts"),
    ],
)
def test_a_mistake_is_explained_without_a_traceback(arguments, code, says):
    done = framework("check", *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
