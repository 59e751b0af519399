"""`framework drill`: a verdict by its exit code, and the one command that repeats a failure."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from framework import cli
from framework.drill import Breach, Terms, check, drills
from framework.drill.outcome import Outcome
from framework.drill.schedule import draw
from framework.drill.site import VENUE, Site
from framework.drill.storm import limits, weather
from framework.errors import PluginNotFound, RunError
from framework.plugins import load


def drill(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(["drill", *map(str, arguments)])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_a_dry_run_prints_the_schedule_and_runs_nothing(capsys, tmp_path):
    code, out, _ = drill(capsys, "recovery", "--dry-run", "--seed=7", "--seeds=2")
    assert code == 0
    assert out == f"{draw(7)}\n{draw(8)}\n"
    code, out, _ = drill(capsys, "recovery", "--dry-run", "--json", "--seed=7", "--kills=2")
    assert json.loads(out) == {"7": str(draw(7, kills=2))}


def test_a_venue_without_an_exchange_is_named_with_those_that_have_one(capsys):
    code, _, err = drill(capsys, "kill", "--venue=simulated")
    assert code == 3
    assert 'venue "simulated" brings no exchange to practise on' in err
    assert "simexchange" in err


def test_nothing_to_practise_on_says_what_to_install():
    with pytest.raises(PluginNotFound, match="no venue to practise on"):
        drills.simulator_of(load(found=()), None)


def test_a_folder_that_is_there_is_not_written_over(capsys, tmp_path):
    code, _, err = drill(capsys, "kill", f"--keep={tmp_path}")
    assert code == 2
    assert "the folder cannot be made" in err


@pytest.fixture
def broken(monkeypatch):
    """Drills whose second seed breaks an invariant, and asks in its words."""
    outcomes = [
        Outcome(4, "aa", kills=2, orders=30, fills=12, recoveries=[0.5, 1.25], measured={"latched": 0.002}),
        Outcome(5, "bb", (Breach("I2", "A-1 reached the venue 2 times", ("exchange 9: again A-1",)),)),
    ]
    outcomes[1].problems.append("the node ended by itself (exit code 1): Traceback")
    monkeypatch.setattr(drills, "run", lambda *_, **__: iter(outcomes))


def test_a_broken_invariant_is_exit_code_seven_and_is_repeated_by_one_command(capsys, broken):
    code, out, err = drill(capsys, "recovery", "--seed=4", "--seeds=2", "--kills=3")
    assert code == 7
    assert out.splitlines() == [
        "seed 4: held (2 kills, 30 orders, 12 fills, slowest recovery 1.25 s, latched after 2 ms)",
        "seed 5: BROKEN (0 orders, 0 fills)",
        "  I2: A-1 reached the venue 2 times",
        "      exchange 9: again A-1",
        "  the node ended by itself (exit code 1): Traceback",
        "  repeat with: framework drill recovery --seed=5 --venue=simexchange --kills=3",
    ]
    assert "1 of 2 seeds broke something" in err


def test_the_same_as_json(capsys, broken):
    code, out, _ = drill(capsys, "kill", "--seed=4", "--seeds=2", "--json")
    said = json.loads(out)
    assert (code, said["ok"], [one["ok"] for one in said["seeds"]]) == (7, False, [True, False])
    assert said["seeds"][1]["breaches"] == [
        "I2: A-1 reached the venue 2 times\n      exchange 9: again A-1",
    ]
    assert said["seeds"][1]["repeat"] == "framework drill kill --seed=5 --venue=simexchange --resting=300"


def test_the_kill_switch_is_drilled(capsys):
    code, out, err = drill(capsys, "kill", "--resting=15", "--json")
    assert code == 0, out + err
    [seed] = json.loads(out)["seeds"]
    assert set(seed["measured"]) == {"latched", "cancelled", "flat"}
    assert seed["orders"] >= 15


def test_a_disconnection_is_drilled(capsys, monkeypatch):
    monkeypatch.setattr(drills, "draw_outages", short_outages)
    code, out, err = drill(capsys, "disconnect")
    assert code == 0, out + err
    assert out.endswith("disconnect: 1 of 1 held\n")


def short_outages(seed):
    from framework.drill.schedule import draw_outages

    return draw_outages(seed, seconds=2.0)


def test_the_drills_node_is_a_program_that_stops_when_it_is_told_to(tmp_path):
    """The node itself, run as a program of its own, with every kind of order the drill sends."""
    use, simulator = drills.simulator_of(load(), None)
    schedule = draw(1)
    instrument = f"{simulator.symbol}.{VENUE}"
    with Site(simulator, use, tmp_path, weather(schedule), limits(schedule, instrument)) as site:
        site.write(seed=3, life=1, pace_ms=5, seconds=60, resting=5)
        node = subprocess.Popen(
            [sys.executable, "-m", "framework.drill.process", str(site.file)],
            env=os.environ | dict(simulator.environment),
        )
        deadline = time.monotonic() + 60
        while True:
            orders = site.exchange.truth()["orders"]
            if len(orders) > 60 and sum(order["status"] == "OPEN" for order in orders) >= 5:
                break
            assert time.monotonic() < deadline
            assert node.poll() is None
            time.sleep(0.05)
        node.send_signal(signal.SIGTERM)
        assert node.wait(60) in {0, RunError.exit_code}, "on a busy machine the engine may give a stop up"
        record = site.exchange.record(VENUE)
        assert len({row.order for row in record}) > 60
        assert check([site.journal], record, Terms(venue=VENUE, settled=False)) == ()


def test_an_exchange_that_does_not_start_says_why(tmp_path):
    _, simulator = drills.simulator_of(load(), None)
    from framework.drill.exchange import Exchange

    with pytest.raises(RunError, match="unrecognized arguments: --nonsense"):
        Exchange(simulator, ["--nonsense"], tmp_path / "log")


def test_an_exchange_that_refuses_or_is_gone_says_so(market):
    with pytest.raises(RunError, match="the exchange refused POST /faults: .*`kind` must be one of"):
        market.fault("nonsense")
    market.kill()
    with pytest.raises(RunError, match="does not answer on its control port"):
        market.truth()
