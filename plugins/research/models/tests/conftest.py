"""A market with calm and wild stretches, gaps, bars without volume and bars in which nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from framework_models import keys
from framework_models.features import Atr, Calendar, Rows, Rsi, ZScore
from framework_models.labels import TripleBarrier
from framework_models.learners import XGBoost
from framework_models.recipe import Recipe
from framework_models.registry import Registry
from framework_models.training import train
from framework_models.validation import Validation
from nautilus_trader.model import BarType

from framework import Bars

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


def bars_of(count=1_500, seed=0, *, returning=False):
    """Hours of EUR/USD in 2017, made up: a walk, or a price that returns to where it was."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 1e-3, count)
    if returning:
        level, path = 0.0, []
        for move in moves:
            level = 0.9 * level + move
            path.append(level)
        close = 1.1 * np.exp(np.array(path))
    else:
        close = 1.1 * np.exp(np.cumsum(moves))
    opened = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 2e-4, count)))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 2e-4, count)))
    ts = START + HOUR * np.arange(1, count + 1)
    volume = rng.integers(1, 1_000, count).astype(float)
    return Bars(None, ts=ts, open=opened, high=high, low=low, close=close, volume=volume)


@pytest.fixture(scope="session")
def make_bars():
    return bars_of


@pytest.fixture(scope="session")
def bars():
    return bars_of()


@pytest.fixture(scope="session")
def recipe():
    return Recipe(
        name="test-model",
        catalog="catalog",
        bars=BarType.from_str("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"),
        end="2017-12-31",
        seed=1,
        features=[Rsi(), Atr(), ZScore(period=20), Calendar()],
        label=TripleBarrier(horizon=6),
        model=XGBoost(trees=10, depth=2),
        validation=Validation(folds=4, embargo=10),
    )


@pytest.fixture(scope="session")
def trained(recipe, bars):
    return train(recipe, bars)


@pytest.fixture(scope="session")
def signing_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "model.key"
    keys.make(file)
    return file


@pytest.fixture(scope="session")
def signing(signing_file):
    """The key that signs, and the one that says whom to trust."""
    return keys.signing_key(signing_file), keys.public_key(signing_file.with_name("model.key.pub"))


@pytest.fixture
def keep(tmp_path, signing):
    """Signs a model, puts it into a registry of its own, and reads it back."""

    def kept(trained):
        store = Registry(tmp_path / "kept")
        return store.open(store.add(trained.manifest, trained.model, signing[0]), signing[1])

    return kept
