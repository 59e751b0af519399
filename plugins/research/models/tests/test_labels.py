"""Labels by hand, and against a slow search that reads like the definition."""

from __future__ import annotations

import numpy as np
import pytest
from framework_models.features import Rows
from framework_models.labels import FixedHorizon, TripleBarrier

HOUR = 3_600 * 10**9


def bars(*rows):
    prices = np.array(rows, dtype=float)
    ts = HOUR * np.arange(1, len(rows) + 1)
    return Rows(ts, prices[:, 0], prices[:, 1], prices[:, 2], prices[:, 3], np.ones(len(rows)))


def test_fixed_horizon_compares_the_close_some_bars_later_with_a_band():
    rows = bars(*[(p, p, p, p) for p in (100, 101, 100, 99.5, 98, 100)])
    labels = FixedHorizon(horizon=2, band=0.006).of(rows)
    assert labels.known.tolist() == [True, True, True, True, False, False]
    assert labels.value[:4].tolist() == [0, -1, -1, 0]
    assert labels.ends[:4].tolist() == [2, 3, 4, 5]


def test_triple_barrier_says_which_side_is_reached_first():
    """The range is 2 from the first bar on: barriers one range away from 100 are at 98 and 102."""
    flat = (100, 101, 99, 100)
    up, down, both = (100, 102, 100, 101), (100, 100, 98, 99), (100, 102, 98, 100)
    label = TripleBarrier(horizon=3, atr_period=1)
    assert label.of(bars(flat, flat, up, flat, flat)).value[0] == 1
    assert label.of(bars(flat, flat, down, flat, flat)).value[0] == -1
    assert label.of(bars(flat, flat, both, up, flat)).value[0] == 0, "nobody knows which came first"
    assert label.of(bars(flat, flat, flat, flat, up)).value[0] == 0, "too late"
    assert label.of(bars(flat, flat, up, flat, flat)).ends[0] == 2
    assert label.of(bars(flat, flat, flat, flat, up)).ends[0] == 3


def test_the_bar_itself_is_no_part_of_what_it_foretells():
    spike = (100, 109, 91, 100)
    labels = TripleBarrier(horizon=2, atr_period=1, up=0.5, down=0.5).of(
        bars(spike, (100, 101, 99, 100), spike)
    )
    assert labels.value[0] == 0
    assert labels.ends[0] == 2


def test_a_label_is_known_only_when_it_cannot_change_any_more(rows):
    """Whatever comes after a known label's last bar, it stays."""
    label = TripleBarrier(horizon=10)
    whole = label.of(rows)
    for cut in (100, 777, 2_000):
        part = label.of(rows.part(0, cut))
        assert part.known.sum() > 0
        assert np.array_equal(part.value[part.known], whole.value[:cut][part.known])
        assert (part.ends[part.known] < cut).all()


@pytest.mark.parametrize(("up", "down"), [(1.0, 1.0), (3.0, 0.5)])
def test_triple_barrier_is_the_slow_search(rows, up, down):
    horizon = 12
    labels = TripleBarrier(horizon=horizon, up=up, down=down, atr_period=5).of(rows)
    from nautilus_trader.indicators import AverageTrueRange, MovingAverageType

    atr = AverageTrueRange(5, MovingAverageType.Wilder)
    for n in range(rows.length):
        atr.update_raw(rows.high[n], rows.low[n], rows.close[n])
        if not atr.initialized or n % 7:
            continue
        top, bottom = rows.close[n] + up * atr.value, rows.close[n] - down * atr.value
        found = 0
        for later in range(n + 1, n + horizon + 1):
            if later >= rows.length:
                assert not labels.known[n]
                break
            above, below = rows.high[later] >= top, rows.low[later] <= bottom
            if above or below:
                found = int(above) - int(below)
                break
        else:
            later = n + horizon
        if labels.known[n]:
            assert (labels.value[n], labels.ends[n]) == (found, later), n
