"""What strategies and risk rules want to remember is kept, whatever one of them gives."""

from types import SimpleNamespace

import pytest

from framework.engine.halting import Halting
from framework.engine.patience import Patience
from framework.engine.recover import Saves, unpacked
from framework.journal.state import State


class Node:
    """A node's strategies and rules, and what is kept of them."""

    def __init__(self, **saves):
        self.saves, self.halted, self.kept, self.memories = saves, {}, {}, {}
        patience = Patience(0, lambda *_: None)
        faults = {name: Halting(name, self.halted.__setitem__, lambda *_: None, patience) for name in saves}
        strategies = {name: SimpleNamespace(on_save=lambda name=name: self.saves[name]) for name in saves}
        gate = SimpleNamespace(remember=lambda: {"daily_loss": {"lost": "5"}})
        session = SimpleNamespace(
            known=State(), saved=self.kept.__setitem__, remembered=self.memories.__setitem__
        )
        self.run = SimpleNamespace(parts=SimpleNamespace(strategies=strategies, gate=gate), faults=faults)
        self.keeper = Saves(self.run, session)


@pytest.mark.parametrize("wrong", [["a"], {"a": 1}, {"a": "text"}, {1: b"a"}, {"a": b"a", 2: b"b"}, 7])
def test_a_strategy_that_gives_what_cannot_be_kept_is_halted_and_nobody_else(wrong):
    node = Node(bad=wrong, good={"count": b"\x00\x01"})
    for _ in range(3):
        node.keeper.save()
    assert node.memories == {"daily_loss": {"lost": "5"}}
    assert {name: unpacked(state) for name, state in node.kept.items()} == {"good": {"count": b"\x00\x01"}}
    assert list(node.halted) == ["bad"]
    assert "strategy bad, on_save failed: TypeError: it gives" in node.halted["bad"]


def test_a_strategy_keeps_what_it_gave_last_and_goes_on_when_it_is_forgiven():
    node = Node(one={"count": b"1"})
    for state in ({"count": b"1"}, {"count": 2}, {"count": b"3"}):
        node.saves["one"] = state
        node.keeper.save()
    assert unpacked(node.kept["one"]) == {"count": b"1"}
    node.run.faults["one"].forgive()
    node.keeper.save()
    assert unpacked(node.kept["one"]) == {"count": b"3"}
