"""The session VWAP and its deviation, worked out by hand and in exact fractions."""

from __future__ import annotations

import random
from fractions import Fraction
from math import sqrt

import pytest
from framework_vwap.session_vwap import SessionVwap

# high, low, close, volume: typical prices 10, 11, 12, 11, 9, 13
SIX_BARS = [
    (11, 9, 10, 100),
    (12, 10, 11, 300),
    (13, 11, 12, 200),
    (12, 10, 11, 0),
    (10, 8, 9, 100),
    (14, 12, 13, 300),
]


def test_six_bars_by_hand():
    vwap, seen = SessionVwap(), []
    for bar in SIX_BARS:
        vwap.update(*bar)
        seen.append((vwap.bars, vwap.value, vwap.deviation**2))
    expected = [
        (1, 10, 0),
        (2, 10.75, 0.1875),  # (1000 + 3300) / 400; (100 x 0.5625 + 300 x 0.0625) / 400
        (3, 67 / 6, 17 / 36),  # 6700 / 600; (100 x 49/36 + 300 x 1/36 + 200 x 25/36) / 600
        (3, 67 / 6, 17 / 36),  # no volume, no change
        (4, 76 / 7, 48 / 49),  # 7600 / 700; (36 + 3 + 2 x 64 + 169) / 7 / 49 = 336 / 343
        (5, 11.5, 1.65),  # 11500 / 1000; (225 + 75 + 50 + 625 + 675) / 1000
    ]
    for got, want in zip(seen, expected, strict=True):
        assert got == pytest.approx(want)


def test_a_session_without_volume_has_no_value_and_no_width():
    vwap = SessionVwap()
    vwap.update(11, 9, 10, 0)
    assert (vwap.bars, vwap.value, vwap.deviation) == (0, 0.0, 0.0)


def test_reset_forgets_the_session():
    vwap = SessionVwap()
    for bar in SIX_BARS:
        vwap.update(*bar)
    vwap.reset()
    vwap.update(*SIX_BARS[0])
    assert (vwap.bars, vwap.value, vwap.deviation) == (1, 10.0, 0.0)


@pytest.mark.parametrize("level", [1, 60_000, 10**9])
def test_no_digits_are_lost_far_from_zero_over_a_long_session(level):
    rng = random.Random(5)
    vwap, weight, first, second = SessionVwap(), Fraction(0), Fraction(0), Fraction(0)
    for _ in range(20_000):
        price, volume = level + rng.randint(-64, 64) / 128, float(rng.randint(1, 5000))
        vwap.update(price, price, price, volume)
        # the same price, as the strategy computes it, so that only the sums are compared
        typical = Fraction((price + price + price) / 3.0)
        weight += Fraction(volume)
        first += typical * Fraction(volume)
        second += typical * typical * Fraction(volume)
    mean = first / weight
    assert vwap.value == pytest.approx(float(mean), rel=1e-13)
    assert vwap.deviation == pytest.approx(sqrt(second / weight - mean * mean), rel=1e-6)
