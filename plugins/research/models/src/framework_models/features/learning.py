"""Learning the regimes of returns from training bars."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from framework import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def learn(close: NDArray[np.float64], regimes: int) -> tuple[list[float], list[float], list[list[float]]]:
    """Means, deviations and transitions of the regimes, ordered by deviation, by maximum likelihood.

    Returns are scaled to a deviation of one first, because likelihoods of tiny numbers do not converge.

    Raises:
        DataError: The returns do not tell the regimes apart.
    """
    from statsmodels.tsa.regime_switching.markov_regression import (  # noqa: PLC0415 - takes seconds
        MarkovRegression,
    )

    returns = np.diff(np.log(close))
    scale = float(returns.std()) if len(returns) else 0.0
    if len(returns) < 50 * regimes or scale <= 0.0:
        raise DataError(
            f"{len(returns)} returns with a deviation of {scale:g} do not show {regimes} regimes",
            remedy="Train on more bars, or without the feature markov.",
        )
    model = MarkovRegression(returns / scale, k_regimes=regimes, trend="c", switching_variance=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the outcome is judged below, not the way to it
        fitted = model.fit(disp=False, em_iter=20, search_reps=0)
    given = dict(zip(model.param_names, fitted.params, strict=True))
    means = np.array([given[f"const[{k}]"] for k in range(regimes)]) * scale
    deviations = np.sqrt([given[f"sigma2[{k}]"] for k in range(regimes)]) * scale
    # Its matrix is from column to row.
    transitions = model.regime_transition_matrix(fitted.params)[:, :, 0].T
    order = np.argsort(deviations)
    transitions = transitions[np.ix_(order, order)]
    if not (np.isfinite(transitions).all() and (deviations > 0.0).all()):
        raise DataError(
            f"the {regimes} regimes did not converge on {len(returns)} returns",
            remedy="Train on more bars, with fewer regimes, or without the feature markov.",
        )
    return means[order].tolist(), deviations[order].tolist(), transitions.tolist()
