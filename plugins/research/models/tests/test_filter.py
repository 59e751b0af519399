"""The filter as a node uses it: the same answers over arrays and bar by bar, and only where it may."""

from __future__ import annotations

import math

import framework_models
import msgspec
import numpy as np
import pytest
from framework_models.features import FeatureSet, Rows
from framework_models.filter import ModelFilterConfig, probability
from framework_models.learners import Linear
from framework_models.predictor import Predictor
from framework_models.registry import Registry
from framework_models.training import train
from nautilus_trader.model import BarType

from framework import CompositionError, RunError, Signal, check_feature, load_bars
from framework.testkit import FilterKit, run_node, simulate

SPEC = next(iter(framework_models.register_filters()))
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


@pytest.fixture(scope="module")
def settings(tmp_path_factory, trained, signing, signing_file):
    store = Registry(tmp_path_factory.mktemp("registry"))
    model_id = store.add(trained.manifest, trained.model, signing[0])
    return ModelFilterConfig(
        registry=str(store.folder), model=model_id, trust=f"{signing_file}.pub", threshold=0.4
    )


@pytest.fixture(autouse=True, scope="class")
def _told(request, settings):
    if request.cls is not None:
        request.cls.settings = settings


class TestConformance(FilterKit):
    spec = SPEC
    length, cuts = 600, 3

    def config(self, market):
        return self.settings


def test_its_probabilities_are_the_same_over_arrays_and_bar_by_bar(keep, trained, market):
    """Every bar is compared here; check_feature also cuts the bars to see whether it looks ahead."""
    bars = load_bars(market.catalog, BarType.from_str(BARS))
    checked = keep(trained)
    feature = probability(checked, Predictor(checked))
    made = check_feature(feature, bars, BarType.from_str(BARS), compared=len(bars))
    known = np.isfinite(made[0])
    assert known.sum() > 1_400
    assert made[:, known].sum(axis=0) == pytest.approx(1.0)


def test_it_is_the_estimators_probability_of_the_signals_direction(settings, trained, keep, make_bars):
    """What the filter decides at a bar, from the estimator itself and a table made here."""
    bars = make_bars(seed=3)
    later = Rows.of(bars)._replace(ts=bars.ts + 10**18)
    table = FeatureSet(trained.samples.features).update(later)
    feature = probability(keep(trained), Predictor(keep(trained)))
    online = feature.online(None)

    class Bar:
        def __init__(self, n):
            self.ts_event = int(later.ts[n])
            for name in ("open", "high", "low", "close", "volume"):
                setattr(self, name, Number(getattr(later, name)[n]))

    class Number(float):
        def as_double(self):
            return float(self)

    for n in range(200):
        online.update(Bar(n))
    told = feature.finish(np.array([online.values()]))[0]
    from framework_models.calibration import Calibration

    raw = trained.fitted.predict_proba(table[199:200].astype(np.float32)).astype(float)
    wanted = msgspec.convert(trained.manifest.calibration, Calibration).apply(raw)[0]
    assert told == pytest.approx(wanted, abs=1e-6)
    assert np.array_equal(online.values(), table[199]), (
        "and what the model looks at is the same to the last bit"
    )


def test_asked_in_parts_it_says_the_same(trained, keep, make_bars, monkeypatch):
    predictor = Predictor(keep(trained))
    table = FeatureSet(predictor.features).update(Rows.of(make_bars(seed=3)))
    whole = predictor.probabilities(table)
    assert np.isfinite(whole[-1]).all()
    assert np.isnan(whole[0]).all()
    for rows in (1, 7, len(table) - 1, len(table)):
        monkeypatch.setattr("framework_models.predictor.AT_ONCE", rows)
        np.testing.assert_allclose(predictor.probabilities(table), whole, atol=1e-6)
    assert predictor.probabilities(table[:0]).shape == (0, 3)


def test_before_it_knows_enough_nothing_is_let_through(settings):
    chosen = SPEC.filter(settings)

    class Unknown:
        def values(self):
            return [math.nan] * 3

    chosen._readings = {BarType.from_str(BARS): Unknown()}
    signal = Signal(bar_type=BarType.from_str(BARS), direction=1, ts_event=1, price=1.0)
    assert chosen.accepts(signal) is False


@pytest.mark.parametrize(("direction", "place"), [(1, 2), (-1, 0)])
def test_each_direction_is_judged_by_its_own_probability(settings, direction, place):
    chosen = SPEC.filter(settings)
    signal = Signal(bar_type=BarType.from_str(BARS), direction=direction, ts_event=1, price=1.0)
    for given, answer in ((0.4, True), (0.399, False)):
        values = [0.0] * 3
        values[place] = given
        chosen._readings = {BarType.from_str(BARS): type("Known", (), {"values": lambda self, v=values: v})()}
        assert chosen.accepts(signal) is answer


def node(market, settings, **changes):
    return {
        "catalog": str(market.catalog),
        "start": "2024-01-01",
        "venues": [{"name": "SIM", "use": "testkit"}],
        "data": [{"bars": BARS}],
        "strategies": [
            {
                "id": "asks",
                "use": "vwap",
                "config": {
                    "bar_types": [BARS],
                    "quantity": "1000",
                    "mode": "fade",
                    "entry_band": 1.0,
                    "warmup_bars": 3,
                },
                "filter": {"use": "model", "config": msgspec.to_builtins(settings)},
            }
        ],
        "log": {"level": "off"},
        **changes,
    }


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("market") / "catalog", ("EURUSD",), step="1-HOUR", length=1_500)


def test_a_node_with_it_sends_fewer_entries_the_surer_it_has_to_be(market, settings):
    pytest.importorskip("framework_vwap", reason="the strategy it filters is another distribution")
    from framework.testkit.nodes import VENUE

    counts = [
        len(
            run_node(
                node(market, msgspec.structs.replace(settings, threshold=threshold)), specs=[VENUE]
            ).orders
        )
        for threshold in (0.0, 0.48, 1.0)
    ]
    assert counts[0] > counts[1] > counts[2] == 0


def test_a_run_that_begins_too_early_is_refused_when_composed_and_when_it_is_not(market, settings, trained):
    pytest.importorskip("framework_vwap", reason="the strategy it filters is another distribution")
    from framework.testkit.nodes import VENUE, plan_node, run_plan

    with pytest.raises(CompositionError, match="learnt from data up to"):
        run_node(node(market, settings, start="2017-01-01"), specs=[VENUE])
    plan = plan_node(node(market, settings), specs=[VENUE])
    late = msgspec.structs.replace(trained.manifest, knows_until=int(market.times[0]) + 10**9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framework_models.filter._open", _with(late, plan.strategies[0].filter.config))
        with pytest.raises(RunError, match="has seen the bar of"):
            run_plan(plan)


def _with(manifest, config):
    from framework_models import keys
    from framework_models.filter import Path

    checked = Registry(Path(config.registry)).open(config.model, keys.public_key(Path(config.trust)))
    changed = msgspec.structs.replace(checked, manifest=manifest)
    return lambda config: changed


def test_the_linear_model_works_the_same_way(recipe, bars, keep, make_bars):
    checked = keep(train(msgspec.structs.replace(recipe, model=Linear()), bars))
    feature = probability(checked, Predictor(checked))
    assert checked.manifest.file == "model.onnx"
    assert np.isfinite(feature.finish(feature.offline(make_bars(seed=4)).T)).any()


def test_loading_the_plugin_loads_none_of_its_libraries():
    import subprocess
    import sys

    code = (
        "import sys, framework_models as m; offers = [*m.register_filters(), *m.register_commands()]; "
        "heavy = {'sklearn', 'xgboost', 'onnxruntime', 'shap', 'optuna', 'numba', 'skfolio', 'statsmodels', "
        "'matplotlib', 'cryptography', 'scipy', 'jax'}; print(sorted(heavy & set(sys.modules))); "
        "print([offer.name for offer in offers])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['model', 'model']"]


def test_what_is_promoted_does_not_depend_on_where_the_models_lie_but_on_which_it_is(
    market, settings, trained, signing, tmp_path
):
    import shutil

    from framework import configuration_hash, subject_of
    from framework.testkit.nodes import VENUE, plan_node

    pytest.importorskip("framework_vwap", reason="the strategy it filters is another distribution")
    moved = tmp_path / "elsewhere"
    shutil.copytree(settings.registry, moved)
    shutil.copy(settings.trust, tmp_path / "moved.pub")
    there = msgspec.structs.replace(settings, registry=str(moved), trust=str(tmp_path / "moved.pub"))
    newer = Registry(moved).add(
        msgspec.structs.replace(trained.manifest, trials=2), trained.model, signing[0]
    )

    def subject(chosen):
        plan = plan_node(node(market, chosen), specs=[VENUE])
        (strategy,) = plan.strategies
        assert subject_of(plan, strategy)["configuration"] == configuration_hash(strategy)
        return subject_of(plan, strategy)

    here = subject(settings)
    assert here == subject(there)
    told = {"model": settings.model, "threshold": settings.threshold}
    assert here["settings"]["filter"] == {"use": "model", "config": told}
    others = [
        subject(msgspec.structs.replace(there, **change))
        for change in ({"threshold": 0.41}, {"model": newer})
    ]
    assert len({here["configuration"], *(other["configuration"] for other in others)}) == 3
