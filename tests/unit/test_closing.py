"""Flat is what the venue shows, and what is traded while it is asked does not make it so."""

import asyncio
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from framework.engine import closing
from framework.engine.closing import Closing
from framework.specs import Statement

EURUSD = "EUR/USD.SIM"


class Quantity(int):
    def as_decimal(self):
        return Decimal(self)


def position(size):
    venue = SimpleNamespace(venue="SIM")
    name = type("Name", (), {"venue": venue.venue, "__str__": lambda _: EURUSD})()
    return SimpleNamespace(
        quantity=Quantity(abs(size)), is_long=size > 0, instrument_id=name, signed_qty=float(size), id="P"
    )


class Node:
    """Two strategies and others on one account; `then` happens while the venue is asked."""

    def __init__(self, folder, **held):
        self.held = {"one": 0, "two": 0, **held}
        self.told = {EURUSD: Decimal(sum(self.held.values()))}
        self.then = lambda: None
        self.asked = 0
        self.books = SimpleNamespace(
            unexplained={}, positions=lambda name: [position(self.held[name])] if self.held[name] else []
        )
        desk = SimpleNamespace(
            working=dict,
            approved=set(),
            cancel=lambda *_, **__: None,
            close=lambda *_: None,
            netting=SimpleNamespace(left=lambda one: one.quantity.as_decimal()),
        )
        run = SimpleNamespace(
            plan=SimpleNamespace(mode="live", venues=[SimpleNamespace(name="SIM")]),
            parts=SimpleNamespace(
                desks={"one": desk, "two": desk}, strategies={"one": None}, books=self.books
            ),
            cache=SimpleNamespace(
                positions_open=lambda: [position(size) for size in self.held.values() if size]
            ),
            venues=SimpleNamespace(ask=self.ask),
        )
        self.notes = []
        self.closing = Closing(
            run=run,
            command={"scope": "strategy:one"},
            strategies=["one"],
            venue="",
            note=self.notes.append,
            answer=folder / "flatten.answer",
        )

    async def ask(self, _venue):
        self.asked += 1
        told = Statement(dict(self.told), frozenset())
        self.then()
        return told

    def flatten(self):
        """Carried out for a few looks: flat or not, and why."""
        asyncio.run(self.closing.carry_out())
        said = json.loads(self.closing.answer.read_text())
        return said["flat"], said["why"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in (("LOOK", 0.001), ("AGAIN", 0.01), ("PATIENCE", 0.1)):
        monkeypatch.setattr(closing, name, seconds)


def test_what_the_venue_shows_is_flat_and_whose_the_rest_is_is_said(tmp_path):
    node = Node(tmp_path, two=7)
    assert node.flatten() == (True, f"nothing of it is open or held; others on the account hold 7 {EURUSD}")
    assert [note["command"] for note in node.notes] == ["flat"]


def test_a_fill_that_comes_while_the_venue_is_asked_is_not_flat(tmp_path):
    node = Node(tmp_path)
    node.then = lambda: node.held.update(one=5)
    flat, why = node.flatten()
    assert not flat
    assert node.asked == 1, "there is something to close, which comes first"
    assert why.startswith("given up after")


def test_another_strategy_that_trades_all_the_time_does_not_keep_it_from_being_flat(tmp_path):
    node = Node(tmp_path, two=7)
    node.then = lambda: node.held.update(two=9)
    assert node.flatten()[0]


def test_what_others_hold_has_to_be_at_the_venue_too(tmp_path):
    node = Node(tmp_path)
    node.books.unexplained[EURUSD] = Decimal(5)
    assert node.flatten() == (
        False,
        f"given up after 0 s: SIM holds 0 {EURUSD}, not 5",
    )
    assert Node(tmp_path).flatten() == (True, "no order is open and nothing is held")
