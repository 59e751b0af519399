"""The kinds of model that look at a window of rows: networks, trained with JAX and Flax, used as ONNX.

Only training needs the extra `sequence`. What comes of it is a file like any other, which onnxruntime reads.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec

from framework import ConfigError
from framework_models.learners import Count, Learner, Share

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray
    from optuna import Trial

NEEDED = ("flax", "jax", "optax")
type Few = Annotated[int, msgspec.Meta(ge=1, le=8)]
type Nodes = Annotated[int, msgspec.Meta(ge=2, le=512)]


class Sequence(Learner, frozen=True, kw_only=True):
    """A network over the rows of features up to and including a sample's own, on standardised features."""

    window: Annotated[
        Annotated[int, msgspec.Meta(ge=2, le=1_000)],
        msgspec.Meta(description="Rows it looks at: that of the bar itself and those before it."),
    ] = 24
    width: Annotated[Nodes, msgspec.Meta(description="Nodes of each layer.")] = 16
    layers: Annotated[Few, msgspec.Meta(description="How many.")] = 1
    passes: Annotated[Count, msgspec.Meta(description="Over the samples, at most.")] = 30
    patience: Annotated[
        Count, msgspec.Meta(description="Passes without a better loss on the tail, after which it stops.")
    ] = 5
    tail: Annotated[
        Annotated[float, msgspec.Meta(ge=0.05, le=0.5)],
        msgspec.Meta(description="Share of the samples, the latest, that say when to stop."),
    ] = 0.15
    batch: Annotated[Count, msgspec.Meta(description="Samples in a step.")] = 128
    learning_rate: Annotated[Share, msgspec.Meta(description="Of the AdamW optimiser.")] = 0.001
    decay: Annotated[float, msgspec.Meta(ge=0.0, le=10.0, description="Of the weights in a step.")] = 0.01

    @property
    def looks_back(self) -> int:
        """How many rows a sample looks at, its own included."""
        return self.window

    def ready(self) -> None:
        """Refuse to train without the extra.

        Raises:
            ConfigError: A part of it is not installed.
        """
        self._fitting()

    def fit(self, table: Any, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted network, exported already: `predict_proba` asks the file."""
        return self._fitting().fit(self, table, classes, weights, seed)

    def vary(self, trial: Trial) -> Self:
        """The same kind and window with parameters that the search proposes."""
        return msgspec.structs.replace(
            self,
            width=trial.suggest_categorical("width", [8, 16, 32]),
            layers=trial.suggest_int("layers", 1, 2),
            learning_rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            decay=trial.suggest_float("decay", 1e-3, 1.0, log=True),
        )

    def export(self, fitted: Any, columns: int) -> bytes:
        """The file that `fit` made, and found to say what the network says."""
        del columns
        return bytes(fitted.file)

    def _fitting(self) -> ModuleType:
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            raise ConfigError(
                f"a model of the kind {self.__struct_config__.tag} is trained with {', '.join(NEEDED)}, and "
                f"{', '.join(missing)} cannot be found",
                path="model.use",
                remedy="pip install 'framework-models[sequence]'. Only training needs it.",
            )
        from framework_models import fitting  # noqa: PLC0415 - JAX takes seconds, and is an extra

        return fitting


class Lstm(Sequence, frozen=True, kw_only=True, tag="lstm"):
    """Long short-term memory (Hochreiter and Schmidhuber 1997): reads row by row, answers after the last."""


class Cnn1d(Sequence, frozen=True, kw_only=True, tag="cnn1d"):
    """Causal convolutions along time; the answer is made of the last place and the mean of all."""

    layers: Annotated[Few, msgspec.Meta(description="How many.")] = 2
    kernel: Annotated[
        Annotated[int, msgspec.Meta(ge=2, le=64)],
        msgspec.Meta(description="Rows that each convolution looks at."),
    ] = 3


class Transformer(Sequence, frozen=True, kw_only=True, tag="transformer"):
    """Attention between the rows of the window (Vaswani and others 2017); the answer is made of the last."""

    heads: Annotated[Few, msgspec.Meta(description="Of the attention; `width` is a multiple.")] = 2

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width."""
        if self.width % self.heads:
            raise ValueError(f"`width` {self.width} is no multiple of `heads` {self.heads}")

    def vary(self, trial: Trial) -> Self:
        """The same kind and window with parameters that the search proposes, whose widths suit all heads."""
        varied = super(Transformer, msgspec.structs.replace(self, heads=1)).vary(trial)
        return msgspec.structs.replace(varied, heads=trial.suggest_categorical("heads", [1, 2, 4]))
