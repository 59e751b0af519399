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
from framework_models.sessions import session
from framework_models.windows import Windows, is_full

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from framework_models.features import FeatureSettings
    from framework_models.registry import Checked

AT_ONCE = 32_768
"""Rows that are asked for together: getting the memory for more takes longer than asking again."""
FEW = 1_000
"""Rows for which more than one thread is not worth starting."""


class Predictor:
    """A model, and the features it looks at.

    Args:
        checked: What the registry gave.

    Attributes:
        features: With what they learnt.
        window: Rows it looks at, that of the bar itself included.

    Raises:
        CompositionError: A feature makes other numbers now than when the model was trained.
        CheckFailed: The file is no model of its kind.
    """

    def __init__(self, checked: Checked) -> None:
        manifest = checked.manifest
        self.features = learnt_features(checked)
        self._calibration = msgspec.convert(manifest.calibration, Calibration)
        self._places = [CLASSES.index(label) for label in manifest.classes]
        self.window = manifest.window
        load = _booster if manifest.file.endswith(".ubj") else session
        shape = (manifest.window, len(manifest.columns))
        try:
            self._ask = load(checked.model)
            trial = self._ask(np.zeros((1, *shape[self.window == 1 :]), dtype=np.float32))
        except Exception as error:
            raise refused(checked.folder, f"{manifest.file} cannot be loaded: {error}") from error
        if trial.shape != (1, len(manifest.classes)):
            raise refused(checked.folder, f"{manifest.file} answers with shape {trial.shape}")

    def probabilities(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of down, neither and up for each row; NaN where a feature is not known yet.

        Where the model looks at a window, the rows are those of bars in order, and the answer at each is made
        of it and those before it: NaN until there are as many, all known.
        """
        if self.window > 1:
            return self._answers(table)
        answers = np.empty((len(table), len(CLASSES)))
        for first in range(0, len(table), AT_ONCE):
            answers[first : first + AT_ONCE] = self._answers(table[first : first + AT_ONCE])
        return answers

    def _answers(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.ascontiguousarray(table, dtype=np.float32)
        known = is_full(np.isfinite(rows).all(axis=1), self.window)
        answers = np.full((len(rows), len(CLASSES)), np.nan)
        if known.any():
            made = np.zeros((int(known.sum()), len(CLASSES)))
            made[:, self._places] = self._calibration.apply(self._raw(rows, known).astype(np.float64))
            answers[known] = made
        return answers

    def _raw(self, rows: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        if self.window == 1:
            first = int(known.argmax())
            # Numbers are missing at the beginning, as a rule; what follows need not be copied.
            return self._ask(rows[first:] if known[first:].all() else rows[known])
        last = np.flatnonzero(known)
        return np.concatenate([self._ask(part) for part in Windows(rows, last, last, self.window).parts()])


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

    # Each row is worked out by one thread, so their number changes nothing but the time. Telling a booster
    # another number makes its next answer take twice as long, hence two.
    alone, together = Booster({"nthread": 1}), Booster({"nthread": 0})
    for booster in (alone, together):
        booster.load_model(bytearray(model))

    def ask(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        booster = alone if len(rows) < FEW else together
        answer: NDArray[np.float32] = booster.inplace_predict(rows, validate_features=False)
        return answer

    return ask
