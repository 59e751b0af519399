"""The one thread that talks to the terminal: the official package is not made for more.

Work is handed to it as a function of the package. What a function asks and the error it leaves behind are
read in one go, a call that takes too long is reported as such while the thread still waits for it, and when
too much waits, more is refused at once.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from framework_mt5_server.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from framework_mt5_server.settings import TerminalSettings

IPC_CODES = range(-10_010, -9_999)
RETRY_SECONDS = 0.5
INITIALIZE_MS = 10_000
WEDGED_EXIT = 75
"""What the process ends with when a call is wedged: a temporary failure, in sysexits' words."""


class TerminalError(Exception):
    """The terminal answered with an error, or not at all; `code` is the official one."""

    def __init__(self, call: str, code: int, words: str) -> None:
        super().__init__(f"{call}: {words} ({code})")
        self.code = code


class Unreachable(Exception):  # noqa: N818 - a state, not a malfunction
    """The work was not begun: the terminal is busy, or cannot be reached. Nothing happened."""


class Stuck(Exception):  # noqa: N818 - a state, not a malfunction
    """The work was begun and is not done; what comes of it is not known yet."""


class Asker:
    """The package as the work sees it: every None is an error, raised with what the package says about it."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def __call__(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the package.

        Raises:
            TerminalError: It answered None.
        """
        found = getattr(self.module, name)(*args, **kwargs)
        if found is None:
            code, words = self.module.last_error()
            raise TerminalError(name, int(code), str(words))
        return found


class Terminal:
    """Runs work on the terminal's thread.

    Raises:
        SettingsError: The module cannot be imported.
    """

    def __init__(self, settings: TerminalSettings) -> None:
        self._settings = settings
        try:
            self._module = importlib.import_module(settings.module)
        except ImportError as error:
            raise SettingsError(
                f"terminal.module: {settings.module} cannot be imported ({error}); the official package "
                "exists for Windows only, framework_mt5_terminal is the simulated one"
            ) from error
        self._work: queue.Queue[tuple[Future[Any], Callable[[Asker], Any]] | None] = queue.Queue()
        self._connected = False
        self._began: float | None = None
        self.trouble = "not connected yet"
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Pieces of work that have not begun."""
        return self._work.qsize()

    @property
    def wedged_seconds(self) -> float:
        """For how long the call that is under way has taken more than its time."""
        began = self._began
        return 0.0 if began is None else max(0.0, time.monotonic() - began - self._settings.call_seconds)

    async def do[T](self, work: Callable[[Asker], T]) -> T:
        """Run work on the thread.

        Raises:
            Unreachable: It was not begun.
            Stuck: It was begun and takes too long.
            TerminalError: The terminal said no.
        """
        if self.waiting >= self._settings.queue:
            raise Unreachable(f"{self.waiting} calls are waiting for the terminal")
        future: Future[T] = Future()
        self._work.put((future, work))
        try:
            async with asyncio.timeout(self._settings.call_seconds):
                return await asyncio.shield(asyncio.wrap_future(future))
        except TimeoutError as error:
            if future.cancel():
                raise Unreachable("the terminal was busy for too long") from error
            raise Stuck(f"the terminal has not answered for {self._settings.call_seconds:g} s") from error

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._work.put(None)

    def _run(self) -> None:
        module = self._module
        asker = Asker(module)
        while (item := self._work.get()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            self._began = time.monotonic()
            try:
                self._connect(module)
                future.set_result(work(asker))
            except TerminalError as error:
                if error.code in IPC_CODES:
                    self._connected, self.trouble = False, str(error)
                future.set_exception(error)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever gave the work
                future.set_exception(error)
            finally:
                self._began = None
        module.shutdown()

    def _connect(self, module: ModuleType) -> None:
        if self._connected:
            return
        settings = self._settings
        more: dict[str, Any] = {"timeout": INITIALIZE_MS}
        if settings.login:
            more |= {"login": settings.login, "server": settings.server}
            more["password"] = os.environ.get(settings.password_env, "")
        path = (settings.path,) if settings.path else ()
        if not module.initialize(*path, **more):
            code, words = module.last_error()
            self.trouble = f"initialize: {words} ({code})"
            raise Unreachable(f"the terminal cannot be reached: {words} ({code})")
        self._connected, self.trouble = True, ""


async def watch_for_wedge(terminal: Terminal, seconds: float) -> None:
    """End the process when one call never comes back; only a new process has a thread that works."""
    while seconds:
        await asyncio.sleep(RETRY_SECONDS)
        if terminal.wedged_seconds > seconds:
            os._exit(WEDGED_EXIT)
