"""Exceptions that leave a watched handler: recorded, at no cost until there is one."""

import functools
import signal
import sys

import pytest

from framework.engine.faults import FREE_TOOLS, Faults


class Desk:
    strategy_id = "subject"


class Subject:
    _desk = Desk()

    def raises(self, _data):
        raise LookupError("lost")

    def copes(self, _data):
        try:
            int("x")
        except ValueError:
            return "coped"

    def helper(self):
        raise KeyError("inner")

    def copes_with_a_helper(self, _data):
        try:
            self.helper()
        except KeyError:
            return "coped"


def test_what_leaves_a_watched_handler_is_recorded_and_stops_the_run():
    faults, stopped = Faults(), []
    faults.stop = stopped.append
    assert faults.watch("on_bar", Subject.raises)
    with faults.watching(), pytest.raises(LookupError):
        Subject().raises(None)
    assert faults.origin == "strategy subject, on_bar"
    assert isinstance(faults.error, LookupError)
    assert stopped == ["strategy subject, on_bar failed: LookupError: lost"]


def test_what_a_handler_copes_with_is_nobodys_business():
    faults = Faults()
    faults.watch("on_bar", Subject.copes)
    faults.watch("on_quote", Subject.copes_with_a_helper)
    with faults.watching():
        assert Subject().copes(None) == Subject().copes_with_a_helper(None) == "coped"
    assert faults.error is None


def test_nothing_is_watched_before_or_after():
    faults = Faults()
    faults.watch("on_bar", Subject.raises)
    with faults.watching():
        pass
    with pytest.raises(LookupError):
        Subject().raises(None)
    assert faults.error is None
    assert [sys.monitoring.get_tool(tool) for tool in FREE_TOOLS] == [None, None]


def test_a_handler_that_is_no_plain_function_must_be_wrapped():
    assert not Faults().watch("on_bar", functools.partial(Subject.raises))


def test_with_every_tool_taken_handlers_must_be_wrapped():
    for tool in FREE_TOOLS:
        sys.monitoring.use_tool_id(tool, "another")
    try:
        assert not Faults().watch("on_bar", Subject.raises)
    finally:
        for tool in FREE_TOOLS:
            sys.monitoring.free_tool_id(tool)


@pytest.fixture
def interruptible():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_first_ctrl_c_is_recorded_and_the_second_raised():
    faults = Faults()
    with faults.watching():
        signal.raise_signal(signal.SIGINT)
        assert isinstance(faults.error, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
def test_somebody_elses_handler_of_ctrl_c_is_left_alone():
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    faults = Faults()
    with faults.watching():
        signal.raise_signal(signal.SIGINT)
    assert seen == [1]
    assert faults.error is None
