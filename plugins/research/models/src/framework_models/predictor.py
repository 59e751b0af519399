"""A model from the registry, ready to be asked: from features to the probability of each label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from framework import CompositionError
from framework_models.calibration import Calibration
from framework_models.features import FeatureEntry, FeatureSet
from framework_models.labels import CLASSES
from framework_models.registry import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from framework_models.features import FeatureSettings
    from framework_models.registry import Checked

FEW = 1_000
"""Rows for which more than one thread is not worth starting."""


class Predictor:
    """A model, and the features it looks at.

    Args:
        checked: What the registry gave.

    Raises:
        CompositionError: A feature makes other numbers now than when the model was trained.
        CheckFailed: The file is no model of its kind.
    """

    def __init__(self, checked: Checked) -> None:
        manifest = checked.manifest
        self.features = learnt_features(checked)
        self._calibration = msgspec.convert(manifest.calibration, Calibration)
        self._places = [CLASSES.index(label) for label in manifest.classes]
        load = _booster if manifest.file.endswith(".ubj") else _session
        try:
            self._ask = load(checked.model)
            trial = self._ask(np.zeros((1, len(manifest.columns)), dtype=np.float32))
        except Exception as error:
            raise refused(checked.folder, f"{manifest.file} cannot be loaded: {error}") from error
        if trial.shape != (1, len(manifest.classes)):
            raise refused(checked.folder, f"{manifest.file} answers with shape {trial.shape}")

    def probabilities(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of down, neither and up for each row; NaN where a feature is not known yet."""
        rows = np.ascontiguousarray(table, dtype=np.float32)
        known = np.isfinite(rows).all(axis=1)
        answers = np.full((len(rows), len(CLASSES)), np.nan)
        if known.any():
            made = np.zeros((int(known.sum()), len(CLASSES)))
            made[:, self._places] = self._calibration.apply(self._ask(rows[known]).astype(np.float64))
            answers[known] = made
        return answers


def learnt_features(checked: Checked) -> list[FeatureSettings]:
    """The features of a model, with what they learnt.

    Raises:
        CompositionError: One makes other numbers now than when the model was trained.
    """
    manifest = checked.manifest
    try:
        features = msgspec.convert(manifest.features, list[FeatureEntry])
        names = FeatureSet(features).names
    except (msgspec.ValidationError, ValueError) as error:
        raise refused(checked.folder, f"its features are not known here: {error}") from error
    if names != manifest.columns:
        raise refused(checked.folder, "its features do not make its columns")
    for kind, version in manifest.feature_versions.items():
        now = versions_of(features)[kind]
        if now != version:
            raise CompositionError(
                f"model {checked.id[:12]} was trained on version {version} of the feature {kind}; this is "
                f"{now}",
                where=str(checked.folder),
                remedy="Train it again.",
            )
    return list(features)


def versions_of(features: list[Any]) -> dict[str, int]:
    """The version of every kind of feature used."""
    return {str(type(feature).__struct_config__.tag): type(feature).version for feature in features}


def _booster(model: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    from xgboost import Booster  # noqa: PLC0415 - takes a second

    booster = Booster({"nthread": 1})
    booster.load_model(bytearray(model))

    def ask(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        # Each row is worked out by one thread, so their number changes nothing but the time.
        booster.set_param({"nthread": 1 if len(rows) < FEW else 0})
        answer: NDArray[np.float32] = booster.inplace_predict(rows, validate_features=False)
        return answer

    return ask


def _session(model: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - takes half a second

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (features,) = session.get_inputs()
    output = session.get_outputs()[-1].name

    def ask(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = session.run([output], {features.name: rows})[0]
        return answer

    return ask
