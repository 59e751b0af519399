"""A market with calm and wild stretches, gaps, bars without volume and bars in which nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from framework_models.features import Rows

HOUR = 3_600 * 10**9
START = 1_488_326_400 * 10**9
"""2017-03-01 00:00 UTC: both London's and New York's clocks change within the month."""


def rows_of(count=3_000, seed=0, step=HOUR):
    rng = np.random.default_rng(seed)
    wild = (np.arange(count) // 400) % 2 == 1
    moves = rng.normal(0.0, 1e-3, count) * np.where(wild, 3.0, 1.0)
    moves[1_000:1_030] = 0.0
    close = 1.1 * np.exp(np.cumsum(moves))
    opened = np.concatenate([close[:1], close[:-1]])
    still = np.where(moves == 0.0, 0.0, 1.0)
    high = np.maximum(opened, close) * (1.0 + still * np.abs(rng.normal(0.0, 3e-4, count)))
    low = np.minimum(opened, close) * (1.0 - still * np.abs(rng.normal(0.0, 3e-4, count)))
    volume = rng.integers(0, 1_000, count).astype(float)
    ts = START + np.cumsum(rng.choice([1, 1, 1, 1, 2, 7], count)) * step
    return Rows(ts, opened, high, low, close, volume)


@pytest.fixture(scope="session")
def make_rows():
    return rows_of


@pytest.fixture(scope="session")
def rows():
    return rows_of()
