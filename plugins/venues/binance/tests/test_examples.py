"""The examples run as their READMEs say: the commands are taken from there, only the ports are free ones."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[4] / "examples"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples come with the checkout"),
]


class Session:
    """A folder with the examples, the variables that the README exports, and what was started."""

    def __init__(self, folder):
        self.folder, self.environ, self.ports, self.started = folder, dict(os.environ), {}, []
        for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
            self.environ.pop(name, None)
        self.log = (folder / "log.txt").open("w+")

    def command(self, line):
        words = shlex.split(line)
        program = Path(sys.executable).with_name(words[0])
        return [str(program) if program.exists() else words[0], *words[1:]]

    def start(self, line, **more):
        process = subprocess.Popen(
            self.command(line), cwd=self.folder, env=self.environ, stderr=self.log, text=True, **more
        )
        self.started.append(process)
        return process

    def simulator(self, line):
        free = re.sub(r"port \d+", "port 0", line)
        assert free.count("port 0") == 2
        ports = json.loads(self.start(free, stdout=subprocess.PIPE).stdout.readline())
        self.ports = {"8090": str(ports["port"]), "8091": str(ports["control_port"])}
        for file in self.folder.glob("examples/*/*.yaml"):
            file.write_text(file.read_text().replace(":8090", f":{ports['port']}"))

    def run(self, line):
        done = subprocess.run(
            self.command(line),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.said()
        return done.stdout

    def truth(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['8091']}/truth", timeout=10) as answer:
            return json.loads(answer.read())

    def said(self):
        return Path(self.log.name).read_text()[-4_000:]

    def close(self):
        for process in self.started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self.log.close()


@pytest.fixture
def session(tmp_path):
    left_out = shutil.ignore_patterns("state", "reports", "registry", "*.key", "*.pub")
    for name in ("binance_futures_live", "binance_paper"):
        shutil.copytree(EXAMPLES / name, tmp_path / "examples" / name, ignore=left_out)
    session = Session(tmp_path)
    yield session
    session.close()


def commands(example, session):
    """The lines of the README's shell blocks; what they export is in the session."""
    text = (EXAMPLES / example / "README.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for line in lines:
        if line.startswith("export "):
            session.environ |= dict(word.split("=", 1) for word in shlex.split(line)[1:])
    return [line for line in lines if not line.startswith("export ")]


def test_binance_futures_live(session, until):
    simulator, check, run, status, truth, flatten, stop = commands("binance_futures_live", session)
    session.simulator(simulator)
    assert "ok" in session.run(check)
    node = session.start(run, stdout=session.log)

    def protected():
        assert node.poll() is None, session.said()
        waiting = [a["orderType"] for a in session.truth()["algos"] if a["algoStatus"] == "NEW"]
        return waiting == ["STOP_MARKET"] and session.truth()["positions"]

    until(protected, session.said, 180)
    assert "running" in session.run(status)
    assert json.loads(session.run(truth.replace("8091", session.ports["8091"])))["fills"]
    assert "no order is open and nothing is held" in session.run(flatten)
    assert [p for p in session.truth()["positions"] if p["pa"] not in ("0", "0.000")] == []
    assert [a for a in session.truth()["algos"] if a["algoStatus"] == "NEW"] == []
    assert [o for o in session.truth()["orders"] if o["status"] == "NEW"] == []
    session.run(stop)
    assert node.wait(60) == 0, session.said()
    assert session.truth()["leverage"] == {"BTCUSDT": 3}


def test_binance_paper(session, until):
    simulator, check, run = commands("binance_paper", session)
    session.simulator(simulator)
    assert "ok" in session.run(check)
    for name in ("BINANCE_SIM_KEY", "BINANCE_SIM_SECRET"):
        del session.environ[name]
    node = session.start(f"{run} --json", stdout=subprocess.PIPE)
    journal = session.folder / "examples" / "binance_paper" / "state" / "journal.db"

    def filled():
        assert node.poll() is None, session.said()
        return journal.exists() and "OrderFilled" in session.run(f"framework journal show {journal} --json")

    until(filled, session.said, 180)
    node.send_signal(signal.SIGINT)
    result = json.loads(node.communicate(timeout=60)[0])
    assert node.returncode == 0, session.said()
    assert result["fills"] > 0
    assert session.truth()["orders"] == []
    assert "order.place" not in session.truth()["requests"]


def test_an_order_refused_over_the_limit_stays_unknown_and_is_never_sent_again(session, until):
    simulator, _, run, status, *_ = commands("binance_futures_live", session)
    session.simulator(simulator)
    fault = json.dumps({"kind": "status", "on": "order.place", "status": 429, "seconds": 1}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{session.ports['8091']}/faults", fault, timeout=10):
        pass
    journal = session.folder / "examples" / "binance_futures_live" / "state" / "journal.db"

    def rows(kind, node):
        assert node.poll() is None, session.said()
        lines = (
            session.run(f"framework journal show {journal} --json --kind event") if journal.exists() else ""
        )
        events = map(json.loads, lines.splitlines())
        return {event["order_id"] for event in events if event["body"]["type"] == kind}

    node = session.start(run, stdout=session.log)
    (lost,) = until(lambda: rows("OrderSubmitted", node), session.said, 180)
    node.send_signal(signal.SIGINT)
    assert node.wait(90) == 6, session.said()
    assert "Submission recovery incomplete" in session.said()
    again = session.start(run, stdout=session.log)
    until(lambda: rows("OrderFilled", again), session.said, 180)
    assert lost in session.run(f"{status} --json")
    arrivals = session.truth()["arrivals"]
    assert lost not in arrivals
    assert set(arrivals.values()) == {1}
