"""Networks over windows as Flax has them, and as ONNX. Needs the extra `sequence`; only training loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from framework_models.graphs import Graph
    from framework_models.sequences import Cnn1d, Lstm, Transformer


class LstmNetwork(nnx.Module):
    """Layers of LSTM cells, and a full layer on what the last one says at the last row."""

    def __init__(self, settings: Lstm, columns: int, classes: int, rngs: nnx.Rngs) -> None:
        sizes = [columns] + [settings.width] * settings.layers
        self.cells = nnx.List(
            nnx.OptimizedLSTMCell(size, settings.width, rngs=rngs) for size in sizes[: settings.layers]
        )
        self.head = nnx.Linear(settings.width, classes, rngs=rngs)

    def __call__(self, rows: jax.Array) -> jax.Array:
        """Log odds, a row a sample."""
        for cell in self.cells:
            nothing = jnp.zeros((len(rows), cell.hidden_features))
            rows = nnx.RNN(cell, rngs=False)(rows, initial_carry=(nothing, nothing))
        return self.head(rows[:, -1])

    def draw(self, graph: Graph, rows: str) -> str:
        """The same in ONNX."""
        rows = graph.add("Transpose", rows, perm=[1, 0, 2])
        for cell in self.cells:
            rows = graph.lstm(rows, _numbers(cell.dense_i.kernel), *_linear(cell.dense_h))
        last = graph.add("Gather", rows, graph.constant(np.array(-1)), axis=0)
        return graph.linear(last, *_linear(self.head))


class Cnn1dNetwork(nnx.Module):
    """Causal convolutions, and a full layer on the last place and the mean."""

    def __init__(self, settings: Cnn1d, columns: int, classes: int, rngs: nnx.Rngs) -> None:
        sizes = [columns] + [settings.width] * settings.layers
        self.layers = nnx.List(
            nnx.Conv(size, settings.width, (settings.kernel,), padding="CAUSAL", rngs=rngs)
            for size in sizes[: settings.layers]
        )
        self.head = nnx.Linear(2 * settings.width, classes, rngs=rngs)

    def __call__(self, rows: jax.Array) -> jax.Array:
        """Log odds, a row a sample."""
        for layer in self.layers:
            rows = nnx.relu(layer(rows))
        return self.head(jnp.concatenate([rows[:, -1], rows.mean(axis=1)], axis=-1))

    def draw(self, graph: Graph, rows: str) -> str:
        """The same in ONNX, where time is the last axis of a convolution."""
        rows = graph.add("Transpose", rows, perm=[0, 2, 1])
        for layer in self.layers:
            rows = graph.add("Relu", graph.causal(rows, *_linear(layer)))
        last = graph.add("Gather", rows, graph.constant(np.array(-1)), axis=2)
        mean = graph.add("ReduceMean", rows, graph.constant(np.array([2])), keepdims=0)
        return graph.linear(graph.add("Concat", last, mean, axis=1), *_linear(self.head))


class Block(nnx.Module):
    """Attention and two full layers, each added to what it was given, each on normed numbers."""

    def __init__(self, settings: Transformer, rngs: nnx.Rngs) -> None:
        width = settings.width
        self.before = nnx.LayerNorm(width, use_fast_variance=False, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(
            settings.heads, width, decode=False, keep_rngs=False, rngs=rngs
        )
        self.between = nnx.LayerNorm(width, use_fast_variance=False, rngs=rngs)
        self.wide = nnx.Linear(width, 2 * width, rngs=rngs)
        self.narrow = nnx.Linear(2 * width, width, rngs=rngs)

    def __call__(self, rows: jax.Array) -> jax.Array:
        """As many numbers as it was given."""
        rows = rows + self.attention(self.before(rows))
        return rows + self.narrow(nnx.relu(self.wide(self.between(rows))))

    def draw(self, graph: Graph, rows: str) -> str:
        """The same in ONNX."""
        parts = self.attention
        looked = graph.attention(
            graph.norm(rows, *_norm(self.before)),
            [_linear(part) for part in (parts.query, parts.key, parts.value)],
            _linear(parts.out),
        )
        rows = graph.add("Add", rows, looked)
        wide = graph.add("Relu", graph.dense(graph.norm(rows, *_norm(self.between)), *_linear(self.wide)))
        return graph.add("Add", rows, graph.dense(wide, *_linear(self.narrow)))


class TransformerNetwork(nnx.Module):
    """Blocks on rows that know their place, and a full layer on the last one.

    Every row of a window is known at its end, so each may look at all of them.
    """

    def __init__(self, settings: Transformer, columns: int, classes: int, rngs: nnx.Rngs) -> None:
        self.enter = nnx.Linear(columns, settings.width, rngs=rngs)
        self.places = nnx.Param(0.02 * rngs.params.normal((settings.window, settings.width)))
        self.blocks = nnx.List(Block(settings, rngs) for _ in range(settings.layers))
        self.leave = nnx.LayerNorm(settings.width, use_fast_variance=False, rngs=rngs)
        self.head = nnx.Linear(settings.width, classes, rngs=rngs)

    def __call__(self, rows: jax.Array) -> jax.Array:
        """Log odds, a row a sample."""
        rows = self.enter(rows) + self.places[...]
        for block in self.blocks:
            rows = block(rows)
        return self.head(self.leave(rows[:, -1]))

    def draw(self, graph: Graph, rows: str) -> str:
        """The same in ONNX."""
        entered = graph.dense(rows, *_linear(self.enter))
        rows = graph.add("Add", entered, graph.constant(_numbers(self.places)))
        for block in self.blocks:
            rows = block.draw(graph, rows)
        last = graph.add("Gather", rows, graph.constant(np.array(-1)), axis=1)
        return graph.linear(graph.norm(last, *_norm(self.leave)), *_linear(self.head))


KINDS = {"lstm": LstmNetwork, "cnn1d": Cnn1dNetwork, "transformer": TransformerNetwork}


def _numbers(given: Any) -> NDArray[np.float32]:
    return np.asarray(given[...], dtype=np.float32)


def _linear(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _numbers(layer.kernel), _numbers(layer.bias)


def _norm(layer: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _numbers(layer.scale), _numbers(layer.bias)
