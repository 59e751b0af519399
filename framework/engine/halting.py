"""What becomes of one strategy of a live node when it fails: it is stopped, and nobody else.

A strategy that raises is halted: it takes no new risk, and goes on being called, because it may hold a
position and knows how to leave it. One that hangs, or floods although it is halted, is disabled: it is not
called again until a person enables it, and its position stays as it is until somebody closes it.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from framework.engine.assembly import said
from framework.engine.faults import Faults
from framework.engine.patience import HandlerHung, NotCalledAnyMore, Patience

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("framework.live")


class Halting(Faults):
    """The failures of one strategy.

    Args:
        strategy_id: The strategy's `id:`.
        halt: Called with the strategy's `id:` and the reason when it has raised.
        disable: Called with the same when it has to be left alone.
        patience: Limits how long it may take.

    Attributes:
        disabled: Whether none of its code is called.
        unstarted: Whether `on_start` was left out because of that.
    """

    patience: Patience

    def __init__(
        self,
        strategy_id: str,
        halt: Callable[[str, str], None],
        disable: Callable[[str, str], None],
        patience: Patience,
    ) -> None:
        super().__init__()
        self._strategy_id = strategy_id
        self._halt = halt
        self._disable = disable
        self.patience = patience
        self.disabled = False
        self.unstarted = False

    def record(self, origin: str, error: BaseException) -> None:
        """Log the exception with its traceback, and stop the strategy."""
        self.patience.shielded(self._record)(origin, error)

    def forgive(self) -> None:
        """A person lets it trade again: what it raises next halts it again."""
        self.origin, self.error = "", None

    def strategys(self, origin: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The strategy's own code: limited in time, and not called while it is disabled."""
        timed = self.patience.timed(self._strategy_id, origin, function)
        starts = origin.endswith("on_start")

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            if self.disabled:
                self.unstarted = self.unstarted or starts
                return None
            return timed(*args)

        return call

    def ours(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method the strategy calls: never interrupted; once disabled, it ends the calling handler."""
        shielded = self.patience.shielded(method)

        @functools.wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            if self.disabled and self.patience.inside(self._strategy_id):
                raise NotCalledAnyMore(f"strategy {self._strategy_id} is disabled")
            return shielded(*args, **named)

        return call

    def _record(self, origin: str, error: BaseException) -> None:
        if isinstance(error, NotCalledAnyMore):
            return
        _log.error("%s failed", origin, exc_info=error)
        first = self.error is None
        if first:
            self.origin, self.error = origin, error
        if isinstance(error, HandlerHung):
            self._disable(self._strategy_id, f"{origin} hung: {error}")
        elif first:
            self._halt(self._strategy_id, f"{origin} failed: {said(error)}")
