"""Two states of volatility, told apart by returns: from the past alone, or with the future as well.

A hidden Markov chain with known parameters: Hamilton, J. D. (1994), Time Series Analysis, chapter 22. The
filter gives P(state | past), the smoother P(state | all); only the first is there when a decision is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STAY = 0.97
"""Probability that a state lasts one more bar."""
NOISE = (0.5, 2.0)
"""Standard deviations of returns in the two states, as multiples of a typical one."""

TINY = 1e-300
"""A return that neither state explains says nothing."""


def densities(returns: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
    """How likely each return is in each state; shape (n, 2)."""
    scales = np.array(NOISE) * typical
    scaled: NDArray[np.float64] = returns[:, None] / scales
    return np.maximum(np.exp(-0.5 * scaled**2) / scales, TINY)


def filtered(returns: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
    """P(noisy state | returns up to and including each one); shape (n,)."""
    return _forward(densities(returns, typical))[:, 1]


def smoothed(returns: NDArray[np.float64], typical: float) -> NDArray[np.float64]:
    """P(noisy state | all returns, later ones included); shape (n,)."""
    likely = densities(returns, typical)
    forward = _forward(likely)
    backward = np.ones_like(forward)
    for place in range(len(returns) - 2, -1, -1):
        step = _moves() @ (likely[place + 1] * backward[place + 1])
        backward[place] = step / step.sum()
    both = forward * backward
    both /= both.sum(axis=1, keepdims=True)
    return both[:, 1]


def _moves() -> NDArray[np.float64]:
    return np.array([[STAY, 1 - STAY], [1 - STAY, STAY]])


def _forward(likely: NDArray[np.float64]) -> NDArray[np.float64]:
    state, seen = np.array([0.5, 0.5]), np.empty_like(likely)
    for place, row in enumerate(likely):
        state = (state @ _moves()) * row
        state = state / state.sum()
        seen[place] = state
    return seen
