"""One seed, run: an exchange, a bad network and a node that is killed again and again; then the verdict."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from framework.drill import process
from framework.drill.exchange import Exchange
from framework.drill.invariants import check
from framework.drill.proxy import Proxy
from framework.drill.record import held_in
from framework.drill.terms import MS, Breach, Terms
from framework.engine import operate
from framework.errors import FrameworkError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from framework.drill.schedule import Life, Schedule, Step
    from framework.specs import SimulatorSpec

VENUE = "SIM"
STRATEGY = "drill"
STARTING = 60.0
SETTLING = 30.0
STOPPING = 30.0
LOOK = 0.005
"""Seconds between two looks at whether a node is ready."""
WINDOW_NS = 1_000 * MS
"""How old a request may be when the exchange takes it."""


@dataclass(slots=True)
class Outcome:
    """What became of a seed.

    Attributes:
        seed: Which.
        hash: Of its schedule.
        breaches: The invariants that do not hold.
        problems: What else went wrong: a node that did not start in peace, or ended by itself.
        kills: How often the node was killed.
        recoveries: Seconds from the start of a process that followed a kill until its strategies ran.
        orders: Orders the exchange took from the node.
        fills: Trades of the account.
        seconds: How long it took.
    """

    seed: int
    hash: str
    breaches: tuple[Breach, ...] = ()
    problems: list[str] = field(default_factory=list)
    kills: int = 0
    recoveries: list[float] = field(default_factory=list)
    orders: int = 0
    fills: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when nothing is broken."""
        return not self.breaches and not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain values, for JSON."""
        return {
            "seed": self.seed,
            "schedule": self.hash,
            "ok": self.ok,
            "breaches": [str(breach) for breach in self.breaches],
            "problems": self.problems,
            "kills": self.kills,
            "recoveries": [round(seconds, 3) for seconds in self.recoveries],
            "orders": self.orders,
            "fills": self.fills,
            "seconds": round(self.seconds, 1),
        }


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

    def log(self, letters: int = 2_000) -> str:
        """The end of what the node printed since it was last started."""
        file = self.folder / "node.log"
        said = file.read_bytes()[self._logged :] if file.exists() else b""
        return said.decode(errors="replace")[-letters:]

    def quote(self) -> dict[str, Any]:
        """The best prices now."""
        query = urllib.parse.urlencode({"symbol": self._simulator.symbol})
        url = f"http://127.0.0.1:{self.exchange.port}/v1/quotes?{query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


class Storm:
    """Runs a schedule at a site.

    Args:
        site: Where.
        schedule: What.
        said: Told what happens, in words.
    """

    def __init__(self, site: Site, schedule: Schedule, said: Callable[[str], None] = lambda _: None) -> None:
        self._site = site
        self._schedule = schedule
        self._said = said
        self._undo: list[tuple[float, Callable[[], object]]] = []
        self._skew_ns = max(
            (
                abs(step.how["ms"]) * MS
                for life in schedule.lives
                for step in life.steps
                if step.what == "skew"
            ),
            default=0,
        )
        self._paused_ns = max(
            (
                int(step.how["seconds"] * 1e9)
                for life in schedule.lives
                for step in life.steps
                if step.what == "pause"
            ),
            default=0,
        )
        self.outcome = Outcome(schedule.seed, schedule.hash)

    def run(self) -> Outcome:
        """Live every life, then judge."""
        began = time.monotonic()
        *troubled, last = self._schedule.lives
        try:
            for life in troubled:
                self._live(life)
            self._settle(last)
        except FrameworkError as error:
            self.outcome.problems.append(f"the drill could not go on: {error}")
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _live(self, life: Life) -> None:
        self._said(f"life {life.number}")
        options = self._schedule.options
        self._site.write(
            seed=self._schedule.seed,
            life=life.number,
            pace_ms=options["pace_ms"],
            largest=options["largest"],
        )
        began = self._site.start()
        if life.begins == "ready":
            if not self._site.ready(STARTING):
                self._ended(life, "before it was ready")
                return
            if life.number > 1:
                self.outcome.recoveries.append(time.monotonic() - began)
            began = time.monotonic()
        self._trouble(life, began)
        if not self._site.alive:
            self._ended(life, "by itself")
        elif life.ends == "kill":
            self._site.end_node()
            self.outcome.kills += 1
        else:
            self._site.signal(signal.SIGCONT)
            self._site.end_node(politely=True)

    def _trouble(self, life: Life, began: float) -> None:
        steps = list(life.steps)
        ends = began + life.lasts
        while True:
            now = time.monotonic()
            due = [undo for undo in self._undo if undo[0] <= now]
            for undo in due:
                self._undo.remove(undo)
                undo[1]()
            while steps and began + steps[0].at <= now:
                self._do(steps.pop(0))
            if now >= ends or not self._site.alive:
                return
            time.sleep(LOOK)

    def _do(self, step: Step) -> None:
        self._said(f"  {step}")
        how = step.how
        {"exchange": self._exchange, "network": self._network, "node": self._node}[step.where](step.what, how)

    def _exchange(self, what: str, how: Mapping[str, Any]) -> None:
        control = self._site.exchange.control
        symbol = self._site.instrument.rpartition(".")[0]
        match what:
            case "fault":
                control("POST", "/faults", dict(how))
            case "cut":
                control("POST", "/cut")
            case "trade":
                order = {"symbol": symbol, "side": how["side"], "quantity": str(how["units"])}
                control("POST", "/trade", order)
            case "cancel":
                working = [row for row in self._site.exchange.truth()["orders"] if row["status"] == "OPEN"]
                if working:
                    name = working[how["index"] % len(working)]["client_order_id"]
                    with contextlib.suppress(RunError):  # it filled this moment
                        control("POST", "/cancel", {"client_order_id": name})
            case "skew":
                control("POST", "/conditions", {"skew_ms": how["ms"]})
                self._later(how["seconds"], lambda: control("POST", "/conditions", {"skew_ms": 0}))
            case "jump":
                quote = self._site.quote()
                tick = Decimal(1).scaleb(-5)
                moved = {
                    side: format(Decimal(quote[side]) + tick * how["ticks"], "f") for side in ("bid", "ask")
                }
                sizes = {name: quote[name] for name in ("bid_size", "ask_size")}
                if all(Decimal(size) > 0 for size in sizes.values()):
                    control("POST", "/quote", {"symbol": symbol, **moved, **sizes})

    def _network(self, what: str, how: Mapping[str, Any]) -> None:
        getattr(self._site.proxy, what)(**how)

    def _node(self, what: str, how: Mapping[str, Any]) -> None:
        if what == "pause":
            self._site.signal(signal.SIGSTOP)
            self._later(how["seconds"], lambda: self._site.signal(signal.SIGCONT))
            return
        scope = "all" if how["scope"] == "all" else f"strategy:{STRATEGY}"
        operate.kill(self._site.state, scope, who="drill", why="a drill")
        self._later(how["seconds"], lambda: self._resume(scope))

    def _resume(self, scope: str) -> None:
        operate.resume(self._site.state, scope, who="drill", why="the drill goes on")

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        self._undo.append((time.monotonic() + seconds, what))

    def _ended(self, life: Life, when: str) -> None:
        """A node that the exchange did not let in may end; one that fails in its own code may not."""
        code = self._site.end_node()
        if code != RunError.exit_code or when == "by itself":
            self._problem(f"life {life.number}: the node ended {when}", code)
        else:
            self._said(f"  life {life.number} did not start")

    def _problem(self, what: str, code: int | None) -> None:
        self.outcome.problems.append(f"{what} (exit code {code}): {self._site.log()}")

    def _settle(self, last: Life) -> None:
        """In peace the node finds everything, and says so in its journal."""
        self._said("in peace")
        for _, undo in self._undo:
            undo()
        self._site.exchange.calm()
        self._site.proxy.calm()
        self._site.write(seed=self._schedule.seed, life=last.number, pace_ms=0)
        began = self._site.start()
        if not self._site.ready(STARTING):
            code = self._site.end_node()
            self.outcome.problems.append(
                f"in peace the node did not start (exit code {code}): {self._site.log()}"
            )
        else:
            self.outcome.recoveries.append(time.monotonic() - began)
            self._site.exchange.control("POST", "/market", {"do": "pause"})
            deadline = time.monotonic() + SETTLING
            while self._judge() and time.monotonic() < deadline:
                time.sleep(0.1)
            code = self._site.end_node(politely=True)
            if code != 0:
                self._problem("the node did not stop in order", code)
        self.outcome.breaches = self._judge()

    def _judge(self) -> tuple[Breach, ...]:
        record = self._site.exchange.record(VENUE)
        self.outcome.orders = sum(row.what == "order" and not row.by_hand for row in record)
        self.outcome.fills = sum(row.what == "fill" for row in record)
        terms = Terms(
            venue=VENUE,
            caps={self._site.instrument: Decimal(self._schedule.options["cap"])},
            held=held_in(self._site.state / operate.LATCHES),
            clock_ns=self._skew_ns,
            latch_ns=50 * MS + self._paused_ns,
            late_ns=WINDOW_NS + self._skew_ns + self._paused_ns,
        )
        return check([self._site.journal], record, terms)


def weather(schedule: Schedule) -> list[str]:
    """The options of the exchange that a schedule asks for."""
    options = schedule.options
    return [
        f"--walk={schedule.seed}",
        f"--interval={options['interval_ms']}",
        f"--heartbeat={options['heartbeat_s']}",
        "--rate=100000",
        "--burst=100000",
        "--balance=1000000 USD",
    ]


def limits(schedule: Schedule, instrument: str) -> list[dict[str, Any]]:
    """The risk rules of the node: the cap that I4 is judged by."""
    cap = {
        "underlying": "drill",
        "instruments": [instrument],
        "max_net": str(schedule.options["cap"]),
        "max_mark_age": "5s",
    }
    return [{"use": "net_position", "config": cap}]


def storm(
    schedule: Schedule,
    simulator: SimulatorSpec,
    use: str,
    folder: Path,
    said: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Run a schedule in a folder of its own."""
    risk = limits(schedule, f"{simulator.symbol}.{VENUE}")
    with Site(simulator, use, folder, weather(schedule), risk) as site:
        latency = schedule.options["latency_ms"]
        site.exchange.control("POST", "/conditions", {"latency_ms": latency})
        return Storm(site, schedule, said).run()
