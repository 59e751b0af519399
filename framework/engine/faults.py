"""Exceptions the engine would log and swallow, kept so that a run can fail with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Faults:
    """The first exception of a run, and the way to stop the run because of it."""

    def __init__(self) -> None:
        self.origin: str = ""
        self.error: BaseException | None = None
        self.stop: Callable[[str], None] = lambda reason: None  # noqa: ARG005

    def record(self, origin: str, error: BaseException) -> None:
        """Keep the first exception and stop the run; later ones are its consequences.

        Args:
            origin: Where it was raised, such as `strategy vwap-eurusd, on_bar`.
            error: The exception, with its traceback.
        """
        if self.error is None:
            self.origin, self.error = origin, error
            self.stop(f"{origin} failed: {type(error).__name__}: {error}")
