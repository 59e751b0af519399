"""What a model looks at, and how far its probabilities can be believed, as pictures."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from framework_models.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from framework_models.training import Trained

EXPLAINED, ESTIMATED, WINDOWS = 400, 80, 40
"""Samples explained, evenly spread over time; fewer where each has to be estimated, and fewest windows."""
BACKGROUND = 20
"""Samples that stand for not knowing a feature, where values are estimated."""
GUESSES = 400
"""Combinations of features tried for each estimate; half as many for a window."""
EXACT = ("xgboost", "random_forest", "linear")
SHOWN = 15
"""Features in a picture."""
BINS = 10
WORDS = {-1: "down", 0: "neither", 1: "up"}
INK, MUTED = "#1f2933", "#7b8794"
COLOURS = {-1: "#c2410c", 0: "#7b8794", 1: "#0f766e"}


def pictures(trained: Trained) -> dict[str, bytes]:
    """PNG files by name: SHAP values of each direction, what matters most, and reliability."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second

    mpl.use("Agg")
    labels = trained.manifest.classes
    given = trained.samples.table
    if isinstance(given, Windows):
        many = WINDOWS
    else:
        many = EXPLAINED if trained.manifest.parameters["use"] in EXACT else ESTIMATED
    chosen = given[np.unique(np.linspace(0, len(given) - 1, many).astype(int))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap warns of its own imports
        if isinstance(chosen, Windows):
            values, table = _shap_of_windows(trained, chosen), chosen.rows[chosen.last]
        else:
            values, table = _shap(trained, chosen), chosen
        made = {
            f"shap_{WORDS[label]}": _beeswarm(values[:, :, k], table, trained.samples.columns, label)
            for k, label in enumerate(labels)
            if label
        }
        made["importance"] = _importance(values, trained.samples.columns, labels)
        made["reliability"] = _reliability(trained)
        return {f"{name}.png": _png(figure) for name, figure in made.items()}


def _shap(trained: Trained, table: NDArray[np.float32]) -> NDArray[np.float64]:
    """SHAP values: a row a sample, a column a feature, a layer a class.

    Exact for trees (Lundberg and others, Nature Machine Intelligence 2, 2020), on log odds for XGBoost and on
    probabilities for a forest; exact for the linear model, on log odds; estimated for others, on
    probabilities.
    """
    fitted: Any = trained.fitted
    if trained.manifest.file.endswith(".ubj"):
        from xgboost import DMatrix  # noqa: PLC0415 - loaded already

        given = fitted.get_booster().predict(DMatrix(table), pred_contribs=True, strict_shape=True)
        return np.moveaxis(np.asarray(given, dtype=np.float64)[:, :, :-1], 1, 2)
    import shap  # noqa: PLC0415 - takes seconds

    if hasattr(fitted, "estimators_"):
        return np.asarray(shap.TreeExplainer(fitted).shap_values(table), dtype=np.float64)
    known: Any = trained.samples.table
    background = known[np.linspace(0, len(known) - 1, BACKGROUND).astype(int)]
    if hasattr(fitted[-1], "coef_"):
        scaled = fitted[:-1].transform
        exact = shap.LinearExplainer(fitted[-1], scaled(background))
        return np.asarray(exact.shap_values(scaled(table)), dtype=np.float64)
    kernel = shap.KernelExplainer(fitted.predict_proba, background, seed=trained.manifest.seed)
    return np.asarray(kernel.shap_values(table, nsamples=GUESSES, silent=True), dtype=np.float64)


def _shap_of_windows(trained: Trained, chosen: Windows) -> NDArray[np.float64]:
    """SHAP values of windows, estimated: what a feature's whole course in the window speaks for.

    Not to know a feature is to see its course in other windows.
    """
    import shap  # noqa: PLC0415 - takes seconds

    known: Any = trained.samples.table
    others = known[np.linspace(0, len(known) - 1, BACKGROUND).astype(int)]
    background = others.array()
    values = []
    for window in chosen.array():

        def answer(shown: NDArray[np.float64], window: NDArray[np.float32] = window) -> NDArray[np.float64]:
            mixed = (np.where(columns > 0.0, window, background) for columns in shown)
            return np.array([trained.fitted.ask(given).mean(axis=0) for given in mixed], dtype=np.float64)

        explainer = shap.KernelExplainer(answer, np.zeros((1, known.columns)), seed=trained.manifest.seed)
        whole = np.ones((1, known.columns))
        values.append(explainer.shap_values(whole, nsamples=GUESSES // 2, l1_reg=False, silent=True)[0])
    return np.asarray(values, dtype=np.float64)


def _beeswarm(
    values: NDArray[np.float64], table: NDArray[np.float32], columns: list[str], label: int
) -> Figure:
    import matplotlib.pyplot as plt  # noqa: PLC0415
    import shap  # noqa: PLC0415

    figure = plt.figure()
    explanation = shap.Explanation(values, data=table.astype(np.float64), feature_names=columns)
    shap.plots.beeswarm(explanation, max_display=SHOWN, show=False, plot_size=(10, 7))
    axes = figure.axes[0]
    axes.set_title(
        f"What speaks for {WORDS[label]} (right) and against it (left)", loc="left", color=INK, fontsize=13
    )
    axes.set_xlabel("SHAP value", color=INK)
    return figure


def _importance(values: NDArray[np.float64], columns: list[str], labels: list[int]) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    size = np.abs(values).mean(axis=0)
    order = np.argsort(size.sum(axis=1))[-SHOWN:]
    figure = Figure(figsize=(10, 0.4 * len(order) + 1.6), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(order))
    for k, label in enumerate(labels):
        axes.barh(
            [columns[n] for n in order], size[order, k], left=left, color=COLOURS[label], label=WORDS[label]
        )
        left += size[order, k]
    axes.set_title("What matters most", loc="left", color=INK, fontsize=13)
    axes.set_xlabel("mean of the absolute SHAP value", color=INK)
    axes.legend(frameon=False, loc="lower right")
    _plain(axes)
    return figure


def _reliability(trained: Trained) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 6), layout="constrained")
    axes, counts = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    sample, *_, probabilities = trained.unseen
    models = len(sample) / len(trained.samples.classes)
    for k, label in enumerate(trained.manifest.classes):
        given = probabilities[:, k]
        happened = trained.samples.classes[sample] == k
        middles, shares, errors = zip(*_binned(given, happened, models), strict=True)
        axes.errorbar(
            middles,
            shares,
            yerr=errors,
            color=COLOURS[label],
            marker="o",
            markersize=4,
            label=WORDS[label],
            capsize=2,
        )
        counts.hist(given, bins=50, range=(0, 1), histtype="step", color=COLOURS[label])
    axes.set_title(
        "How often it happened (vertical) when the model said so (horizontal), on samples not seen",
        loc="left",
        color=INK,
        fontsize=13,
    )
    axes.set_ylabel("share that happened")
    counts.set_xlabel("probability given")
    counts.set_ylabel("predictions")
    axes.legend(frameon=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for each in (axes, counts):
        _plain(each)
    return figure


def _binned(
    given: NDArray[np.float64], happened: NDArray[np.bool_], models: float
) -> Iterator[tuple[float, float, float]]:
    """Mean probability, share that happened and twice its standard error, in bins of as many each.

    What several models say of a sample is one sample's evidence.
    """
    for part in np.array_split(np.argsort(given), BINS):
        share = float(happened[part].mean())
        error = 2.0 * float(np.sqrt(share * (1.0 - share) * models / len(part)))
        yield float(given[part].mean()), share, error


def _plain(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK)


def _png(figure: Figure) -> bytes:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    file = io.BytesIO()
    figure.savefig(
        file, format="png", dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None}
    )
    plt.close(figure)
    return file.getvalue()
