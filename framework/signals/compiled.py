"""Functions over arrays, compiled to machine code the first time they are called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from framework.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled[F: Callable[..., Any]](function: F) -> F:
    """The function, compiled by numba and free of the interpreter's lock, with the arithmetic as written.

    What was compiled is kept on disk for the next process, where there is a folder to write it to.

    Raises:
        CompositionError: numba is not installed.
    """
    njit = numba("numba").njit
    try:
        made: Any = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in
        made = njit(nogil=True)(function)
    return cast("F", made)


def numba(module: str) -> Any:
    """A module of numba, which takes half a second to load and most commands can do without.

    Raises:
        CompositionError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise CompositionError(
            "the array pass needs numba, which is not installed", remedy='pip install "framework[screen]"'
        ) from None
