"""`framework screen` as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml

from framework import Study, tried_before
from framework.cli import main

FAST, SLOW = "strategies.subject.config.fast=2,4,6", "strategies.subject.config.slow=10:20:5"


@pytest.fixture
def file(node_of, market, tmp_path):
    """A node.yaml with the trend strategy."""
    node = node_of()
    bars = str(market.bar_types[0])
    node["strategies"] = [
        {"id": "subject", "use": "trend", "config": {"bar_types": [bars], "quantity": "1000"}}
    ]
    path = tmp_path / "node.yaml"
    path.write_text(yaml.safe_dump(node), encoding="utf-8")
    return path


@pytest.fixture
def command(capfd):
    """Run `framework` here; its exit code, stdout and stderr."""

    def run(*arguments):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            return ended.code, *capfd.readouterr()
        raise AssertionError("main always exits")

    return run


@pytest.fixture
def screened(command):
    """Run `framework screen` here."""
    return lambda *arguments: command("screen", *arguments)


def test_it_ranks_the_grid_and_confirms_the_best(file, screened):
    code, stdout, stderr = screened(file, "--set", FAST, "--set", SLOW, "--json", "--top", 2)
    assert code == 0, stderr
    facts = json.loads(stdout)
    assert (facts["points"], facts["bars"], facts["currency"], facts["objective"]) == (
        9,
        300,
        "USD",
        "profit",
    )
    profits = [float(entry["profit"]) for entry in facts["ranking"]]
    assert profits == sorted(profits, reverse=True)
    assert [entry["number"] for entry in facts["confirmed"]] == [e["number"] for e in facts["ranking"][:2]]
    assert [entry["result"]["fills"] for entry in facts["confirmed"]] == [
        entry["fills"] for entry in facts["ranking"][:2]
    ]
    assert len(tried_before(Study.open(file).plan())) == 9, "whoever proves one of them answers for all"
    assert facts["ranking"][0]["point"].keys() == {
        "strategies.subject.config.fast",
        "strategies.subject.config.slow",
    }


def test_its_best_point_run_by_itself_earns_what_it_says(file, screened, command):
    facts = json.loads(screened(file, "--set", FAST, "--set", SLOW, "--json", "--top", 1)[1])
    best = facts["confirmed"][0]
    node = yaml.safe_load(file.read_text(encoding="utf-8"))
    for path, value in best["point"].items():
        node["strategies"][0]["config"][path.rsplit(".", 1)[1]] = int(value)
    file.write_text(yaml.safe_dump(node), encoding="utf-8")
    _, stdout, _ = command("node", "run", "--json", file)
    assert json.loads(stdout)["result_hash"] == best["result"]["result_hash"]


def test_a_person_gets_a_table_and_what_the_star_means(file, screened, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, stdout, stderr = screened(file, "--set", FAST)
    assert code == 0, stderr
    assert "1*" in stdout
    assert "every fill is the same" in stdout
    assert list(elsewhere.iterdir()) == []


def test_a_sample_is_the_same_for_the_same_seed(file, screened):
    given = ("--set", FAST, "--set", SLOW, "--json", "--sample", 4, "--seed", 3)
    first, again = (json.loads(screened(file, *given)[1]) for _ in range(2))
    assert first["ranking"] == again["ranking"]
    assert first["points"] == 4


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--set", "strategies.subject.config.fats=1,2"], 2, "fats"),
        (["--set", FAST, "--objective", "luck"], 2, 'no objective "luck"'),
        (["--set", FAST, "--max-points", "2"], 2, "3 points are more than 2"),
        (["--set", "strategies.subject.config.stop_atr=1,2"], 4, "`stop_atr` has no array form"),
        (["--set", "venues.SIM.config.oms=netting,hedging"], 4, "hedging"),
        (["--set", FAST, "--catalog", "nowhere"], 5, "no catalog at"),
        ([], 2, "--set"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(file, screened, arguments, code, says):
    ended, _, stderr = screened(file, *arguments)
    assert ended == code, stderr
    assert says in stderr
    assert "Traceback" not in stderr


def test_an_error_is_json_when_asked_for(file, screened):
    _, stdout, _ = screened(file, "--set", "strategies.subject.config.stop_atr=1,2", "--json")
    error = json.loads(stdout)
    assert (error["error"], error["exit_code"]) == ("CompositionError", 4)
    assert error["where"] == "at strategies.subject.config.stop_atr=1"


def test_control_c_ends_it_at_once(file):
    grid = ["fast=1:900:1", "slow=901:1900:1"]
    axes = [part for axis in grid for part in ("--set", f"strategies.subject.config.{axis}")]
    # A shell's background jobs ignore SIGINT, and so would their children.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "import framework.screen, sys; from framework.cli import main\n"
    code += "print('ready', flush=True); main(sys.argv[1:])"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "screen", str(file), "--max-points", "1000000", *axes],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "interrupted" in said
