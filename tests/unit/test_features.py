"""Features: looked up in a backtest, worked out bar by bar elsewhere, and never looking ahead."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal, localcontext
from typing import Annotated

import msgspec
import numpy as np
import pytest
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from framework import (
    CheckFailed,
    CompositionError,
    DataError,
    Feature,
    PluginConfig,
    RunError,
    StrategySpec,
    check_feature,
    follow,
    load_bars,
)
from framework.catalog.arrays import whole
from framework.engine import backtest
from framework.engine.feed import open_feed
from framework.engine.precompute import Precomputed
from framework.signals.features import records
from framework.sweep.worker import Kept, Run
from framework.sweep.worker import run as run_point
from framework.testkit import simulate
from framework.testkit.nodes import plan_strategy, run_strategy
from framework.testkit.strategy_bench import BARS, StrategyBench

LENGTH = 1_500


class Momentum:
    """The change of the close over some bars."""

    def __init__(self, period):
        self.period, self.closes, self.shown = period, [], 0

    def update(self, bar):
        self.shown += 1
        self.closes = [*self.closes, bar.close.as_double()][-self.period - 1 :]

    def values(self):
        full = len(self.closes) > self.period
        return [self.closes[-1] - self.closes[0] if full else math.nan]


def change(bars, period):
    rows = np.full((1, len(bars)), np.nan)
    rows[0, period:] = bars.close[period:] - bars.close[:-period]
    return rows


def momentum(period, **changes):
    made = Feature(
        name=f"momentum({period})",
        columns=("change",),
        online=lambda instrument: Momentum(period),
        offline=lambda bars: change(bars, period),
    )
    return dataclasses.replace(made, **changes)


class WatcherConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `Watcher`."""

    bar_type: Annotated[BarType, msgspec.Meta(description="Bars to watch.")]
    feature: Annotated[str, msgspec.Meta(description="Which of `FEATURES`.")] = "momentum"
    misses: Annotated[int, msgspec.Meta(description="A bar it does not pass on; none for -1.")] = -1


FEATURES = {"momentum": momentum(20)}


class Watcher(Strategy):
    """Reads a feature at every bar, and trades nothing."""

    def __init__(self, config):
        super().__init__(config)
        self.settings, self.seen, self.bars_seen = config, [], 0

    def on_start(self):
        self.readings = follow(self, FEATURES[self.settings.feature], self.settings.bar_type)
        self.before = list(self.readings.values())
        self.subscribe_bars(self.settings.bar_type)

    def on_bar(self, bar):
        if self.bars_seen != self.settings.misses:
            self.readings.update(bar)
        self.bars_seen += 1
        self.seen.append(self.readings.values()[0])


SPEC = StrategySpec(name="watcher", strategy=Watcher, config=WatcherConfig)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("market") / "catalog", step="1-MINUTE", length=LENGTH, seed=5)


@pytest.fixture(scope="module")
def bars(market):
    return load_bars(market.catalog, market.bar_types[0])


@pytest.fixture
def plan_of(market):
    def plan(**settings):
        config = WatcherConfig(**{"bar_type": market.bar_types[0], **settings})
        return plan_strategy(SPEC, config, catalog=market.catalog, data=market.streams())

    return plan


def watch(plan):
    node = backtest.build(plan)
    try:
        backtest.replay(node)
        (strategy,) = node.strategies.values()
        return strategy.readings, strategy.before, strategy.seen
    finally:
        node.engine.dispose()


def by_hand(market):
    """What the market's own ticks say, in exact arithmetic."""
    ticks = [row.prices[3] for row in market.tapes[0].rows]
    size = market.instruments[0].price_increment.as_double()
    return [math.nan] * 20 + [(now - then) * size for then, now in zip(ticks, ticks[20:], strict=False)]


def same(left, right):
    return np.allclose(left, right, rtol=0, atol=1e-9, equal_nan=True)


def test_a_backtest_reads_what_the_array_form_says(plan_of, market, monkeypatch):
    shown = []

    def online(instrument):
        shown.append(Momentum(20))
        return shown[-1]

    monkeypatch.setitem(FEATURES, "momentum", momentum(20, online=online))
    readings, before, seen = watch(plan_of())
    assert not isinstance(readings, Momentum)
    assert math.isnan(before[0])
    assert len(seen) == LENGTH
    assert same(seen, by_hand(market))
    assert [one.shown for one in shown] == [1_000]  # the sample, and not the run


def test_without_a_backtest_a_strategy_reads_the_form_bar_by_bar():
    prices = [100 + number % 7 for number in range(40)]
    bench = StrategyBench(SPEC, {"bar_type": BARS})
    kept = []
    bench.each_bar = lambda strategy, number: kept.append(strategy)
    bench.play([(price, price + 1, price - 1, price) for price in prices])
    assert bench.failures == []
    assert isinstance(kept[0].readings, Momentum)
    assert kept[0].seen[20:] == [now - then for then, now in zip(prices, prices[20:], strict=False)]


def test_bars_that_the_engine_builds_are_followed_bar_by_bar(plan_of, market):
    built = BarType.from_str(f"{market.instruments[0].id}-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL")
    readings, _, seen = watch(plan_of(bar_type=built))
    assert isinstance(readings, Momentum)
    assert readings.shown == len(seen) > 0


def test_numbers_too_large_for_arrays_are_followed_bar_by_bar(plan_of, monkeypatch):
    def refuses(*_args):
        raise CompositionError("beyond 64 bits")

    monkeypatch.setattr("framework.catalog.arrays.whole", refuses)
    readings, _, seen = watch(plan_of())
    assert isinstance(readings, Momentum)
    assert len(seen) == LENGTH


def test_a_strategy_that_skips_a_bar_is_stopped(plan_of):
    with pytest.raises(RunError, match=r"shown 7 bars, and the last is not bar 7 of the run"):
        watch(plan_of(misses=6))


def test_a_feature_that_looks_ahead_fails_the_run_by_name(market, monkeypatch):
    def tomorrow(bars):
        return np.append(bars.close[1:], np.nan)[None, :]

    monkeypatch.setitem(FEATURES, "momentum", momentum(20, offline=tomorrow))
    config = WatcherConfig(bar_type=market.bar_types[0])
    with pytest.raises(
        CheckFailed, match=r"strategy subject, on_start.*momentum\(20\) looks ahead"
    ) as failed:
        run_strategy(SPEC, config, catalog=market.catalog)
    assert failed.value.exit_code == 7


@pytest.mark.parametrize(
    "offline",
    [
        lambda bars: np.append(bars.close[1:], bars.close[-1])[None, :],
        lambda bars: ((bars.close - bars.close.mean()) / bars.close.std())[None, :],
        lambda bars: (bars.close / bars.close.max())[None, :],
        lambda bars: np.where(np.arange(len(bars)) < len(bars) - 1, bars.close, np.nan)[None, :],
        lambda bars: np.convolve(np.pad(bars.close, 2, "edge"), np.ones(5) / 5, "valid")[None, :],
        lambda bars: np.where(bars.ts > np.median(bars.ts), bars.close, np.nan)[None, :],
        lambda bars: np.full((1, len(bars)), float(len(bars))),
    ],
    ids=["shifted", "scaled", "share of the top", "end known", "centred", "half known", "length"],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_depends_on_later_bars_is_caught(bars, market, offline, seed):
    refused = pytest.raises(CheckFailed, match=r"looks ahead: change after bar \d+ \(2024-")
    with np.errstate(invalid="ignore"), refused:
        check_feature(momentum(20, offline=offline), bars, market.bar_types[0], seed=seed)


def test_the_first_bar_that_differs_is_named(bars, market):
    def late(bars):
        rows = change(bars, 20)
        rows[0, 300:] += 0.25
        return rows

    feature = momentum(20, offline=late)
    with pytest.raises(
        CheckFailed, match=r"definitions that differ: change after bar 300 \(2024-01-01T05:01"
    ):
        check_feature(feature, bars, market.bar_types[0])


def test_a_number_where_the_other_has_none_is_a_difference(bars, market):
    feature = momentum(20, offline=lambda bars: np.nan_to_num(change(bars, 20)))
    with pytest.raises(CheckFailed, match=r"after bar 0 .* is nan bar by bar and 0\.0 over arrays"):
        check_feature(feature, bars, market.bar_types[0])


def test_the_slowest_column_is_compared_as_a_number_too(bars, market):
    wrong = momentum(1_100, offline=lambda bars: change(bars, 1_100) * 2.0)
    with pytest.raises(CheckFailed, match="after bar 1100 "):
        check_feature(wrong, bars, market.bar_types[0])


def test_a_difference_within_the_stated_tolerance_is_none(bars, market):
    def nearly(bars):
        return change(bars, 20) + 1e-9

    with pytest.raises(CheckFailed, match="differ"):
        check_feature(momentum(20, offline=nearly), bars, market.bar_types[0])
    check_feature(momentum(20, offline=nearly, tolerance=1e-8), bars, market.bar_types[0])


def test_all_bars_may_be_compared(bars, market):
    made = []

    def online(instrument):
        made.append(Momentum(20))
        return made[-1]

    rows = check_feature(momentum(20, online=online), bars, market.bar_types[0], compared=len(bars))
    assert made[0].shown == LENGTH
    assert same(rows[0], by_hand(market))
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 1.0


@pytest.mark.parametrize(
    ("offline", "said"),
    [
        (lambda bars: bars.close, r"float64 of shape \(1500,\)"),
        (lambda bars: bars.close[None, :].astype(np.float32), r"float32 of shape \(1, 1500\)"),
        (lambda bars: bars.close[None, 1:], r"float64 of shape \(1, 1499\)"),
        (lambda bars: bars.close.tolist(), "list over arrays"),
    ],
)
def test_what_is_no_array_of_the_right_shape_is_refused(bars, market, offline, said):
    with pytest.raises(CheckFailed, match=said):
        check_feature(momentum(20, offline=offline), bars, market.bar_types[0])


def test_a_number_for_every_column_is_demanded(bars, market):
    wide = momentum(20, columns=("one", "two"), offline=lambda bars: np.vstack([change(bars, 20)] * 2))
    with pytest.raises(CheckFailed, match="gave 1 numbers for 2 columns"):
        check_feature(wide, bars, market.bar_types[0])


def test_no_bars_are_no_problem(bars, market):
    assert check_feature(momentum(20), bars.first(0), market.bar_types[0]).shape == (1, 0)


def test_records_are_the_engines_own_bars(bars, market):
    assert list(records(bars, market.bar_types[0])) == list(market.tapes[0].records())


def doubled(rows):
    return np.column_stack([2.0 * rows[:, 0], -rows[:, 0]])


def test_what_is_finished_is_told_in_a_backtest_and_bar_by_bar(plan_of, market, bars, monkeypatch):
    monkeypatch.setitem(FEATURES, "momentum", momentum(20, finish=doubled))
    readings, before, seen = watch(plan_of())
    assert same(seen, [2.0 * value for value in by_hand(market)])
    assert np.isnan(before).all()
    assert len(before) == 2
    assert readings.values()[1] == pytest.approx(-by_hand(market)[-1])
    watcher = type(
        "Bare", (), {"cache": type("None_", (), {"instrument": staticmethod(lambda name: None)})}
    )()
    online = follow(watcher, FEATURES["momentum"], market.bar_types[0])
    assert np.isnan(online.values()).all()
    told = []
    for bar in records(bars, market.bar_types[0]):
        online.update(bar)
        told.append(online.values()[0])
    assert same(told, seen)


def test_what_says_otherwise_of_one_bar_than_of_many_is_caught(bars, market):
    def centred(rows):
        return rows - np.nanmean(rows) if len(rows) > 1 else rows

    feature = momentum(20, finish=centred)
    with pytest.raises(CheckFailed, match="says otherwise of one bar than of many"):
        check_feature(feature, bars, market.bar_types[0])


def test_the_tolerance_is_for_what_is_finished_and_not_for_what_comes_before(bars, market):
    def rounded(rows):
        return rows if len(rows) > 1 else rows * (1.0 + 1e-9)

    check_feature(momentum(20, finish=rounded, tolerance=1e-6), bars, market.bar_types[0])
    off = momentum(20, finish=rounded, tolerance=1e-6, offline=lambda given: change(given, 20) * (1.0 + 1e-7))
    with pytest.raises(CheckFailed, match="two definitions that differ"):
        check_feature(off, bars, market.bar_types[0])


@pytest.mark.parametrize("finish", [lambda rows: rows[:, 0], lambda rows: rows[:1], lambda rows: [1.0]])
def test_what_finishes_into_no_row_for_each_bar_is_refused(bars, market, finish):
    with pytest.raises(CheckFailed, match="finishes 1500 bars with"):
        check_feature(momentum(20, finish=finish), bars, market.bar_types[0])


def test_as_many_numbers_are_told_of_one_bar_as_of_many(bars, market):
    def growing(rows):
        return np.tile(rows, (1, 2 if len(rows) > 1 else 1))

    with pytest.raises(CheckFailed, match="tells 1 numbers of one bar and 2 of many"):
        check_feature(momentum(20, finish=growing), bars, market.bar_types[0])
    with pytest.raises(CheckFailed, match=r"finishes 1 bars with list of shape \(1,\)"):
        check_feature(
            momentum(20, finish=lambda rows: rows.copy() if len(rows) > 1 else [1.0]),
            bars,
            market.bar_types[0],
        )


def test_what_is_asked_beside_the_proof_cannot_change_what_is_proven(bars, market):
    def halved(rows):
        rows *= 0.5
        return rows

    with pytest.raises(ValueError, match="read-only"):
        check_feature(momentum(20, finish=halved), bars, market.bar_types[0])


def test_a_model_may_answer_in_single_precision(bars, market):
    told = check_feature(momentum(20, finish=lambda rows: rows.astype(np.float32)), bars, market.bar_types[0])
    assert told.dtype == np.float32
    assert same(told[0], np.float32(by_hand(market)))


def test_a_feature_that_looks_ahead_is_named_though_its_model_failed_too(bars, market):
    def failing(rows):
        raise RuntimeError("no model")

    ahead = momentum(20, finish=failing, offline=lambda given: change(given, 20)[:, ::-1].copy())
    with pytest.raises(CheckFailed, match="looks ahead"):
        check_feature(ahead, bars, market.bar_types[0])
    with pytest.raises(RuntimeError, match="no model"):
        check_feature(momentum(20, finish=failing), bars, market.bar_types[0])


def test_points_of_a_sweep_share_what_was_worked_out(plan_of, monkeypatch):
    worked_out = []

    def counted(bars):
        worked_out.append(len(bars))
        return change(bars, 20)

    monkeypatch.setitem(FEATURES, "momentum", momentum(20, offline=counted))
    kept, plan = Kept(), plan_of()
    feed = open_feed(plan)
    for number in range(3):
        run_point(Run(number, plan, feed, hashed=False), kept)
    assert worked_out.count(LENGTH) == 1
    other = dataclasses.replace(plan, end=feed.end - 60_000_000_000)
    run_point(Run(3, other, open_feed(other), hashed=False), kept)
    assert worked_out.count(LENGTH - 1) == 1


def test_features_of_one_name_are_worked_out_once(plan_of, market):
    plan, calls = plan_of(), []

    def counted(bars):
        calls.append(len(bars))
        return change(bars, 20)

    precomputed = Precomputed(plan, open_feed(plan))
    for _ in range(2):
        assert precomputed(momentum(20, offline=counted), market.bar_types[0]) is not None
    assert calls.count(LENGTH) == 1


def test_bars_are_loaded_as_they_were_written(bars, market):
    rows, instrument = market.tapes[0].rows, market.instruments[0]
    assert bars.ts.tolist() == [row.ts for row in rows]
    records = market.tapes[0].records()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(bars, name).tolist() == [getattr(bar, name).as_double() for bar in records]
    assert str(bars.instrument.id) == str(instrument.id)


def test_a_part_of_the_bars_is_loaded(bars, market):
    start, end = int(bars.ts[100]), int(bars.ts[200])
    part = load_bars(market.catalog, market.bar_types[0], start=start, end=end)
    assert part.ts.tolist() == bars.ts[100:201].tolist()
    assert part.close.tolist() == bars.close[100:201].tolist()


def test_what_is_not_there_or_not_whole_is_not_loaded(tmp_path, market):
    bar_type = market.bar_types[0]
    with pytest.raises(DataError, match="no catalog at"):
        load_bars(tmp_path / "nowhere", bar_type)
    with pytest.raises(DataError, match="no bars of"):
        load_bars(market.catalog, BarType.from_str("GBP/USD.SIM-1-MINUTE-LAST-EXTERNAL"))
    made = simulate(tmp_path / "catalog", length=50, step="1-MINUTE")
    with pytest.raises(DataError, match="between start and end"):
        load_bars(made.catalog, bar_type, start=made.times[3] + 1, end=made.times[4] - 1)
    (file,) = made.catalog.glob("data/bars/*/*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="SHA-256"):
        load_bars(made.catalog, bar_type)


def test_bars_that_may_be_stamped_at_their_open_are_not_loaded(tmp_path):
    made = simulate(tmp_path / "catalog", length=50, step="1-MINUTE")
    manifest = made.catalog / "manifest.json"
    known = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode(known | {"bars": {}}))
    with pytest.raises(DataError, match="not known to be stamped"):
        load_bars(made.catalog, made.bar_types[0])


def test_whole_numbers_beyond_64_bits_are_refused():
    import pyarrow as pa

    column = pa.chunked_array([pa.array(["9999999999999"]).cast(pa.decimal128(38, 16))])
    assert whole(column, 5, "x").tolist() == [999_999_999_999_900_000]
    with pytest.raises(CompositionError, match="beyond 64 bits"):
        whole(column, 7, "x")
    assert whole(column.slice(0, 0), 5, "x").tolist() == []


@pytest.mark.parametrize("precision", [0, 1, 5, 8, 15, 16])
def test_decimals_are_the_whole_numbers_they_were_written_as(precision):
    """What 64 bits hold, to the last of them, and wherever the column begins."""
    import pyarrow as pa

    drawn = np.random.default_rng(precision)
    numbers = [0, 1, -1, 2**63 - 1, -(2**63)] if precision > 4 else [0, 1, -1, 2**60 - 1, -(2**60)]
    numbers += [int(drawn.integers(-(2**bits), 2**bits)) for bits in range(1, 61) for _ in range(20)]
    with localcontext(prec=60):
        column = pa.chunked_array(
            [pa.array([Decimal(n).scaleb(-precision) for n in numbers], type=pa.decimal128(38, 16))]
        )
    assert whole(column, precision, "x").tolist() == numbers
    assert whole(column.slice(3, 50), precision, "x").tolist() == numbers[3:53]


def test_decimals_that_would_be_rounded_are_refused():
    import pyarrow as pa

    column = pa.chunked_array([pa.array(["1.23456"]).cast(pa.decimal128(38, 16))])
    with pytest.raises(pa.ArrowInvalid, match="data loss"):
        whole(column, 4, "x")
