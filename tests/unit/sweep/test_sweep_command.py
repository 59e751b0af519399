"""`framework sweep`, as a user runs it: interrupted, killed, gone on with, and compared with single runs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.csv
import pytest
import yaml

from framework import cli
from framework.cli.installed import installed

EVERY = "strategies.turn.config.every"
FAULT = "strategies.turn.config.fault"


def done(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def workers_of(process):
    """Every process of the session that the command began."""
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _session(folder) == process.pid and int(folder.name) != process.pid
    ]


def _session(folder):
    try:
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[3])


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def journal_lines(path, word='"row"'):
    return path.read_text().count(word) if path.exists() else 0


def without_time(path):
    held = pyarrow.csv.read_csv(path).to_pydict()
    held.pop("elapsed")
    return held


def test_points_have_the_hashes_of_single_runs_of_the_command_line(start, desk, tmp_path):
    code, out, err = done(start("--set", f"{EVERY}=3,4", "--hash", "--json", "--objective", "pnl (total)"))

    assert code == 0, err
    summary = json.loads(out)
    assert (summary["points"], summary["failed"], summary["objective"]) == (2, 0, "PnL (total) USD")
    for line in summary["best"]:
        node = yaml.safe_load(desk.file.read_text()) | {"catalog": str(desk.folder / "catalog")}
        node["strategies"][0]["config"]["every"] = line["every"]
        (tmp_path / "single.yaml").write_text(yaml.safe_dump(node))
        command = [
            sys.executable,
            "-c",
            "from framework.cli import main; main()",
            "node",
            "run",
            "single.yaml",
        ]
        single = subprocess.run(
            [*command, "--json"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(desk.site)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(single.stdout)["result_hash"] == line["result_hash"]


def test_ctrl_c_ends_at_once_keeps_what_is_done_and_resume_gives_the_whole(start, tmp_path):
    gate, journal = tmp_path / "gate", tmp_path / "rows.journal.jsonl"
    axes = ("--set", f"{EVERY}=3,4,5,6,7", "--set", f'{FAULT}="gate:{gate}"', "--workers", "2")

    interrupted = start(*axes)
    wait_for(lambda: journal_lines(journal) >= 1)
    pressed = time.monotonic()
    os.killpg(interrupted.pid, signal.SIGINT)
    code, _, err = done(interrupted)

    assert code == 130
    assert time.monotonic() - pressed < 20  # the other points would never have ended
    assert "1 of 5 points are kept" in err
    assert "Traceback" not in err
    assert workers_of(interrupted) == []
    assert journal_lines(journal) == 1
    assert not (tmp_path / "rows.csv").exists()

    code, _, err = done(start(*axes))
    assert code == 2
    assert "--resume" in err

    gate.touch()
    code, _, err = done(start(*axes, "--resume"))
    assert code == 0, err
    assert journal_lines(journal) == 5
    code, _, err = done(start(*axes, out="whole.csv"))
    assert code == 0, err
    assert without_time(tmp_path / "rows.csv") == without_time(tmp_path / "whole.csv")


def test_workers_do_not_outlive_a_killed_sweep_and_their_rows_are_kept(start, tmp_path):
    gate, journal = tmp_path / "gate", tmp_path / "rows.journal.jsonl"
    axes = ("--set", f"{EVERY}=3,4,5,6,7", "--set", f'{FAULT}="gate:{gate}"', "--workers", "3")
    process = start(*axes)
    wait_for(lambda: journal_lines(journal) >= 1)
    wait_for(lambda: len(workers_of(process)) >= 3)

    process.kill()
    process.wait()
    gate.touch()

    wait_for(lambda: workers_of(process) == [])
    code, out, err = done(start(*axes, "--resume", "--json"))
    assert code == 0, err
    assert json.loads(out)["points"] == 5


def test_points_that_fail_are_told_the_rest_is_written_and_the_exit_code_says_so(start, tmp_path):
    code, out, err = done(start("--set", f"{FAULT}=none,raise,kill", "--set", f"{EVERY}=3,4"))

    assert code == 6
    assert re.search(r"2 points, such as 2: RunError: .*KeyError: 'planted'", err)
    assert "2 points, such as 4: RunError: the process that ran this point was ended by SIGKILL" in err
    assert "4 of 6 points failed" in err
    assert "2 of 6 points finished" in out
    held = pyarrow.csv.read_csv(tmp_path / "rows.csv").to_pydict()
    assert held["orders"][:2] == [200, 150]
    assert held["error"][5].startswith("RunError: the process")


@pytest.fixture
def say(desk, tmp_path, monkeypatch, capsys):
    """Runs the command in this process: what ends before a worker starts."""
    installed.cache_clear()
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["sweep", str(desk.file), *arguments, "--out", str(tmp_path / "rows.csv")])
        return ended.value.code, *capsys.readouterr()

    yield run
    installed.cache_clear()


def test_a_mistake_in_any_point_is_found_before_one_runs(say, tmp_path):
    code, out, err = say("--set", f"{EVERY}=3,4", "--set", f"{FAULT}=none", "--set", "seed=1,2,-3")

    assert code == 2
    assert "--set seed=-3" in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "seed=1:100000:1"], "100000 points are more than 10000"),
        (["--set", "seed=1", "--max-memory", "lots"], "not an amount of memory"),
        (["--set", "seed=1", "--max-memory", "0GiB"], "not an amount of memory"),
        (["--set", "seed=1", "--time-limit", "90"], "not a length of time"),
        (["--set", "seed=1", "--time-limit", "0s"], "not a length of time"),
        (["--set", "seed=1", "--sample", "0"], "at least one point"),
        (["--set", "seed=1", "--set", "seed=2"], "set the same thing"),
        ([], "Missing option"),
    ],
)
def test_mistakes_on_the_command_line_say_what_is_meant(say, arguments, words):
    code, _, err = say(*arguments)

    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_a_dry_run_writes_nothing(say, tmp_path):
    code, out, err = say("--set", "seed=1:50:1", "--sample", "20", "--dry-run", "--json")

    assert code == 0, err
    assert json.loads(out) == {"points": 20, "of": 50, "out": str(tmp_path / "rows.csv")}
    assert list(tmp_path.iterdir()) == []


def test_an_objective_that_no_figure_has_ends_the_sweep_with_the_names_there_are(start):
    code, _, err = done(start("--set", f"{EVERY}=3", "--objective", "beauty"))

    assert code == 2
    assert 'no figure is called "beauty"' in err
    assert "Sharpe Ratio (252 days)" in err


def test_the_table_warns_of_the_best_of_many_and_has_a_page_beside_it(start, tmp_path):
    code, out, err = done(start("--set", f"{EVERY}=3,4", "--top", "1"))

    assert code == 0, err
    assert str(tmp_path / "rows.html") in out
    page = (tmp_path / "rows.html").read_text(encoding="utf-8")
    assert "2 of 2 finished" in page
    assert "best of 2 trials looks better than it is" in " ".join(page.split())
    assert "best of 2 trials looks better than it is" in " ".join(out.split())
