"""The kill switch: what holds, what is kept flat, and both of it after a restart."""

from contextlib import contextmanager

import pytest

from framework.engine.switch import DiskKill
from framework.journal.latch import Latches
from framework.risk.gate import BoundRule, Gate
from framework.risk.kill import KillSwitch, Latch
from framework.risk.rule import RiskRule
from framework.secret import Mask

FLAT = Latch("vwap", "it lost too much", "max_drawdown", 5)
LEFT = Latch("vwap", "on_bar failed", "guard", 4, flat=False)
ALL_LEFT = Latch("*", "the journal failed", "journal", 3, flat=False)


@pytest.fixture
def started(tmp_path):
    """Makes the switch of a node, as each start of it does."""
    return lambda: DiskKill(Latches(tmp_path / "latch"), Latches(tmp_path / "disabled"), Mask(()))


@pytest.fixture(params=["in the process", "after a restart"])
def switch(request, started):
    """Pulls latches and gives the switch, of the same process or of the next one."""

    def pulled(*latches):
        made = started()
        for latch in latches:
            made.latch(latch)
        return made if request.param == "in the process" else started()

    return pulled


def kept_flat(switch, *strategies):
    """The strategies that a gate with the switch closes at a price."""
    closed = []
    gate = Gate([BoundRule("any", RiskRule(None), strategies)], strategies, lambda *_: None, kill=switch)
    gate.start(lambda _: None, closed.extend)
    gate.mark(None)
    return closed


def test_what_a_rule_halted_is_kept_flat_and_nothing_else(switch):
    assert kept_flat(switch(FLAT), "vwap", "trend") == ["vwap"]
    assert kept_flat(switch(Latch("*", "a rule failed", "gate", 5)), "vwap", "trend") == ["vwap", "trend"]


def test_what_the_guard_or_the_journal_halted_is_left(switch):
    assert kept_flat(switch(LEFT, ALL_LEFT), "vwap", "trend") == []


@pytest.mark.parametrize("before", [LEFT, ALL_LEFT])
def test_a_latch_that_leaves_positions_does_not_keep_a_rule_from_closing_them(switch, before):
    assert kept_flat(switch(before, FLAT), "vwap", "trend") == ["vwap"]
    assert kept_flat(switch(FLAT, before), "vwap", "trend") == ["vwap"]


def test_what_a_person_latches_is_left_whoever_latched_before(tmp_path, started):
    Latches(tmp_path / "latch").set("strategy:vwap", who="anna", why="a drill")
    Latches(tmp_path / "latch").set("venue:SIM", who="anna", why="a drill")
    assert kept_flat(started(), "vwap") == []
    assert started().holds("vwap", "SIM").rule == "anna"
    assert kept_flat(started(), "vwap") == []
    started().latch(FLAT)
    assert kept_flat(started(), "vwap") == ["vwap"]


def test_what_a_person_resumed_is_not_kept_flat_any_more(tmp_path, started):
    started().latch(FLAT)
    switch = started()
    Latches(tmp_path / "latch").resume("strategy:vwap", who="anna", why="over")
    assert kept_flat(switch, "vwap") == []
    assert switch.holds("vwap") is None
    assert switch.latches == ()


def test_the_first_latch_stays_unless_only_the_second_keeps_flat():
    switch = KillSwitch()
    assert [switch.latch(one) for one in (LEFT, LEFT, FLAT, FLAT, LEFT)] == [True, False, True, False, False]
    assert switch.latches == (FLAT,)


@contextmanager
def elsewhere(folder):
    """The disk cannot be written meanwhile."""
    folder.rename(folder.with_suffix(".gone"))
    yield
    folder.with_suffix(".gone").rename(folder)


def test_a_latch_that_could_not_be_written_is_written_later_as_it_was(tmp_path, started):
    switch = started()
    with elsewhere(tmp_path / "latch"):
        assert switch.latch(FLAT)
        assert not switch.latch(LEFT)
    switch.write()
    assert kept_flat(started(), "vwap") == ["vwap"]
    assert started().holds("vwap").reason == FLAT.reason


def test_a_rule_that_halts_at_every_price_writes_once_and_again_when_a_person_took_it_off(
    tmp_path, started, monkeypatch
):
    written = []
    write = Latches.set
    monkeypatch.setattr(
        Latches, "set", lambda self, scope, **how: written.append(scope) or write(self, scope, **how)
    )
    switch = started()
    assert [switch.latch(FLAT) for _ in range(4)] == [True, False, False, False]
    assert written == ["strategy:vwap"]
    Latches(tmp_path / "latch").resume("strategy:vwap", who="anna", why="it is fine")
    switch.latch(FLAT)  # before the node has looked
    assert written == ["strategy:vwap"] * 2
    assert Latches(tmp_path / "latch").holds(strategy="vwap").flat


def test_a_halt_of_everything_is_written_although_a_damaged_file_holds_everything(tmp_path, started):
    switch, latches = started(), Latches(tmp_path / "latch")
    latches.set("venue:SIM", who="anna", why="a drill")
    (damaged,) = (tmp_path / "latch").glob("*.json")
    damaged.write_text("{")
    switch.latch(ALL_LEFT)
    latches.resume("venue:SIM", who="anna", why="it was damaged")
    assert started().holds("vwap").reason == ALL_LEFT.reason


def test_a_halt_of_everything_while_the_folder_is_gone_is_written_when_it_is_back(tmp_path, started):
    switch = started()
    with elsewhere(tmp_path / "latch"):
        switch.latch(ALL_LEFT)
    switch.write()
    assert started().holds("vwap").reason == ALL_LEFT.reason
