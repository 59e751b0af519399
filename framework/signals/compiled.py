"""Functions over arrays, compiled to machine code the first time they are called."""

from __future__ import annotations

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
    try:
        from numba import njit  # noqa: PLC0415 - half a second that most commands can do without
    except ImportError:
        raise CompositionError(
            "the array pass needs numba, which is not installed", remedy='pip install "framework[screen]"'
        ) from None
    try:
        made: Any = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in
        made = njit(nogil=True)(function)
    return cast("F", made)
