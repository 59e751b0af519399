"""Making probabilities mean what they say: maps fitted on predictions for samples the model had not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from framework import PluginConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

type Method = Literal["none", "sigmoid", "isotonic"]
SURE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their odds are taken."""


class Curve(PluginConfig, frozen=True, kw_only=True):
    """From a probability to a better one, by straight lines between points."""

    given: Annotated[list[float], msgspec.Meta(description="Probabilities of the model, rising.")]
    meant: Annotated[list[float], msgspec.Meta(description="How often it happened.")]


class Calibration(PluginConfig, frozen=True, kw_only=True):
    """One map for each class; their results are made to sum to one."""

    method: Annotated[Method, msgspec.Meta(description="How it was fitted.")] = "none"
    slopes: Annotated[
        list[list[float]], msgspec.Meta(description="sigmoid: slope and shift of each class's log odds.")
    ] = msgspec.field(default_factory=list)
    curves: Annotated[list[Curve], msgspec.Meta(description="isotonic: a curve for each class.")] = (
        msgspec.field(default_factory=list)
    )

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities, one row a sample."""
        if self.method == "none":
            return probabilities
        better = np.empty_like(probabilities)
        for k in range(probabilities.shape[1]):
            if self.method == "sigmoid":
                slope, shift = self.slopes[k]
                better[:, k] = 1.0 / (1.0 + np.exp(-(slope * _log_odds(probabilities[:, k]) + shift)))
            else:
                better[:, k] = np.interp(probabilities[:, k], self.curves[k].given, self.curves[k].meant)
        total = better.sum(axis=1, keepdims=True)
        # Where every map says never, nothing is known better than before.
        result: NDArray[np.float64] = np.where(
            total > 0.0, better / np.where(total > 0.0, total, 1.0), probabilities
        )
        return result


def calibrate(method: Method, probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> Calibration:
    """Fit the maps on predictions for unseen samples, and the classes those turned out to be.

    `sigmoid` is Platt's method on log odds, `isotonic` Zadrozny and Elkan's, one class against the rest.
    """
    if method == "none":
        return Calibration()
    kinds = range(probabilities.shape[1])
    if method == "sigmoid":
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes seconds

        slopes = []
        for k in kinds:
            odds = _log_odds(probabilities[:, k])[:, None]
            fitted = LogisticRegression(C=1e6).fit(odds, classes == k)
            slopes.append([float(fitted.coef_[0, 0]), float(fitted.intercept_[0])])
        return Calibration(method=method, slopes=slopes)
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - takes seconds

    curves = []
    for k in kinds:
        line = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        line.fit(probabilities[:, k], classes == k)
        curves.append(Curve(given=line.X_thresholds_.tolist(), meant=line.y_thresholds_.tolist()))
    return Calibration(method=method, curves=curves)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probabilities, SURE, 1.0 - SURE)
    odds: NDArray[np.float64] = np.log(inside / (1.0 - inside))
    return odds
