"""Which orders and trades an engine that starts with nothing has to be given back."""

from decimal import Decimal

import pytest

from framework.journal.restoring import RECENT, restoration
from framework.journal.state import EXTERNAL, Fill, OrderState, State

DAY = 24 * RECENT
EURUSD = "EUR/USD.SIM"


class Known:
    """A state of orders and trades, a day apart each, so that only the last one is recent."""

    def __init__(self):
        self.state = State()
        self.now = DAY

    def order(self, key, status="FILLED", strategy="vwap", *, reduces=False, **fields):
        self.now += DAY
        self.state.orders[key] = OrderState(
            client_order_id=key,
            strategy=strategy,
            instrument_id=EURUSD,
            quantity=Decimal(100),
            status=status,
            ts=self.now,
            order={"type": "MARKET", "is_reduce_only": reduces},
            **fields,
        )
        return self

    def fill(self, key, side, quantity, position_id=""):
        order = self.state.orders[key]
        self.state.add_fill(
            Fill(
                trade_id=f"T-{len(self.state.fills)}",
                client_order_id=key,
                strategy=order.strategy,
                instrument_id=EURUSD,
                side=side,
                quantity=Decimal(quantity),
                ts=order.ts + len(self.state.fills),
                position_id=position_id,
            )
        )
        return self

    def trade(self, key, side, quantity, **named):
        return self.order(key).fill(key, side, quantity, **named)

    def back(self, *strategies):
        found = restoration(self.state, strategies or ("vwap",))
        return [order.client_order_id for order in found.orders], found


def test_an_order_that_may_still_fill_comes_back():
    known = Known().order("A", "ACCEPTED").order("B", "INTENDED").order("C", "CANCELED").order("D", "EXPIRED")
    keys, found = known.back()
    assert keys == ["A", "B", "D"]  # D ended a moment ago: the venue may know more of it
    assert found.over == ("C",)


def test_the_trades_since_the_last_time_nothing_was_held_come_back():
    known = Known().trade("A", "BUY", 100).trade("B", "SELL", 100)
    known.trade("C", "BUY", 60).trade("D", "SELL", 20).order("E", "ACCEPTED")
    keys, found = known.back()
    assert keys == ["C", "D", "E"]
    assert [(fill.side, fill.quantity) for fill in found.fills] == [("BUY", 60), ("SELL", 20)]
    assert found.over == ("A", "B")


def test_an_order_that_began_to_fill_before_takes_its_past_along():
    known = Known().trade("A", "BUY", 150).order("B", "ACCEPTED")
    known.trade("C", "SELL", 90).fill("B", "SELL", 60).trade("D", "BUY", 5)
    keys, found = known.back()
    assert keys == ["A", "B", "C", "D"]
    assert [fill.client_order_id for fill in found.fills] == ["A", "B", "C", "D"]


def test_an_order_that_closed_and_went_on_is_not_put_back_in_halves():
    known = Known().trade("A", "SELL", 60).order("B").fill("B", "BUY", 60).fill("B", "BUY", 40)
    known.order("C", "ACCEPTED")
    keys, found = known.back()
    assert keys == ["A", "B", "C"]
    assert [fill.quantity for fill in found.fills] == [60, 60, 40]
    assert restoration(known.state.trimmed(known.now), ("vwap",)) == found


def test_two_positions_that_cancel_each_other_out_are_still_two():
    known = Known().trade("A", "BUY", 100, position_id="P1").trade("B", "SELL", 100, position_id="P2")
    known.order("C", "ACCEPTED")
    assert known.back()[0] == ["A", "B", "C"]


def test_a_total_without_its_trades_takes_everything_along():
    known = Known().trade("A", "BUY", 100).trade("B", "SELL", 100)
    known.order("C", inferred=Decimal(3)).fill("C", "BUY", 2)
    known.order("D", "ACCEPTED")
    assert known.back()[0] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("status", ["DENIED", "REJECTED", "NEVER_ARRIVED"])
def test_what_was_never_at_the_venue_does_not_come_back_and_is_not_hidden(status):
    keys, found = Known().order("A", status).order("B", "ACCEPTED").back()
    assert keys == ["B"]
    assert found.over == ()


def test_what_others_did_is_left_to_the_venue():
    keys, found = Known().order("A", "ACCEPTED", strategy=EXTERNAL).back()
    assert (keys, found.over, found.orphans) == ([], (), ())


def test_a_strategy_that_left_the_file_is_named_when_it_left_something():
    known = Known().order("A", "ACCEPTED", strategy="trend").trade("B", "BUY", 1)
    known.order("C", "CANCELED", strategy="gone")
    keys, found = known.back()
    assert keys == ["B"]
    assert found.orphans == ("trend",)
    assert found.over == ("C",)  # the engine has to find A, and has nothing to find of C


@pytest.mark.parametrize(
    ("sold", "beyond"),
    [
        ([100], set()),
        ([60, 40], set()),
        ([101], {"1"}),
        ([60, 41], {"2"}),
        ([100, 50], {"2"}),
        ([100, 50, 5], {"2", "3"}),
    ],
)
def test_an_order_that_reduced_more_than_there_was_is_told_apart(sold, beyond):
    known = Known().trade("0", "BUY", 100)
    for number, quantity in enumerate(sold, 1):
        known.order(str(number), reduces=True).fill(str(number), "SELL", quantity)
    known.order("last", "ACCEPTED")
    assert known.back()[1].beyond == beyond
    plain = Known().trade("0", "BUY", 100).trade("1", "SELL", 150).order("last", "ACCEPTED")
    assert plain.back()[1].beyond == set()


def test_an_order_that_reduced_one_of_two_positions_did_no_more_than_that():
    known = Known().trade("0", "BUY", 100, position_id="P-1").trade("1", "SELL", 30, position_id="P-2")
    known.order("2", reduces=True).fill("2", "SELL", 100, position_id="P-1")
    known.order("3", reduces=True).fill("3", "BUY", 40, position_id="P-2").order("last", "ACCEPTED")
    assert known.back()[1].beyond == {"3"}
