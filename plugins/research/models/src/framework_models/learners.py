"""The kinds of model: how each is fitted, what a search may change, and the file it becomes.

A file is XGBoost's own UBJ or ONNX: data that an interpreter of numbers reads, never a pickle, which is a
program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec
import numpy as np

from framework import PluginConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from optuna import Trial

    from framework_models.windows import Windows

type Table = NDArray[np.float32] | Windows
type Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
type Share = Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]

UBJ = "model.ubj"
ONNX = "model.onnx"


class Learner(PluginConfig, frozen=True, kw_only=True, tag_field="use"):
    """A kind of model and its parameters."""

    @property
    def file(self) -> str:
        """The name of the file a model of this kind becomes."""
        return ONNX

    @property
    def looks_back(self) -> int:
        """How many rows a sample looks at, its own included."""
        return 1

    def ready(self) -> None:
        """Refuse what cannot be trained here; most can be anywhere."""

    def fit(self, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted estimator with `predict_proba`.

        Args:
            table: One row a sample, or one window.
            classes: 0, 1, ... without gaps.
            weights: Of the samples.
            seed: Of whatever is drawn.
        """
        raise NotImplementedError

    def vary(self, trial: Trial) -> Self:
        """The same kind with parameters that the search proposes."""
        raise NotImplementedError

    def export(self, fitted: Any, columns: int) -> bytes:
        """The fitted estimator as a file."""
        return _as_onnx(fitted, columns)


class XGBoost(Learner, frozen=True, kw_only=True, tag="xgboost"):
    """Gradient-boosted trees."""

    trees: Annotated[Count, msgspec.Meta(description="How many.")] = 200
    depth: Annotated[Annotated[int, msgspec.Meta(ge=1, le=16)], msgspec.Meta(description="Of each.")] = 3
    learning_rate: Annotated[Share, msgspec.Meta(description="Share of each tree that counts.")] = 0.05
    rows: Annotated[Share, msgspec.Meta(description="Share of the samples each tree sees.")] = 0.8
    columns: Annotated[Share, msgspec.Meta(description="Share of the features each tree sees.")] = 0.8
    leaf: Annotated[float, msgspec.Meta(ge=0.0, description="Least weight of the samples in a leaf.")] = 20.0
    l2: Annotated[float, msgspec.Meta(ge=0.0, description="Penalty on large leaves.")] = 1.0

    @property
    def file(self) -> str:
        """The name of the file a model of this kind becomes."""
        return UBJ

    def fit(self, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted estimator; on one thread, so that the same samples give the same trees."""
        from xgboost import XGBClassifier  # noqa: PLC0415 - takes a second

        model = XGBClassifier(
            n_estimators=self.trees,
            max_depth=self.depth,
            learning_rate=self.learning_rate,
            subsample=self.rows,
            colsample_bytree=self.columns,
            min_child_weight=self.leaf,
            reg_lambda=self.l2,
            objective="multi:softprob",
            num_class=int(classes.max()) + 1,
            tree_method="hist",
            n_jobs=1,
            random_state=seed % 2**31,
        )
        return model.fit(table, classes, sample_weight=weights)

    def vary(self, trial: Trial) -> Self:
        """The same kind with parameters that the search proposes."""
        return msgspec.structs.replace(
            self,
            trees=trial.suggest_int("trees", 50, 400, step=50),
            depth=trial.suggest_int("depth", 1, 6),
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            rows=trial.suggest_float("rows", 0.5, 1.0),
            columns=trial.suggest_float("columns", 0.4, 1.0),
            leaf=trial.suggest_float("leaf", 1.0, 200.0, log=True),
            l2=trial.suggest_float("l2", 0.1, 100.0, log=True),
        )

    def export(self, fitted: Any, columns: int) -> bytes:
        """The booster in XGBoost's UBJ."""
        del columns
        return bytes(fitted.get_booster().save_raw("ubj"))


class RandomForest(Learner, frozen=True, kw_only=True, tag="random_forest"):
    """Trees on random parts of the samples and features, averaged."""

    trees: Annotated[Count, msgspec.Meta(description="How many.")] = 200
    depth: Annotated[Annotated[int, msgspec.Meta(ge=1, le=16)], msgspec.Meta(description="Of each.")] = 6
    leaf: Annotated[Count, msgspec.Meta(description="Least samples in a leaf.")] = 50
    columns: Annotated[Share, msgspec.Meta(description="Share of the features each split looks at.")] = 0.5

    def fit(self, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted estimator."""
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - takes seconds

        model = RandomForestClassifier(
            self.trees,
            max_depth=self.depth,
            min_samples_leaf=self.leaf,
            max_features=self.columns,
            random_state=seed % 2**31,
            n_jobs=1,
        )
        return model.fit(table, classes, sample_weight=weights)

    def vary(self, trial: Trial) -> Self:
        """The same kind with parameters that the search proposes."""
        return msgspec.structs.replace(
            self,
            trees=trial.suggest_int("trees", 50, 300, step=50),
            depth=trial.suggest_int("depth", 2, 12),
            leaf=trial.suggest_int("leaf", 5, 300, log=True),
            columns=trial.suggest_float("columns", 0.1, 1.0),
        )


class Linear(Learner, frozen=True, kw_only=True, tag="linear"):
    """Logistic regression on standardised features: the baseline that others have to beat."""

    c: Annotated[float, msgspec.Meta(gt=0.0, description="The smaller, the simpler.")] = 0.1

    def fit(self, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted pipeline; the scaler has seen the same samples as the regression, and no others."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes seconds

        model = LogisticRegression(C=self.c, max_iter=2_000, random_state=seed % 2**31)
        return _scaled(model, table, classes, weights)

    def vary(self, trial: Trial) -> Self:
        """The same kind with parameters that the search proposes."""
        return msgspec.structs.replace(self, c=trial.suggest_float("c", 1e-4, 10.0, log=True))


class Mlp(Learner, frozen=True, kw_only=True, tag="mlp"):
    """A small network of full layers on standardised features."""

    layers: Annotated[
        Annotated[
            list[Annotated[int, msgspec.Meta(ge=1, le=1_024)]], msgspec.Meta(min_length=1, max_length=6)
        ],
        msgspec.Meta(description="Nodes of each hidden layer."),
    ] = msgspec.field(default_factory=lambda: [16])
    l2: Annotated[float, msgspec.Meta(ge=0.0, description="Penalty on large weights.")] = 0.1
    passes: Annotated[Count, msgspec.Meta(description="Over the samples, at most.")] = 50
    learning_rate: Annotated[Share, msgspec.Meta(description="Of the Adam optimiser.")] = 0.001

    def fit(self, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int) -> Any:
        """A fitted pipeline; the passes are all made, so that no early stop looks at shuffled neighbours."""
        import warnings  # noqa: PLC0415

        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes seconds
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

        model = MLPClassifier(
            self.layers,
            alpha=self.l2,
            learning_rate_init=self.learning_rate,
            max_iter=self.passes,
            random_state=seed % 2**31,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is a setting
            return _scaled(model, table, classes, weights)

    def vary(self, trial: Trial) -> Self:
        """The same kind with parameters that the search proposes."""
        nodes = trial.suggest_int("nodes", 4, 64, log=True)
        return msgspec.structs.replace(
            self,
            layers=[nodes] * trial.suggest_int("layers", 1, 3),
            l2=trial.suggest_float("l2", 1e-3, 10.0, log=True),
            passes=trial.suggest_int("passes", 10, 100, step=10),
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        )


def _scaled(model: Any, table: Table, classes: NDArray[np.int64], weights: NDArray[np.float64]) -> Any:
    from sklearn.pipeline import Pipeline  # noqa: PLC0415 - takes seconds
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    return pipeline.fit(table, classes, model__sample_weight=weights)


def _as_onnx(fitted: Any, columns: int) -> bytes:
    from skl2onnx import to_onnx  # noqa: PLC0415 - takes seconds
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415

    inputs = [("features", FloatTensorType([None, columns]))]
    graph = to_onnx(fitted, initial_types=inputs, options={"zipmap": False}, target_opset=18)
    return bytes(graph.SerializeToString(deterministic=True))
