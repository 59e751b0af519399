"""Workers: what they give is what single runs give, and what happens to one point happens to no other."""

import dataclasses
import multiprocessing
import re
import time
from decimal import Decimal

import pytest

from framework.compose import StrategyPlan
from framework.engine import backtest
from framework.errors import ConfigError, DataError, RunError
from framework.sweep import pool
from framework.sweep.grid import compose_point

EVERY = "strategies.turn.config.every"
FAULT = "strategies.turn.config.fault"
MIB = 1024 * 1024


@pytest.fixture
def plans(desk):
    """Composes points given as mappings, numbered from 0."""

    def compose(*points):
        return [(n, compose_point(desk.loaded, desk.plugins, point)) for n, point in enumerate(points)]

    return compose


def test_every_row_is_what_a_single_run_gives(plans):
    numbered = plans({EVERY: "3"}, {EVERY: "4"}, {EVERY: "7"}, {"seed": "9"})

    rows = {row.number: row for row in pool.run(numbered, workers=2, hashed=True)}

    assert sorted(rows) == [0, 1, 2, 3]
    for number, plan in numbered:
        single, row = backtest.run(plan), rows[number]
        assert row.failure is None
        assert row.result_hash == single.result_hash
        assert row.statistics == single.statistics
        assert (row.orders, row.positions) == (len(single.orders), len(single.positions))
        assert row.denials == len(single.denials)
        assert row.equity == {"USD": round(Decimal(single.equity["USD"].iloc[-1]), 2)}
        assert row.orders > 50


def test_denials_are_counted(desk, plans):
    point = {"risk.order_limits.config.max_quantity": '"10"'}

    (row,) = pool.run(plans(point), workers=1)

    assert row.denials == row.orders == 120  # an order every five of 600 bars, and every one too large


def test_a_point_that_fails_fails_alone(plans):
    said = {
        "raise": "KeyError: 'planted'",
        "exit": "exit",
        "hard_exit": "exit code 4, twice",
        "kill": "SIGKILL; the system does that when memory runs out, twice",
    }
    numbered = plans(*({FAULT: fault} for fault in said), {EVERY: "3"}, {EVERY: "4"}, {EVERY: "6"})

    rows = {row.number: row for row in pool.run(numbered, workers=2)}

    for number, words in enumerate(said.values()):
        assert words in rows[number].failure.message
    assert "planted" in rows[0].failure.detail
    assert [rows[number].orders for number in (4, 5, 6)] == [200, 150, 100]


def test_a_point_whose_worker_is_killed_is_run_once_more(plans, tmp_path):
    numbered = plans({FAULT: f'"once:{tmp_path}/killed"'}, {EVERY: "3"}, {EVERY: "4"})
    said = []

    rows = {row.number: row for row in pool.run(numbered, workers=1, note=said.append)}

    assert (tmp_path / "killed").exists()
    assert [rows[number].orders for number in range(3)] == [120, 200, 150]
    assert [row.failure for row in rows.values()] == [None] * 3
    assert re.match(
        "the process that ran point 0 was ended by SIGKILL.*; the point is run once more", said[0]
    )


def test_a_point_that_takes_too_long_fails_alone(plans):
    numbered = plans({FAULT: "hang"}, {EVERY: "3"}, {EVERY: "4"})
    began = time.monotonic()

    rows = {row.number: row for row in pool.run(numbered, workers=2, time_limit=8)}

    assert time.monotonic() - began > 8
    assert rows[0].failure.message == "the point took longer than the 8 s it may"
    assert "--time-limit" in rows[0].failure.remedy
    assert [rows[1].orders, rows[2].orders] == [200, 150]
    assert multiprocessing.active_children() == []


def test_the_next_plan_may_depend_on_the_rows_so_far(plans):
    rows = []

    def next_plans():
        for number in range(4):
            assert len(rows) >= number - 1  # one is running, and the next is asked for when there is room
            yield number, plans({EVERY: str(3 + len(rows))})[0][1]

    for row in pool.run(next_plans(), workers=1):
        rows.append(row)  # noqa: PERF402 - the plans look at it

    assert [row.orders for row in rows] == [200, 150, 120, 100]


def test_no_plans_give_no_rows_and_start_no_worker():
    assert list(pool.run(iter(()), workers=4)) == []
    assert multiprocessing.active_children() == []


def test_workers_are_gone_when_the_caller_stops_listening(plans):
    running = pool.run(plans({EVERY: "3"}, {FAULT: "hang"}), workers=2)
    next(running)
    assert len(multiprocessing.active_children()) == 2

    running.close()

    assert multiprocessing.active_children() == []


def test_data_that_is_not_there_is_an_error_before_anything_runs(plans, tmp_path):
    numbered = [(0, dataclasses.replace(plans({})[0][1], catalog=tmp_path / "nothing"))]

    with pytest.raises(DataError, match="no catalog at") as caught:
        list(pool.run(numbered, workers=1))

    assert "framework data import" in caught.value.remedy


def test_data_is_checked_once_for_all_points_of_a_range(plans):
    told = []
    numbered = plans({EVERY: "3"}, {EVERY: "4"}, {"start": "2024-01-02"}, {"start": "2024-01-02", EVERY: "4"})

    rows = list(pool.run(numbered, workers=2, opened=told.append))

    assert len(rows) == 4
    assert len(told) == 2
    assert all(len(hashes) == 2 for hashes in told)  # the bars, and the instrument


def test_a_class_that_no_other_process_can_find_is_named(plans):
    class Hidden:
        pass

    number, plan = plans({})[0]
    part = StrategyPlan(plan.strategies[0].id, plan.strategies[0].offer, Hidden())

    with pytest.raises(RunError, match="Hidden.*"):
        list(pool.run([(number, dataclasses.replace(plan, strategies=(part,)))], workers=1))


def test_a_cap_below_one_idle_worker_is_refused(plans):
    with pytest.raises(ConfigError, match="before it runs anything") as caught:
        list(pool.run(plans({}), workers=1, max_memory=5 * MIB))
    assert caught.value.where == "--max-memory 5MiB"


def test_a_point_beyond_the_cap_fails_alone(plans):
    numbered = plans({EVERY: "3"}, {FAULT: "hog"}, {EVERY: "4"})

    rows = {row.number: row for row in pool.run(numbered, workers=1, max_memory=500 * MIB)}

    assert [row.failure is None for _, row in sorted(rows.items())] == [True, False, True]
    assert rows[1].failure.message == "the point needs more memory than the 500 MiB that --max-memory allows"


def test_workers_that_together_need_too_much_become_fewer_and_all_points_are_run(plans):
    said = []
    numbered = plans({FAULT: "hog"}, {FAULT: "hog", EVERY: "4"}, {EVERY: "3"})

    rows = list(pool.run(numbered, workers=2, max_memory=1000 * MIB, note=said.append))

    assert sorted(row.number for row in rows) == [0, 1, 2]
    assert all(row.failure is None for row in rows)
    assert "going on with 1 of 2 workers" in said[0]


def test_workers_are_renewed_before_what_the_engine_keeps_adds_up(plans, monkeypatch):
    monkeypatch.setattr(pool, "POINTS_OF_A_WORKER", 2)
    seen = set()

    def look():
        seen.update(process.pid for process in multiprocessing.active_children())

    rows = list(pool.run(plans(*({EVERY: str(n)} for n in range(3, 9))), workers=1, tick=look))

    assert len(rows) == 6
    assert len(seen) >= 3
