"""One seed, run: an exchange, a bad network and a node that is killed again and again; then the verdict."""

from __future__ import annotations

import contextlib
import signal
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework.drill.invariants import check
from framework.drill.outcome import Outcome
from framework.drill.site import LOOK, STARTING, STRATEGY, VENUE, Site
from framework.drill.terms import MS, Terms
from framework.engine import outside
from framework.errors import FrameworkError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from framework.drill.schedule import Life, Schedule, Step
    from framework.drill.terms import Breach
    from framework.specs import SimulatorSpec

SETTLING = 30.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 3.0
LATCH_NS = 50 * MS
"""How long an intent that was asked for before a latch may take to be written."""
WINDOW_NS = 1_000 * MS
"""How old a request may be when the exchange takes it."""


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
        steps = [step for life in schedule.lives for step in life.steps]
        self._skew_ns = max((abs(step.how["ms"]) * MS for step in steps if step.what == "skew"), default=0)
        pauses = (step.how["seconds"] for step in steps if step.what == "pause")
        self._paused_ns = int(max(pauses, default=0.0) * 1_000 * MS)
        self.outcome = Outcome(schedule.seed, schedule.hash)

    def run(self) -> Outcome:
        """Live every life, then judge."""
        began = time.monotonic()
        try:
            for life in self._schedule.lives:
                self._live(life)
        except FrameworkError as error:
            self.outcome.problems.append(f"the drill could not go on: {error}")
        self.outcome.breaches = self._judge()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _live(self, life: Life) -> None:
        self._said(f"life {life.number}")
        options = self._schedule.options
        peace = life.ends == "settle" and not life.steps
        if peace:
            self._calm()
        self._site.write(
            seed=self._schedule.seed,
            life=life.number,
            pace_ms=options["pace_ms"],
            largest=options["largest"],
            exits=options["exits"],
            seconds=None if life.ends != "settle" else life.lasts,
        )
        began = self._site.start()
        if life.begins == "ready":
            if not self._site.ready(STARTING):
                self._ended("in peace" if peace else "before it was ready", may=not peace)
                return
            if self.outcome.kills:
                self.outcome.recoveries.append(time.monotonic() - began)
            began = time.monotonic()
        self._trouble(life, began)
        if not self._site.alive:
            self._ended("by itself", may=life.begins == "process")
        elif life.ends == "kill":
            self._site.end_node()
            self.outcome.kills += 1
        elif life.ends == "stop":
            self._site.signal(signal.SIGCONT)
            self._site.end_node(politely=True)
        else:
            self._settle()

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
                quote = self._site.exchange.truth()["books"].get(symbol)
                if quote is None:  # the exchange has just been started again, and knows no price yet
                    return
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
        self._site.pull(scope)
        self._later(how["seconds"], lambda: self._resume(scope))

    def _resume(self, scope: str) -> None:
        outside.resume(self._site.state, scope, who="drill", why="the drill goes on")

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        self._undo.append((time.monotonic() + seconds, what))

    def _ended(self, when: str, *, may: bool) -> None:
        """A node that the exchange did not let in may end; one that fails in its own code may not."""
        code = self._site.end_node()
        if may and code == RunError.exit_code:
            self._said("  it did not start")
            return
        self._problem(f"the node ended {when}", code)

    def _problem(self, what: str, code: int | None) -> None:
        self.outcome.problems.append(f"{what} (exit code {code}): {self._site.log()}")

    def _calm(self) -> None:
        for _, undo in self._undo:
            undo()
        self._undo.clear()
        self._site.exchange.calm()
        self._site.proxy.calm()

    def _settle(self) -> None:
        """In peace the node finds everything, and says so in its journal."""
        self._said("settling")
        self._calm()
        self._site.exchange.control("POST", "/market", {"do": "pause"})
        deadline = time.monotonic() + SETTLING
        pause = FIRST_PAUSE
        while self._judge() and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        code = self._site.end_node(politely=True)
        if code == RunError.exit_code:
            self.outcome.unclean += 1
        elif code != 0:
            self._problem("the node did not stop in order", code)

    def _judge(self) -> tuple[Breach, ...]:
        record = self._site.exchange.record(VENUE)
        self.outcome.orders = sum(row.what == "order" and not row.by_hand for row in record)
        self.outcome.fills = sum(row.what == "fill" for row in record)
        options = self._schedule.options
        terms = Terms(
            venue=VENUE,
            # The cap does not know of an exit on its way: see "Where it ends" in the explanation.
            caps={} if options["exits"] else {self._site.instrument: Decimal(options["cap"])},
            held=self._site.held(),
            latch_ns=LATCH_NS + self._paused_ns,
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
        "offset": False,
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
