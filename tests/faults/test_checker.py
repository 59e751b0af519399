"""The offline checker: a clean story passes, and every way of doctoring it is noticed as what it is."""

import sqlite3
from decimal import Decimal

import pytest

from framework.drill import Held, Terms, check, digest, held_in, rows_of
from framework.journal import Journal, read
from framework.journal.latch import Latches

MS = 1_000_000
EURUSD = "EUR/USD.SIM"


class Story:
    """A node's journal and an exchange's record of the same events, told one after the other."""

    def __init__(self, folder, name="journal.db"):
        self.path = folder / name
        self.now = 1_700_000_000_000 * MS
        self.record = []
        self.journal = Journal.open(self.path, session="s1", clock=lambda: self.now)
        self.note("session_started", {})

    def wait(self, ms=1.0):
        self.now += int(ms * MS)
        return self

    def note(self, kind, body, strategy="", order=""):
        self.journal.append(kind, body, strategy=strategy, order_id=order)

    def intent(self, order, side="BUY", quantity="100", strategy="one", action="submit", **more):
        what = {"instrument_id": EURUSD, "side": side, "quantity": quantity}
        what["is_reduce_only"] = more.pop("closes", False)
        body = {"action": action, **({"order": what} if action == "submit" else more)}
        self.note("intent", body, strategy, order)

    def event(self, kind, order, **fields):
        self.note("event", {"type": kind, "client_order_id": order, **fields}, "one", order)

    def filled(self, order, trade, quantity, side="BUY"):
        names = {"strategy_id": "one", "instrument_id": EURUSD, "order_side": side}
        self.event(
            "OrderFilled", order, **names, trade_id=trade, last_qty=quantity, last_px="1.1", ts_event=self.now
        )

    def venue(self, what, order, quantity="100", side="BUY", **more):
        self.wait()
        self.record.append(
            {"seq": len(self.record) + 1, "ns": self.now, "what": what, "order": order}
            | {"symbol": "EUR/USD", "side": side, "quantity": quantity, **more}
        )

    def bought(self, order="A", trade="T1", quantity="100", side="BUY", strategy="one"):
        self.wait().intent(order, side, quantity, strategy)
        self.venue("order", order, quantity, side)
        self.venue("fill", order, quantity, side, trade=trade)
        self.event("OrderAccepted", order)
        self.filled(order, trade, quantity, side)

    def works(self, order="B", quantity="50"):
        self.wait().intent(order, quantity=quantity)
        self.venue("order", order, quantity)
        self.event("OrderAccepted", order)

    def breaches(self, *others, **terms):
        self.journal.close()
        paths = [self.path, *(other.path for other in others)]
        for other in others:
            other.journal.close()
        record = sorted([*self.record, *(row for o in others for row in o.record)], key=lambda r: r["ns"])
        return check(paths, rows_of(record, "SIM"), Terms(venue="SIM", **terms))


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def found(breaches):
    return [breach.invariant for breach in breaches]


def test_a_clean_story_has_no_breach(story):
    story.bought()
    story.works()
    story.wait().intent("B", action="modify", quantity="70")
    story.venue("change", "B", "70")
    story.event("OrderUpdated", "B", quantity="70")
    story.wait().intent("C", quantity="999")
    story.venue("refused", "C", "999")
    story.event("OrderRejected", "C")
    story.venue("order", "manual-1", "7", "SELL", by_hand=True)
    story.venue("fill", "manual-1", "7", "SELL", trade="T2", by_hand=True)
    story.note(
        "recovery",
        {
            "action": "fill",
            "strategy": "EXTERNAL",
            "client_order_id": "manual-1",
            "instrument_id": EURUSD,
            "trade_id": "T2",
            "side": "SELL",
            "quantity": "7",
            "price": "1.1",
            "ts": 1,
            "commission": "",
        },
    )
    latched = story.now
    story.wait(50).bought("E", "T3", "100", "SELL")
    held = [Held(scope="strategy:one", since=latched)]
    assert story.breaches(held=held, caps={EURUSD: Decimal(1_169)}) == ()


# I1


def test_a_fill_that_the_journal_does_not_have_is_a_breach_of_position_and_trades(story):
    story.works(quantity="100")
    story.venue("fill", "B", "100", trade="T1")
    breaches = story.breaches()
    assert found(breaches) == ["I1", "I1", "I1"]
    said = "\n".join(map(str, breaches))
    assert "one holds 100 EUR/USD.SIM at the venue and 0 in the journal" in said
    assert "trade EUR/USD.SIM T1 is not in the journal" in said
    assert "B is alive in the journal and does not work at the venue" in said


def test_a_fill_that_the_venue_does_not_have(story):
    story.bought()
    story.filled("A", "T9", "5")
    assert {
        "I1: one holds 100 EUR/USD.SIM at the venue and 105 in the journal",
        "I1: trade EUR/USD.SIM T9 is in the journal and not at the venue",
    } == {str(breach) for breach in story.breaches()}


def test_a_position_of_the_wrong_strategy(story):
    story.bought()
    story.bought("B", "T2", strategy="two")
    for amount, whose in (("-100", "two"), ("100", "one")):
        body = {"action": "position", "client_order_id": "", "instrument_id": EURUSD}
        story.note("recovery", {**body, "strategy": whose, "quantity": amount})
    assert found(story.breaches()) == ["I1", "I1"]


def test_an_order_that_works_and_is_forgotten(story):
    story.works()
    story.event("OrderCanceled", "B")
    [breach] = story.breaches()
    assert breach.what == "B works at the venue and is over in the journal"
    assert breach.evidence == ("exchange 1: order B BUY 50 EUR/USD.SIM",)


def test_a_node_that_had_no_time_to_hear_is_not_judged_on_what_it_holds(story):
    story.works()
    story.venue("fill", "B", "50", trade="T1")
    assert story.breaches(settled=False) == ()


def test_a_trade_of_another_venue_is_none_of_this_ones(story):
    story.bought()
    names = {"strategy_id": "one", "instrument_id": "BTC.OTHER", "order_side": "BUY", "last_px": "1"}
    story.intent("X")
    story.event("OrderFilled", "X", **names, trade_id="T7", last_qty="3", ts_event=1)
    story.event("OrderCanceled", "X")
    assert story.breaches() == ()


# I2


def test_an_order_that_is_sent_again(story):
    story.bought()
    story.record.append({"seq": 9, "ns": story.now, "what": "again", "order": "A"})
    [breach] = story.breaches()
    assert (breach.invariant, breach.what) == ("I2", "A reached the venue 2 times")
    assert len(breach.evidence) == 2


def test_one_identifier_for_two_intents(story):
    story.bought()
    story.wait().intent("A")
    [breach] = story.breaches()
    assert (breach.invariant, breach.what) == ("I2", "A was intended 2 times")


def test_two_venue_orders_for_one_intent(story):
    story.bought()
    story.venue("order", "A", "100")
    story.venue("over", "A")
    assert found(story.breaches()) == ["I2"]


# I3


def test_an_order_without_an_intent(story):
    story.venue("order", "A")
    story.venue("over", "A")
    [breach] = story.breaches()
    assert (breach.invariant, breach.what) == ("I3", "A is at the venue and in no journal")


def test_an_intent_that_was_written_after_the_order_arrived(story):
    story.venue("order", "A")
    story.venue("over", "A")
    story.wait(3).intent("A")
    story.event("OrderCanceled", "A")
    [breach] = story.breaches(clock_ns=1 * MS)
    assert (breach.invariant, breach.what) == ("I3", "A was written down 4.000 ms after the venue had it")


def test_an_intent_a_little_late_by_a_clock_that_is_known_to_be_off(story):
    story.venue("order", "A")
    story.venue("over", "A")
    story.wait(3).intent("A")
    story.event("OrderCanceled", "A")
    assert story.breaches(clock_ns=500 * MS) == ()


def test_a_change_without_an_intent(story):
    story.works()
    story.venue("change", "B", "70")
    [breach] = story.breaches()
    assert (breach.invariant, breach.what) == ("I3", "a change of B is at the venue and in no journal")


# I4


@pytest.mark.parametrize("cap", ["149", "150"])
def test_what_works_counts_with_what_is_held(story, cap):
    story.bought()
    story.works()
    breaches = story.breaches(caps={EURUSD: Decimal(cap)})
    assert found(breaches) == (["I4"] if cap == "149" else [])
    if breaches:
        assert breaches[0].what == "150 EUR/USD.SIM could be held on the BUY side, and the cap is 149"
        assert "held: 100" in breaches[0].evidence


def test_an_order_whose_fate_is_unknown_counts_until_it_is_known(story):
    story.bought()
    story.wait().intent("U", quantity="60")
    story.event("OrderSubmitted", "U")
    story.wait()
    story.note(
        "recovery",
        {
            "action": "never_arrived",
            "client_order_id": "U",
            "strategy": "one",
            "instrument_id": EURUSD,
        },
        order="U",
    )
    story.wait().works(quantity="60")
    over = story.breaches(caps={EURUSD: Decimal(159)})
    assert found(over) == ["I4", "I4"], "once with U on its way, and once with B instead of it"
    assert "unknown: U 60" in over[0].evidence


def test_orders_of_both_sides_are_not_set_off(story):
    story.works("B", "60")
    story.wait().intent("S", "SELL", "60")
    story.venue("order", "S", "60", "SELL")
    story.event("OrderAccepted", "S")
    assert story.breaches(caps={EURUSD: Decimal(60)}) == ()


def test_an_exit_takes_nothing_beyond_zero_and_may_come_before_the_orders_it_made_room_for(story):
    story.bought("A", "T1", "30", "SELL")
    story.works("B", "60")
    assert story.breaches(caps={EURUSD: Decimal(30)}) == ()
    story = Story(story.path.parent, "two.db")
    story.bought("A", "T1", "30", "SELL")
    story.works("B", "60")
    story.wait().intent("X", "BUY", "90", closes=True)
    story.venue("order", "X", "90")
    story.event("OrderAccepted", "X")
    assert story.breaches(caps={EURUSD: Decimal(60)}) == ()
    [breach] = story.breaches(caps={EURUSD: Decimal(59)})
    assert breach.what == "60 EUR/USD.SIM could be held on the BUY side, and the cap is 59"
    assert "unknown: X 90 may only reduce" in breach.evidence


def test_what_somebody_traded_by_hand_is_not_the_nodes_exposure(story):
    story.venue("order", "manual-1", "700", by_hand=True)
    assert story.breaches(caps={EURUSD: Decimal(60)}, settled=False) == ()


# I5


def test_an_order_intended_after_the_latch(story):
    since = story.now
    story.wait(20).bought()
    [breach] = story.breaches(held=[Held(scope="all", since=since)])
    assert breach.invariant == "I5"
    assert breach.what == "order A of one took risk under the latch all"


def test_an_order_that_was_just_being_written_may_pass_and_one_that_arrives_long_after_may_not(story):
    story.wait().intent("A")
    since = story.now
    story.wait(1_500)
    story.venue("order", "A")
    story.venue("over", "A")
    story.event("OrderCanceled", "A")
    held = [Held(scope="all", since=since)]
    assert found(story.breaches(held=held)) == ["I5"]
    assert found(story.breaches(held=held, late_ns=2_000 * MS)) == []


def test_an_exit_that_overshoots_is_new_risk(story):
    story.bought()
    since = story.now
    story.wait(20).bought("E", "T2", "101", "SELL")
    assert found(story.breaches(held=[Held(scope="venue:SIM", since=since)])) == ["I5"]


def test_a_change_that_makes_an_order_larger_is_new_risk_and_one_that_shrinks_it_is_not(story):
    story.works()
    held = [Held(scope="strategy:one", since=story.now)]
    story.wait(20).intent("B", action="modify", quantity="40")
    story.venue("change", "B", "40")
    story.event("OrderUpdated", "B", quantity="40")
    story.wait(20).intent("B", action="modify", quantity="41")
    story.venue("change", "B", "41")
    story.event("OrderUpdated", "B", quantity="41")
    [breach] = story.breaches(held=held)
    assert breach.what.startswith("change B")


def test_a_latch_that_was_taken_off_or_is_another_ones_stops_nothing(story):
    since = story.now
    story.wait(100).bought()
    held = [
        Held(scope="all", since=since, until=since + 50 * MS),
        Held(scope="strategy:two", since=since),
        Held(scope="venue:OTHER", since=since),
    ]
    assert story.breaches(held=held) == ()


def test_latches_are_read_from_the_folder_of_the_node(tmp_path):
    clock = iter(range(1_000, 9_000, 1_000))
    latches = Latches(tmp_path / "latch", clock=lambda: next(clock))
    latches.set("all", who="a", why="b")
    latches.resume("all", who="a", why="b")
    latches.set("strategy:one", who="a", why="b")
    assert held_in(tmp_path / "latch") == [
        Held(scope="all", since=1_000, until=2_000),
        Held(scope="strategy:one", since=3_000),
    ]
    assert held_in(tmp_path / "nothing") == []


# I6


def test_a_row_that_was_changed(story):
    story.bought()
    story.journal.close()
    with sqlite3.connect(story.path) as connection:
        connection.execute("UPDATE rows SET body = replace(body, '100', '900') WHERE seq = 2")
    connection.close()
    assert "I6" in found(story.breaches())


def test_a_row_that_is_gone(story):
    story.bought()
    story.journal.close()
    with sqlite3.connect(story.path) as connection:
        connection.execute("DELETE FROM rows WHERE kind = 'intent'")
    connection.close()
    assert {"I3", "I6"} <= set(found(story.breaches()))


def test_a_journal_that_is_no_journal(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("nonsense")
    assert {breach.invariant for breach in check([path], [], Terms(venue="SIM"))} == {"I6"}


def test_a_row_that_says_nothing_that_can_be_folded(story):
    story.note("intent", {"action": "submit"}, "one", "A")
    [breach] = story.breaches()
    assert (breach.invariant, breach.what[:26]) == ("I6", "journal.db does not fold: ")


def test_a_checkpoint_that_says_something_else_than_the_rows_before_it(story):
    from framework.journal.state import load

    story.bought()
    story.note("checkpoint", {"state": load(story.path).to_dict()})
    lying = load(story.path).to_dict() | {"positions": {"one": {EURUSD: "99"}}}
    story.note("checkpoint", {"state": lying})
    [breach] = story.breaches()
    assert (breach.invariant, breach.what) == (
        "I6",
        f"journal.db: the checkpoint in row {story.journal.end.count} changes the positions",
    )


# I7, and several nodes


def test_two_journals_that_differ_in_clock_and_names_alone_have_one_digest(tmp_path):
    hashes = []
    for turn, extra in enumerate((0, 0, 1)):
        story = Story(tmp_path, f"{turn}.db")
        story.wait(turn * 1_000).bought(f"O-{turn}-1", f"T{turn}")
        story.bought(f"O-{turn}-2", f"T{turn}x", quantity=str(50 + extra))
        story.journal.close()
        hashes.append(digest(read(story.path)))
    assert hashes[0] == hashes[1] != hashes[2]


def test_two_nodes_on_one_account_are_judged_together(tmp_path):
    one, two = Story(tmp_path, "one.db"), Story(tmp_path, "two.db")
    one.bought()
    two.wait(10).bought("B", "T2", "30", "SELL", strategy="two")
    assert one.breaches(two) == ()
