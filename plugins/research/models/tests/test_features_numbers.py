"""Every feature against a source of its own: the engine, pandas, statsmodels, ruptures, a published table."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from framework_models.features import (
    Atr,
    Bollinger,
    Calendar,
    ChangePoint,
    Ema,
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
from framework_models.features.local_time import LocalTime
from nautilus_trader.indicators import (
    AverageTrueRange,
    ExponentialMovingAverage,
    MovingAverageType,
    RelativeStrengthIndex,
)

HOUR = 3_600 * 10**9
START = 1_488_326_400 * 10**9


def columns(feature, rows):
    return FeatureSet([feature]).update(rows).T


def closes(prices):
    prices = np.asarray(prices, dtype=float)
    ts = START + HOUR * np.arange(1, len(prices) + 1)
    return Rows(ts, prices, prices, prices, prices, np.ones(len(prices)))


def after(indicator, rows, feed):
    values = []
    for n in range(rows.length):
        feed(indicator, n)
        values.append(indicator.value if indicator.initialized else np.nan)
    return np.array(values)


def agree(ours, theirs, *, known, rel=1e-9):
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.isfinite(ours).sum() >= known
    np.testing.assert_allclose(ours, theirs, rtol=rel, atol=1e-12)


@pytest.fixture
def frame(rows):
    return pd.DataFrame(rows._asdict(), index=pd.to_datetime(rows.ts, utc=True))


def test_return_is_the_difference_of_logarithms(rows, frame):
    agree(columns(LogReturn(bars=5), rows)[0], np.log(frame.close).diff(5).to_numpy(), known=2_900)


def test_rsi_is_the_published_table():
    """StockCharts' worked example of Wilder's RSI over 14 days, ChartSchool, to its two decimals."""
    prices = [
        44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
        46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
        45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
    ]  # fmt: skip
    published = [
        70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46,
        41.87, 45.46, 37.30, 33.08, 37.77,
    ]  # fmt: skip
    values = columns(Rsi(), closes(prices))[0]
    assert np.isnan(values[:14]).all()
    assert values[14:] == pytest.approx(published, abs=0.006)


def test_rsi_is_the_engines_with_wilders_average(rows):
    """The engine counts its first, empty change as one of the 14; after 500 bars that is forgotten."""
    theirs = after(
        RelativeStrengthIndex(14, MovingAverageType.Wilder), rows, lambda i, n: i.update_raw(rows.close[n])
    )
    np.testing.assert_allclose(columns(Rsi(), rows)[0][500:1_000], theirs[500:1_000], rtol=1e-6)


def test_ema_is_the_engines(rows):
    theirs = after(ExponentialMovingAverage(20), rows, lambda i, n: i.update_raw(rows.close[n]))
    agree(columns(Ema(period=20), rows)[0], rows.close / theirs - 1.0, known=2_900)


def test_macd_is_three_averages_of_the_engine(rows):
    fast = after(ExponentialMovingAverage(12), rows, lambda i, n: i.update_raw(rows.close[n]))
    slow = after(ExponentialMovingAverage(26), rows, lambda i, n: i.update_raw(rows.close[n]))
    line = fast - slow
    average = ExponentialMovingAverage(9)
    signal = np.full(rows.length, np.nan)
    for n in np.flatnonzero(np.isfinite(line)):
        average.update_raw(line[n])
        signal[n] = average.value if average.initialized else np.nan
    ours = columns(Macd(), rows)
    for mine, theirs in zip(ours, (line, signal, line - signal), strict=True):
        agree(mine * rows.close, theirs, known=2_900, rel=1e-7)


def test_atr_is_the_engines(rows):
    theirs = after(
        AverageTrueRange(14, MovingAverageType.Wilder),
        rows,
        lambda i, n: i.update_raw(rows.high[n], rows.low[n], rows.close[n]),
    )
    agree(columns(Atr(), rows)[0] * rows.close, theirs, known=2_900)


def test_vwap_is_a_cumulative_mean_of_the_session(rows, frame):
    """New York's sessions from 17:00, by pandas: the bar stamped at 17:00 ends the old one."""
    local = frame.index.tz_convert("America/New_York").tz_localize(None)
    session = (local - pd.Timedelta(hours=17) - pd.Timedelta(1, "ns")).floor("D")
    price = (frame.high + frame.low + frame.close) / 3
    by = [session]
    weight = frame.volume.groupby(by).cumsum()
    mean = (frame.volume * price).groupby(by).cumsum() / weight
    spread = np.sqrt(((frame.volume * price**2).groupby(by).cumsum() / weight - mean**2).clip(lower=0))
    deviations, share = columns(Vwap(time_zone="America/New_York", session_start="17:00"), rows)
    known = (weight > 0).to_numpy()
    assert np.array_equal(np.isfinite(share), known)
    np.testing.assert_allclose(share[known], (frame.close / mean - 1)[known], rtol=1e-6, atol=1e-10)
    moved = known & (spread > 1e-6).to_numpy()
    assert moved.sum() > 2_000
    np.testing.assert_allclose(
        deviations[moved], ((frame.close - mean) / spread)[moved], rtol=1e-3, atol=1e-5
    )


def test_bollinger_is_pandas_rolling_deviation(rows, frame):
    middle, deviation = frame.close.rolling(20).mean(), frame.close.rolling(20).std(ddof=0)
    place, breadth = columns(Bollinger(width=2.5), rows)
    moved = (deviation > 1e-9).to_numpy()
    theirs = (frame.close - (middle - 2.5 * deviation)) / (5 * deviation)
    np.testing.assert_allclose(place[moved], theirs[moved], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(breadth[19:], (5 * deviation / middle)[19:], rtol=1e-4, atol=2e-7)
    assert np.isnan(place[:19]).all()
    assert (place[1_019:1_029] == 0.5).all(), "where nothing moved it is in the middle"


def test_z_score_is_pandas_rolling_deviation(rows, frame):
    rolling = frame.close.rolling(30)
    theirs = ((frame.close - rolling.mean()) / rolling.std(ddof=0)).to_numpy()
    ours = columns(ZScore(period=30), rows)[0]
    assert np.isnan(ours[:29]).all()
    np.testing.assert_allclose(ours[29:1_000], theirs[29:1_000], rtol=1e-6, atol=1e-6)


def test_volatility_is_pandas_rolling_deviation_of_returns_and_its_z_score(rows, frame):
    level = np.log(frame.close).diff().rolling(10).std(ddof=0)
    theirs = (level - level.rolling(50).mean()) / level.rolling(50).std(ddof=0)
    ours = columns(Volatility(period=10, history=50), rows)
    np.testing.assert_allclose(ours[0][10:900], level[10:900], rtol=1e-6)
    np.testing.assert_allclose(ours[1][59:900], theirs[59:900], rtol=1e-5, atol=1e-6)
    assert np.isnan(ours[1][:59]).all()


def test_volume_ratio_compares_with_the_bars_before(rows, frame):
    theirs = (frame.volume / frame.volume.shift(1).rolling(20).mean()).to_numpy()
    agree(columns(VolumeRatio(), rows)[0], theirs, known=2_900)


def test_session_is_pandas_local_time_across_the_change_of_clocks(make_rows):
    rows = make_rows(seed=5, step=HOUR // 4)
    local = pd.to_datetime(rows.ts, utc=True).tz_convert("Europe/London")
    minutes = local.hour * 60 + local.minute
    assert {stamp.utcoffset().total_seconds() for stamp in local} == {0.0, 3600.0}
    day = columns(Session(begins="08:00", ends="16:30", time_zone="Europe/London"), rows)[0]
    assert np.array_equal(day == 1.0, (minutes > 480) & (minutes <= 990))
    night = columns(Session(begins="22:00", ends="06:00", time_zone="Europe/London"), rows)[0]
    assert np.array_equal(night == 1.0, (minutes > 1_320) | (minutes <= 360))


def test_calendar_is_pandas_local_time(rows, frame):
    local = frame.index.tz_convert("America/New_York")
    day = (local.hour * 60 + local.minute) / 1_440
    week = (local.day_of_week + day) / 7
    ours = columns(Calendar(time_zone="America/New_York"), rows)
    theirs = [
        np.sin(2 * np.pi * day),
        np.cos(2 * np.pi * day),
        np.sin(2 * np.pi * week),
        np.cos(2 * np.pi * week),
    ]
    np.testing.assert_allclose(ours, np.array(theirs), atol=1e-9)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe"])
def test_local_time_is_zoneinfos_at_any_moment(zone):
    moments = np.random.default_rng(7).integers(31_600_000, 4_000_000_000, 3_000)
    ours = LocalTime(zone)(moments * 10**9) // 10**9 - moments
    theirs = [
        pd.Timestamp(int(moment), unit="s", tz="UTC").to_pydatetime().astimezone(ZoneInfo(zone)).utcoffset()
        for moment in moments
    ]
    assert ours.tolist() == [int(offset.total_seconds()) for offset in theirs]


def test_markov_is_statsmodels_filtered_probability(rows):
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    feature = Markov(means=[1e-5, -2e-5], deviations=[0.001, 0.003], transitions=[[0.99, 0.01], [0.02, 0.98]])
    returns = np.diff(np.log(rows.close))
    model = MarkovRegression(returns, k_regimes=2, trend="c", switching_variance=True)
    # Its order: p[0->0], p[1->0], the constants, the variances.
    filtered = model.filter(np.array([0.99, 0.02, 1e-5, -2e-5, 1e-6, 9e-6])).filtered_marginal_probabilities
    ours = columns(feature, rows)[0]
    assert np.isnan(ours[0])
    np.testing.assert_allclose(ours[1:], filtered[:, 1], rtol=1e-7, atol=1e-9)


def test_markov_learns_the_regimes_that_made_the_returns():
    rng = np.random.default_rng(3)
    regime, path = 0, []
    for _ in range(4_000):
        regime = regime if rng.random() < 0.985 else 1 - regime
        path.append(regime)
    returns = rng.normal(0.0, np.where(np.array(path) == 1, 0.004, 0.001))
    rows = closes(100 * np.exp(np.cumsum(returns)))
    feature = Markov().fit(rows)
    assert feature.deviations == pytest.approx([0.001, 0.004], rel=0.1)
    assert [feature.transitions[n][n] for n in (0, 1)] == pytest.approx([0.985, 0.985], abs=0.01)
    believed = columns(feature, rows)[0][1:] > 0.5
    assert (believed == (np.array(path[1:]) == 1)).mean() > 0.95


def test_markov_on_larger_bars_learns_from_larger_bars():
    """Four bars of a calm market move twice as far as one, and are no turbulent one."""
    rng = np.random.default_rng(5)
    path = np.repeat(rng.permutation([0, 1] * 50), 80)
    returns = rng.normal(0.0, np.where(path == 1, 0.004, 0.001))
    rows = closes(100 * np.exp(np.cumsum(returns)))
    bar = int(rows.ts[1] - rows.ts[0])
    feature = Markov(every=f"{4 * bar // 10**9}s", learn_from=8_000).fit(rows)
    assert feature.deviations == pytest.approx([0.002, 0.008], rel=0.1)
    believed = columns(feature, rows)[0]
    known = np.isfinite(believed)
    assert ((believed[known] > 0.5) == (path[known] == 1)).mean() > 0.9


def test_change_points_are_where_ruptures_finds_them_later():
    """The spread of returns changes five times; PELT sees all of them, the feature what came before."""
    import ruptures
    from ruptures.costs import CostNormal

    rng = np.random.default_rng(11)
    spreads = np.repeat([0.001, 0.004, 0.001, 0.005, 0.001, 0.003], 400)
    returns = rng.normal(0.0, spreads)
    rows = closes(100 * np.exp(np.cumsum(returns)))
    points = (
        ruptures.Pelt(custom_cost=CostNormal(add_small_diag=False), min_size=50)
        .fit(returns)
        .predict(pen=30)[:-1]
    )
    age = columns(ChangePoint(window=100), rows)[0]
    alarms = np.flatnonzero(age[2:] == 0.0) + 2
    rises = [point for point in points if spreads[point + 20] > spreads[point - 20]]
    assert len(rises) == 3
    for point in rises:
        delay = alarms[alarms >= point - 5][0] - point
        assert delay <= 40, (point, alarms)
    assert len(alarms) <= 12, "and not everywhere else"


def test_larger_bars_are_pandas_resampled_ones(rows, frame):
    bars = frame.resample("4h", label="right", closed="right").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    bars = bars.dropna()
    larger = closes(bars.close)._replace(high=bars.high.to_numpy(), low=bars.low.to_numpy())
    values = pd.Series(columns(Atr(), larger)[0], index=bars.index)
    # What is known at a bar: the last larger bar that has ended, if a bar at its end or after it has come.
    known = values.reindex(frame.index, method="ffill").to_numpy()
    agree(columns(Atr(every="4h"), rows)[0], known, known=2_500)


def test_the_numbers_of_a_version_stay_what_they_are(rows):
    """Models are bound to versions: when this fails, raise the `version` of the feature."""
    sums = {
        name: round(float(np.nansum(np.abs(column))), 6)
        for feature in (LogReturn(), Rsi(), Ema(), Atr(), ZScore(), VolumeRatio())
        for name, column in zip(feature.names(), columns(feature, rows), strict=True)
    }
    frame = pd.Series(rows.close)
    assert sums["return_1"] == pytest.approx(np.log(frame).diff().abs().sum(), abs=1e-5)
    assert {type(feature).version for feature in (Rsi(), Ema(), Atr())} == {1}


@pytest.mark.parametrize("period", [1, 2, 3, 20, 50, 700])
def test_where_nothing_moved_nothing_is_made_of_rounding(period):
    """The sum of seven hundred times 1.1 is not 770.0: what is left over is no deviation."""
    still = closes([1.1] * 1_500)
    assert set(columns(ZScore(period=period), still)[0][period - 1 :]) == {0.0}
    assert set(columns(Bollinger(period=period), still)[0][period - 1 :]) == {0.5}
    assert set(columns(Bollinger(period=period), still)[1][period - 1 :]) == {0.0}


@pytest.mark.parametrize("period", [1, 2, 511, 512, 513, 2_999, 3_000])
def test_windows_of_any_length_are_numpys_own(rows, period):
    windows = np.lib.stride_tricks.sliding_window_view(rows.close, period)
    middle, reach = windows.mean(axis=1), 2.0 * windows.std(axis=1)
    place, breadth = columns(Bollinger(period=period), rows)[:, period - 1 :]
    np.testing.assert_allclose(breadth, 2.0 * reach / middle, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose((2.0 * place - 1.0) * reach, rows.close[period - 1 :] - middle, atol=1e-12)
    assert np.isnan(columns(Bollinger(period=period), rows)[:, : period - 1]).all()


@pytest.mark.parametrize("period", [1, 20, 513])
def test_volumes_are_measured_by_those_before_them(rows, frame, period):
    usual = frame.volume.rolling(period).mean().shift(1)
    wanted = (frame.volume / usual.where(usual > 0.0)).to_numpy()
    agree(columns(VolumeRatio(period=period), rows)[0], wanted, known=2_000)
