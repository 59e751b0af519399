"""Training networks over windows, on the CPU. Needs the extra `sequence`; only training loads it.

The samples are in order of time. Their latest part, the tail, is not learnt from and says when to stop;
samples whose labels look into it are left out. The same samples and seed give the same network on the same
kind of CPU, however many cores it has.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import msgspec
import numpy as np
import optax
from flax import nnx

from framework import CheckFailed, NotEnoughEvidence
from framework_models import graphs
from framework_models.networks import KINDS
from framework_models.sessions import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from framework_models.sequences import Sequence
    from framework_models.windows import Windows

EQUAL = 1e-5
"""How far a probability of the file may be from the network's own."""
RANDOM = 256
"""Windows of random numbers on which both are asked."""
STEEPEST = 1.0
"""Norm that gradients are cut to."""


class Fitted:
    """A trained network and the file it became.

    Args:
        network: From standardised windows to log odds.
        mean: Of each column.
        scale: One over the deviation of each column.
        learner: Its settings.
        seed: Of the random windows on which both are compared.

    Attributes:
        file: ONNX, from windows of raw features to probabilities.
        ask: What the file says of windows: samples, rows, columns.

    Raises:
        CheckFailed: The file says otherwise than the network.
    """

    def __init__(
        self,
        network: Any,
        mean: NDArray[np.float32],
        scale: NDArray[np.float32],
        learner: Sequence,
        seed: int,
    ) -> None:
        self._graph, self._state = nnx.split(network)
        self._mean, self._scale, self._batch = mean, scale, learner.batch
        shape = (learner.window, network.head.out_features)
        self.file = graphs.file_of(network.draw, mean, scale, shape)
        self.ask = session(self.file)
        drawn = np.random.default_rng(seed).normal(0.0, 2.0, (RANDOM, learner.window, len(mean)))
        self._refuse_other((drawn / scale + mean).astype(np.float32))

    def predict_proba(self, windows: Windows) -> NDArray[np.float32]:
        """What the file says of each class, a row a sample."""
        return np.concatenate([self.ask(part) for part in windows.parts()])

    def in_jax(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the network itself says, worked out in batches of one size."""
        said = []
        for first in range(0, len(windows), self._batch):
            part = windows[first : first + self._batch]
            given = np.resize((part - self._mean) * self._scale, (self._batch, *part.shape[1:]))
            said.append(np.asarray(_odds(self._graph, self._state, given))[: len(part)])
        return np.exp(_log_shares(np.concatenate(said)))

    def _refuse_other(self, windows: NDArray[np.float32]) -> None:
        apart = float(np.abs(self.ask(windows) - self.in_jax(windows)).max())
        if not apart <= EQUAL:
            raise CheckFailed(
                f"the ONNX file says otherwise than the network it was made from: probabilities of random "
                f"windows are up to {apart:.1e} apart, and {EQUAL:.0e} is allowed",
                remedy="No model was made. Report it with the versions of flax, jax, onnx and onnxruntime.",
            )


def fit(
    learner: Sequence, windows: Windows, classes: NDArray[np.int64], weights: NDArray[np.float64], seed: int
) -> Fitted:
    """Learn from all but the tail, and keep what did best on it.

    Raises:
        NotEnoughEvidence: The tail leaves nothing to learn from.
        CheckFailed: The weights grew past all numbers, or the ONNX file says otherwise than the network.
    """
    head, tail = before_and_after(windows, learner.tail)
    if not len(head):
        raise NotEnoughEvidence(
            f"{len(windows)} samples leave none before a tail of {learner.tail:.0%} and the labels that look "
            f"into it",
            remedy="Train on more bars, or with a shorter label.",
        )
    rows = windows.rows[windows.last[head]].astype(np.float64)
    deviation = rows.std(axis=0)
    mean = rows.mean(axis=0).astype(np.float32)
    scale = (1.0 / np.where(deviation > 0.0, deviation, 1.0)).astype(np.float32)
    rng, rate = np.random.default_rng(seed), learner.learning_rate

    def batches(chosen: NDArray[np.int64]) -> Iterator[tuple[Any, ...]]:
        """Always of one size: what is missing is filled up and weighs nothing."""
        for first in range(0, len(chosen), learner.batch):
            part = chosen[first : first + learner.batch]
            filled = np.resize(part, learner.batch)
            weight = np.where(np.arange(learner.batch) < len(part), weights[filled], 0.0)
            yield (windows[filled].array() - mean) * scale, classes[filled], weight.astype(np.float32)

    with jax.default_device(_one_thread()):
        graph, state = new(learner, rows.shape[1], int(classes.max()) + 1, seed)
        optimiser = _optimiser(0.0, 0.0).init(state)
        best, least, worse = state, np.inf, 0
        for _ in range(learner.passes):
            for batch in batches(rng.permutation(head)):
                state, optimiser = _step(graph, state, optimiser, batch, rate, learner.decay)
            losses = [
                _weighed(np.asarray(_odds(graph, state, batch[0])), *batch[1:]) for batch in batches(tail)
            ]
            loss = sum(losses) / weights[tail].sum()
            best, least, worse = (state, loss, 0) if loss < least else (best, least, worse + 1)
            if worse >= learner.patience:
                break
        if least == np.inf:
            raise CheckFailed(
                f"the network's loss on the latest {learner.tail:.0%} of the samples was no number after any "
                f"pass",
                remedy="Train it with a smaller `learning_rate` or `decay`.",
            )
        return Fitted(nnx.merge(graph, best), mean, scale, learner, seed)


def before_and_after(windows: Windows, tail: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples to learn from and the latest ones: no label learnt from looks at a bar of the tail."""
    cut = len(windows) - max(1, round(len(windows) * tail))
    head = np.flatnonzero(windows.reach[:cut] < windows.last[cut])
    return head, np.arange(cut, len(windows))


def new(learner: Sequence, columns: int, classes: int, seed: int) -> tuple[Any, Any]:
    """The graph of an untrained network, and its weights."""
    # What gives it no other shape is left out of what JAX compiles for.
    shape = msgspec.structs.replace(
        learner, passes=1, patience=1, tail=0.5, batch=1, learning_rate=1.0, decay=0.0
    )
    graph = nnx.split(nnx.eval_shape(lambda: _network(shape, columns, classes, 0)))[0]
    return graph, _weights(shape, columns, classes, seed)


def _one_thread() -> Any:
    """The CPU as JAX opens it for a machine with one core, unless somebody has opened it already.

    A sum that is split over the cores of a machine rounds otherwise on one with more of them, and there is no
    other setting that keeps it whole.
    """
    before = os.environ.get("NPROC")
    os.environ["NPROC"] = "1"
    try:
        return jax.local_devices(backend="cpu")[0]
    finally:
        del os.environ["NPROC"]
        if before is not None:
            os.environ["NPROC"] = before


_compiled = partial(
    jax.jit,
    # As quick as the next levels on networks this small, and compiled in two thirds of the time.
    compiler_options={"xla_backend_optimization_level": 1},
)


def _network(learner: Sequence, columns: int, classes: int, seed: Any) -> Any:
    kind = KINDS[str(type(learner).__struct_config__.tag)]
    return kind(learner, columns, classes, nnx.Rngs(jax.random.key(seed)))


@partial(_compiled, static_argnums=(0, 1, 2))
def _weights(learner: Sequence, columns: int, classes: int, seed: Any) -> Any:
    return nnx.split(_network(learner, columns, classes, seed))[1]


@partial(_compiled, static_argnums=0)
def _odds(graph: Any, state: Any, given: Any) -> Any:
    return nnx.merge(graph, state)(given)


@partial(_compiled, static_argnums=0)
def _step(graph: Any, state: Any, optimiser: Any, batch: tuple[Any, ...], rate: Any, decay: Any) -> Any:
    def loss(state: Any) -> Any:
        given, classes, weights = batch
        odds = nnx.merge(graph, state)(given)
        losses = optax.softmax_cross_entropy_with_integer_labels(odds, classes)
        return (losses * weights).sum() / weights.sum()

    change, optimiser = _optimiser(rate, decay).update(jax.grad(loss)(state), optimiser, state)
    return optax.apply_updates(state, change), optimiser


def _optimiser(rate: Any, decay: Any) -> Any:
    return optax.chain(optax.clip_by_global_norm(STEEPEST), optax.adamw(rate, weight_decay=decay))


def _weighed(odds: NDArray[np.float32], classes: NDArray[np.int64], weights: NDArray[np.float32]) -> float:
    """The sum of the weighted log losses."""
    return float(-(_log_shares(odds)[np.arange(len(classes)), classes] * weights).sum())


def _log_shares(odds: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithms of the probabilities: a row a sample."""
    wide = odds.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    shares: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return shares
