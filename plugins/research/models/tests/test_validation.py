"""Purged and embargoed splits, and calibration that agrees with scikit-learn's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from framework_models.calibration import Calibration, calibrate
from framework_models.learners import Linear
from framework_models.training import balanced
from framework_models.validation import Unseen, Validation, judge

from framework import NotEnoughEvidence

HORIZON = 7


@pytest.fixture(scope="module")
def splits():
    cut = Validation(folds=5, test_folds=2, embargo=11).splits(600, HORIZON)
    return [(learn, np.concatenate(parts)) for learn, parts in cut]


def test_every_choice_of_folds_is_judged(splits):
    judged = {tuple(np.unique(test // 120)) for _, test in splits}
    assert judged == set(itertools.combinations(range(5), 2))


def test_no_label_learnt_from_overlaps_one_that_is_judged(splits):
    """Sample n looks at the bars n to n + horizon; the embargo keeps more away after a judged part."""
    for learn, test in splits:
        judged = np.zeros(600 + HORIZON + 1, dtype=bool)
        for n in test:
            judged[n : n + HORIZON + 1] = True
        assert not any(judged[n : n + HORIZON + 1].any() for n in learn)
        ends = [n for n in test if n + 1 not in set(test) and n + 1 < 600]
        assert all(not set(range(end + 1, end + HORIZON + 11)) & set(learn) for end in ends)


def test_most_samples_are_still_learnt_from(splits):
    assert all(len(learn) >= 600 * 3 / 5 - 3 * (2 * HORIZON + 11) for learn, _ in splits)


def test_too_few_samples_are_no_evidence():
    with pytest.raises(NotEnoughEvidence, match="100 samples are too few"):
        list(Validation().splits(100, 24))


def test_a_model_that_learns_from_overlapping_labels_would_have_looked_better():
    """Noise that two neighbours share: unpurged neighbours give the answer away, purged ones do not."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=1_200 + 60))
    classes = (walk[60:] > walk[:-60]).astype(np.int64)
    table = np.column_stack([np.arange(1_200) / 10, np.sin(np.arange(1_200) / 5)]).astype(np.float32)
    from sklearn.model_selection import KFold
    from sklearn.neighbors import KNeighborsClassifier

    class Neighbours(Linear, frozen=True, kw_only=True, tag="neighbours"):
        def fit(self, table, classes, weights, seed):
            return KNeighborsClassifier(5).fit(table, classes)

    shuffled = [(learn, [test]) for learn, test in KFold(10, shuffle=True, random_state=0).split(table)]
    purged = list(Validation(folds=6, embargo=60).splits(1_200, 60))
    weights = np.ones(1_200)
    leaky = judge(Neighbours(), table, classes, weights, shuffled, 0).scores["accuracy"]
    honest = judge(Neighbours(), table, classes, weights, purged, 0).scores["accuracy"]
    assert leaky > 0.9
    assert honest < 0.7


def test_every_prediction_is_that_of_one_model_that_had_not_seen_the_sample():
    rng = np.random.default_rng(0)
    table, classes = rng.normal(size=(600, 3)).astype(np.float32), rng.integers(0, 3, 600)
    splits = list(Validation(folds=4, test_folds=2, embargo=5).splits(600, HORIZON))
    unseen = judge(Linear(), table, classes, np.ones(600), splits, 0).unseen
    assert np.bincount(unseen.sample).tolist() == [3] * 600, "each sample is judged by three of six models"
    for number, (learn, parts) in enumerate(splits):
        mine = unseen.split == number
        assert not set(unseen.sample[mine]) & set(learn)
        assert np.unique(unseen.part[mine]).tolist() == [part[0] for part in parts]
        alone = Linear().fit(table[learn], classes[learn], np.ones(len(learn)), 0)
        assert unseen.given[mine] == pytest.approx(alone.predict_proba(table[unseen.sample[mine]]))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_what_calibrates_a_part_knows_none_of_its_labels_and_no_model_that_learnt_them(method):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 600)
    splits = list(Validation(folds=4, test_folds=2, embargo=5).splits(600, HORIZON))
    pairs = [(n, split, part[0]) for split, (_, parts) in enumerate(splits) for part in parts for n in part]
    sample, split, part = np.array(pairs).T
    unseen = Unseen(sample, split, part, rng.dirichlet([1.0, 1.0, 1.0], len(pairs)))
    plain = unseen.calibrated(method, classes, HORIZON).given
    begin, end = 150, 299
    inside = part == begin
    near = np.arange(begin - HORIZON, end + HORIZON + 1)
    other = classes.copy()
    other[near] = (other[near] + 1) % 3
    assert np.array_equal(unseen.calibrated(method, other, HORIZON).given[inside], plain[inside])
    knowing = ~np.isin(split, split[inside])
    given = np.where(knowing[:, None], unseen.given[:, ::-1], unseen.given)
    changed = unseen._replace(given=given).calibrated(method, classes, HORIZON).given
    assert np.array_equal(changed[inside], plain[inside])
    other[near[-1] + 1] = (other[near[-1] + 1] + 1) % 3
    assert not np.array_equal(unseen.calibrated(method, other, HORIZON).given[inside], plain[inside])


def samples(seed=0, count=4_000):
    """Probabilities that are too sure of themselves, and what happened."""
    rng = np.random.default_rng(seed)
    real = rng.dirichlet([2.0, 1.0, 2.0], count)
    happened = np.array([rng.choice(3, p=p) for p in real])
    sure = real**2
    return sure / sure.sum(axis=1, keepdims=True), happened, real


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_are_nearer_to_the_real_ones(method):
    sure, happened, real = samples()
    better = calibrate(method, sure, happened).apply(sure)
    assert better.sum(axis=1) == pytest.approx(1.0)
    assert np.abs(better - real).mean() < 0.5 * np.abs(sure - real).mean()
    unseen, _, truth = samples(seed=1)
    again = calibrate(method, sure, happened).apply(unseen)
    assert np.abs(again - truth).mean() < 0.5 * np.abs(unseen - truth).mean()


def test_isotonic_is_scikit_learns():
    from sklearn.isotonic import IsotonicRegression

    sure, happened, _ = samples()
    theirs = np.column_stack(
        [
            IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            .fit(sure[:, k], happened == k)
            .predict(np.linspace(0.2, 1, 50))
            for k in range(3)
        ]
    )
    grid = np.tile(np.linspace(0.2, 1, 50)[:, None], (1, 3))
    ours = calibrate("isotonic", sure, happened).apply(grid)
    assert ours == pytest.approx(theirs / theirs.sum(axis=1, keepdims=True), abs=1e-9)


def test_no_calibration_changes_nothing():
    sure, happened, _ = samples(count=10)
    assert np.array_equal(calibrate("none", sure, happened).apply(sure), sure)
    assert Calibration().apply(sure) is sure


def test_balanced_weights_make_every_class_count_the_same():
    from sklearn.utils.class_weight import compute_sample_weight

    classes = np.array([0] * 90 + [1] * 10 + [2] * 300)
    weights = balanced(classes)
    assert weights == pytest.approx(compute_sample_weight("balanced", classes))
    assert [weights[classes == k].sum() for k in range(3)] == pytest.approx([400 / 3] * 3)
