"""From a recipe and bars to a signed model."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from framework import NotEnoughEvidence, source_hash
from framework_models.calibration import calibrate
from framework_models.features import FeatureSet, Rows
from framework_models.labels import CLASSES
from framework_models.predictor import versions_of
from framework_models.registry import Manifest
from framework_models.validation import Unseen, figures, judge, log_loss
from framework_models.windows import Windows, is_full

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from framework import Bars
    from framework_models.features import FeatureSettings
    from framework_models.learners import Learner, Table
    from framework_models.recipe import Recipe
    from framework_models.validation import Split

LIBRARIES = (
    "framework",
    "framework-models",
    "nautilus_trader",
    "numpy",
    "onnxruntime",
    "scikit-learn",
    "skl2onnx",
)
NETWORKS = ("flax", "jax", "onnx", "optax")


class Samples(NamedTuple):
    """What a model learns from.

    Attributes:
        features: The features, with what they learnt.
        columns: Their names.
        table: float32, one row a sample, or one window.
        classes: The numbers of the labels among those that occur.
        labels: Those that occur, in order.
        bars: The number of the bar of each sample.
        ends: The number of the last bar each label looked at.
    """

    features: list[FeatureSettings]
    columns: list[str]
    table: Table
    classes: NDArray[np.int64]
    labels: list[int]
    bars: NDArray[np.int64]
    ends: NDArray[np.int64]


class Trained(NamedTuple):
    """A model before it is signed.

    Attributes:
        manifest: What it is.
        model: Its file's bytes.
        fitted: The estimator, for explanations.
        samples: What it learnt from.
        unseen: Predictions for samples by models that had not seen them, calibrated by maps that had not
            either.
    """

    manifest: Manifest
    model: bytes
    fitted: Any
    samples: Samples
    unseen: Unseen


def train(recipe: Recipe, bars: Bars, progress: Callable[[float, str], None] | None = None) -> Trained:
    """Make the samples, judge and perhaps search, calibrate, and fit the model on all of them.

    Args:
        recipe: What to do.
        bars: Those the recipe names, and no others.
        progress: Told the share of the work done, and what is being done.

    Raises:
        NotEnoughEvidence: There are too few samples, or only one class of them.
        DataError: A feature could not learn what it has to.
        ConfigError: This kind of model is trained with an extra that is not installed.
    """
    say = progress or (lambda share, what: None)  # noqa: ARG005 - its signature
    recipe.model.ready()
    say(0.0, "features")
    rows = Rows.of(bars)
    samples = make_samples(recipe, rows)
    weights = balanced(samples.classes) if recipe.balance else np.ones(len(samples.classes))
    horizon = recipe.label.horizon
    splits = list(recipe.validation.splits(len(samples.classes), horizon, recipe.model.looks_back))
    learner, trials = _search(recipe, samples, weights, splits, say)
    begun = 0.1 if recipe.search is None else 0.8
    judged = judge(
        learner,
        samples.table,
        samples.classes,
        weights,
        splits,
        recipe.seed,
        lambda done: say(begun + (0.9 - begun) * done / len(splits), f"split {done + 1} of {len(splits)}"),
    )
    happened = samples.classes[judged.unseen.sample]
    calibration = calibrate(recipe.calibration, judged.unseen.given, happened)
    unseen = judged.unseen.calibrated(recipe.calibration, samples.classes, horizon)
    say(0.9, "model")
    fitted = learner.fit(samples.table, samples.classes, weights, recipe.seed)
    model = learner.export(fitted, len(samples.columns))
    shares = np.bincount(samples.classes) / len(samples.classes)
    after = {f"calibrated_{name}": value for name, value in figures(unseen.given, happened).items()}
    manifest = Manifest(
        name=recipe.name,
        file=learner.file,
        file_sha256=hashlib.sha256(model).hexdigest(),
        file_bytes=len(model),
        columns=samples.columns,
        window=recipe.model.looks_back,
        features=[msgspec.to_builtins(feature) for feature in samples.features],
        feature_versions=versions_of(samples.features),
        label=msgspec.to_builtins(recipe.label),
        classes=samples.labels,
        calibration=msgspec.to_builtins(calibration),
        parameters=msgspec.to_builtins(learner),
        trials=trials,
        seed=recipe.seed,
        bars=str(recipe.bars),
        samples=len(samples.classes),
        data_sha256=hash_of(rows),
        first=int(rows.ts[0]),
        train_end=int(rows.ts[samples.bars[-1]]),
        label_horizon=horizon,
        knows_until=int(rows.ts[-1]),
        scores={
            **judged.scores,
            **after,
            "calibrated_log_loss": log_loss(unseen.given, happened),
            **{
                f"share_of_{label}": float(share) for label, share in zip(samples.labels, shares, strict=True)
            },
        },
        versions=_versions(learner),
    )
    say(1.0, "done")
    return Trained(manifest, model, fitted, samples, unseen)


def make_samples(recipe: Recipe, rows: Rows) -> Samples:
    """The bars at which every feature is known and the label as well.

    Features that learn do so on the first bars, and samples come only from the bars after those: what a fold
    judges, nothing has looked at. A window is of bars after those as well, and all of them are known.

    Raises:
        NotEnoughEvidence: There are none, or all have the same label.
    """
    learning = max((feature.learns for feature in recipe.features), default=0)
    features: list[FeatureSettings] = [feature.fit(rows) for feature in recipe.features]
    made = FeatureSet(features)
    table = made.update(rows)
    labels = recipe.label.of(rows)
    known = np.isfinite(table).all(axis=1)
    known[:learning] = False
    bars = np.flatnonzero(is_full(known, recipe.model.looks_back) & labels.known)
    occurring = [label for label in CLASSES if (labels.value[bars] == label).any()]
    if len(occurring) < 2:  # noqa: PLR2004 - one class is nothing to tell apart
        never = [
            name for name, column in zip(made.names, table.T, strict=True) if not np.isfinite(column).any()
        ]
        raise NotEnoughEvidence(
            f"of {rows.length} bars {len(bars)} have all features and a label, with {len(occurring)} kinds "
            f"of label",
            remedy=f"Never known: {', '.join(never)}."
            if never
            else "Train on more bars, or change the label.",
        )
    classes = np.searchsorted(occurring, labels.value[bars])
    given: Table = table[bars].astype(np.float32)
    if recipe.model.looks_back > 1:
        given = Windows(table.astype(np.float32), bars, labels.ends[bars], recipe.model.looks_back)
    return Samples(features, made.names, given, classes, occurring, bars, labels.ends[bars])


def balanced(classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights with which every class counts the same, and all samples together as many as there are."""
    counts = np.bincount(classes)
    weights: NDArray[np.float64] = (len(classes) / (len(counts) * counts))[classes]
    return weights


def hash_of(rows: Rows) -> str:
    """SHA-256 of the bars' times, prices and volumes, column by column, little-endian."""
    digest = hashlib.sha256()
    for name, column in zip(rows._fields, rows, strict=True):
        digest.update(f"{name} {len(column)}\n".encode())
        digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _search(
    recipe: Recipe,
    samples: Samples,
    weights: NDArray[np.float64],
    splits: list[Split],
    say: Callable[[float, str], None],
) -> tuple[Learner, int]:
    """The learner with the lowest log loss, and how many were tried; the recipe's own is the first."""
    if recipe.search is None:
        return recipe.model, 1
    import optuna  # noqa: PLC0415 - takes a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tried: list[Learner] = []
    count = recipe.search.trials

    def score(learner: Learner) -> float:
        tried.append(learner)
        say(0.1 + 0.7 * len(tried) / (count + 1), f"trial {len(tried)} of {count + 1}")
        return judge(learner, samples.table, samples.classes, weights, splits, recipe.seed).scores["log_loss"]

    losses = [score(recipe.model)]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=recipe.seed))
    for _ in range(count):
        trial = study.ask()
        losses.append(score(recipe.model.vary(trial)))
        study.tell(trial, losses[-1])
    return tried[int(np.argmin(losses))], len(tried)


def _versions(learner: Learner) -> dict[str, str]:
    boosted, network = learner.file.endswith(".ubj"), learner.looks_back > 1
    libraries = [*LIBRARIES, *(["xgboost"] if boosted else []), *(NETWORKS if network else [])]
    found = {name: _version(name) for name in libraries}
    return {**found, "code_sha256": source_hash("framework_models")}


def _version(name: str) -> str:
    if name == "xgboost":  # the distribution is called otherwise where the wheel is without graphics cards
        import xgboost  # noqa: PLC0415 - loaded already

        return str(xgboost.__version__)
    return version(name)
