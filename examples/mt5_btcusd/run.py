"""Run the example: a simulated broker, the server and the node, each a process of its own.

    python examples/mt5_btcusd/run.py --seconds 60

What they write lies in a temporary folder, which is named at the end. Ctrl-C ends it early.
"""
# ruff: noqa: INP001, S603, T201 - a program that starts this interpreter and tells a person about it

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
EVERYTHING = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Start the three, wait, stop them, and tell what the broker has."""
    parser = argparse.ArgumentParser(description="BTCUSD on a simulated MetaTrader 5.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to trade")
    parser.add_argument("--seed", default="7", help="of the broker's prices")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="mt5_btcusd-"))
    started: list[subprocess.Popen[str]] = []
    try:
        return _session(options, folder, started)
    except KeyboardInterrupt:
        return 130
    finally:
        for process in reversed(started):
            _end(process)
        print(f"logs and settings are in {folder}")


def _session(options: argparse.Namespace, folder: Path, started: list[subprocess.Popen[str]]) -> int:
    terminal = _start(
        started, folder, "framework_mt5_terminal.broker.command",
        "--rate=20", "--walk", "BTCUSD", "--margin-mode=netting", f"--seed={options.seed}",
    )  # fmt: skip
    made = subprocess.run(
        _python("framework_mt5_server.command", "init", str(folder / "server"), "--name=127.0.0.1", "--json"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    settings = folder / "server" / "server.toml"
    settings.write_text(_settings(terminal["port"]), encoding="utf-8")
    server = _start(started, folder, "framework_mt5_server.command", "serve", str(settings))
    node = (
        (HERE / "live.yaml")
        .read_text(encoding="utf-8")
        .replace("127.0.0.1:8443", f"127.0.0.1:{server['port']}")
    )
    (folder / "node.yaml").write_text(node, encoding="utf-8")
    key = json.loads(made.stdout)["keys"]["trade"]
    log = folder / "node.log"
    with log.open("w", encoding="utf-8") as out:
        running = subprocess.Popen(
            _python("framework", "node", "run", "node.yaml", "--mode", "live"),
            cwd=folder, env={**os.environ, "MT5_KEY": key}, stdout=out, stderr=out, text=True,
        )  # fmt: skip
    started.append(running)
    print(f"trading for {options.seconds:g} s; the node's log is {log}")
    ends = time.monotonic() + options.seconds
    while time.monotonic() < ends and running.poll() is None:
        time.sleep(0.2)
    stopped = _end(running)
    print(log.read_text(encoding="utf-8")[-2_000:])
    print(json.dumps({"node": stopped, **_books(server["port"], folder, key)}))
    return stopped


def _settings(port: int) -> str:
    return f"""\
state = "state.db"
[terminal]
module = "framework_mt5_terminal"
path = "127.0.0.1:{port}"
clock = "Europe/Athens"
[listen]
port = 0
certificate = "server.pem"
key = "server.key"
"""


def _books(port: int, folder: Path, key: str) -> dict[str, object]:
    """How many deals and positions the broker has, asked as anybody may ask."""
    import ssl  # noqa: PLC0415 - only the end needs it
    import urllib.request  # noqa: PLC0415

    tls = ssl.create_default_context(cafile=folder / "server" / "ca.pem")

    def ask(path: str) -> dict[str, list[object]]:
        request = urllib.request.Request(
            f"https://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, context=tls, timeout=10) as answer:  # noqa: S310
            found: dict[str, list[object]] = json.loads(answer.read())
            return found

    deals, positions = ask("/account/deals")["deals"], ask("/account/positions")["positions"]
    return {"deals": len(deals), "positions": len(positions)}


def _start(started: list[subprocess.Popen[str]], folder: Path, module: str, *more: str) -> dict[str, int]:
    """Start one that prints where it listens."""
    log = (folder / f"{module.partition('.')[0]}.log").open("w", encoding="utf-8")
    process = subprocess.Popen(_python(module, *more), stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    started.append(process)
    assert process.stdout is not None  # noqa: S101 - it was asked for
    line = process.stdout.readline()
    if not line:
        sys.exit(f"{module} did not start; see {folder}")
    found: dict[str, int] = json.loads(line)
    return found


def _python(module: str, *more: str) -> list[str]:
    return [sys.executable, "-m", module, *more]


def _end(process: subprocess.Popen[str]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(EVERYTHING)
        except subprocess.TimeoutExpired:
            process.kill()
    if process.stdout is not None:
        process.stdout.close()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
