"""Where alerts go: each way by itself and in the background, so that none of them holds up the watching."""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import subprocess
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from framework.engine.watchdog import Alert
    from framework.secret import Secret

ATTEMPTS = 4
PAUSE_SECONDS = 1.0
"""Before the second attempt; twice that before each further one."""
TIMEOUT_SECONDS = 5.0
PING_SECONDS = 60.0
LAST_SECONDS = 10.0
"""What is on its way is waited for so long at the end."""


class Delivery:
    """One way that alerts go.

    Args:
        name: What the way is called when it fails; never where it leads, which may hold a password.
        send: Hands one text over, or raises.
        failed: Called with words when an alert could not be handed over.
    """

    def __init__(self, name: str, send: Callable[[str], None], failed: Callable[[str], None]) -> None:
        self._name = name
        self._send = send
        self._failed = failed
        self._waiting: queue.Queue[str | None] = queue.Queue(1000)
        self._thread = threading.Thread(target=self._work, name=f"alerts by {name}", daemon=True)
        self._thread.start()

    def take(self, alert: Alert) -> None:
        """Hand an alert over, soon."""
        try:
            self._waiting.put_nowait(json.dumps(alert.to_dict()))
        except queue.Full:
            self._failed(f"by {self._name}: too many alerts wait already")

    def close(self) -> None:
        """Wait for what is on its way."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=LAST_SECONDS)
        self._thread.join(LAST_SECONDS)

    def _work(self) -> None:
        while (text := self._waiting.get()) is not None:
            for attempt in range(ATTEMPTS):
                try:
                    self._send(text)
                    break
                except Exception as error:  # noqa: BLE001 - whatever the way is, its failure is told
                    if attempt == ATTEMPTS - 1:
                        self._failed(f"by {self._name}, {ATTEMPTS} times: {type(error).__name__}")
                    else:
                        time.sleep(PAUSE_SECONDS * 2**attempt)


def to_file(path: Path) -> Callable[[str], None]:
    """One line of JSON an alert, appended to the file."""

    def send(text: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    return send


def to_command(where: Secret) -> Callable[[str], None]:
    """A program, given the alert as JSON on its standard input; it runs without a shell."""
    _words(where)

    def send(text: str) -> None:
        subprocess.run(  # noqa: S603 - the operator's own
            _words(where),
            input=text,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    return send


def to_webhook(where: Secret) -> Callable[[str], None]:
    """An address that the alert is posted to as JSON."""
    _address(where)

    def send(text: str) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(_address(where), text.encode(), headers)  # noqa: S310 - checked
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - as above
            pass

    return send


class Ping:
    """Tells somebody else every minute that all is well, so that silence is noticed elsewhere.

    Args:
        where: The address that is asked for.
        failed: Called with words when it could not be reached.
    """

    def __init__(self, where: Secret, failed: Callable[[str], None]) -> None:
        _address(where)
        self._where = where
        self._failed = failed
        self._last: float | None = None
        self._thread: threading.Thread | None = None

    def well(self, now: float) -> None:
        """The node runs; `now` in seconds."""
        busy = self._thread is not None and self._thread.is_alive()
        if busy or (self._last is not None and now - self._last < PING_SECONDS):
            return
        self._last = now
        self._thread = threading.Thread(target=self._reach, name="ping", daemon=True)
        self._thread.start()

    def _reach(self) -> None:
        try:
            with urllib.request.urlopen(_address(self._where), timeout=TIMEOUT_SECONDS):  # noqa: S310 - checked
                pass
        except Exception as error:  # noqa: BLE001 - told, and tried again in a minute
            self._failed(f"the ping: {type(error).__name__}")


def _words(where: Secret) -> list[str]:
    try:
        words = shlex.split(where.reveal())
    except ValueError as error:
        raise ConfigError(f"{where} is no command: {error}", where="--command") from None
    return words


def _address(where: Secret) -> str:
    address = where.reveal()
    if not address.startswith(("https://", "http://")):
        raise ConfigError(f"{where} holds no address", remedy="It begins with https:// or http://.")
    return address
