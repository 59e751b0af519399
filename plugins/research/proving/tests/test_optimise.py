"""Optimisation: the same trials on one core, on many, on a cluster that loses a machine, and after a stop."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from framework_proving import picture, runners
from framework_proving.optimise import Search, optimise
from framework_proving.search import Constraint, Objective, distributions, point

from framework import ConfigError, Row, RunError, Study

CHECKOUT = Path(__file__).resolve().parents[4]
QUICKSTART = CHECKOUT / "examples" / "quickstart" / "node.yaml"
BAND = "strategies.vwap-eurusd.config.entry_band"
STOP = "strategies.vwap-eurusd.config.stop_atr"
SHORT = {"end": "2017-01-20"}


def search(**changes):
    grid = Study.grid([f"{BAND}=1:3:0.25", f"{STOP}=1:4:1"])
    usual = {"axes": grid.axes, "objectives": (Objective("PnL (total) USD"),), "trials": 14, "batch": 5}
    return Search(**{**usual, **changes})


@pytest.fixture(scope="module")
def study():
    return Study.open(QUICKSTART)


@pytest.fixture(scope="module")
def outcome(study):
    return optimise(study, search(), runners.local(2), base=SHORT)


def invented(plans, keep=()):
    """Rows by formula: the profit is highest at a band of 2 and a stop of 3."""
    rows = {}
    for number, plan in plans.items():
        config = plan.strategies[0].config
        profit = 100 - 10 * (config.entry_band - 2) ** 2 - 5 * (config.stop_atr - 3) ** 2
        pnl = {"PnL (total)": profit}
        rows[number] = Row(
            number=number, statistics={"pnl": {"USD": pnl}}, positions=int(10 * config.entry_band)
        )
    return rows


def test_the_best_is_the_best_of_all_that_were_run(study, outcome):
    values = [each.values[0] for each in outcome.tried]
    assert outcome.best[0].values[0] == max(values)
    plan = study.plan({**SHORT, **outcome.best[0].point})
    assert outcome.best[0].values[0] == pytest.approx(
        float(Study.result(plan).statistics["pnl"]["USD"]["PnL (total)"])
    )


def test_costs_are_part_of_what_is_looked_for(study, outcome):
    dear = {**SHORT, "venues.SIM.config.fees.maker": '"0.001"', "venues.SIM.config.fees.taker": '"0.001"'}
    costly = optimise(study, search(trials=5), runners.local(2), base=dear)
    for one, other in zip(costly.tried, outcome.tried[:5], strict=True):
        assert one.point == other.point
        if other.figures["positions"]:
            assert one.values[0] < other.values[0]


def test_the_number_of_workers_changes_no_trial(study, outcome):
    assert optimise(study, search(), runners.local(1), base=SHORT).tried == outcome.tried


def test_the_order_of_ending_changes_no_trial(study):
    def backwards(plans, keep=()):
        return dict(reversed(invented(dict(reversed(plans.items()))).items()))

    assert optimise(study, search(), invented).tried == optimise(study, search(), backwards).tried


def test_it_finds_the_top_of_a_known_hill(study):
    found = optimise(study, search(trials=40), invented)
    assert found.best[0].point == {BAND: "2.00", STOP: "3"}
    assert found.distinct <= 36


def test_settings_tried_before_are_not_run_again(study):
    ran = []

    def counted(plans, keep=()):
        ran.extend(
            (p.strategies[0].config.entry_band, p.strategies[0].config.stop_atr) for p in plans.values()
        )
        return invented(plans)

    found = optimise(study, search(trials=40), counted)
    assert len(ran) == len(set(ran)) == found.distinct < 40


def test_a_best_trial_keeps_every_constraint(study):
    found = optimise(study, search(trials=30, constraints=(Constraint.parse("positions<=15"),)), invented)
    assert found.best[0].figures["positions"] <= 15
    assert max(each.values[0] for each in found.tried) > found.best[0].values[0]


def test_two_objectives_give_a_front(study):
    goals = (Objective("PnL (total) USD"), Objective("positions", minimize=True))
    found = optimise(study, search(trials=30, objectives=goals), invented)
    assert len(found.best) > 1
    for one, other in itertools.permutations(found.best, 2):
        assert one.values[0] > other.values[0] or one.values[1] < other.values[1]


class StopError(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_was_interrupted_goes_on_as_if_it_had_not_been(study, tmp_path, after):
    calls = itertools.count()

    def stopping(plans, keep=()):
        if next(calls) == after:
            raise StopError
        return invented(plans)

    whole = optimise(study, search(), invented)
    with pytest.raises(StopError):
        optimise(study, search(), stopping, tmp_path / "journal.log")
    assert optimise(study, search(), invented, tmp_path / "journal.log", resume=True).tried == whole.tried


def test_a_journal_is_not_gone_on_with_by_accident_or_by_another_search(study, tmp_path):
    journal = tmp_path / "journal.log"
    optimise(study, search(), invented, journal)
    with pytest.raises(ConfigError, match="an optimisation is here already"):
        optimise(study, search(), invented, journal)
    with pytest.raises(ConfigError, match="another optimisation"):
        optimise(study, search(seed=1), invented, journal, resume=True)
    assert len(optimise(study, search(trials=20), invented, journal, resume=True).tried) == 20


def test_when_all_of_the_first_batch_fails_the_search_ends(study):
    broken = {**SHORT, "strategies.vwap-eurusd.config.quantity": '"1.5"'}
    with pytest.raises(RunError, match=r"first batch failed, the first with: .*1\.5 has more decimals"):
        optimise(study, search(), runners.local(2), base=broken)


def test_the_same_optimisation_on_a_cluster_that_loses_a_worker(study, outcome):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        runners.cluster(cluster.scheduler_address) as run,
    ):
        batches, killed = itertools.count(), []

        def murderous(plans, keep=()):
            if next(batches) == 1:
                killed.append(next(iter(cluster.workers.values())).pid)
                threading.Timer(0.2, os.kill, (killed[0], signal.SIGKILL)).start()
            return run(plans, keep)

        tried = optimise(study, search(), murderous, base=SHORT).tried
        assert tried == outcome.tried
        assert killed[0] not in {nanny.pid for nanny in cluster.workers.values()}  # another took its place


def test_without_a_scheduler_the_error_says_how_to_start_one(monkeypatch):
    monkeypatch.setattr(runners, "PATIENCE", "1s")
    with pytest.raises(RunError, match="no Dask scheduler"), runners.cluster("tcp://127.0.0.1:9"):
        pass


# what is searched


def test_numbers_that_rise_evenly_are_numbers_and_anything_else_is_words():
    axes = Study.grid(["a.b=1:3:0.5", "a.c=10,20,30", "a.d=1,2,5", "a.e=fade,breakout"]).axes
    kinds = [type(kind).__name__.removesuffix("Distribution") for kind in distributions(axes).values()]
    assert kinds == ["Float", "Int", "Categorical", "Categorical"]
    assert point(axes, {"a.b": 2.5, "a.c": 30, "a.d": "5", "a.e": "fade"}) == {
        "a.b": "2.5",
        "a.c": "30",
        "a.d": "5",
        "a.e": "fade",
    }


@pytest.mark.parametrize("text", ["positions", "positions>", "positions>=many", ">=3", "positions=3"])
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(ConfigError, match="is no constraint"):
        Constraint.parse(text)


def test_bounds_and_objectives_are_read():
    assert Constraint.parse("Max Drawdown >= -0.2") == Constraint("Max Drawdown", most=False, bound=-0.2)
    assert Objective.parse("max drawdown:min") == Objective("max drawdown", minimize=True)
    assert Objective.parse("sharpe") == Objective("sharpe")


# the page and the command


def test_the_page_names_settings_shortly_and_warns(study):
    wanted = search(trials=30)
    text = picture.page("quickstart", wanted, optimise(study, wanted, invented)).html()
    assert "looks better than it is" in text
    assert "entry_band" in text
    assert BAND not in text
    assert text.count("<h2>") == 4


def test_the_command_writes_a_table_a_page_and_a_journal(tmp_path):
    command = [sys.executable, "-m", "framework", "optimize", str(QUICKSTART), "--set", f"{BAND}=1.5,2.5"]
    more = ["--set", "end=2017-01-10", "--trials", "3", "--objective", "pnl (total)", "--out", str(tmp_path)]
    done = subprocess.run([*command, *more, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["best"][0]["set"].keys() == {BAND}
    assert {path.name for path in tmp_path.iterdir()} == {"journal.log", "optimisation.html", "trials.csv"}
    again = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    dry = subprocess.run([*command, *more, "--dry-run"], capture_output=True, text=True, check=False)
    assert dry.stdout == "would try 3 of 2 settings\n"
