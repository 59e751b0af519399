"""Judging a kind of model on samples it has not seen, and whose labels it could not have learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import numpy as np

from framework import NotEnoughEvidence, PluginConfig
from framework_models.calibration import calibrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from framework_models.calibration import Method
    from framework_models.learners import Learner, Table

    type Split = tuple[NDArray[np.int64], list[NDArray[np.int64]]]


class Validation(PluginConfig, frozen=True, kw_only=True):
    """Combinatorial purged cross-validation (Lopez de Prado 2018, chapter 12)."""

    folds: Annotated[
        Annotated[int, msgspec.Meta(ge=3, le=20)], msgspec.Meta(description="Parts the samples are cut into.")
    ] = 6
    test_folds: Annotated[
        Annotated[int, msgspec.Meta(ge=2, le=10)],
        msgspec.Meta(description="Parts judged in each split; every choice of them is one split."),
    ] = 2
    embargo: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=100_000)],
        msgspec.Meta(
            description="Samples left out after a judged part, beside the label's horizon on both sides; at "
            "least as many as a window reaches back."
        ),
    ] = 24

    def __post_init__(self) -> None:
        """Refuse to judge everything and learn from nothing."""
        if self.test_folds >= self.folds:
            raise ValueError(
                f"`test_folds` {self.test_folds} leaves nothing of {self.folds} folds to learn from"
            )

    def splits(self, samples: int, horizon: int, window: int = 1) -> Iterator[Split]:
        """Numbers of the samples to learn from, and of those of each part to judge.

        No window that is learnt from after a judged part holds a bar at which there is a judged sample or at
        which its label looked. Windows that are judged may hold bars learnt from before, as in trading.

        Args:
            samples: How many there are, a bar or more apart, in order of time.
            horizon: How many bars ahead a label looks.
            window: How many bars a sample looks at, its own included.

        Raises:
            NotEnoughEvidence: There are too few to leave that many out.
        """
        from skfolio.model_selection import CombinatorialPurgedCV  # noqa: PLC0415 - takes seconds

        embargo = max(self.embargo, window - 1)
        least = self.folds * (2 * horizon + embargo + 10)
        if samples < least:
            raise NotEnoughEvidence(
                f"{samples} samples are too few for {self.folds} folds, a horizon of {horizon} bars and an "
                f"embargo of "
                f"{embargo}",
                remedy=f"It takes {least}: train on more bars, or with fewer folds or a shorter horizon.",
            )
        cv = CombinatorialPurgedCV(
            n_folds=self.folds, n_test_folds=self.test_folds, purged_size=horizon, embargo_size=embargo
        )
        yield from cv.split(np.empty((samples, 1)))


class Unseen(NamedTuple):
    """Predictions for samples not seen, each by a single model: a row for every sample and model.

    Attributes:
        sample: Its number.
        split: Which model; it learnt from nothing of the parts that the split judges.
        part: The part the sample is in, by the number of its first one.
        given: float64, the probability of each class.
    """

    sample: NDArray[np.int64]
    split: NDArray[np.int64]
    part: NDArray[np.int64]
    given: NDArray[np.float64]

    def calibrated(self, method: Method, classes: NDArray[np.int64], horizon: int) -> Unseen:
        """The same, each calibrated by maps that know nothing of its part.

        The maps of a part are fitted on what models that had not seen it say of other parts, but for samples
        whose labels share bars with those in it.

        Args:
            method: Of `calibrate`.
            classes: What each sample turned out to be.
            horizon: How many bars ahead a label looks.
        """
        better = np.empty_like(self.given)
        for part in np.unique(self.part):
            inside = self.part == part
            first, last = self.sample[inside].min(), self.sample[inside].max()
            apart = (self.sample < first - horizon) | (self.sample > last + horizon)
            known = apart & np.isin(self.split, self.split[inside])
            maps = calibrate(method, self.given[known], classes[self.sample[known]])
            better[inside] = maps.apply(self.given[inside])
        return self._replace(given=better)


class Judged(NamedTuple):
    """What came of a cross-validation.

    Attributes:
        unseen: The predictions of all its models.
        scores: Figures by name, of single models; `log_loss` is what a search lowers.
    """

    unseen: Unseen
    scores: dict[str, float]


def judge(
    learner: Learner,
    table: Table,
    classes: NDArray[np.int64],
    weights: NDArray[np.float64],
    splits: list[Split],
    seed: int,
    told: Callable[[int], None] = lambda done: None,  # noqa: ARG005 - its signature
) -> Judged:
    """Fit on one side of every split, and look at the other; `told` is, how many are done."""
    count = int(classes.max()) + 1
    rows, losses, guesses = [], [], []
    for done, (learn, parts) in enumerate(splits):
        told(done)
        test = np.concatenate(parts)
        if len(np.unique(classes[learn])) < count:
            raise NotEnoughEvidence(
                "a class of the labels is missing from the samples of a split",
                remedy="Train on more bars, or move the barriers or the band so that every class occurs.",
            )
        fitted = learner.fit(table[learn], classes[learn], weights[learn], seed)
        given = fitted.predict_proba(table[test]).astype(np.float64)
        begins = np.concatenate([np.full(len(part), part[0]) for part in parts])
        rows.append(Unseen(test, np.full(len(test), done), begins, given))
        losses.append(log_loss(given, classes[test]))
        usual = np.bincount(classes[learn], minlength=count) / len(learn)
        guesses.append(log_loss(np.tile(usual, (len(test), 1)), classes[test]))
    unseen = Unseen(*map(np.concatenate, zip(*rows, strict=True)))
    return Judged(
        unseen,
        {
            "log_loss": float(np.mean(losses)),
            "log_loss_deviation": float(np.std(losses)),
            "log_loss_of_frequencies": float(np.mean(guesses)),
            **figures(unseen.given, classes[unseen.sample]),
        },
    )


def figures(probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy of the likeliest class, Brier score, and areas under ROC curves.

    `auc_up` and `auc_down` are of each direction against all else; knowing when the market moves raises both.
    `auc_up_or_down` is of one direction against the other where one of them came: knowing which way.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - takes seconds

    kinds = np.eye(probabilities.shape[1])[classes]
    ends = (classes == 0) | (classes == classes.max())
    leaning = probabilities[:, -1] / np.maximum(probabilities[:, 0] + probabilities[:, -1], 1e-12)
    return {
        "accuracy": float((probabilities.argmax(axis=1) == classes).mean()),
        "brier": float(((probabilities - kinds) ** 2).sum(axis=1).mean()),
        "auc_down": float(roc_auc_score(classes == 0, probabilities[:, 0])),
        "auc_up": float(roc_auc_score(classes == classes.max(), probabilities[:, -1])),
        "auc_up_or_down": float(roc_auc_score(classes[ends] > 0, leaning[ends])),
    }


def log_loss(probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """The mean of minus the logarithm of the probability given to what happened."""
    given = np.clip(probabilities[np.arange(len(classes)), classes], 1e-12, 1.0)
    return float(-np.log(given).mean())
