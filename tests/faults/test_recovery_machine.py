"""A state machine over journal, recovery and exchange: whatever happens, a recovery finds the truth.

The exchange is the real one's matching, without its process. What the node hears is kept back by the machine
and told late, twice, out of order or never; the node dies between any two rows, also of its recovery. No
process, no socket and no clock: a second holds hundreds of steps.
"""

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from framework_simexchange.server.matching import Book, Exchange
from framework_simexchange.server.record import told
from framework_simexchange.server.records import STANDARD, Refused
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from framework.drill import Terms, check, rows_of
from framework.journal import Journal, Row
from framework.journal.recovery import VenueFill, VenueOrder, VenueReports, reconcile
from framework.journal.rows import canonical
from framework.journal.state import State, fold

EURUSD = "EUR/USD.SIM"
D = Decimal
SIDES = st.sampled_from(["BUY", "SELL"])
SIZES = st.integers(1, 40)
TICKS = st.integers(-6, 6)
STRATEGIES = st.sampled_from(["one", "two"])


class Recovery(RuleBasedStateMachine):
    """A node's journal as a list of rows, an exchange, and the messages between them."""

    def __init__(self):
        super().__init__()
        self.now = 1_700_000_000_000_000_000
        self.rows = []
        self.exchange = Exchange(STANDARD, {"USD": D(1_000_000)}, leverage=D(30))
        self.log = []
        self.unheard = []
        self.names = []
        self.arrivals = {}
        self.manual = 0
        self.up = True

    # the node's side

    def tick(self):
        self.now += 1_000
        return self.now

    def write(self, kind, body, strategy="", order_id=""):
        seq = len(self.rows) + 1
        self.rows.append(Row(seq, self.tick(), kind, "s", strategy, order_id, canonical(body), b""))

    @initialize()
    def open_market(self):
        self.write("session_started", {})
        self.move(11_000)

    def move(self, bid, shown=500):
        price = D(bid) / 10_000
        book = Book(price, price + D("0.0002"), D(shown), D(shown))
        self.happened(self.exchange.quote("EUR/USD", book, self.tick()))

    @rule(ticks=TICKS, shown=st.integers(1, 60))
    def the_market_moves(self, ticks, shown):
        self.move(11_000 + ticks, shown)

    @precondition(lambda self: self.up)
    @rule(
        side=SIDES,
        size=SIZES,
        strategy=STRATEGIES,
        ticks=st.none() | TICKS,
        ends=st.sampled_from(["sent", "sent", "sent", "dies before", "dies after"]),
    )
    def submit(self, side, size, strategy, ticks, ends):
        name = f"O-{len(self.names) + 1}"
        self.names.append((name, strategy))
        order = {"instrument_id": EURUSD, "side": side, "quantity": str(size)}
        self.write("intent", {"action": "submit", "order": order}, strategy, name)
        if ends == "dies before":
            self.up = False
            return
        priced = {} if ticks is None else {"price": f"{D(11_000 + ticks) / 10_000:.5f}"}
        body = {"client_order_id": name, "symbol": "EUR/USD", "side": side, "quantity": str(size), **priced}
        kind = "LIMIT" if priced else "MARKET"
        self.arrivals[name] = 1
        self.happened(self.exchange.submit(body | {"type": kind}, self.tick()))
        if ends == "dies after":
            self.up = False
        else:
            self.write("event", {"type": "OrderSubmitted", "client_order_id": name}, strategy, name)

    def happened(self, events):
        self.log += events
        self.unheard += events

    @precondition(lambda self: self.up and self.names)
    @rule(data=st.data(), action=st.sampled_from(["cancel", "modify"]), size=SIZES)
    def change(self, data, action, size):
        name, strategy = data.draw(st.sampled_from(self.names))
        self.write("intent", {"action": action, "quantity": str(size)}, strategy, name)
        try:
            if action == "cancel":
                events = self.exchange.cancel(name, self.tick())
            else:
                events = self.exchange.modify(name, {"quantity": str(size)}, self.tick())
        except Refused:
            kind = "OrderCancelRejected" if action == "cancel" else "OrderModifyRejected"
            order = self.exchange.by_client.get(name)
            if order is not None and order.status == "OPEN":
                self.write("event", {"type": kind, "client_order_id": name}, strategy, name)
            return
        self.happened(events)

    # what the node hears

    @precondition(lambda self: self.up and self.unheard)
    @rule(data=st.data(), how=st.sampled_from(["first", "first", "first", "any", "twice", "lost"]))
    def hear(self, data, how):
        index = data.draw(st.integers(0, len(self.unheard) - 1)) if how == "any" else 0
        event = self.unheard.pop(index)
        if how == "lost":
            return
        for _ in range(2 if how == "twice" else 1):
            self.tell(event)

    def tell(self, event):
        number = event["body"].get("number") or event["body"].get("order", {}).get("number")
        if number is None:
            return
        order = self.exchange.orders[number]
        name = order.client_order_id
        strategy = dict(self.names).get(name)
        if strategy is None:
            return  # traded by hand: the adapter tells the engine, and no strategy hears of it
        about = {"client_order_id": name, "venue_order_id": str(number)}
        match event["kind"]:
            case "order":
                rejected = event["body"]["order"]["status"] == "REJECTED"
                kind = "OrderRejected" if rejected else "OrderAccepted"
                self.write("event", {"type": kind, **about}, strategy, name)
            case "fill":
                self.write(
                    "event", {"type": "OrderFilled", **about, **self.fill(event, order)}, strategy, name
                )
            case "modify":
                change = {"type": "OrderUpdated", "quantity": event["body"]["quantity"], **about}
                self.write("event", change, strategy, name)
            case "cancel":
                self.write("event", {"type": "OrderCanceled", **about}, strategy, name)

    def fill(self, event, order):
        body = event["body"]
        return {
            "trade_id": body["trade_id"],
            "strategy_id": "x",
            "instrument_id": EURUSD,
            "order_side": order.side,
            "last_qty": body["quantity"],
            "last_px": body["price"],
            "ts_event": event["ns"],
        }

    # what nobody asked for

    @rule(side=SIDES, size=SIZES)
    def somebody_trades_by_hand(self, side, size):
        self.manual += 1
        body = {"client_order_id": f"manual-{self.manual}", "symbol": "EUR/USD", "side": side}
        events = self.exchange.submit(body | {"type": "MARKET", "quantity": str(size)}, self.tick(), "manual")
        self.log += events

    @precondition(lambda self: self.exchange.open)
    @rule(data=st.data())
    def the_exchange_cancels(self, data):
        order = data.draw(st.sampled_from(list(self.exchange.open.values())))
        self.happened(self.exchange.cancel(order.client_order_id, self.tick(), "BY_EXCHANGE"))

    # dying and coming back

    @rule()
    def the_node_dies(self):
        self.up = False
        self.unheard.clear()

    @precondition(lambda self: not self.up)
    @rule(dies=st.lists(st.integers(0, 5), max_size=5))
    def the_node_recovers_and_may_die_while_it_does(self, dies):
        for rows in dies:
            self.recover(rows)
        self.recover(None)
        self.up = True
        self.compare()

    def recover(self, dies_after):
        """Ask until nothing is left to ask; a node that dies has journalled so many of its actions."""
        not_found, found = set(), set()
        for _ in range(5):
            reports = self.reports(found, not_found)
            actions, report = reconcile(fold(self.rows), reports, now=self.tick())
            facts = [action for action in actions if action.action != "ask"]
            for action in facts[:dies_after]:
                self.write("recovery", action.body(), action.strategy, action.client_order_id)
            if dies_after is not None:
                return
            if report.is_settled:
                break
            for name in report.asks:
                (found if name in self.exchange.by_client else not_found).add(name)
        assert report.is_settled
        again, _ = reconcile(fold(self.rows), self.reports(found, not_found), now=self.tick())
        assert again == [], "a second recovery finds nothing to do"

    def reports(self, found, not_found):
        wanted = {order.client_order_id for order in self.exchange.open.values()} | found
        held = self.exchange.positions.get("EUR/USD")
        return VenueReports(
            venues=frozenset({"SIM"}),
            orders=tuple(map(self.order_report, sorted(wanted))),
            fills=tuple(map(self.fill_report, self.exchange.fills)),
            positions={EURUSD: held.quantity} if held and held.quantity else {},
            not_found=frozenset(not_found),
        )

    def order_report(self, name):
        order = self.exchange.by_client[name]
        status = {"OPEN": "PARTIALLY_FILLED" if order.filled else "ACCEPTED"}
        return VenueOrder(
            instrument_id=EURUSD,
            venue_order_id=str(order.number),
            side=order.side,
            quantity=order.quantity,
            filled=order.filled,
            status=status.get(order.status, str(order.status)),
            client_order_id=name,
        )

    def fill_report(self, fill):
        return VenueFill(
            instrument_id=EURUSD,
            trade_id=fill.trade_id,
            venue_order_id=str(fill.number),
            side=fill.side,
            quantity=fill.quantity,
            price=str(fill.price),
            ts=fill.ts_ns,
            client_order_id=fill.client_order_id,
        )

    def compare(self):
        record = rows_of(told(self.log, self.arrivals, self.now), "SIM")
        breaches = check_rows(self.rows, record)
        assert breaches == (), "\n".join(map(str, breaches))

    @invariant()
    def the_state_survives_being_written_down(self):
        state = fold(self.rows)
        assert State.from_dict(state.to_dict()) == state

    def teardown(self):
        if self.rows:
            self.up = False
            self.unheard.clear()
            self.recover(None)
            self.compare()


def check_rows(rows, record):
    """The checker on a journal file with these rows; the machine keeps them in memory until then."""
    clock = iter(row.ts for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        now = [rows[0].ts]
        with Journal.open(path, session="s", clock=lambda: now[0], synchronous="OFF") as journal:
            for row in rows:
                now[0] = next(clock)
                journal.append(row.kind, row.fields(), strategy=row.strategy, order_id=row.order_id)
        return check([path], record, Terms(venue="SIM"))


def test_whatever_happens_a_recovery_finds_the_truth():
    run_state_machine_as_test(
        Recovery,
        settings=settings(max_examples=40, stateful_step_count=25, deadline=None, derandomize=True),
    )


@pytest.mark.slow
@pytest.mark.more
def test_whatever_happens_a_recovery_finds_the_truth_at_length():
    run_state_machine_as_test(
        Recovery,
        settings=settings(
            max_examples=600,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
