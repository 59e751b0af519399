"""A strategy's entries, let through when a model from the registry finds them likely enough.

In a backtest the probabilities are worked out for all bars at once before the first, on paper and live at the
bars they are asked at; `framework.follow` chooses, and shows that both say the same.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from framework import CompositionError, ConfigError, Feature, PluginConfig, RunError, SignalFilter, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nautilus_trader.model import Bar, BarType
    from nautilus_trader.trading import Strategy
    from numpy.typing import NDArray

    from framework import Bars, Deployment, Readings, Signal
    from framework_models.predictor import Predictor
    from framework_models.registry import Checked, Manifest

PLACES = {-1: 0, 1: 2}
"""Where a direction's probability stands."""
SAME = 1e-6
"""How far a probability made alone may be from the same one made with others: sums of 32 bits depend on how
many rows are multiplied at once."""


class ModelFilterConfig(PluginConfig, frozen=True, kw_only=True):
    """Which model, whom to trust, and how sure it has to be."""

    registry: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="The folder of models, relative to the folder of node.yaml.",
            extra={"place": True},
        ),
    ]
    model: Annotated[
        str, msgspec.Meta(min_length=1, description="Its name, its id, or the beginning of its id.")
    ]
    trust: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="The .pub file of the key that signed it, relative to the folder of node.yaml.",
            extra={"place": True},
        ),
    ]
    threshold: Annotated[
        float,
        msgspec.Meta(
            ge=0.0,
            le=1.0,
            description="An entry is sent when its direction has at least this probability; one at which "
            "the model "
            "does not know enough yet is not.",
        ),
    ]


def settle(config: ModelFilterConfig, deployment: Deployment) -> ModelFilterConfig:
    """The settings with whole paths and the model's id, when the model may be used there.

    Raises:
        ConfigError: There is no such model, registry or key.
        CheckFailed: The model is not what was signed.
        CompositionError: It has seen the data it would be tested on, or learnt from other bars.
    """
    settled = msgspec.structs.replace(
        config,
        registry=str((deployment.folder / config.registry).resolve()),
        trust=str((deployment.folder / config.trust).resolve()),
    )
    checked = _open(settled)
    manifest = checked.manifest
    _refuse_other_bars(manifest, deployment.bar_types)
    if deployment.mode != "live" and (deployment.start is None or deployment.start <= manifest.knows_until):
        begins = "at the first bar there is" if deployment.start is None else f"at {_time(deployment.start)}"
        raise CompositionError(
            f"model {checked.id[:12]} ({manifest.name}) learnt from data up to "
            f"{_time(manifest.knows_until)}, "
            f"and the run begins {begins}",
            remedy=f"Write a `start:` after {_time(manifest.knows_until)}, or train it on less.",
        )
    return msgspec.structs.replace(settled, model=checked.id)


class ModelFilter(SignalFilter):
    """Lets an entry through when the model gives its direction enough probability.

    Args:
        config: Settled or not; relative paths then start at the current folder.
    """

    def __init__(self, config: ModelFilterConfig) -> None:
        from framework_models.predictor import Predictor  # noqa: PLC0415 - loads with a run

        self._config = config
        self._checked = _open(config)
        self._feature = probability(self._checked, Predictor(self._checked))
        self._knows_until = self._checked.manifest.knows_until
        self._readings: dict[BarType, Readings] = {}
        self._shown: dict[BarType, Callable[[Bar], None]] = {}

    def start(self, strategy: Strategy, bar_types: Sequence[BarType]) -> None:
        """Begin anew."""
        _refuse_other_bars(self._checked.manifest, bar_types)
        self._readings = {
            bar_type.standard(): follow(strategy, self._feature, bar_type) for bar_type in bar_types
        }
        self._shown = dict.fromkeys(self._readings, self._first)

    def on_bar(self, bar: Bar) -> None:
        """Take in a bar."""
        shown = self._shown.get(bar.bar_type)
        if shown is not None:
            shown(bar)

    def _first(self, bar: Bar) -> None:
        """Take in the first bar of its type, when the model has not seen it; those that follow are later."""
        if bar.ts_event <= self._knows_until:
            raise RunError(
                f"model {self._checked.id[:12]} has seen the bar of {_time(bar.ts_event)}: it learnt from "
                f"data up to "
                f"{_time(self._checked.manifest.knows_until)}",
                remedy="Begin the run after that.",
            )
        update = self._readings[bar.bar_type].update
        update(bar)
        self._shown[bar.bar_type] = update

    def accepts(self, signal: Signal) -> bool:
        """Whether the signal's direction is likely enough."""
        probability = self._readings[signal.bar_type].values()[PLACES[signal.direction]]
        return isfinite(probability) and probability >= self._config.threshold


def probability(checked: Checked, predictor: Predictor) -> Feature:
    """The probabilities of down, neither and up: features in both definitions, finished by the model."""
    from framework_models.features import FeatureSet, Rows  # noqa: PLC0415 - loads with a run

    features = predictor.features
    if predictor.window > 1:
        return _over_windows(checked, predictor)

    class Online:
        """The features after every bar."""

        def __init__(self) -> None:
            self._table = FeatureSet(features)
            self._row = [float("nan")] * len(self._table.names)

        def update(self, bar: Bar) -> None:
            self._row = self._table.update_bar(bar).tolist()

        def values(self) -> Sequence[float]:
            return self._row

    return Feature(
        name=f"model({checked.id})",
        columns=tuple(checked.manifest.columns),
        online=lambda instrument: Online(),  # noqa: ARG005 - its signature
        offline=lambda bars: np.ascontiguousarray(FeatureSet(features).update(Rows.of(bars)).T),
        tolerance=SAME,
        finish=predictor.probabilities,
    )


def _over_windows(checked: Checked, predictor: Predictor) -> Feature:
    """The same for a model that looks at several bars at once: what `finish` is given is of one bar."""
    from framework_models.features import FeatureSet, Rows  # noqa: PLC0415 - loads with a run

    class Online:
        """The features after every one of the last bars; the model is asked when somebody asks."""

        def __init__(self) -> None:
            self._table = FeatureSet(predictor.features)
            self._rows = deque([np.full(len(self._table.names), np.nan)], maxlen=predictor.window)

        def update(self, bar: Bar) -> None:
            self._rows.append(self._table.update_bar(bar))

        def values(self) -> Sequence[float]:
            told: list[float] = predictor.probabilities(np.array(self._rows))[-1].tolist()
            return told

    def offline(bars: Bars) -> NDArray[np.float64]:
        table = FeatureSet(predictor.features).update(Rows.of(bars))
        return np.ascontiguousarray(predictor.probabilities(table).T)

    return Feature(
        name=f"model({checked.id})",
        columns=("down", "neither", "up"),
        online=lambda instrument: Online(),  # noqa: ARG005 - its signature
        offline=offline,
        tolerance=SAME,
    )


def _open(config: ModelFilterConfig) -> Checked:
    from framework_models import keys  # noqa: PLC0415 - loads when a filter is used
    from framework_models.registry import Registry  # noqa: PLC0415

    folder = Path(config.registry)
    if not folder.is_dir():
        raise ConfigError(f"no registry at {folder}", remedy="`framework model train` makes one.")
    return Registry(folder).open(config.model, keys.public_key(Path(config.trust)))


def _refuse_other_bars(manifest: Manifest, bar_types: Sequence[Any]) -> None:
    """Numbers of bars of another length mean something else; those of another instrument may be meant."""
    learnt = manifest.bars.split("-", 1)[1]
    for bar_type in bar_types:
        used = str(bar_type).split("-", 1)[1]
        if used != learnt:
            raise CompositionError(
                f"model {manifest.name} learnt from bars {learnt}, and the strategy trades on {used}",
                remedy="Train one on the same kind of bars.",
            )


def _time(nanos: int) -> str:
    return datetime.fromtimestamp(nanos // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
