"""Asking an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def session(model: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """From features to the probability of each class, on one thread."""
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - takes half a second

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    opened = InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (features,) = opened.get_inputs()
    output = opened.get_outputs()[-1].name

    def ask(given: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = opened.run([output], {features.name: given})[0]
        return answer

    return ask
