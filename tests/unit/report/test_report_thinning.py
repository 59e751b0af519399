"""Thinned curves keep their ends, peaks and troughs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from framework.report.thinning import sample, thin

CURVES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400)


@given(CURVES, st.integers(1, 50))
def test_ends_peak_and_trough_stay_whatever_the_curve(values, points):
    series = pd.Series(values)
    rows = thin(series, points=points)
    kept = series.iloc[rows]
    assert rows == sorted(set(rows))
    assert rows[0] == 0
    assert rows[-1] == len(values) - 1
    assert kept.max() == series.max()
    assert kept.min() == series.min()


def test_a_spike_of_one_point_in_fifty_thousand_stays():
    series = pd.Series(np.zeros(50_000))
    series.iloc[31_337] = -1.0
    other = pd.Series(np.zeros(50_000))
    other.iloc[777] = 1.0
    rows = thin(series, other, points=2_000)
    assert {31_337, 777} <= set(rows)
    assert len(rows) <= 4_000


def test_a_stretch_without_values_is_passed_over():
    series = pd.Series([np.nan] * 50 + [1.0] * 50)
    assert thin(series, points=4)[-1] == 99


def test_a_short_curve_is_kept_whole():
    assert thin(pd.Series([1.0, 2.0, 3.0]), points=3) == [0, 1, 2]


@given(st.integers(0, 2000), st.integers(2, 100))
def test_an_even_choice_has_the_size_asked_for_and_both_ends(rows, wanted):
    chosen = sample(rows, wanted)
    assert len(chosen) == len(set(chosen)) == min(rows, wanted)
    if rows:
        assert (chosen[0], chosen[-1]) == (0, rows - 1)
