"""A halted strategy that sends on: the first denials are kept, the rest counted, and a flood disables it."""

import itertools

import pytest

from framework.engine.record import FLOOD, MOST_REASONS, SECOND, Decisions
from framework.risk.decision import Decision
from framework.secret import Mask


class Kept:
    """What a node writes down."""

    def __init__(self):
        self.decisions, self.told, self.flooded = [], [], []
        self.made = Decisions(self, lambda *what: self.flooded.append(what), Mask(()))

    def decision(self, decision):
        self.decisions.append(decision.reason)

    def note(self, kind, what):
        assert kind == "alert"
        self.told.append((what["refused"], what["orders"], what["reason"]))

    def deny(self, reason, *, strategy="vwap", ts=0, rule="gate"):
        self.made.append(Decision(ts=ts, verdict="deny", rule=rule, reason=reason, scope=strategy))


@pytest.fixture
def kept():
    return Kept()


REASONS = ("halted by anna: a drill", "halted by anna: a drill; an exit that rests has to be reduce-only")


def test_the_first_of_each_reason_is_kept_and_the_others_are_counted(kept):
    for reason in REASONS * 5:
        kept.deny(reason)
    assert kept.decisions == list(REASONS)
    assert kept.told == []
    kept.made.flush()
    assert kept.told == [("vwap", 4, REASONS[0]), ("vwap", 4, REASONS[1])]
    kept.made.flush()
    assert len(kept.told) == 2, "told once"


@pytest.mark.parametrize(
    "reasons", [REASONS[:1], REASONS, [f"halted by cap: {n} orders" for n in range(5_000)]]
)
def test_a_flood_is_one_whatever_the_reasons(kept, reasons):
    for number, reason in zip(range(FLOOD + MOST_REASONS), itertools.cycle(reasons), strict=False):
        kept.deny(reason, ts=number)
    [(strategy, why)] = kept.flooded
    assert strategy == "vwap"
    assert "1,000 orders within a second although it was halted by" in why
    kept.made.flush()
    assert len(kept.decisions) == min(len(reasons), MOST_REASONS)
    assert len(kept.told) <= MOST_REASONS + 1
    assert len(kept.decisions) + sum(count for _, count, _ in kept.told) == FLOOD + MOST_REASONS


def test_as_many_orders_over_more_than_a_second_are_no_flood(kept):
    for number in range(2 * FLOOD):
        kept.deny(REASONS[number % 2], ts=number * 2 * SECOND // FLOOD)
    assert kept.flooded == []


def test_each_strategy_is_counted_for_itself(kept):
    for _ in range(3):
        kept.deny(REASONS[0])
        kept.deny(REASONS[0], strategy="trend")
    kept.made.flush()
    assert kept.told == [("vwap", 2, REASONS[0]), ("trend", 2, REASONS[0])]


def test_events_are_left_out_only_of_orders_that_are_counted(kept):
    quiet = []
    for reason in (REASONS[0], REASONS[0], REASONS[1], REASONS[0], REASONS[1]):
        kept.deny(reason)
        quiet.append("vwap" in kept.made.quiet)
    assert quiet == [False, True, False, True, True]


def test_a_strategy_that_may_trade_again_has_its_count_told_and_begins_anew(kept):
    for _ in range(3):
        kept.deny(REASONS[0])
    kept.made.forget("vwap")
    assert kept.told == [("vwap", 2, REASONS[0])]
    assert kept.made.quiet == set()
    kept.deny(REASONS[0])
    kept.made.flush()
    assert kept.decisions == [REASONS[0]] * 2
    assert len(kept.told) == 1
