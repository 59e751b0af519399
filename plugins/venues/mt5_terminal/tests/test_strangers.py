"""A server that nobody here wrote, unmodified from PyPI, reads from the simulated terminal.

`mt5api` imports `MetaTrader5`; the process below is told that this is the stand-in.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("mt5api")
RUN = """
import sys
import framework_mt5_terminal
sys.modules["MetaTrader5"] = framework_mt5_terminal
from mt5api.__main__ import main
main()
"""


@pytest.fixture
def stranger(broker, tmp_path):
    """The other project's server on this broker; asks it a path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "MT5API_HOST": "127.0.0.1",
        "MT5API_PORT": str(port),
        "MT5API_SECRET_KEY": "test-key",
        "MT5_TERMINAL": broker.address,
    }
    log = (tmp_path / "stranger.log").open("wb")
    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment, stdout=log, stderr=log)

    def ask(path):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": "test-key"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    ends = time.monotonic() + 60
    while True:
        try:
            ask("/health")
            break
        except OSError:
            assert time.monotonic() < ends, (tmp_path / "stranger.log").read_text()
            assert process.poll() is None, (tmp_path / "stranger.log").read_text()
            time.sleep(0.2)
    yield ask
    process.terminate()
    process.wait(15)
    log.close()


def test_a_server_of_another_project_reads_what_is_there(stranger, broker, deal, pend):
    opened = deal("buy", 0.5, magic=7)
    waiting = pend(2, 1.09)
    status, health = stranger("/health")
    assert (status, health["mt5_connected"]) == (200, True), health
    rows = {
        name: stranger(f"/{name}")
        for name in ("account", "symbols", "symbols/EURUSD", "symbols/EURUSD/tick", "positions", "orders")
    }
    rows["rates"] = stranger("/rates/from-pos?symbol=EURUSD&timeframe=5&start_pos=0&count=10")
    rows["deals"] = stranger("/history/deals?date_from=2020-01-01T00:00:00Z&date_to=2100-01-01T00:00:00Z")
    assert {name: status for name, (status, _) in rows.items()} == dict.fromkeys(rows, 200)
    data = {name: body["data"] for name, (_, body) in rows.items()}
    single = ("account", "symbols/EURUSD", "symbols/EURUSD/tick")
    data |= {name: data[name][0] if isinstance(data[name], list) else data[name] for name in single}
    assert (data["account"]["login"], data["account"]["balance"]) == (5_000_123, 10_000.0)
    assert "XAUUSD" in {row["name"] for row in data["symbols"]}
    assert data["symbols/EURUSD"]["trade_contract_size"] == 100_000
    assert data["symbols/EURUSD/tick"]["bid"] == 1.1
    assert [(row["ticket"], row["magic"], row["volume"]) for row in data["positions"]] == [
        (opened.order, 7, 0.5)
    ]
    assert [row["ticket"] for row in data["orders"]] == [waiting.order]
    assert len(data["rates"]) == 10
    assert [row["ticket"] for row in data["deals"]] == [opened.deal]
