"""The whole pass: ranking, confirmation, and what it says of an array form that is not the strategy."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from framework.errors import CheckFailed, CompositionError, ConfigError
from framework.screen import Screen, screen
from framework.screen.confirm import Fill, compare, compare_equity
from framework.screen.ledger import FINE, TOO_DEAR, Account
from framework.screen.ranking import OBJECTIVES, Score, ranked
from framework.screen.task import sizes

RUNGS = [[0, 1], [0, 1, -1], [0, -1], [1, 1, 1, 0], [2, 0, 0], [1, -2, 0, 0, 3]]


@pytest.fixture
def points(plan_of):
    """Points of the ladder's rungs, and what composes one."""

    def compose(point):
        return plan_of(settings={"rungs": RUNGS[int(point["rungs"])]})

    return [(number, {"rungs": str(number)}) for number in range(len(RUNGS))], compose


def test_a_grid_is_ranked_and_its_best_confirmed(points):
    asked, compose = points
    done = []
    found = screen(asked, compose, top=2, progress=lambda: done.append(1))
    profits = [score.profit for score in found.scores]
    assert profits == sorted(profits, reverse=True)
    assert len(done) == len(found.scores) == len(RUNGS)
    assert [len(result.fills) for result in found.confirmed] == [s.account.fills for s in found.scores[:2]]
    assert (found.currency, found.bars) == ("USD", 300)


def test_its_amounts_are_those_of_the_engines_own_report(points):
    asked, compose = points
    found = screen(asked, compose, top=len(RUNGS))
    for score, result in zip(found.scores, found.confirmed, strict=True):
        fees = sum(Decimal(text.split()[0]) for text in result.fills["commission"])
        assert Decimal(score.amount(score.account.commission)) == fees
        left = Decimal(str(result.equity["USD"].iloc[-1])).quantize(Decimal("0.01"))
        assert Decimal(score.amount(score.profit)) == left - 100_000


def test_an_array_form_that_looks_ahead_fails_the_check(plan_of):
    plan = plan_of(settings={"rungs": [1], "peeks": True})
    work = Screen()
    score = work.score(0, {}, plan)
    with pytest.raises(
        CheckFailed, match=r"ladder look ahead: the target after bar \d+ is 0 when the bars end"
    ):
        work.confirm(score, plan)


def test_an_array_form_of_another_rule_fails_the_check_with_its_first_fill(plan_of):
    plan = plan_of(settings={"rungs": [1], "lies": True})
    work = Screen()
    score = work.score(0, {"config.lies": "true"}, plan)
    with pytest.raises(CheckFailed) as caught:
        compare_only(work, score, plan)
    assert "at config.lies=true: fill 2 differs\n  arrays: 2024-01-07T07:00:00+00:00 BUY 1000 at" in str(
        caught.value
    )
    assert "engine: none" in str(caught.value)
    assert caught.value.exit_code == 7


def compare_only(work, score, plan):
    """Without the look into the future, which finds the lie first."""
    from framework import screen as package

    kept = package.first_difference
    package.first_difference = lambda *_: None
    try:
        work.confirm(score, plan)
    finally:
        package.first_difference = kept


@pytest.mark.parametrize(("answers", "says"), [("float64", "are float64"), ("short", r"of shape \(3,\)")])
def test_what_is_no_target_is_refused(plan_of, answers, says):
    with pytest.raises(CheckFailed, match=says):
        Screen().score(0, {}, plan_of(settings={"answers": answers}))


def test_a_point_that_cannot_be_screened_is_named(plan_of):
    with pytest.raises(CompositionError) as caught:
        screen([(0, {"quantity": "0.5"})], lambda point: plan_of(settings=dict(point)))
    assert caught.value.where == "at quantity=0.5"


def test_points_that_did_not_go_to_the_end_are_last_and_not_confirmed(plan_of):
    found = screen(
        [(0, {"quantity": "90000000"}), (1, {"quantity": "1000"})],
        lambda point: plan_of(settings=dict(point)),
    )
    assert [score.number for score in found.scores] == [1, 0]
    assert "may not be able to pay an order" in found.scores[1].to_dict()["problem"]
    assert len(found.confirmed) == 1


def test_the_bars_a_rule_reads_cannot_be_written_to(plan_of):
    with pytest.raises(ValueError, match="read-only"):
        Screen().task(0, {}, plan_of()).tape.bars.close[0] = 1.0


def test_the_floats_a_rule_reads_are_the_engines(plan_of, market):
    from nautilus_trader.persistence import ParquetDataCatalog

    bars = ParquetDataCatalog(str(market.catalog)).query_bars([str(market.bar_types[0])])
    read = Screen().task(0, {}, plan_of()).tape.bars
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(read, name).tolist() == [getattr(bar, name).as_double() for bar in bars]
    assert read.ts.tolist() == [bar.ts_init for bar in bars]


def test_only_the_range_of_the_node_is_read(plan_of):
    plan = plan_of(start="2024-01-03", end="2024-01-04")
    ts = Screen().task(0, {}, plan).tape.bars.ts
    assert (str(ts[0].astype("M8[ns]"))[:16], str(ts[-1].astype("M8[ns]"))[:16]) == (
        "2024-01-03T00:00",
        "2024-01-04T23:00",
    )


# ranking


def scored(number, **changes):
    fine = Account(FINE, 9, 1_000, 10, 0, 2, 1, 1.0, 2.0)
    return Score(number, {}, 1_000, 2, fine._replace(**changes))


@pytest.mark.parametrize(
    ("objective", "order"),
    [
        ("profit", [1, 2, 0]),
        ("drawdown", [2, 0, 1]),
        ("profit_to_drawdown", [2, 1, 0]),
        ("sharpe", [0, 2, 1]),
    ],
)
def test_each_objective_puts_the_best_first(objective, order):
    scores = [
        scored(0, balance=900, drawdown=50, mean=3.0),
        scored(1, balance=1_500, drawdown=500, mean=1.0),
        scored(2, balance=1_100, drawdown=20, mean=2.0),
    ]
    assert [score.number for score in ranked(scores, objective)] == order


def test_equal_points_stay_in_the_order_of_the_grid():
    assert [score.number for score in ranked([scored(2), scored(0), scored(1)], "profit")] == [0, 1, 2]


def test_nothing_lost_is_better_than_anything_lost():
    scores = [scored(0, balance=9_000, drawdown=1), scored(1, balance=1_001, drawdown=0)]
    assert ranked(scores, "profit_to_drawdown")[0].number == 1
    assert scores[1].to_dict()["profit_to_drawdown"] is None


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_stopped_early_is_last_whatever_it_earned(objective):
    scores = [scored(0, stopped=TOO_DEAR, balance=99_999), scored(1, balance=1)]
    assert ranked(scores, objective)[-1].number == 0


def test_an_objective_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="no objective") as caught:
        ranked([], "luck")
    assert "profit, drawdown" in caught.value.remedy


@pytest.mark.parametrize(
    ("units", "digits", "text"),
    [(5, 2, "0.05"), (-5, 2, "-0.05"), (-12345, 2, "-123.45"), (7, 0, "7"), (1, 8, "0.00000001")],
)
def test_amounts_are_decimals(units, digits, text):
    assert dataclasses.replace(scored(0), digits=digits).amount(units) == text


# comparing

FILL = Fill(0, "BUY", Decimal(1), Decimal(2), Decimal(0))


@pytest.mark.parametrize(
    "change",
    [{"time": 1}, {"side": "SELL"}, {"size": Decimal(3)}, {"price": Decimal(3)}, {"commission": Decimal(1)}],
)
def test_every_part_of_a_fill_is_compared(change):
    compare([FILL], [FILL], "here")
    with pytest.raises(CheckFailed, match="here: fill 2 differs"):
        compare([FILL, FILL], [FILL, dataclasses.replace(FILL, **change)], "here")


@pytest.mark.parametrize(("arrays", "engine"), [(1, 2), (2, 1), (0, 1)])
def test_a_missing_fill_is_a_difference(arrays, engine):
    with pytest.raises(CheckFailed, match=f"fill {min(arrays, engine) + 1} differs"):
        compare([FILL] * arrays, [FILL] * engine, "here")


def test_a_cent_of_difference_at_the_end_is_one(points):
    asked, compose = points
    result = screen(asked, compose, top=1).confirmed[0]
    left = Decimal(str(result.equity["USD"].iloc[-1])).quantize(Decimal("0.01"))
    compare_equity(left, result, "USD", "here")
    with pytest.raises(CheckFailed, match="here: arrays end with"):
        compare_equity(left + Decimal("0.01"), result, "USD", "here")


def test_an_amount_too_large_for_a_float_to_the_last_unit_is_compared_as_far_as_it_goes():
    exact = Decimal("1234567890123.12345678")
    result = SimpleNamespace(equity=pd.DataFrame({"USDT": [float(exact)]}))
    compare_equity(exact, result, "USDT", "here")
    with pytest.raises(CheckFailed):
        compare_equity(exact + Decimal("0.01"), result, "USDT", "here")


@pytest.mark.parametrize(
    ("target", "at_once", "expected"),
    [
        ([], False, (0, 0)),
        ([0, 0], False, (0, 0)),
        ([5, -3], False, (3, 5)),
        ([5, -3], True, (3, 8)),
        ([5, 7, 7], False, (2, 7)),
    ],
)
def test_the_sizes_of_orders(target, at_once, expected):
    assert sizes(np.array(target, np.int64), at_once=at_once) == expected


# without numba, and without a place to keep what was compiled


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_numba_it_says_what_to_install():
    done = run(
        "import sys; sys.modules['numba'] = None\n"
        "from framework.cli import main\n"
        "main(['screen', 'node.yaml', '--set', 'strategies[0].config.fast=1,2'])"
    )
    assert done.returncode == 4
    assert 'pip install "framework[screen]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_listing_plugins_needs_no_numba():
    done = run(
        "import sys; sys.modules['numba'] = None\nfrom framework.cli import main\nmain(['plugins', 'list'])"
    )
    assert "trend" in done.stdout, done.stderr


def test_compiling_works_where_nothing_can_be_kept(tmp_path):
    module = tmp_path / "rule.py"
    module.write_text("def twice(x):\n    return 2 * x\n", encoding="utf-8")
    done = run(
        "import sys; sys.path.insert(0, sys.argv[1] if len(sys.argv) > 1 else '.')\n"
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from framework import compiled\n"
        "import rule\n"
        "print(compiled(rule.twice)(21))",
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.strip() == "42", done.stderr
