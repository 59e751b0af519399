"""The three drills: a node that is killed, a kill switch that is pulled, a network that fails."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Literal, get_args

from framework.drill.invariants import check
from framework.drill.outcome import Outcome
from framework.drill.schedule import draw, draw_outages
from framework.drill.site import LOOK, STARTING, VENUE, Site
from framework.drill.storm import LATCH_NS, storm, weather
from framework.drill.terms import Terms
from framework.engine import outside
from framework.errors import FrameworkError, PluginNotFound, RunError
from framework.specs import VenueSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from framework.drill.schedule import Schedule
    from framework.drill.terms import Breach
    from framework.plugins import Plugins
    from framework.specs import SimulatorSpec

type Drill = Literal["recovery", "kill", "disconnect"]
DRILLS: tuple[Drill, ...] = get_args(Drill.__value__)
RESTING = 300
"""Orders that rest when the kill switch is pulled, unless somebody says otherwise."""
PATIENCE = 30.0
QUIET = 1.0
"""Seconds in which a latched node must not send anything."""
ON_ITS_WAY = 2.0
"""Seconds in which what left before a latch may still arrive. Invariant I5 judges every order in them, by
when it was intended and when it arrived."""


def simulator_of(plugins: Plugins, name: str | None) -> tuple[str, SimulatorSpec]:
    """The venue plugin to practise on and the exchange it brings.

    Raises:
        PluginNotFound: No installed venue brings one, or not the one that was named.
    """
    found = {
        offer.spec.name: offer.spec.simulator
        for offer in plugins.offers("venue")
        if isinstance(offer.spec, VenueSpec) and offer.spec.simulator is not None
    }
    if name is None:
        name = next(iter(found), None)
    if name is None or name not in found:
        raise PluginNotFound(
            f'venue "{name}" brings no exchange to practise on' if name else "no venue to practise on",
            remedy=f"Those that do: {', '.join(found)}." if found else "Install framework-simexchange.",
        )
    return name, found[name]


def schedule_of(drill: Drill, seed: int, *, kills: int | None = None) -> Schedule:
    """What a drill does with a seed."""
    return draw_outages(seed) if drill == "disconnect" else draw(seed, kills=kills)


def run(
    drill: Drill,
    seeds: Sequence[int],
    simulator: SimulatorSpec,
    use: str,
    folder: Path,
    *,
    kills: int | None = None,
    resting: int = RESTING,
    jobs: int = 1,
    said: Callable[[str], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Run a drill with every seed, and give the outcomes as they come.

    Args:
        drill: Which.
        seeds: Each runs in a folder of its own.
        simulator: The exchange to practise on.
        use: The venue plugin's name.
        folder: Where everything goes.
        kills: How often a node is killed; drawn from the seed when left out.
        resting: Orders that rest when the kill switch is pulled.
        jobs: How many seeds at once.
        said: Told what happens, in words.
    """

    def one(seed: int) -> Outcome:
        place = folder / f"seed-{seed}"
        place.mkdir(parents=True)
        if drill == "kill":
            return kill_switch(seed, simulator, use, place, resting, said)
        return storm(schedule_of(drill, seed, kills=kills), simulator, use, place, said)

    if jobs == 1:
        yield from map(one, seeds)
        return
    with ThreadPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(one, seed) for seed in seeds]):
            yield future.result()


def kill_switch(
    seed: int,
    simulator: SimulatorSpec,
    use: str,
    folder: Path,
    resting: int,
    said: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Pull the kill switch on a node that trades and has orders resting; only the exchange's word counts."""
    schedule = draw(seed, kills=0, trouble=[])
    outcome = Outcome(seed, schedule.hash)
    began = time.monotonic()
    with Site(simulator, use, folder, weather(schedule), []) as site:
        try:
            _pull(site, schedule, resting, outcome, said)
        except FrameworkError as error:
            outcome.problems.append(f"the drill could not go on: {error}: {site.log()}")
        _until_settled(site, outcome)
        code = site.end_node(politely=True)
        if code == RunError.exit_code:
            outcome.unclean += 1
        elif code not in {0, None}:
            outcome.problems.append(f"the node did not stop in order (exit code {code}): {site.log()}")
        _judge(site, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _pull(
    site: Site, schedule: Schedule, resting: int, outcome: Outcome, said: Callable[[str], None]
) -> None:
    options = schedule.options
    site.write(seed=schedule.seed, pace_ms=options["pace_ms"], largest=options["largest"], resting=resting)
    site.start()
    if not site.ready(STARTING):
        raise RunError("the node did not start")
    _until(lambda: _working(site) >= resting, f"{resting} orders did not come to rest")
    said(f"{_working(site)} orders rest; pulling the switch")
    began = time.monotonic()
    site.pull("all")
    outcome.measured["latched"] = time.monotonic() - began
    _until(lambda: _working(site) == 0, "orders still rest at the exchange")
    outcome.measured["cancelled"] = time.monotonic() - began
    said("nothing rests; closing what is held")
    outside.flatten(site.state, "all", who="drill", why="a drill")
    _until(lambda: not site.exchange.truth()["positions"], "a position is left at the exchange")
    outcome.measured["flat"] = time.monotonic() - began
    time.sleep(max(0.0, began + ON_ITS_WAY - time.monotonic()))
    _holds(site, outcome, "under the latch")
    said("starting again: the latch has to hold")
    site.end_node(politely=True)
    site.start()
    if not site.ready(STARTING):
        raise RunError("the node did not start again")
    _holds(site, outcome, "after a restart")
    before = _taken(site)
    outside.resume(site.state, "all", who="drill", why="the drill is over")
    _until(lambda: _taken(site) > before, "the node does not trade again")


def _until_settled(site: Site, outcome: Outcome) -> None:
    """Let the node hear everything, once it and the market have stopped.

    What left before the latch may still be on its way when both agree for a moment, so they have to agree for
    a while in which nothing new arrives.
    """
    site.pull("all", "the drill ends")
    site.exchange.control("POST", "/market", {"do": "pause"})
    calm = began = time.monotonic()
    seen = (0, 0)
    while site.alive and time.monotonic() - began < PATIENCE:
        differs = _judge(site, outcome)
        arrived = (outcome.orders, outcome.fills)
        if differs or arrived != seen:
            seen, calm = arrived, time.monotonic()
        elif time.monotonic() - calm >= QUIET:
            return
        time.sleep(0.2)


def _judge(site: Site, outcome: Outcome) -> tuple[Breach, ...]:
    record = site.exchange.record(VENUE)
    outcome.orders = sum(row.what == "order" for row in record)
    outcome.fills = sum(row.what == "fill" for row in record)
    terms = Terms(venue=VENUE, held=site.held(), latch_ns=LATCH_NS)
    outcome.breaches = check([site.journal], record, terms)
    return outcome.breaches


def _holds(site: Site, outcome: Outcome, when: str) -> None:
    before = _taken(site)
    time.sleep(QUIET)
    sent = _taken(site) - before
    if sent or site.exchange.truth()["positions"]:
        outcome.problems.append(f"{sent} orders were sent {when}")


def _working(site: Site) -> int:
    return sum(order["status"] == "OPEN" for order in site.exchange.truth()["orders"])


def _taken(site: Site) -> int:
    return len(site.exchange.truth()["orders"])


def _until(fact: Callable[[], bool], otherwise: str) -> None:
    """Wait for a fact.

    Raises:
        RunError: It did not come about in time.
    """
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise RunError(f"{otherwise} within {PATIENCE:.0f} s")
        time.sleep(LOOK)
