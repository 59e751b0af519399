"""A recipe: which bars, which features, what to foretell, and how to learn it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from nautilus_trader.model import BarType

from framework import PluginConfig
from framework_models.calibration import Method
from framework_models.features import FeatureEntry
from framework_models.features.table import column_names
from framework_models.labels import LabelEntry
from framework_models.learners import Linear, Mlp, RandomForest, XGBoost
from framework_models.sequences import Cnn1d, Lstm, Transformer
from framework_models.validation import Validation

type LearnerEntry = XGBoost | RandomForest | Linear | Mlp | Lstm | Cnn1d | Transformer
type Moment = Annotated[str, msgspec.Meta(min_length=1, examples=["2017-01-02", "2017-01-02T09:30:00-05:00"])]


class Search(PluginConfig, frozen=True, kw_only=True):
    """A search for better parameters; the more trials, the better the best one looks."""

    trials: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=10_000)], msgspec.Meta(description="Sets of parameters tried.")
    ] = 20


class Recipe(PluginConfig, frozen=True, kw_only=True):
    """`train.yaml`: everything that makes a model, so that the same file and data make it again."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,63}(?!\n)$",
            description="What the model is called; the newest of a name is found by it.",
        ),
    ]
    catalog: Annotated[
        str, msgspec.Meta(min_length=1, description="The catalog, relative to the folder of this file.")
    ]
    bars: Annotated[BarType, msgspec.Meta(description="The bars to learn from.")]
    start: Annotated[
        Moment | None, msgspec.Meta(description="First moment of data; the first there is by default.")
    ] = None
    end: Annotated[
        Moment,
        msgspec.Meta(
            description="Last moment of data, included: no label looks past it, and no test may begin "
            "before it."
        ),
    ]
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="Where all randomness comes from.")] = 0
    features: Annotated[
        list[FeatureEntry], msgspec.Meta(min_length=1, description="What the model looks at.")
    ]
    label: Annotated[LabelEntry, msgspec.Meta(description="What it foretells.")]
    model: Annotated[LearnerEntry, msgspec.Meta(description="What kind it is.")]
    balance: Annotated[
        bool,
        msgspec.Meta(description="Weigh the samples so that each class counts the same, however rare it is."),
    ] = True
    calibration: Annotated[
        Method, msgspec.Meta(description="How probabilities are made to mean what they say.")
    ] = "sigmoid"
    validation: Annotated[Validation, msgspec.Meta(description="How it is judged.")] = Validation()
    search: Annotated[Search | None, msgspec.Meta(description="Look for better parameters first.")] = None

    def __post_init__(self) -> None:
        """Refuse a feature that is named twice."""
        column_names(self.features)
