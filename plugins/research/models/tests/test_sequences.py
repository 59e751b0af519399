"""Models that look at a window of rows: what they learn, and the file that says what the network says."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from flax import nnx
from framework_models import fitting, graphs
from framework_models.filter import probability
from framework_models.learners import Linear
from framework_models.predictor import Predictor
from framework_models.recipe import Search
from framework_models.sequences import Cnn1d, Lstm, Transformer
from framework_models.training import balanced, make_samples, train
from framework_models.validation import Validation
from framework_models.windows import Windows, is_full
from nautilus_trader.model import BarType

from framework import CheckFailed, ConfigError, NotEnoughEvidence, check_feature, load_bars
from framework.testkit import simulate

BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
WINDOW, AGO = 8, 5
KINDS = [
    Lstm(window=WINDOW, learning_rate=0.02, passes=25, batch=64),
    Cnn1d(window=WINDOW, learning_rate=0.02, passes=25, batch=64, layers=3),
    Transformer(window=WINDOW, learning_rate=0.01, passes=25, batch=64),
]
NAMES = [type(kind).__name__ for kind in KINDS]
QUICK = [msgspec.structs.replace(kind, passes=2, learning_rate=0.002) for kind in KINDS]


def windows_of(count=1_000, *, seed=0):
    """One number at random beside six that never move, and the third of its range it was in some rows ago."""
    rows = np.ones((count, 7), dtype=np.float32)
    rows[:, 0] = np.random.default_rng(seed).normal(size=count)
    last = np.arange(WINDOW - 1, count)
    classes = np.digitize(rows[last - AGO, 0], [-0.43, 0.43])
    return Windows(rows, last, last + 1, WINDOW), classes


@pytest.fixture(scope="module", params=KINDS, ids=NAMES)
def learnt(request):
    windows, classes = windows_of()
    return request.param, fitting.fit(request.param, windows, classes, np.ones(len(classes)), seed=1)


def test_what_happened_some_bars_ago_is_learnt(learnt):
    _, fitted = learnt
    windows, classes = windows_of(seed=7)
    guessed = fitted.predict_proba(windows).argmax(axis=1)
    assert (guessed == classes).mean() > 0.8
    flat = Linear().fit(windows.rows[windows.last], classes, np.ones(len(classes)), 0)
    assert flat.score(windows.rows[windows.last], classes) < 0.4, "which the last row alone does not tell"


def test_the_file_says_what_the_network_says(learnt):
    _, fitted = learnt
    drawn = np.random.default_rng(5).normal(0.0, 3.0, (2_000, WINDOW, 7)).astype(np.float32)
    said = fitted.ask(drawn)
    assert said.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert said.std(axis=0).min() > 0.1, "they do not all say the same"
    assert np.abs(said - fitted.in_jax(drawn)).max() <= fitting.EQUAL == 1e-5
    alone = np.vstack([fitted.ask(window[None]) for window in drawn[:200]])
    assert np.abs(alone - said[:200]).max() <= 1e-6


@pytest.mark.parametrize(
    "larger",
    [Lstm(window=5, layers=2, width=6), Cnn1d(window=5, kernel=7), Transformer(window=5, layers=2, heads=4)],
    ids=NAMES,
)
def test_the_file_of_a_larger_network_does_so_too(larger):
    """Untrained weights will do: kernels wider than the window, several layers, several heads."""
    rng = np.random.default_rng(2)
    made = nnx.merge(*fitting.new(larger, 4, 3, seed=3))
    mean = rng.normal(size=4).astype(np.float32)
    fitted = fitting.Fitted(made, mean, np.full(4, 0.5, dtype=np.float32), larger, 0)
    drawn = rng.normal(0.0, 3.0, (500, 5, 4)).astype(np.float32)
    assert np.abs(fitted.ask(drawn) - fitted.in_jax(drawn)).max() <= 1e-5
    assert fitted.ask(drawn).std() > 0.01


def test_a_file_that_says_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(graphs, "NORM", 0.5)
    windows, classes = windows_of(200)
    with pytest.raises(CheckFailed, match=r"says otherwise than the network .* 1e-05 is allowed"):
        fitting.fit(QUICK[2], windows, classes, np.ones(len(classes)), seed=1)


def test_weights_that_grow_past_all_numbers_make_no_model():
    wild = Cnn1d(window=WINDOW, batch=8, learning_rate=1.0, decay=10.0, passes=1)
    windows, classes = windows_of(600)
    with pytest.raises(CheckFailed, match="no number after any pass") as found:
        fitting.fit(wild, windows, classes, np.ones(len(classes)), seed=1)
    assert "learning_rate" in found.value.remedy


def test_rare_classes_are_looked_for_when_they_weigh_more(learnt):
    """Labels by lot, one in ten up: without anything to know, the weighted share is what it says."""
    kind = msgspec.structs.replace(learnt[0], passes=3, learning_rate=0.003)
    windows, _ = windows_of()
    classes = np.random.default_rng(3).choice(3, len(windows), p=[0.45, 0.45, 0.1])
    plain = fitting.fit(kind, windows, classes, np.ones(len(classes)), seed=1)
    fair = fitting.fit(kind, windows, classes, balanced(classes), seed=1)
    assert plain.predict_proba(windows)[:, 2].mean() == pytest.approx(0.1, abs=0.07)
    assert fair.predict_proba(windows)[:, 2].mean() == pytest.approx(1 / 3, abs=0.1)


def test_it_stops_when_the_tail_gets_worse_and_keeps_what_was_best():
    """Labels by lot: the longer it learns, the worse it does on what it has not seen."""
    windows, _ = windows_of(600)
    classes = np.random.default_rng(4).integers(0, 3, len(windows))
    weights = np.ones(len(classes))

    def fitted(passes, patience):
        kind = Lstm(window=WINDOW, learning_rate=0.02, batch=64, passes=passes, patience=patience)
        return fitting.fit(kind, windows, classes, weights, seed=1)

    def loss(model):
        _, tail = fitting.before_and_after(windows, 0.15)
        given = model.predict_proba(windows[tail])
        return -np.log(given[np.arange(len(tail)), classes[tail]]).mean()

    stopped = fitted(40, 3)
    assert stopped.file == fitted(80, 3).file, "it had stopped before"
    assert loss(stopped) <= loss(fitted(1, 3)) + 1e-6
    assert loss(fitted(40, 40)) == pytest.approx(loss(stopped), abs=1e-6), "and going on found nothing better"


def test_no_label_learnt_from_looks_into_the_tail():
    """Ten samples, labels three bars long, the last four are the tail: they begin at bar 6."""
    last = np.arange(10)
    windows = Windows(np.zeros((13, 1), dtype=np.float32), last, last + 3, 2)
    head, tail = fitting.before_and_after(windows, 0.4)
    assert head.tolist() == [0, 1, 2]
    assert tail.tolist() == [6, 7, 8, 9]
    long = Windows(windows.rows, last, last + 9, 2)
    with pytest.raises(NotEnoughEvidence, match="leave none before a tail of 40%"):
        fitting.fit(Lstm(tail=0.4), long, last % 2, np.ones(10), 0)


def test_a_window_ends_at_its_own_row():
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    windows = Windows(rows, np.array([2, 5]), np.array([3, 6]), 3)
    assert windows.array()[:, :, 0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert windows[np.array([1])].array()[0].tolist() == [[6, 7], [8, 9], [10, 11]]
    known = np.array([False, True, True, True, False, True, True, True, True])
    assert np.flatnonzero(is_full(known, 3)).tolist() == [3, 7, 8]
    assert not is_full(known[:2], 3).any()


def test_no_window_after_a_judged_part_holds_what_was_judged():
    """Sample n looks at the bars n - 39 to n, and its label at n + 1 to n + 7."""
    splits = list(Validation(folds=5, test_folds=2, embargo=11).splits(1_200, 7, 40))
    for learn, parts in splits:
        test = np.concatenate(parts)
        seen = np.zeros(1_300, dtype=bool)
        for n in test:
            seen[n : n + 8] = True
        after = [n for n in learn if seen[:n].any()]
        assert after or max(test) == 1_199
        assert not any(seen[n - 39 : n + 8].any() for n in after)
    plain = list(Validation(folds=5, test_folds=2, embargo=11).splits(1_200, 7))
    assert sum(len(learn) for learn, _ in splits) < sum(len(learn) for learn, _ in plain)


@pytest.fixture(scope="module", params=QUICK, ids=NAMES)
def model(request, recipe, bars):
    return train(msgspec.structs.replace(recipe, model=request.param), bars)


def test_samples_are_bars_with_a_whole_window_of_known_features(recipe, bars):
    from framework_models.features import Markov, Rows, Rsi

    def first(features, model):
        changed = msgspec.structs.replace(recipe, features=features, model=model)
        return int(make_samples(changed, Rows.of(bars)).bars[0])

    assert first([Rsi()], Linear()) == 14, "Wilder's index needs fourteen changes"
    assert first([Rsi()], Lstm(window=10)) == 23
    assert first([Markov(learn_from=500)], Lstm(window=10)) == 509, "none of them was learnt from"


def test_it_knows_nothing_until_its_window_is_full(model, keep, make_bars):
    from framework_models.features import FeatureSet, Rows

    predictor = Predictor(keep(model))
    assert predictor.window == model.manifest.window == WINDOW
    table = FeatureSet(predictor.features).update(Rows.of(make_bars(300, seed=9)))
    first = int(np.flatnonzero(np.isfinite(table).all(axis=1))[0])
    answers = predictor.probabilities(table)
    assert np.flatnonzero(np.isfinite(answers[:, 0]))[0] == first + WINDOW - 1
    holed = table.copy()
    holed[100, 1] = np.nan
    unknown = np.flatnonzero(np.isnan(predictor.probabilities(holed)[first + WINDOW :, 0])) + first + WINDOW
    assert unknown.tolist() == list(range(100, 100 + WINDOW))
    windowed = predictor.probabilities(table[200 - WINDOW + 1 : 201])
    assert np.isnan(windowed[:-1]).all()
    assert windowed[-1] == pytest.approx(answers[200], abs=1e-6), "and looks at nothing but the window"


def test_every_row_of_the_window_counts_and_no_other(model, keep):
    predictor = Predictor(keep(model))
    samples = model.samples.table
    table = samples.rows[100:150].astype(float)
    step = samples.rows[samples.last].std(axis=0)
    said = predictor.probabilities(table)
    counted = []
    for place in range(WINDOW - 1, 50 - WINDOW):
        changed = table.copy()
        changed[place] += step
        apart = np.abs(predictor.probabilities(changed) - said)[WINDOW - 1 :].max(axis=1)
        moved = np.flatnonzero(apart > 1e-7) + WINDOW - 1
        assert set(moved) <= set(range(place, place + WINDOW))
        counted.append(len(moved))
    assert np.mean(counted) > 0.7 * WINDOW


def test_the_manifest_says_what_the_file_is(model):
    assert model.manifest.file == "model.onnx"
    assert model.manifest.versions["jax"]
    assert model.manifest.parameters["window"] == WINDOW
    raw = model.fitted.predict_proba(model.samples.table)
    from framework_models.calibration import Calibration

    calibration = msgspec.convert(model.manifest.calibration, Calibration)
    assert np.isfinite(calibration.apply(raw.astype(float))).all()
    assert model.model == model.fitted.file


@pytest.mark.parametrize("kind", QUICK, ids=NAMES)
def test_the_same_samples_and_seed_make_the_same_file(kind):
    windows, classes = windows_of(300)
    weights = np.ones(len(classes))
    files = [fitting.fit(kind, windows, classes, weights, seed).file for seed in (1, 1, 2)]
    assert files[0] == files[1] != files[2]


@pytest.mark.slow
def test_the_same_recipe_and_bars_make_the_same_model(recipe, bars, model):
    """Three kinds, seven small networks each."""
    kind = msgspec.convert(model.manifest.parameters, Lstm | Cnn1d | Transformer)
    again = train(msgspec.structs.replace(recipe, model=kind), bars)
    assert again.model == model.model
    assert again.manifest == model.manifest


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("market") / "catalog", ("EURUSD",), step="1-HOUR", length=700)


def test_its_probabilities_are_the_same_over_arrays_and_bar_by_bar(model, keep, market):
    """At every bar, and wherever the bars end."""
    bars = load_bars(market.catalog, BarType.from_str(BARS))
    checked = keep(model)
    feature = probability(checked, Predictor(checked))
    made = check_feature(feature, bars, BarType.from_str(BARS), compared=len(bars))
    known = np.isfinite(made[0])
    assert known.sum() > 600
    assert made[:, known].sum(axis=0) == pytest.approx(1.0)
    assert made[2, known].std() > 0.0


@pytest.mark.parametrize("model", [QUICK[1]], ids=["Cnn1d"], indirect=True)
def test_its_explanations_add_up_and_are_drawn(model):
    """A value is of a feature over the whole window; together they are what it says beyond other windows."""
    from framework_models import pictures

    samples = model.samples.table
    chosen = samples[np.array([10, 700, 1_400])]
    others = samples[np.linspace(0, len(samples) - 1, pictures.BACKGROUND).astype(int)]
    values = pictures._shap_of_windows(model, chosen)
    assert values.shape == (3, 7, 3)
    beyond = model.fitted.predict_proba(chosen) - model.fitted.predict_proba(others).mean(axis=0)
    assert values.sum(axis=1) == pytest.approx(beyond, abs=1e-4)
    drawn = pictures.pictures(model)
    assert set(drawn) == {"shap_up.png", "shap_down.png", "importance.png", "reliability.png"}


@pytest.mark.parametrize("model", [QUICK[1]], ids=["Cnn1d"], indirect=True)
def test_show_says_how_many_bars_it_looks_at(model, keep):
    from framework_models.commands import build
    from typer.testing import CliRunner

    checked = keep(model)
    shown = CliRunner().invoke(build(), ["show", checked.id, "--registry", str(checked.folder.parent)])
    assert "kind: cnn1d" in shown.stdout
    assert f"window: {WINDOW}\n" in shown.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", QUICK, ids=NAMES)
def test_a_search_looks_at_networks_too(kind, recipe, bars):
    """Three kinds, two trials after the recipe's own."""
    searched = msgspec.structs.replace(recipe, model=kind, search=Search(trials=2))
    found = train(searched, bars).manifest
    assert found.trials == 3
    assert found.window == found.parameters["window"] == WINDOW, "the window is no part of it"


@pytest.mark.parametrize("kind", QUICK, ids=NAMES)
def test_whatever_a_search_proposes_can_be_made(kind):
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    tried = [kind.vary(study.ask()) for _ in range(50)]
    assert len({(one.width, one.layers, one.learning_rate) for one in tried}) == 50
    assert all(one.window == WINDOW and one.passes == 2 for one in tried)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="`width` 16 is no multiple of `heads` 3"):
        Transformer(heads=3)


def test_without_the_extra_training_says_what_to_install(monkeypatch, recipe, bars):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(
        ConfigError, match="kind lstm is trained with flax, jax, optax, and jax cannot"
    ) as found:
        train(msgspec.structs.replace(recipe, model=Lstm()), bars)
    assert "pip install 'framework-models[sequence]'" in found.value.remedy


def test_using_a_model_loads_no_library_that_trained_it(tmp_path):
    windows, classes = windows_of(200)
    fitted = fitting.fit(QUICK[0], windows, classes, np.ones(len(classes)), seed=1)
    (tmp_path / "model.onnx").write_bytes(fitted.file)
    code = (
        "import sys, numpy as np; import framework_models.predictor, framework_models.recipe; "
        "from framework_models.sessions import session; "
        f"print(session(open('model.onnx', 'rb').read())(np.zeros((1, {WINDOW}, 7), np.float32)).shape); "
        "print(sorted({'flax', 'jax', 'onnx', 'optax', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["(1, 3)", "[]"]


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="the cores of a process cannot be chosen here"
)
def test_the_number_of_cores_changes_nothing():
    """Three kinds, three passes over 1,500 samples, on one core and on all there are."""
    code = (
        "import os, sys, hashlib\n"
        "if sys.argv[1] == 'one': os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import numpy as np\n"
        "from framework_models import fitting\n"
        "from framework_models.sequences import Cnn1d, Lstm, Transformer\n"
        "from framework_models.windows import Windows\n"
        "rng = np.random.default_rng(0)\n"
        "last = np.arange(23, 1_523)\n"
        "windows = Windows(rng.normal(size=(1_523, 24)).astype(np.float32), last, last + 1, 24)\n"
        "classes = rng.integers(0, 3, len(last))\n"
        "for kind in (Lstm(passes=3), Cnn1d(passes=3), Transformer(passes=3)):\n"
        "    fitted = fitting.fit(kind, windows, classes, np.ones(len(last)), 3)\n"
        "    print(hashlib.sha256(fitted.file).hexdigest())\n"
    )
    one, all_ = (
        subprocess.run([sys.executable, "-c", code, cores], capture_output=True, text=True, check=True).stdout
        for cores in ("one", "all")
    )
    assert len(one.splitlines()) == 3
    assert one == all_
