"""What the live rows share: a node and an exchange as processes of their own, and what both wrote down."""

import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from framework import plugins
from framework.catalog import builtin
from framework.drill import check, held_in
from framework.drill.drills import simulator_of
from framework.drill.site import STARTING, VENUE, Site
from framework.drill.terms import Terms
from framework.engine import outside
from framework.errors import RunError
from framework.journal import read

PATIENCE = 120
"""Seconds any fact may take to come about; then the row is void."""
FAST = ("--rate=100000", "--burst=100000", "--balance=1000000 USD", "--walk=1")
CALM = {"rate": 5_000, "timeout": "5s", "window": "30s", "lease": "10s", "max_clock_offset": "10s"}
"""The node may send as much as it likes, and a busy machine is no exchange that does not answer."""
BY = {"who": "benchmark", "why": "it is timed"}


def sized(folder):
    """How much a job asks for: of the warm-up less than of the measurement."""
    return int((Path(folder) / "size").read_text(encoding="ascii"))


def simulator():
    """The exchange that the installed venue brings to practise on, and the venue's name."""
    use, found = simulator_of(plugins.load([builtin]), None)
    return found, use


@contextmanager
def place(job):
    """A folder of this measurement alone."""
    with tempfile.TemporaryDirectory(dir=job["out"]) as folder:
        yield Path(folder)


@contextmanager
def resting_node(folder, count):
    """A node that leaves orders far from the market until so many rest, and does nothing else.

    It speaks to the exchange itself: the bad network of the drills is not what is measured.
    """
    spec, use = simulator()
    direct = replace(spec, settings=lambda _: {**spec.settings(site.exchange.port), **CALM})
    site = Site(direct, use, folder, list(FAST), [])
    with site:
        site.write(seconds=0, resting=count)
        site.start()
        if not site.ready(STARTING):
            raise RuntimeError(f"the node did not start: {site.log()}")
        yield site
        stop(site)


def stop(site):
    """End the node in order and judge what it and the exchange wrote; what is broken voids the row."""
    outside.kill(site.state, "all", **BY)
    until(lambda: not breaches(site), lambda: f"{breaches(site)}")
    code = site.end_node(politely=True)
    if code not in {0, RunError.exit_code}:  # the engine may give up on a stop; nothing is lost by it
        raise RuntimeError(f"the node ended with exit code {code}: {site.log()}")


def breaches(site):
    """Which of a drill's invariants do not hold, among them that nothing is sent under a latch."""
    held = held_in(site.state / outside.LATCHES)
    return check([site.journal], site.exchange.record(VENUE), Terms(venue=VENUE, held=held))


def submitted(site, since):
    """When the node wrote that it was about to send an order, of those since a moment."""
    rows = read(site.journal, kinds=["intent"], since=since)
    return [row.ts for row in rows if row.fields()["action"] == "submit"]


def denied(site, since):
    """When the gate denied an order, of those since a moment."""
    rows = read(site.journal, kinds=["decision"], since=since)
    return [row.ts for row in rows if row.fields()["verdict"] == "deny"]


def until(fact, otherwise, *, look=0.01):
    """Wait for a fact."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {PATIENCE} s: {otherwise()}")
        time.sleep(look)
