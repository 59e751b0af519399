"""After a crash at any row the state becomes what the venue says, whatever the node had heard of it."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.journal import Journal, Row
from framework.journal.recovery import VenueFill, VenueOrder, VenueReports, reconcile
from framework.journal.rows import canonical
from framework.journal.state import State, fold, load

SIM = frozenset({"SIM"})
EURUSD, ES = "EUR/USD.SIM", "ES.SIM"
D = Decimal


class Log:
    """Rows, as the journal of a node would hold them."""

    def __init__(self, rows=()):
        self.rows = list(rows)

    def add(self, kind, body, strategy="", order_id=""):
        seq = len(self.rows) + 1
        self.rows.append(Row(seq, seq, kind, "s", strategy, order_id, canonical(body), b""))

    def submit(self, key, strategy="vwap", side="BUY", quantity="1000", instrument=EURUSD):
        order = {"instrument_id": instrument, "side": side, "quantity": quantity}
        self.add("intent", {"action": "submit", "order": order}, strategy, key)

    def event(self, kind, key, **fields):
        self.add("event", {"type": kind, "client_order_id": key, **fields}, "", key)

    def fill(self, key, trade, quantity, side="BUY", instrument=EURUSD):
        self.event(
            "OrderFilled",
            key,
            trade_id=trade,
            instrument_id=instrument,
            order_side=side,
            last_qty=quantity,
            last_px="1.10",
            ts_event=5,
            strategy_id="x",
        )

    def act(self, actions):
        for action in actions:
            self.add("recovery", action.body(), action.strategy, action.client_order_id)

    @property
    def state(self):
        return fold(self.rows)


@pytest.fixture
def log():
    return Log()


def order(
    key="O-1", filled=0, status="ACCEPTED", quantity=1000, side="BUY", venue_id="V-1", instrument=EURUSD
):
    return VenueOrder(
        instrument_id=instrument,
        venue_order_id=venue_id,
        side=side,
        quantity=D(quantity),
        filled=D(filled),
        status=status,
        client_order_id=key,
    )


def trade(trade_id="T-1", quantity=400, key="O-1", side="BUY", venue_id="V-1", instrument=EURUSD):
    return VenueFill(
        instrument_id=instrument,
        trade_id=trade_id,
        venue_order_id=venue_id,
        side=side,
        quantity=D(quantity),
        price="1.10",
        ts=7,
        client_order_id=key,
    )


def reports(*orders, fills=(), not_found=(), venues=SIM, **positions):
    held = {EURUSD: D(positions.get("eurusd", 0))}
    return VenueReports(
        venues=venues, orders=orders, fills=tuple(fills), positions=held, not_found=frozenset(not_found)
    )


def settle(log, answer):
    """Reconciles, journals what was decided, and shows that doing it again decides nothing."""
    actions, report = reconcile(log.state, answer, now=9)
    log.act(actions)
    again, _ = reconcile(log.state, answer, now=10)
    assert [action for action in again if action.action != "ask"] == []
    assert [action.action for action in again] == [a.action for a in actions if a.action == "ask"]
    return [action.action for action in actions], report


def test_nothing_to_do(log):
    assert settle(log, reports()) == ([], reconcile(State(), reports(), now=9)[1])


def test_an_order_nobody_knows_of_is_asked_about_and_not_sent_again(log):
    log.submit("O-1")
    actions, report = settle(log, reports())
    assert actions == ["ask"]
    assert report.asks == ("O-1",)
    assert not report.is_settled
    assert log.state.orders["O-1"].is_unknown, "until the venue has answered"


def test_an_order_the_venue_never_got(log):
    log.submit("O-1")
    actions, report = settle(log, reports(not_found=["O-1"]))
    assert (actions, report.is_settled, report.alerts) == (["never_arrived"], True, ())
    assert not log.state.orders["O-1"].is_live


def test_an_order_the_venue_has_is_adopted(log):
    log.submit("O-1")
    actions, _ = settle(log, reports(order()))
    assert actions == ["adopt"]
    assert (log.state.orders["O-1"].status, log.state.orders["O-1"].venue_order_id) == ("ACCEPTED", "V-1")


def test_fills_missed_while_down_go_to_the_strategy_that_sent_the_order(log):
    log.submit("O-1", "vwap")
    log.submit("O-2", "trend", "SELL", "300")
    log.event("OrderAccepted", "O-2", venue_order_id="V-2")
    fills = [trade(), trade("T-2", 300, key="", side="SELL", venue_id="V-2")]
    actions, report = settle(
        log,
        reports(
            order(filled=400, status="PARTIALLY_FILLED"),
            order("O-2", 300, "FILLED", 300, "SELL", "V-2"),
            fills=fills,
            eurusd=100,
        ),
    )
    assert actions == ["fill", "fill", "adopt"]
    assert log.state.positions == {"vwap": {EURUSD: 400}, "trend": {EURUSD: -300}}
    assert report.alerts == ()
    assert log.state.orders["O-2"].status == "FILLED"


def test_a_total_without_its_trades_counts_and_the_trades_told_later_do_not_count_again(log):
    log.submit("O-1")
    actions, _ = settle(log, reports(order(filled=400), eurusd=400))
    assert actions == ["total", "adopt"]
    assert log.state.positions == {"vwap": {EURUSD: 400}}
    log.fill("O-1", "T-1", "300")
    log.fill("O-1", "T-2", "200")
    assert log.state.positions == {"vwap": {EURUSD: 500}}, "300 and 100 were known, 100 are new"
    assert log.state.orders["O-1"].filled == 500


def test_a_manual_trade_is_external_and_somebody_is_told(log):
    log.submit("O-1")
    log.fill("O-1", "T-1", "1000")
    actions, report = settle(log, reports(fills=[trade("M-1", 50, key="", venue_id="V-9")], eurusd=1050))
    assert actions == ["fill"]
    assert log.state.positions == {"vwap": {EURUSD: 1000}, "EXTERNAL": {EURUSD: 50}}
    assert len(report.alerts) == 1


def test_a_position_no_trade_explains_is_external_and_somebody_is_told(log):
    log.submit("O-1")
    log.fill("O-1", "T-1", "1000")
    actions, report = settle(log, reports(eurusd=700))
    assert actions == ["position"]
    assert log.state.positions == {"vwap": {EURUSD: 1000}, "EXTERNAL": {EURUSD: -300}}
    assert "the venue holds 700" in report.alerts[0]


def test_a_difference_waits_while_an_order_of_that_instrument_is_asked_about(log):
    log.submit("O-1")
    assert settle(log, reports(eurusd=1000))[0] == ["ask"]
    assert log.state.positions == {}
    settle(log, reports(order(filled=1000, status="FILLED"), eurusd=1000))
    assert log.state.positions == {"vwap": {EURUSD: 1000}}


def test_nothing_is_concluded_about_a_venue_that_did_not_answer(log):
    log.submit("O-1")
    log.fill("O-1", "T-1", "400")
    actions, report = settle(log, VenueReports(venues=frozenset({"BINANCE"})))
    assert (actions, report.alerts) == (["ask"], ())
    assert log.state.positions == {"vwap": {EURUSD: 400}}


def test_an_order_somebody_else_placed_is_external_and_is_followed(log):
    actions, report = settle(log, reports(order("", venue_id="V-9")))
    assert actions == ["external_order"]
    assert len(report.alerts) == 1
    (key,) = log.state.orders
    assert log.state.orders[key].strategy == "EXTERNAL"
    actions, report = settle(log, reports())
    assert (actions, report.alerts) == (["gone"], ())


def test_a_second_order_under_one_id_is_told(log):
    """Invariant I2 broken at the venue, by whatever did it."""
    log.submit("O-1")
    actions, report = settle(log, reports(order(venue_id="V-1"), order(venue_id="V-2")))
    assert actions == ["external_order", "adopt"]
    assert "has the id of O-1 too" in report.alerts[0]


def test_an_order_a_venue_replaced_to_change_it_is_one_order(log):
    log.submit("O-1")
    log.event("OrderAccepted", "O-1", venue_order_id="V-1")
    actions, report = settle(
        log, reports(order(venue_id="V-1", status="CANCELED"), order(venue_id="V-2", quantity=500))
    )
    assert (actions, report.alerts) == (["adopt"], ())
    assert log.state.orders["O-1"].quantity == 500


def test_an_accepted_order_the_venue_no_longer_knows_is_told(log):
    log.submit("O-1")
    log.event("OrderAccepted", "O-1", venue_order_id="V-1")
    actions, report = settle(log, reports(not_found=["O-1"]))
    assert actions == ["gone"]
    assert len(report.alerts) == 1


def test_an_order_called_rejected_here_and_open_at_the_venue_is_adopted_and_told(log):
    """The engine calls a submission rejected when nobody confirmed it in time."""
    log.submit("O-1")
    log.event("OrderRejected", "O-1")
    actions, report = settle(log, reports(order()))
    assert actions == ["adopt"]
    assert len(report.alerts) == 1
    assert log.state.orders["O-1"].status == "ACCEPTED"


def test_a_report_older_than_what_was_heard_changes_nothing(log):
    log.submit("O-1")
    log.fill("O-1", "T-1", "1000")
    assert settle(log, reports(order(filled=400, status="PARTIALLY_FILLED"), eurusd=1000))[0] == []


def test_what_was_decided_survives_in_a_real_journal(path):
    with Journal.open(path, session="s1") as journal:
        intent = {"action": "submit", "order": {"instrument_id": EURUSD, "side": "BUY", "quantity": "1000"}}
        journal.append("intent", intent, strategy="vwap", order_id="O-1")
    answer = reports(order(filled=400), eurusd=450)
    actions, report = reconcile(load(path), answer, now=9)
    with Journal.open(path, session="s2") as journal:
        for action in actions:
            journal.append(
                "recovery", action.body(), strategy=action.strategy, order_id=action.client_order_id
            )
        journal.append("recovery", report.to_dict())
    state = load(path)
    assert state.positions == report.state.positions == {"vwap": {EURUSD: 400}, "EXTERNAL": {EURUSD: 50}}
    assert [a.action for a in reconcile(state, answer, now=10)[0]] == []


def test_rows_folded_twice_count_once(log):
    log.submit("O-1")
    settle(log, reports(order(filled=400), eurusd=700))
    assert log.state.positions == {"vwap": {EURUSD: 400}, "EXTERNAL": {EURUSD: 300}}
    assert fold(log.rows, log.state) == log.state


# A world: what really became of every order, and the rows of a node that heard of all of it.


@dataclass(frozen=True)
class Truth:
    """An order as it really went."""

    key: str
    strategy: str
    side: str
    instrument: str
    quantity: int
    arrived: bool
    trades: tuple[int, ...]
    end: str

    @property
    def filled(self):
        return sum(self.trades)

    @property
    def status(self):
        if self.filled == self.quantity:
            return "FILLED"
        return self.end or ("PARTIALLY_FILLED" if self.filled else "ACCEPTED")

    @property
    def is_open(self):
        return self.arrived and self.status in {"ACCEPTED", "PARTIALLY_FILLED"}

    @property
    def signed(self):
        return self.filled if self.side == "BUY" else -self.filled

    def tell(self, log):
        """The rows of this order, one step after the other."""
        log.submit(self.key, self.strategy, self.side, str(self.quantity), self.instrument)
        yield
        log.add("sent", {}, self.strategy, self.key)
        yield
        log.event("OrderSubmitted", self.key)
        yield
        if not self.arrived:
            return
        log.event("OrderAccepted", self.key, venue_order_id=f"V-{self.key}")
        yield
        for number, quantity in enumerate(self.trades):
            log.fill(self.key, f"{self.key}-{number}", str(quantity), self.side, self.instrument)
            yield
        if self.end and self.filled < self.quantity:
            log.event(f"Order{self.end.title()}", self.key)
            yield


@st.composite
def worlds(draw):
    orders = []
    for number in range(draw(st.integers(1, 5))):
        quantity = draw(st.integers(1, 9))
        trades, left = [], quantity
        while left and draw(st.booleans()):
            trades.append(draw(st.integers(1, left)))
            left -= trades[-1]
        arrived = draw(st.booleans()) or bool(trades)
        orders.append(
            Truth(
                f"O-{number}",
                draw(st.sampled_from(["vwap", "trend"])),
                draw(st.sampled_from(["BUY", "SELL"])),
                draw(st.sampled_from([EURUSD, ES])),
                quantity,
                arrived,
                tuple(trades),
                draw(st.sampled_from(["", "CANCELED", "EXPIRED"])),
            )
        )
    log = Log()
    telling = [one.tell(log) for one in orders]
    while telling:
        teller = telling[draw(st.integers(0, len(telling) - 1))]
        if next(teller, "end") == "end":
            telling.remove(teller)
    manual = draw(st.integers(-5, 5))
    return orders, log.rows, manual


class Venue:
    """Answers as a venue does: open orders always, others when asked for by their client order id."""

    def __init__(self, orders, manual, tells_trades):
        self.orders = {one.key: one for one in orders if one.arrived}
        self.manual = manual
        self.tells_trades = tells_trades

    def position(self, instrument):
        manual = self.manual if instrument == ES else 0
        return manual + sum(one.signed for one in self.orders.values() if one.instrument == instrument)

    def answer(self, asks):
        listed = [one for one in self.orders.values() if one.is_open or one.key in asks]
        return VenueReports(
            venues=SIM,
            orders=tuple(
                order(one.key, one.filled, one.status, one.quantity, one.side, f"V-{one.key}", one.instrument)
                for one in listed
            ),
            fills=tuple(
                trade(f"{one.key}-{number}", quantity, one.key, one.side, f"V-{one.key}", one.instrument)
                for one in self.orders.values()
                for number, quantity in enumerate(one.trades)
                if self.tells_trades
            ),
            positions={name: D(self.position(name)) for name in (EURUSD, ES)},
            not_found=frozenset(asks) - set(self.orders),
        )


@settings(max_examples=150, deadline=None)
@given(world=worlds(), data=st.data(), tells_trades=st.booleans())
def test_a_crash_at_any_row_converges_to_what_the_venue_says(world, data, tells_trades):
    orders, rows, manual = world
    log = Log(rows[: data.draw(st.integers(0, len(rows)), label="rows before the crash")])
    known = set(log.state.orders)
    venue = Venue([one for one in orders if one.key in known], manual, tells_trades)
    asks = frozenset()
    for crashes in range(20):
        actions, report = reconcile(log.state, venue.answer(asks), now=9)
        if crashes < 5 and data.draw(st.booleans(), label="crash again"):
            log.act(actions[: data.draw(st.integers(0, len(actions)), label="actions before it")])
            continue
        log.act(actions)
        asks = frozenset(report.asks)
        if report.is_settled:
            break
    state = log.state
    assert report.is_settled
    assert reconcile(state, venue.answer(asks), now=10)[0] == [], "a second time there is nothing to do"
    for instrument in (EURUSD, ES):
        assert state.position(instrument) == venue.position(instrument)
    for one in venue.orders.values():
        assert state.orders[one.key].status == one.status
        assert state.orders[one.key].filled == one.filled or not tells_trades
    assert {key for key, held in state.orders.items() if held.is_live} == {
        one.key for one in venue.orders.values() if one.is_open
    }
    for strategy in ("vwap", "trend"):
        for instrument in (EURUSD, ES):
            theirs = [
                one
                for one in venue.orders.values()
                if (one.strategy, one.instrument) == (strategy, instrument)
            ]
            held = state.positions.get(strategy, {}).get(instrument, 0)
            assert held == sum(one.signed for one in theirs)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), data=st.data())
def test_folding_in_parts_is_folding_at_once(world, data):
    _, rows, _ = world
    cut = data.draw(st.integers(0, len(rows)))
    before = fold(rows[:cut])
    kept = before.copy()
    assert fold(rows[cut:], before) == fold(rows)
    assert fold(rows, before) == fold(rows), "rows folded twice count once"
    assert before == kept, "the state given is not changed"
    assert State.from_dict(before.to_dict()) == before


@settings(max_examples=50, deadline=None)
@given(world=worlds(), data=st.data())
def test_a_checkpoint_anywhere_changes_nothing(world, data):
    _, rows, _ = world
    cut = data.draw(st.integers(0, len(rows)))
    log = Log(rows[:cut])
    log.add("checkpoint", {"state": log.state.to_dict()})
    log.rows += [replace(row, seq=row.seq + 1) for row in rows[cut:]]
    assert replace(log.state, seq=0) == replace(fold(rows), seq=0)
    assert fold(log.rows[cut:]) == log.state
