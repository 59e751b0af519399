"""How a node looks at its folder: latches, and commands that may be withdrawn until it begins."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from framework.engine import operate, outside
from framework.engine.operate import Operator
from framework.engine.switch import DiskKill
from framework.journal.latch import Latches
from framework.risk.kill import Latch
from framework.secret import Mask


class Desk:
    """Cancels, and raises as often as it is told to."""

    def __init__(self):
        self.raises, self.asked = 0, 0

    def working(self):
        return {}

    def cancel(self, strategy, *, venue, among):
        self.asked += 1
        if self.raises:
            self.raises -= 1
            raise RuntimeError("the engine says no")
        return set()


class Node:
    """A node's folder, and an operator that looks at it."""

    def __init__(self, folder):
        self.state, self.notes, self.closed = folder, [], []
        self.latches = Latches(folder / outside.LATCHES)
        self.desks = {"one": Desk(), "two": Desk()}
        self.told = lambda: None
        self.start()

    def start(self):
        disabled = Latches(self.state / outside.DISABLED)
        switch = DiskKill(self.latches, disabled, Mask(()))
        forgets = SimpleNamespace(forgive=lambda: None, disabled=False)
        node = SimpleNamespace(
            plan=SimpleNamespace(state=self.state),
            parts=SimpleNamespace(
                books=SimpleNamespace(now=lambda: 0),
                desks=self.desks,
                strategies=dict.fromkeys(self.desks),
                gate=SimpleNamespace(kill=switch),
            ),
            patience=SimpleNamespace(page=None),
            faults=dict.fromkeys(self.desks, forgets),
            decisions=SimpleNamespace(forget=lambda _: None, flush=lambda: None),
            handle=SimpleNamespace(is_running=True),
        )
        session = SimpleNamespace(note=self.note, beat=lambda *_, **__: None)
        self.operator = Operator(node, session, switch, self.latches, disabled, None)
        self.operator._facts = dict

    def note(self, kind, what):
        self.notes.append((kind, dict(what)))
        self.told()

    def tick(self):
        self.operator.tick(self.operator._node)

    def drop(self, command="flatten", **fields):
        said = {"command": command, "scope": "all", "who": "anna", "why": "a drill", **fields}
        return outside._drop(self.state, said)

    def files(self):
        return sorted(file.suffix for file in (self.state / outside.COMMANDS).iterdir())

    def noted(self, command):
        return [what for kind, what in self.notes if kind == "operator" and what["command"] == command]

    def alerts(self, about):
        return [what for kind, what in self.notes if kind == "alert" and about in what]


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, which stands still until it is moved."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(operate.time, "monotonic", lambda: now.seconds)
    return now


@pytest.fixture
def closing(node, monkeypatch):
    """Closings that end when they are told to."""
    ends = SimpleNamespace(now=asyncio.Event(), error=None, begun=0)

    class Closing:
        def __init__(self, **_):
            ends.begun += 1

        async def carry_out(self):
            await ends.now.wait()
            if ends.error is not None:
                raise ends.error

    monkeypatch.setattr(operate, "Closing", Closing)
    return ends


async def turns():
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_cancelling_that_raises_is_noted_once_and_tried_again(node, clock):
    node.desks["one"].raises = 2
    node.latches.set("all", who="anna", why="a drill")
    for _ in range(3):
        node.tick()
    assert len(node.noted("kill")) == 1
    assert (node.desks["one"].asked, node.desks["two"].asked) == (1, 1), (
        "the other's too, and not at every look"
    )
    [alert] = node.alerts("not_cancelled")
    assert alert == {"not_cancelled": "one", "scope": "all", "why": "RuntimeError: the engine says no"}
    for pause in (1.0, 2.0, 4.0):
        clock.seconds += pause
        node.tick()
    assert node.desks["one"].asked == 4
    assert len(node.alerts("not_cancelled")) == 2
    assert len(node.noted("kill")) == 1
    node.latches.resume("all", who="anna", why="over")
    node.tick()
    assert len(node.noted("resume")) == 1


def test_commands_are_carried_out_while_a_cancelling_raises(node, closing):
    node.desks["one"].raises = 1
    node.latches.set("all", who="anna", why="a drill")
    node.drop()

    async def looks():
        node.tick()
        closing.now.set()
        await turns()

    asyncio.run(looks())
    assert closing.begun == 1


def test_to_resume_a_venue_does_not_release_a_strategy_of_its_name(node):
    node.operator._kill.latch(Latch("one", "it lost too much", "max_drawdown", 5))
    node.latches.set("venue:one", who="anna", why="a drill")
    node.tick()
    node.latches.resume("venue:one", who="anna", why="over")
    node.tick()
    assert [latch.scope for latch in node.operator._kill._latches.values()] == ["one"]


def test_a_flatten_that_is_withdrawn_is_not_begun(node, closing):
    outside.begun(node.drop(), 0)

    async def looks():
        node.tick()

    asyncio.run(looks())
    assert (closing.begun, node.noted("flatten"), node.files()) == (0, [], [])


def test_a_flatten_whose_giver_was_killed_is_not_begun_a_minute_later(node, closing, monkeypatch):
    node.drop()
    late = time.time_ns() + 61_000_000_000
    monkeypatch.setattr(operate.time, "time_ns", lambda: late)

    async def looks():
        node.tick()

    asyncio.run(looks())
    assert (closing.begun, node.files()) == (0, [])
    [alert] = node.alerts("too_late")
    assert (alert["too_late"]["command"], alert["too_late"]["who"]) == ("flatten", "anna")


def test_a_flatten_that_the_node_has_taken_up_cannot_be_withdrawn(node, closing):
    command, withdrawn = node.drop(), []

    def withdraw():
        try:
            command.unlink()
        except FileNotFoundError:
            withdrawn.append(False)
        else:
            withdrawn.append(True)

    node.told = withdraw

    async def looks():
        node.tick()
        await turns()

    asyncio.run(looks())
    assert closing.begun == 1
    assert withdrawn == [False]


@pytest.mark.parametrize("error", [None, RuntimeError("the engine says no")])
def test_a_flatten_is_called_begun_until_it_has_ended(node, closing, error):
    node.drop()
    closing.error = error

    async def looks():
        node.tick()
        await turns()
        assert node.files() == [outside.BEGUN]
        closing.now.set()
        await turns()

    asyncio.run(looks())
    assert node.files() == []
    assert len(node.alerts("closing")) == (error is not None)


def test_what_a_node_had_begun_when_it_ended_is_told_by_the_next_and_not_gone_on_with(node, closing):
    node.drop()

    async def looks():
        node.tick()
        await turns()

    asyncio.run(looks())  # which ends in the middle of it
    assert node.files() == [outside.BEGUN]
    node.start()
    [alert] = node.alerts("not_finished")
    assert "'flatten all', asked for by anna: a drill" in alert["not_finished"]
    assert node.files() == []
    asyncio.run(looks())
    node.start()
    assert closing.begun == 1
    assert len(node.alerts("not_finished")) == 1


def test_a_command_that_cannot_be_read_is_thrown_away(node):
    (node.state / outside.COMMANDS / "1.json").write_text("{")
    (node.state / outside.COMMANDS / "2.begun").write_text("[]")
    node.tick()
    node.start()
    assert node.files() == []
    assert "2.begun, which cannot be read" in node.alerts("not_finished")[0]["not_finished"]
