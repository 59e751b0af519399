"""Where a drill takes place: an exchange, a bad network and the folder of one node, all of them its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from framework.drill import process
from framework.drill.exchange import Exchange
from framework.drill.proxy import Proxy
from framework.drill.record import held_in
from framework.engine import outside

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from framework.drill.record import Held
    from framework.specs import SimulatorSpec

VENUE = "SIM"
STRATEGY = "drill"
STARTING = 60.0
STOPPING = 30.0
LOOK = 0.005
"""Seconds between two looks at whether a node is ready."""


class Site:
    """An exchange, a network and the folder of one node, all of them this drill's own.

    Args:
        simulator: The exchange a venue plugin brings.
        use: The venue plugin's name.
        folder: Where the node's file, its state and every log go.
        options: Of the exchange's command line, on top of where it keeps its state.
        risk: The `risk:` entries of the node.
    """

    def __init__(
        self,
        simulator: SimulatorSpec,
        use: str,
        folder: Path,
        options: list[str],
        risk: list[dict[str, Any]],
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.journal = self.state / "journal.db"
        self.file = folder / "node.yaml"
        self.instrument = f"{simulator.symbol}.{VENUE}"
        self.exchange = Exchange(
            simulator, [f"--state={folder / 'exchange.db'}", *options], folder / "exchange.log"
        )
        self.proxy = Proxy(self.exchange.port)
        self.node: BaseProcess | None = None
        self.ready_file = folder / "ready"
        self._logged = 0
        self._pulled: list[tuple[str, int]] = []
        self._simulator = simulator
        self._use = use
        self._risk = risk

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.end_node()
        self.proxy.__exit__()
        self.exchange.__exit__()

    def write(self, **trader: Any) -> None:
        """Write the node's file, with these settings of its strategy."""
        settings = dict(self._simulator.settings(self.proxy.port))
        config = {"instrument_id": self.instrument, "ready": str(self.ready_file), **trader}
        node = {
            "mode": "live",
            "name": "drill",
            "catalog": ".",
            "venues": [{"name": VENUE, "use": self._use, "config": settings}],
            "data": [{"quotes": self.instrument}],
            "strategies": [{"id": STRATEGY, "use": "drill_trader", "config": config}],
            "risk": self._risk,
            "state": str(self.state),
        }
        self.file.write_text(json.dumps(node), encoding="utf-8")

    def start(self) -> float:
        """Start the node; returns the moment, by the monotonic clock."""
        self.ready_file.unlink(missing_ok=True)
        began = time.monotonic()
        log = self.folder / "node.log"
        self._logged = log.stat().st_size if log.exists() else 0
        self.node = process.start(self.file, log, dict(self._simulator.environment))
        return began

    @property
    def alive(self) -> bool:
        """True while the node's process runs."""
        return self.node is not None and self.node.is_alive()

    def ready(self, seconds: float) -> bool:
        """Wait until the node's strategies run; False when it ended or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ready_file.exists():
                return True
            if not self.alive:
                return self.ready_file.exists()
            time.sleep(LOOK)
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send the node's process a signal, if there is one."""
        if self.node is not None and self.node.pid is not None and self.alive:
            with contextlib.suppress(ProcessLookupError):  # it ended this moment
                os.kill(self.node.pid, number)

    def end_node(self, *, politely: bool = False) -> int | None:
        """End the node's process; returns its exit code, which is -9 when it was killed."""
        if self.node is None:
            return None
        if politely:
            self.signal(signal.SIGTERM)
            self.node.join(STOPPING)
        if self.alive:
            self.node.kill()
        self.node.join()
        return self.node.exitcode

    def pull(self, scope: str, why: str = "a drill") -> None:
        """Pull the kill switch."""
        outside.kill(self.state, scope, who="drill", why=why)
        self._pulled.append((scope, time.time_ns()))

    def held(self) -> list[Held]:
        """The latches, each from the moment that pulling it had returned: nothing is promised before."""
        return [self._promised(one) for one in held_in(self.state / outside.LATCHES)]

    def _promised(self, held: Held) -> Held:
        returned = [at for scope, at in self._pulled if scope == held.scope and at >= held.since]
        return replace(held, since=min(returned, default=held.since))

    def log(self, letters: int = 2_000) -> str:
        """The end of what the node printed since it was last started."""
        file = self.folder / "node.log"
        said = file.read_bytes()[self._logged :] if file.exists() else b""
        return said.decode(errors="replace")[-letters:]
