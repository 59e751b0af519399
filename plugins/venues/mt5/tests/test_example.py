"""The example runs: the framework's own live mode on the server and the simulated broker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[4] / "examples" / "mt5_btcusd" / "run.py"


@pytest.mark.slow
@pytest.mark.waits
def test_the_example_trades_and_ends_well():
    if not EXAMPLE.exists():
        pytest.skip("the examples come with the checkout")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--seconds", "40"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"node"')))
    assert told["node"] == 0
    assert told["deals"] > 0
