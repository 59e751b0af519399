"""The node of the how-to runs as it stands there, against the exchange that it starts."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "trade-live.md"


@pytest.mark.slow
def test_the_node_of_the_how_to_runs(exchange, node_on, until):
    node = node_on(exchange)
    written = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    node.file.write_text(written.replace("http://127.0.0.1:8080", exchange.url))
    assert node.framework("node", "check", node.file).returncode == 0
    node.start(wait=False)
    shown = until(lambda: (beat := node.status()["heartbeat"]).get("marks") and beat, node.log)
    assert (shown["mode"], shown["failed"], shown["halted"]) == ("live", {}, [])
    assert shown["marks"]["EUR/USD.SIM"]["price"] == "1.10001"
    done = node.framework("node", "stop", node.file, "--json")
    assert json.loads(done.stdout)["state"] == "stopped", node.log()
