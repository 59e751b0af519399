"""The check of look-ahead on strategies whose answer is known: some see the future, some only look it."""

from __future__ import annotations

import numpy as np
import pytest
from framework_proving.lookahead import look_ahead
from framework_proving.specimens import BIASED, CLEAN
from framework_proving.specimens.regime import filtered, smoothed
from statsmodels.tsa.regime_switching.markov_switching import cy_hamilton_filter_log, cy_kim_smoother_log

WAYS = {"next_close", "scaler_on_whole_set", "smoothed_regime", "future_size"}
INNOCENT = {"past_of_the_file", "scaler_on_the_past"}
MARKETS = (0, 1)


def names(specs):
    return [spec.name for spec in specs]


def few(specs, chosen):
    return [pytest.param(spec, id=spec.name) for spec in specs if spec.name in chosen]


def test_bias_has_at_least_a_dozen_specimens_of_either_kind():
    assert len(BIASED) >= 12
    assert len(CLEAN) >= 12
    assert len({*names(BIASED), *names(CLEAN)}) == len(BIASED) + len(CLEAN)


@pytest.mark.parametrize("spec", few(BIASED, WAYS))
def test_bias_is_found(specimen, spec):
    verdict = look_ahead(specimen(spec), cuts=4, shrink=False)
    assert (verdict.verdict, verdict.exit_code) == ("biased", 7)


@pytest.mark.parametrize("spec", few(CLEAN, INNOCENT))
def test_bias_is_not_claimed_of_an_honest_one(specimen, spec):
    verdict = look_ahead(specimen(spec), cuts=3, shrink=False)
    assert (verdict.verdict, verdict.exit_code) == ("clean", 0), verdict.reason


@pytest.mark.slow
@pytest.mark.parametrize("spec", BIASED, ids=names(BIASED))
def test_bias_is_found_in_every_biased_specimen(specimen, spec):
    for seed in MARKETS:
        verdict = look_ahead(specimen(spec, seed=seed), cuts=6, seed=seed, shrink=False)
        assert verdict.verdict == "biased", f"market {seed}: {verdict.reason}"


@pytest.mark.slow
@pytest.mark.parametrize("spec", CLEAN, ids=names(CLEAN))
def test_bias_is_claimed_of_no_clean_specimen(specimen, spec):
    for seed in MARKETS:
        verdict = look_ahead(specimen(spec, seed=seed), cuts=4, seed=seed, shrink=False)
        assert verdict.verdict == "clean", f"market {seed}: {verdict.reason}"


def test_the_planted_regime_is_smoothed_and_its_honest_twin_is_filtered():
    # statsmodels has another implementation of Hamilton's filter and Kim's smoother, in log space.
    rng = np.random.default_rng(5)
    returns = rng.normal(0.0, np.repeat([0.0005, 0.002, 0.0005], 40))
    scales = np.array([0.5, 2.0]) * 0.001
    moves = np.array([[0.97, 0.03], [0.03, 0.97]])[:, :, None]
    likely = -0.5 * (returns / scales[:, None]) ** 2 - np.log(scales[:, None])
    marginal, _, _, _, predicted, joint = cy_hamilton_filter_log(np.array([0.5, 0.5]), moves, likely, 0)
    assert filtered(returns, 0.001) == pytest.approx(marginal[1], abs=1e-12)
    assert smoothed(returns, 0.001) == pytest.approx(
        cy_kim_smoother_log(moves, predicted, joint)[1][1], abs=1e-12
    )
    assert np.abs(smoothed(returns, 0.001) - filtered(returns, 0.001)).max() > 0.2
