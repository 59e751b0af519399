"""Exceptions the engine would log and swallow, kept so that a run can fail with them."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from framework.engine.patience import Patience

FREE_TOOLS = (4, 3)
"""The identifiers that `sys.monitoring` keeps for tools other than debuggers, coverage and profilers."""


class Faults:
    """The first exception of a run, and the way to stop the run because of it.

    A handler that is called once an order or less is wrapped, and reports here. One that is called for every
    quote is not: on a million quotes the wrapper alone is 3 % of the run. Such a handler is watched, which
    costs nothing until an exception leaves it.

    Attributes:
        patience: Limits how long a strategy may take; None where it may take as long as it likes.
    """

    patience: Patience | None = None

    def __init__(self) -> None:
        self.origin: str = ""
        self.error: BaseException | None = None
        self.stop: Callable[[str], None] = lambda reason: None  # noqa: ARG005
        self._watched: dict[CodeType, str] = {}

    def record(self, origin: str, error: BaseException) -> None:
        """Keep the first exception and stop the run; later ones are its consequences.

        Args:
            origin: Where it was raised, such as `strategy vwap-eurusd, on_bar`.
            error: The exception, with its traceback.
        """
        if self.error is None:
            self.origin, self.error = origin, error
            self.stop(f"{origin} failed: {type(error).__name__}: {error}")

    def strategys(self, origin: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The strategy's own code, as the engine is to call it."""
        del origin
        return function

    def ours(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method of the framework's or the engine's, as the strategy is to call it."""
        return method

    def watch(self, name: str, handler: Any) -> bool:
        """Record what leaves the handler, during `watching`; False when it has to be wrapped instead."""
        if not isinstance(handler, FunctionType) or _free_tool() is None:
            return False
        self._watched[handler.__code__] = name
        return True

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the engine runs.

        Ctrl-C is recorded as well, and a second one raised: raised inside a handler, the engine would log the
        first as that handler's failure.
        """
        with _first_interrupt(self._interrupted), _unwinding(self._unwound if self._watched else None):
            yield

    def _interrupted(self) -> None:
        self.record("Ctrl-C", KeyboardInterrupt())

    def _unwound(self, code: CodeType, _offset: int, error: BaseException) -> None:
        name = self._watched.get(code)
        if name is not None:
            subject = sys._getframe(1).f_locals[code.co_varnames[0]]  # noqa: SLF001 - the frame being left
            self.record(f"strategy {subject._desk.strategy_id}, {name}", error)  # noqa: SLF001


def _free_tool() -> int | None:
    return next((tool for tool in FREE_TOOLS if sys.monitoring.get_tool(tool) is None), None)


@contextlib.contextmanager
def _unwinding(callback: Callable[[CodeType, int, BaseException], None] | None) -> Iterator[None]:
    """Call back with every exception that leaves a Python function."""
    tool = _free_tool()
    if tool is None or callback is None:
        yield
        return
    unwind = sys.monitoring.events.PY_UNWIND
    sys.monitoring.use_tool_id(tool, "framework")
    sys.monitoring.register_callback(tool, unwind, callback)
    sys.monitoring.set_events(tool, unwind)
    try:
        yield
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)


@contextlib.contextmanager
def _first_interrupt(callback: Callable[[], None]) -> Iterator[None]:
    """Call back on the first Ctrl-C; where nothing handles it, or outside the main thread, change nothing."""
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not raises or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        callback()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
