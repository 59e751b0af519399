"""ONNX graphs of networks over windows, written operator by operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OPSET, IR = 18, 10
NORM = 1e-6
"""Added to the variance in a norm, as Flax does."""


def file_of(
    draw: Callable[[Graph, str], str],
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
    shape: tuple[int, int],
) -> bytes:
    """A file from windows of raw features to probabilities.

    Args:
        draw: Adds the network to a graph, from the name of the standardised rows to that of the log odds.
        mean: Of each column.
        scale: One over the deviation of each column.
        shape: Rows in a window, and classes.
    """
    length, classes = shape
    graph = Graph()
    centred = graph.add("Sub", "features", graph.constant(mean))
    odds = draw(graph, graph.add("Mul", centred, graph.constant(scale)))
    answer = graph.add("Softmax", odds, axis=-1)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, length, len(mean)])],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [None, classes])],
        graph.constants,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="framework-models"
    )
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


class Graph:
    """Operators and constants, in the order they were added.

    Attributes:
        nodes: The operators.
        constants: The weights and other numbers.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, numbers: NDArray[Any]) -> str:
        """The name of these numbers."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(numbers, order="C"), name))
        return name

    def add(self, operator: str, *given: str, **settings: Any) -> str:
        """The name of what an operator makes of others."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, given, [name], **settings))
        return name

    def linear(self, given: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A full layer on a row a sample."""
        return self.add("Gemm", given, self.constant(kernel), self.constant(bias))

    def dense(self, given: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A full layer on each row of a window."""
        return self.add("Add", self.add("MatMul", given, self.constant(kernel)), self.constant(bias))

    def norm(self, given: str, scale: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Layer norm over the last axis."""
        settings = {"axis": -1, "epsilon": NORM}
        return self.add("LayerNormalization", given, self.constant(scale), self.constant(bias), **settings)

    def causal(self, given: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A convolution whose output at a place looks at that place and those before it.

        Args:
            given: Samples, channels, time.
            kernel: Time, channels in, channels out.
            bias: Of the channels out.
        """
        weights = self.constant(kernel.transpose(2, 1, 0))
        return self.add("Conv", given, weights, self.constant(bias), pads=[len(kernel) - 1, 0])

    def lstm(
        self,
        given: str,
        kernel: NDArray[np.float32],
        recurrent: NDArray[np.float32],
        bias: NDArray[np.float32],
    ) -> str:
        """What a layer of LSTM cells says at each place.

        Args:
            given: Time, samples, columns.
            kernel: Of the inputs; the gates are input, forget, cell, output.
            recurrent: Of what it said before.
            bias: Of both.
        """

        def ordered(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
            """ONNX has the gates as input, output, forget, cell."""
            i, f, c, o = np.split(numbers, 4, axis=-1)
            return np.concatenate([i, o, f, c], axis=-1).T[None]

        weights = [ordered(kernel), ordered(recurrent), np.hstack([ordered(bias), np.zeros_like(bias)[None]])]
        said = self.add("LSTM", given, *map(self.constant, weights), hidden_size=len(recurrent))
        return self.add("Squeeze", said, self.constant(np.array([1])))

    def attention(
        self,
        given: str,
        enter: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
        leave: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> str:
        """Every row looks at every row of its window.

        Args:
            given: Samples, time, width.
            enter: Kernels (width, heads, depth) and biases (heads, depth) of queries, keys and values.
            leave: Kernel (heads, depth, width) and bias (width).
        """
        width, heads, depth = enter[0][0].shape
        apart = self.constant(np.array([0, -1, heads, depth]))

        def headed(kernel: NDArray[np.float32], bias: NDArray[np.float32], order: list[int]) -> str:
            flat = self.dense(given, kernel.reshape(width, -1), bias.reshape(-1))
            return self.add("Transpose", self.add("Reshape", flat, apart), perm=order)

        queries = headed(*enter[0], [0, 2, 1, 3])
        keys = headed(*enter[1], [0, 2, 3, 1])
        values = headed(*enter[2], [0, 2, 1, 3])
        scaled = self.add("Div", queries, self.constant(np.array(np.sqrt(depth), dtype=np.float32)))
        shares = self.add("Softmax", self.add("MatMul", scaled, keys), axis=-1)
        seen = self.add("Transpose", self.add("MatMul", shares, values), perm=[0, 2, 1, 3])
        joined = self.add("Reshape", seen, self.constant(np.array([0, -1, heads * depth])))
        return self.dense(joined, leave[0].reshape(heads * depth, -1), leave[1])
