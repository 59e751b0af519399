"""A simulated exchange in a process of its own, started by the module that a venue plugin names."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from framework.drill.record import rows_of
from framework.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from framework.drill.record import VenueRow
    from framework.specs import SimulatorSpec

PATIENCE = 20.0


class Exchange:
    """A running exchange and its control port.

    Args:
        simulator: What the venue plugin offers.
        options: Of its command line.
        log: Where what it says goes.

    Attributes:
        process: The exchange.
        port: Where traders come in.
    """

    def __init__(self, simulator: SimulatorSpec, options: Sequence[str], log: Path) -> None:
        self._simulator = simulator
        self._log = log
        self._command = [sys.executable, "-m", simulator.module, *options]
        self._ports: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        """Start it, at the ports it had before.

        Raises:
            RunError: It does not start.
        """
        names = {"port": "--port", "control_port": "--control-port"}
        again = [f"{option}={self._ports[name]}" for name, option in names.items() if name in self._ports]
        command = [*self._command, *again]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command,
                env=os.environ | dict(self._simulator.environment),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise RunError(
                f"the exchange did not start: {self._log.read_text(errors='replace')[-500:]}",
                where=self._simulator.module,
            )
        self._ports = json.loads(line)

    @property
    def port(self) -> int:
        """Where traders come in."""
        return self._ports["port"]

    def kill(self) -> None:
        """End it at once; what it answered is in its state."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the control port.

        Raises:
            RunError: It refused, or does not answer.
        """
        url = f"http://127.0.0.1:{self._ports['control_port']}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - this machine
                answered: dict[str, Any] = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise RunError(f"the exchange refused {method} {path}: {said}") from error
        except OSError as error:
            raise RunError(f"the exchange does not answer on its control port: {error}") from error
        return answered

    def truth(self) -> dict[str, Any]:
        """Everything that is so."""
        return self.control("GET", "/truth")

    def record(self, venue: str) -> list[VenueRow]:
        """What it wrote down, for the checker."""
        return rows_of(self.control("GET", "/record")["rows"], venue)

    def calm(self) -> None:
        """Disarm every fault and let time and the market go on."""
        self.control("DELETE", "/faults")
        self.control("POST", "/conditions", {"skew_ms": 0})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.kill()
