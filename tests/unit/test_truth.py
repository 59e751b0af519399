"""What a venue says it has, where its client is not written in Python."""

import asyncio
import threading
import time
from decimal import Decimal

from framework import RunError, Statement
from framework.engine import truth


def asked(statement):
    venues = truth.Venues()
    venues.stated("XSIM", statement)
    return asyncio.run(venues.ask("XSIM"))


def test_the_statement_of_the_venue_is_the_answer():
    told = Statement({"BTC.XSIM": Decimal(-2)}, frozenset({"O-1"}))
    assert asked(lambda: told) is told


def test_without_a_statement_nothing_is_said():
    assert asked(None) is None


def test_a_venue_that_raises_or_takes_too_long_has_not_answered(monkeypatch):
    def raises():
        raise RunError("no answer")

    assert asked(raises) is None
    monkeypatch.setattr(truth, "SECONDS", 0.05)
    assert asked(lambda: time.sleep(0.5)) is None


def test_the_nodes_loop_goes_on_while_a_venue_is_asked():
    turned, heard = threading.Event(), []

    async def turns():
        venues = truth.Venues()
        venues.stated("XSIM", lambda: heard.append(turned.wait(truth.SECONDS)))
        asking = asyncio.create_task(venues.ask("XSIM"))
        for _ in range(3):
            await asyncio.sleep(0.01)
        turned.set()
        await asking

    asyncio.run(turns())
    assert heard == [True]
