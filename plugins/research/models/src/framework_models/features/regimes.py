"""Features of the regime the market is in: what is known of it now, never what became known later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import msgspec
import numpy as np

from framework_models.features import folds
from framework_models.features.feature import FeatureSettings, Fold
from framework_models.features.frames import Frame
from framework_models.features.learning import learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework_models.features.rows import Rows


class Markov(FeatureSettings, frozen=True, kw_only=True, tag="markov"):
    """The probability of each regime but the calmest, given the returns so far: filtered, never smoothed.

    Regimes have a mean and a deviation each, and are ordered by deviation. They are learnt once, from
    training bars (Hamilton, Econometrica 57, 1989, by maximum likelihood), and stay as they are.
    """

    regimes: Annotated[Literal[2, 3], msgspec.Meta(description="How many.")] = 2
    learn_from: Annotated[
        Annotated[int, msgspec.Meta(ge=100, le=100_000)],
        msgspec.Meta(
            description="So many of the first training bars, which are then no samples; with `every:` what "
            "is learnt from are the larger bars that they make."
        ),
    ] = 2_000
    means: Annotated[list[float], msgspec.Meta(description="Learnt: mean log return of each regime.")] = (
        msgspec.field(default_factory=list)
    )
    deviations: Annotated[
        list[float], msgspec.Meta(description="Learnt: deviation of log returns in each regime.")
    ] = msgspec.field(default_factory=list)
    transitions: Annotated[
        list[list[float]], msgspec.Meta(description="Learnt: from each regime (row) to each (column).")
    ] = msgspec.field(default_factory=list)

    def names(self) -> tuple[str, ...]:
        """A column for each regime but the first."""
        frame = f"@{self.every}" if self.every else ""
        return tuple(f"markov_{self.regimes}_{n}{frame}" for n in range(1, self.regimes))

    def start(self) -> Fold:
        """A new fold; its first belief is how often each regime comes in the long run."""
        if not self.means:
            raise ValueError("the regimes of markov are not learnt yet; train with it first")
        means, deviations = np.array(self.means), np.array(self.deviations)
        transitions = np.array(self.transitions)
        belief, last = _long_run(transitions), np.zeros(2)
        return lambda rows, out: folds.markov(
            belief, last, rows.close, means, deviations, transitions, tuple(out)
        )

    @property
    def learns(self) -> int:
        """How many of the first training bars the regimes are learnt from."""
        return self.learn_from

    def fit(self, rows: Rows) -> Self:
        """Learn the regimes from the first of these bars, or from the larger ones that they make."""
        seen: Rows | None = rows.part(0, self.learn_from)
        if seen is not None and self.frame is not None:
            seen, _ = Frame(self.frame).update(seen)
        close = np.empty(0) if seen is None else seen.close
        means, deviations, transitions = learn(close, self.regimes)
        return msgspec.structs.replace(self, means=means, deviations=deviations, transitions=transitions)


class ChangePoint(FeatureSettings, frozen=True, kw_only=True, tag="change_point"):
    """Bars since the last change in the mean or spread of returns (log1p), and how near the next one is."""

    columns: ClassVar = ("age", "pressure")
    version: ClassVar = 2

    window: Annotated[
        Annotated[int, msgspec.Meta(ge=5, le=100_000)],
        msgspec.Meta(description="Returns since the last change that a new one is judged by."),
    ] = 100
    drift: Annotated[
        float, msgspec.Meta(gt=0.0, description="What a sum forgets at every bar, in deviations.")
    ] = 0.5
    alarm: Annotated[float, msgspec.Meta(gt=0.0, description="The sum that means a change.")] = 8.0

    def start(self) -> Fold:
        """A new fold."""
        past, last, state = np.zeros(self.window + 1), np.zeros(2), np.zeros(4)
        drift, alarm = self.drift, self.alarm
        return lambda rows, out: folds.change_point(past, last, state, rows.close, drift, alarm, *out)


def _long_run(transitions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of time in each regime: the left eigenvector of the transitions, which sums to one."""
    count = len(transitions)
    equations = np.vstack([transitions.T - np.eye(count), np.ones(count)])
    share: NDArray[np.float64] = np.linalg.lstsq(equations, np.append(np.zeros(count), 1.0))[0]
    return share
