"""From bars to a model file that says what the estimator says, whoever trains it and however often."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from framework_models.features import Atr, Calendar, Markov, Rsi, ZScore
from framework_models.labels import TripleBarrier
from framework_models.learners import Linear, Mlp, RandomForest, XGBoost
from framework_models.predictor import Predictor
from framework_models.recipe import Search
from framework_models.training import balanced, hash_of, make_samples, train

from framework import NotEnoughEvidence

LEARNERS = [XGBoost(trees=15, leaf=5.0), RandomForest(trees=10, leaf=10), Linear(), Mlp(passes=5)]


@pytest.mark.parametrize(
    ("learner", "method"),
    [*((learner, "none") for learner in LEARNERS), (LEARNERS[0], "sigmoid"), (LEARNERS[0], "isotonic")],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_file_says_what_the_estimator_says(learner, method, recipe, bars, keep):
    trained = train(msgspec.structs.replace(recipe, model=learner, calibration=method), bars)
    predictor = Predictor(keep(trained))
    table = trained.samples.table
    given = predictor.probabilities(table.astype(float))
    raw = trained.fitted.predict_proba(table).astype(float)
    from framework_models.calibration import Calibration

    wanted = msgspec.convert(trained.manifest.calibration, Calibration).apply(raw)
    assert given[:, [1 + label for label in trained.manifest.classes]] == pytest.approx(wanted, abs=2e-6)
    alone = np.vstack([predictor.probabilities(row[None, :].astype(float)) for row in table[:100]])
    assert np.abs(alone - given[:100]).max() <= 1e-6, "one by one it says what it says to all at once"


def test_the_same_recipe_and_bars_make_the_same_file(recipe, bars):
    first, second = train(recipe, bars), train(recipe, bars)
    assert first.model == second.model
    assert first.manifest == second.manifest


def test_a_market_with_a_pattern_is_learnt_and_noise_is_not(recipe, make_bars):
    """Where the close returns to its mean, the z-score foretells; where it walks at random, nothing does."""
    features = [ZScore(period=20), Rsi()]
    plain = msgspec.structs.replace(recipe, features=features, model=Linear())
    returning = train(plain, make_bars(returning=True)).manifest.scores
    walking = train(plain, make_bars(returning=False)).manifest.scores
    assert returning["auc_up"] > 0.6
    assert returning["calibrated_log_loss"] < returning["log_loss_of_frequencies"]
    assert abs(walking["auc_up"] - 0.5) < 0.06


def test_calibration_is_fitted_on_what_single_models_say(recipe, bars):
    """They are applied to one model; what fits the mean of several, which is calmer, is too steep for it."""
    from framework_models.calibration import calibrate

    trained = train(recipe, bars)
    table, classes = trained.samples.table, trained.samples.classes
    weights = balanced(classes)
    told, happened = [], []
    for learn, parts in recipe.validation.splits(len(classes), recipe.label.horizon):
        alone = recipe.model.fit(table[learn], classes[learn], weights[learn], recipe.seed)
        test = np.concatenate(parts)
        told.append(alone.predict_proba(table[test]).astype(np.float64))
        happened.append(classes[test])
    wanted = calibrate("sigmoid", np.concatenate(told), np.concatenate(happened)).slopes
    assert trained.manifest.calibration["slopes"] == pytest.approx(np.array(wanted), rel=1e-6)


def test_calibration_finds_nothing_in_noise(recipe, make_bars):
    """Scored on the samples it was fitted on, isotonic regression beats the average shares on any noise."""
    noise = msgspec.structs.replace(recipe, features=[Rsi(), ZScore(period=20)], calibration="isotonic")
    scores = train(noise, make_bars(count=500, returning=False)).manifest.scores
    assert scores["calibrated_log_loss"] > scores["log_loss_of_frequencies"]


def test_what_four_models_say_of_a_sample_makes_no_reliability_surer():
    from framework_models.pictures import _binned

    rng = np.random.default_rng(0)
    given = rng.random(1_000)
    happened = rng.random(1_000) < given
    once = list(_binned(given, happened, 1))
    assert np.array(list(_binned(np.repeat(given, 4), np.repeat(happened, 4), 4))) == pytest.approx(
        np.array(once)
    )


def test_what_a_feature_learnt_from_is_no_sample(recipe, bars):
    from framework_models.features import Rows

    samples = make_samples(
        msgspec.structs.replace(recipe, features=[Markov(learn_from=500), Rsi()]), Rows.of(bars)
    )
    assert samples.bars.min() == 500
    assert samples.features[0].means, "and what it learnt is kept"
    later = Rows.of(bars)._replace(close=np.concatenate([bars.close[:500], bars.close[:-500] * 2]))
    assert Markov(learn_from=500).fit(later) == samples.features[0], "bars after those do not matter"


def test_the_manifest_says_what_it_has_seen(recipe, bars):
    from framework_models.features import Rows

    manifest = train(recipe, bars).manifest
    assert manifest.data_sha256 == hash_of(Rows.of(bars))
    last = len(bars) - 1
    assert manifest.knows_until == bars.ts[last]
    assert bars.ts[0] < manifest.train_end <= bars.ts[last - 1]
    assert (manifest.label_horizon, manifest.trials) == (6, 1)
    assert manifest.feature_versions == {"rsi": 1, "atr": 1, "z_score": 2, "calendar": 2}
    assert manifest.versions["framework-models"] == "0.1.0"
    assert len(manifest.versions["code_sha256"]) == 64


def test_one_changed_price_is_another_hash(bars):
    from framework_models.features import Rows

    rows = Rows.of(bars)
    changed = rows.close.copy()
    changed[7] = np.nextafter(changed[7], 2.0)
    assert hash_of(rows._replace(close=changed)) != hash_of(rows)


def test_a_search_counts_its_trials_and_takes_the_best(recipe, bars):
    searched = msgspec.structs.replace(recipe, model=Linear(c=1e-4), search=Search(trials=4))
    found = train(searched, bars).manifest
    plain = train(msgspec.structs.replace(searched, search=None), bars).manifest
    assert found.trials == 5
    assert found.scores["log_loss"] <= plain.scores["log_loss"]
    assert train(searched, bars).manifest.parameters == found.parameters, "the same seed, the same search"


def test_only_one_kind_of_label_is_no_evidence(recipe, bars):
    never = msgspec.structs.replace(recipe, label=TripleBarrier(horizon=2, up=1_000.0, down=1_000.0))
    with pytest.raises(NotEnoughEvidence, match="1 kinds of label"):
        train(never, bars)


def test_features_that_are_never_known_are_named(recipe, bars):
    long = msgspec.structs.replace(recipe, features=[Rsi(), Atr(period=5_000), Calendar()])
    with pytest.raises(NotEnoughEvidence, match="Never known: atr_5000"):
        train(long, bars)
