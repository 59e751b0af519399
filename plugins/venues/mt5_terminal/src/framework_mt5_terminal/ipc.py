"""The connection to the broker's process: what stands for the official package's pipe to its terminal."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

NO_IPC = (-10004, "No IPC connection")
SEND_FAILED = (-10001, "IPC send failed")
RECEIVE_FAILED = (-10002, "IPC recv failed")
TIMED_OUT = (-10005, "IPC timeout")
SUCCESS = (1, "Success")

type Error = tuple[int, str]


class Pipe:
    """One connection for the process; every call leaves its error behind for `last_error`."""

    def __init__(self) -> None:
        self.error: Error = SUCCESS
        self._socket: socket.socket | None = None
        self._lines: Any = None
        self._busy = threading.Lock()
        self._overlaps = 0

    def open(self, address: str, milliseconds: int) -> bool:
        """Connect to `HOST:PORT`; whatever was connected is left."""
        self.close()
        host, _, port = address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=milliseconds / 1000)
        except (OSError, ValueError, OverflowError):
            self.error = (-10003, "IPC initialize failed, no terminal at that address")
            return False
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")
        self.error = SUCCESS
        return True

    def close(self) -> None:
        """Leave the broker; calls find no connection until the next `open`."""
        with contextlib.suppress(OSError):
            if self._lines is not None:
                self._lines.close()
            if self._socket is not None:
                self._socket.close()
        self._socket = self._lines = None

    def ask(self, call: str, *arguments: Any) -> Any:
        """What the broker answers, or None with the reason in `error`."""
        if not self._busy.acquire(blocking=False):
            self._overlaps += 1
            self._busy.acquire()
        try:
            return self._ask(call, arguments)
        finally:
            self._busy.release()

    def refuse(self, words: str) -> None:
        """A call that never leaves this process: its arguments are wrong."""
        self.error = (-2, words)

    def _ask(self, call: str, arguments: tuple[Any, ...]) -> Any:
        if self._socket is None:
            self.error = NO_IPC
            return None
        overlaps, self._overlaps = self._overlaps, 0
        question = {"call": call, "arguments": arguments, "overlaps": overlaps}
        try:
            self._socket.sendall(json.dumps(question).encode() + b"\n")
        except OSError:
            self.close()
            self.error = SEND_FAILED
            return None
        try:
            line = self._lines.readline()
        except TimeoutError:
            self.close()  # the answer may still come, and would be taken for that of the next call
            self.error = TIMED_OUT
            return None
        except OSError:
            line = b""
        if not line:
            self.close()
            self.error = RECEIVE_FAILED
            return None
        answer = json.loads(line)
        self.error = (int(answer["error"][0]), str(answer["error"][1]))
        if self.error[0] == NO_IPC[0]:
            self.close()
        return answer["result"]
