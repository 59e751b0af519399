"""Figures of evidence against published examples, other libraries and hand computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from framework_proving import evidence
from framework_proving.folds import Fold, folds

from framework import ConfigError, Study

QUICKSTART = Path(__file__).resolve().parents[4] / "examples" / "quickstart" / "node.yaml"
DAY = 86_400 * 10**9


def test_the_deflated_sharpe_ratio_of_the_paper():
    # Bailey and Lopez de Prado (2014), the numerical example: a yearly Sharpe ratio of 2.5 over five years of
    # 250 days, skewness -3, kurtosis 10, 100 trials whose yearly ratios vary by 1/2.
    best = evidence.expected_best_sharpe(100, 0.5 / 250)
    assert best == pytest.approx(0.1132, abs=5e-5)
    found = evidence.probabilistic_sharpe(2.5 / 250**0.5, best, 1_250, -3.0, 10.0)
    assert found == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_has_nothing_to_beat_but_zero():
    assert evidence.expected_best_sharpe(1, 0.5) == 0.0


def test_the_yearly_ratio_is_the_engines_own():
    plan = Study.open(QUICKSTART).plan({"end": "2017-04-01"})
    (row,) = Study.rows([(0, plan)], workers=1, keep=["equity"])
    ours = evidence.sharpe(evidence.daily_returns(row.curve["USD"])) * 252**0.5
    assert ours == pytest.approx(row.statistics["returns"]["Sharpe Ratio (252 days)"], rel=1e-9)


def test_daily_returns_by_hand():
    curve = [(1 * DAY, 100.0), (2 * DAY - 5, 90.0), (2 * DAY, 110.0), (3 * DAY, 99.0), (4 * DAY, 108.9)]
    assert evidence.daily_returns(curve) == pytest.approx([0.1, -0.1, 0.1])
    assert evidence.daily_returns(curve, 2 * DAY + 1) == pytest.approx([-0.1, 0.1])
    assert len(evidence.daily_returns([])) == 0


def test_a_drawdown_by_hand():
    assert evidence.drawdown(np.array([100.0, 120.0, 90.0, 130.0, 117.0])) == pytest.approx(0.25)
    assert evidence.drawdown(np.array([1.0, 2.0, 3.0])) == 0.0


def test_trades_that_all_lose_the_same_fall_by_their_sum_in_any_order():
    low, middle, high = evidence.shuffled_trades([-10.0] * 5, 200.0, seed=1)
    assert (low, middle, high) == pytest.approx((0.25, 0.25, 0.25))
    assert evidence.shuffled_trades([-300.0], 200.0, seed=1)[2] == 1.0
    assert evidence.shuffled_trades([], 200.0, seed=1) == (0.0, 0.0, 0.0)


def test_a_trial_that_is_best_everywhere_is_never_overfit_and_one_that_turns_round_always_is():
    noise = np.random.default_rng(2).normal(0, 0.01, (40, 4))
    better = noise + np.array([0.05, 0.0, 0.0, 0.0])
    assert evidence.overfit_probability(better, blocks=4) == 0.0
    turns = np.array([[0.01, -0.01], [0.02, -0.02], [-0.01, 0.01], [-0.02, 0.02]])
    # Two blocks, two halves: the best of the one is the worst of the other.
    assert evidence.overfit_probability(turns, blocks=2) == 1.0


def test_among_trials_of_noise_the_best_is_overfit_about_half_of_the_time():
    found = [
        evidence.overfit_probability(np.random.default_rng(seed).normal(0, 0.01, (200, 20)), blocks=8)
        for seed in range(20)
    ]
    assert 0.35 < np.mean(found) < 0.65


def test_hansens_test_tells_drift_from_noise():
    rng = np.random.default_rng(7)
    noise = rng.normal(0.0, 0.01, 500)
    assert evidence.superior(noise - noise.mean(), seed=0) > 0.3
    assert evidence.superior(noise - noise.mean() + 0.002, seed=0) < 0.01
    assert evidence.superior(np.zeros(100), seed=0) == 1.0


def test_the_bootstrapped_ratio_is_centred_on_the_ratio():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 1_000)
    low, middle, high = evidence.bootstrapped_sharpe(returns, seed=0)
    assert middle == pytest.approx(evidence.sharpe(returns), abs=0.01)
    # Lo (2002): the standard error of a Sharpe ratio of independent returns is about 1 / sqrt(n).
    assert high - low == pytest.approx(2 * 1.645 / 1_000**0.5, rel=0.2)


# stretches of time


def test_anchored_trainings_grow_and_tests_follow_each_other_to_the_end():
    assert folds(0, 99, count=2, lead=2, kind="anchored") == [Fold(0, 49, 50, 74), Fold(0, 74, 75, 99)]


def test_rolling_trainings_keep_their_length():
    assert folds(0, 99, count=2, lead=2, kind="rolling") == [Fold(0, 49, 50, 74), Fold(25, 74, 75, 99)]


def test_purge_and_embargo_part_a_training_from_its_test():
    assert folds(0, 99, count=1, lead=1, kind="anchored", purge=5, embargo=3) == [Fold(0, 44, 53, 99)]


def test_no_test_is_ever_trained_on_before_it():
    for kind in ("anchored", "rolling"):
        for fold in folds(17, 10_000, count=7, lead=3, kind=kind, purge=10, embargo=5):
            assert fold.train_end + 15 < fold.test_start
            assert fold.train_start >= 17


def test_stretches_that_purging_leaves_empty_are_refused():
    with pytest.raises(ConfigError, match="nothing is left"):
        folds(0, 99, count=5, lead=1, kind="rolling", purge=50)
