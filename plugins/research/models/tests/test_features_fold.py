"""What holds for every feature: online is offline, and nothing is seen early."""

from __future__ import annotations

import typing

import msgspec
import numpy as np
import pytest
from framework_models.features import (
    Atr,
    Bollinger,
    Calendar,
    ChangePoint,
    Ema,
    FeatureEntry,
    FeatureSet,
    LogReturn,
    Macd,
    Markov,
    Rows,
    Rsi,
    Session,
    Volatility,
    VolumeRatio,
    Vwap,
    ZScore,
)

LEARNT = {
    "means": [1e-5, -2e-5],
    "deviations": [0.001, 0.003],
    "transitions": [[0.99, 0.01], [0.02, 0.98]],
}
THREE = {
    "regimes": 3,
    "means": [0.0, 1e-5, -2e-5],
    "deviations": [0.0008, 0.001, 0.003],
    "transitions": [[0.97, 0.02, 0.01], [0.02, 0.97, 0.01], [0.01, 0.02, 0.97]],
}
EVERY_FEATURE = [
    LogReturn(),
    LogReturn(bars=24),
    Rsi(),
    Ema(period=20),
    Macd(),
    Atr(),
    Vwap(time_zone="America/New_York", session_start="17:00"),
    Bollinger(),
    ZScore(period=30),
    Volatility(period=10, history=50),
    VolumeRatio(),
    Session(begins="08:00", ends="16:30", time_zone="Europe/London"),
    Session(begins="22:00", ends="06:00"),
    Calendar(time_zone="America/New_York"),
    Markov(**LEARNT),
    Markov(**THREE),
    ChangePoint(window=50),
]
LARGER = [msgspec.structs.replace(feature, every="4h") for feature in EVERY_FEATURE]
IDS = [feature.names()[0] for feature in EVERY_FEATURE]


def table(features, rows):
    return FeatureSet(features).update(rows)


def same(one, other):
    return np.array_equal(one, other, equal_nan=True)


def test_every_feature_there_is_is_in_this_file():
    assert {type(feature) for feature in EVERY_FEATURE} == set(typing.get_args(FeatureEntry.__value__))


@pytest.mark.parametrize("feature", EVERY_FEATURE + LARGER, ids=[*IDS, *(f"{name}@4h" for name in IDS)])
def test_bar_by_bar_it_is_what_it_is_over_all_bars_to_the_last_bit(feature, rows):
    online = FeatureSet([feature])
    one_by_one = np.vstack([online.update(rows.part(n, n + 1)) for n in range(rows.length)])
    whole = table([feature], rows)
    assert same(one_by_one, whole)
    assert np.isfinite(whole[-500:]).all(), "a comparison of nothing with nothing"


@pytest.mark.parametrize("feature", EVERY_FEATURE + LARGER, ids=[*IDS, *(f"{name}@4h" for name in IDS)])
def test_another_future_changes_nothing_before(feature, rows, make_rows):
    cut = 1_777
    future = make_rows(seed=99)
    mixed = Rows(*(np.concatenate([old[:cut], new[cut:]]) for old, new in zip(rows, future, strict=True)))
    mixed = mixed._replace(ts=rows.ts)
    whole = table([feature], rows)
    assert same(table([feature], mixed)[:cut], whole[:cut])
    assert same(table([feature], rows.part(0, cut)), whole[:cut])


def test_any_split_of_the_bars_gives_the_same_table(rows):
    features = EVERY_FEATURE + LARGER
    whole = table(features, rows)
    for seed in range(5):
        cuts = np.sort(np.random.default_rng(seed).integers(0, rows.length, 12))
        parts = FeatureSet(features)
        pieces = [
            parts.update(rows.part(start, stop))
            for start, stop in zip([0, *cuts], [*cuts, rows.length], strict=True)
        ]
        assert same(np.vstack(pieces), whole)


def test_no_bars_give_no_rows(make_rows):
    assert table(EVERY_FEATURE + LARGER, make_rows().part(0, 0)).shape[0] == 0


def test_columns_are_named_after_what_makes_them():
    features = [
        Rsi(period=7),
        Macd(every="1d"),
        Session(begins="08:00", ends="16:30", time_zone="Europe/London"),
    ]
    assert FeatureSet(features).names == [
        "rsi_7",
        "macd_12_26_9_line@1d",
        "macd_12_26_9_signal@1d",
        "macd_12_26_9_gap@1d",
        "session_0800_1630_Europe-London",
    ]


def test_a_column_named_twice_is_refused():
    with pytest.raises(ValueError, match="rsi_14 is named twice"):
        FeatureSet([Rsi(), Ema(), Rsi(period=14)])


def test_regimes_that_are_not_learnt_give_no_numbers():
    with pytest.raises(ValueError, match="not learnt yet"):
        FeatureSet([Markov()])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use": "rsi", "period": 0}, ">= 1"),
        ({"use": "rsi", "perod": 14}, "perod"),
        ({"use": "macd", "fast": 26, "slow": 26}, "not below slow"),
        ({"use": "vwap", "time_zone": "Europe/Londn"}, "no time zone"),
        ({"use": "session", "from": "8:00", "to": "9:00"}, "regex"),
        ({"use": "vwapp"}, "vwapp"),
        ({"use": "rsi", "every": "4 hours"}, "regex"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises((msgspec.ValidationError, ValueError), match=message):
        msgspec.convert(settings, FeatureEntry)
