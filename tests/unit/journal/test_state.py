"""What a journal adds up to, with the engine's own orders and events."""

from decimal import Decimal

import pytest

from framework.errors import JournalError
from framework.journal import Journal, Row
from framework.journal.state import State, fold, load

ORDER = {"instrument_id": "EUR/USD.SIM", "side": "BUY", "quantity": "1000"}


class Story:
    """Rows as a node would write them, without a file."""

    def __init__(self):
        self.rows = []

    def add(self, kind, body, *, strategy="", order_id="", session="s1"):
        from framework.journal.rows import canonical

        seq = len(self.rows) + 1
        self.rows.append(Row(seq, seq, kind, session, strategy, order_id, canonical(body), b""))
        return self

    def submit(self, key="O-1", strategy="vwap", **changes):
        order = ORDER | {"client_order_id": key} | changes
        return self.add("intent", {"action": "submit", "order": order}, strategy=strategy, order_id=key)

    def event(self, kind, key="O-1", **fields):
        return self.add("event", {"type": kind, "client_order_id": key, **fields}, order_id=key)

    def fill(self, trade, quantity, key="O-1", side="BUY", **fields):
        facts = {"instrument_id": "EUR/USD.SIM", "order_side": side, "last_qty": quantity, "last_px": "1.10"}
        facts |= {"strategy_id": "EXTERNAL", "ts_event": 5, "commission": "0.02 USD", "trade_id": trade}
        return self.event("OrderFilled", key, **facts | fields)

    @property
    def state(self):
        return fold(self.rows)

    @property
    def order(self):
        return self.state.orders["O-1"]


@pytest.fixture
def story():
    return Story()


def test_an_intent_without_an_outcome_is_unknown(story):
    assert story.submit().order.status == "INTENDED"
    assert story.order.is_unknown
    assert story.add("sent", {}, order_id="O-1").order.status == "SENT"
    assert story.order.is_unknown
    assert story.event("OrderSubmitted").order.status == "SUBMITTED"
    assert story.order.is_unknown
    assert story.event("OrderAccepted", venue_order_id="V-1").order.status == "ACCEPTED"
    assert not story.order.is_unknown
    assert story.order.is_live
    assert story.order.venue_order_id == "V-1"
    assert (story.order.side, story.order.quantity, story.order.strategy) == ("BUY", Decimal(1000), "vwap")


def test_fills_move_the_position_of_the_strategy_that_sent_the_order(story):
    story.submit().event("OrderAccepted").fill("T-1", "400")
    assert (story.order.status, story.order.filled) == ("PARTIALLY_FILLED", 400)
    story.fill("T-2", "600")
    assert (story.order.status, story.order.filled) == ("FILLED", 1000)
    story.submit("O-2", "trend", side="SELL", quantity="300").fill("T-3", "300", "O-2", "SELL")
    assert story.state.positions == {"vwap": {"EUR/USD.SIM": 1000}, "trend": {"EUR/USD.SIM": -300}}
    assert story.state.position("EUR/USD.SIM") == 700


def test_a_position_closed_is_no_position(story):
    story.submit().fill("T-1", "1000").submit("O-2", side="SELL").fill("T-2", "1000", "O-2", "SELL")
    assert story.state.positions == {}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_trade_told_again_counts_once(story, times):
    story.submit()
    for _ in range(times):
        story.fill("T-1", "400")
    assert story.order.filled == 400
    assert story.state.position("EUR/USD.SIM") == 400


def test_the_same_trade_number_on_two_instruments_is_two_trades(story):
    story.submit().fill("1", "400").submit("O-2", instrument_id="ES.CME").fill(
        "1", "2", "O-2", instrument_id="ES.CME"
    )
    assert story.state.positions == {"vwap": {"EUR/USD.SIM": 400, "ES.CME": 2}}


def test_a_fill_before_the_acknowledgement(story):
    story.submit().fill("T-1", "400").event("OrderAccepted", venue_order_id="V-1")
    assert (story.order.status, story.order.venue_order_id) == ("PARTIALLY_FILLED", "V-1")


def test_a_fill_after_the_cancel(story):
    story.submit().event("OrderAccepted").event("OrderCanceled").fill("T-1", "400")
    assert (story.order.status, story.order.filled) == ("CANCELED", 400)
    assert story.fill("T-2", "600").order.status == "FILLED"
    assert story.state.position("EUR/USD.SIM") == 1000


def test_a_submission_told_late_does_not_undo_the_acceptance(story):
    story.submit().event("OrderAccepted").event("OrderSubmitted").add("sent", {}, order_id="O-1")
    assert story.order.status == "ACCEPTED"


@pytest.mark.parametrize("end", ["OrderCanceled", "OrderRejected", "OrderExpired", "OrderDenied"])
def test_nothing_but_a_fill_follows_an_end(story, end):
    story.submit().event(end).event("OrderAccepted").event("OrderPendingCancel").event(
        "OrderUpdated", quantity="5"
    )
    assert story.order.status == end.removeprefix("Order").upper()
    assert not story.order.is_live


def test_a_cancel_refused_leaves_the_order_as_it_was(story):
    story.submit().event("OrderAccepted").fill("T-1", "400").event("OrderPendingCancel")
    assert story.order.status == "PENDING_CANCEL"
    assert story.event("OrderCancelRejected").order.status == "PARTIALLY_FILLED"


def test_a_change_changes_the_quantity_when_the_venue_says_so(story):
    story.submit().event("OrderAccepted").add(
        "intent", {"action": "modify", "quantity": "500"}, order_id="O-1"
    )
    assert story.order.quantity == 1000
    story.event("OrderPendingUpdate").event("OrderUpdated", quantity="500")
    assert (story.order.quantity, story.order.status) == (500, "ACCEPTED")
    assert story.fill("T-1", "500").order.status == "FILLED"


def test_a_trade_taken_back_is_taken_back_once(story):
    story.submit().fill("T-1", "400").fill("T-2", "600")
    void = {"instrument_id": "EUR/USD.SIM", "order_side": "BUY", "voided_qty": "600", "last_px": "1.10"}
    void |= {"trade_id": "T-2", "correction_id": "C-1", "strategy_id": "x", "ts_event": 6}
    story.event("OrderFillVoided", **void).event("OrderFillVoided", **void).fill("T-2", "600")
    assert (story.order.filled, story.state.position("EUR/USD.SIM")) == (400, 400)
    assert story.order.status == "CANCELED"


def test_a_trade_of_nobodys_order_is_external(story):
    story.fill("T-1", "400", "somebody")
    assert story.state.positions == {"EXTERNAL": {"EUR/USD.SIM": 400}}


def test_what_the_operator_did_and_the_strategies_saved(story):
    kill = {"command": "kill", "scope": "all", "who": "anna", "why": "first"}
    story.add("operator", kill).add("operator", kill | {"why": "second"}).add(
        "operator", {"command": "reload"}
    )
    story.add("snapshot", {"count": 1}, strategy="vwap").add("snapshot", {"count": 2}, strategy="vwap")
    assert story.state.latches == {"all": kill}
    assert story.state.snapshots == {"vwap": {"count": 2}}
    for peak in ("1", "2"):
        story.add("snapshot", {"rule": "vwap", "memory": {"peak": peak}})  # a rule may have a strategy's name
    assert story.state.memories == {"vwap": {"peak": "2"}}
    assert story.state.snapshots == {"vwap": {"count": 2}}
    story.add("operator", {"command": "resume", "scope": "all"})
    assert story.state.latches == {}


def test_a_session_that_did_not_end(story):
    assert story.state.ended
    assert not story.add("session_started", {}).state.ended
    assert story.add("session_ended", {}).state.ended
    assert story.state.session == "s1"


def test_the_engines_own_order_and_events_fold(story):
    """As the engine's to_dict writes them, from a run of the engine."""
    from nautilus_trader.core import UUID4
    from nautilus_trader.model import (
        AccountId,
        ClientOrderId,
        Currency,
        InstrumentId,
        LiquiditySide,
        MarketOrder,
        Money,
        OrderFilled,
        OrderSide,
        OrderType,
        Price,
        Quantity,
        StrategyId,
        TimeInForce,
        TradeId,
        TraderId,
        VenueOrderId,
    )

    order = MarketOrder(
        trader_id=TraderId("T-1"),
        strategy_id=StrategyId("vwap-1f3c"),
        instrument_id=InstrumentId.from_str("EUR/USD.SIM"),
        client_order_id=ClientOrderId("O-1"),
        order_side=OrderSide.SELL,
        quantity=Quantity.from_str("1000"),
        init_id=UUID4(),
        ts_init=0,
        time_in_force=TimeInForce.GTC,
        reduce_only=False,
        quote_quantity=False,
    )
    fill = OrderFilled(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        venue_order_id=VenueOrderId("V-1"),
        account_id=AccountId("SIM-1"),
        trade_id=TradeId("T-1"),
        order_side=OrderSide.SELL,
        order_type=OrderType.MARKET,
        last_qty=Quantity.from_str("400"),
        last_px=Price.from_str("1.10"),
        currency=Currency.from_str("USD"),
        liquidity_side=LiquiditySide.TAKER,
        event_id=UUID4(),
        ts_event=5,
        ts_init=6,
        reconciliation=False,
        commission=Money(Decimal("0.02"), Currency.from_str("USD")),
    )
    story.add("intent", {"action": "submit", "order": order.to_dict()}, strategy="vwap", order_id="O-1")
    story.add("event", fill.to_dict(), strategy="vwap", order_id="O-1")
    assert story.state.positions == {"vwap": {"EUR/USD.SIM": -400}}
    (trade,) = story.state.fills.values()
    assert (trade.price, trade.commission, trade.ts, trade.side) == ("1.10", "0.02 USD", 5, "SELL")
    assert (story.order.venue_order_id, story.order.status) == ("V-1", "PARTIALLY_FILLED")


def test_a_row_that_does_not_say_what_it_must_is_named(story):
    story.submit().add("intent", {"action": "submit"}, order_id="O-2")
    with pytest.raises(JournalError, match="row 2: this intent does not say") as caught:
        fold(story.rows)
    assert caught.value.exit_code == 6


def test_events_of_other_kinds_are_passed_over(story):
    story.add("event", {"type": "PositionOpened", "signed_qty": "5"}).add("event", {}).add(
        "event", {"type": "New"}
    )
    assert story.state == State(seq=3)


def test_a_checkpoint_is_where_loading_starts(path, story):
    story.submit().fill("T-1", "400").submit("O-2", "trend")
    with Journal.open(path, session="s1") as journal:
        for row in story.rows[:2]:
            journal.append(row.kind, row.fields(), strategy=row.strategy, order_id=row.order_id)
        journal.append("checkpoint", {"state": load(path).to_dict()})
        for row in story.rows[2:]:
            journal.append(row.kind, row.fields(), strategy=row.strategy, order_id=row.order_id)
    state = load(path)
    assert state.positions == {"vwap": {"EUR/USD.SIM": 400}}
    assert list(state.orders) == ["O-1", "O-2"]
    assert state.seq == 4
    with Journal.open(path, session="s2") as journal:
        journal.release(journal_end(path, 2))
    assert load(path) == state, "what came before the checkpoint is not needed"


def journal_end(path, seq):
    from framework.journal import read
    from framework.journal.heads import End

    return next(End(row.seq, row.hash) for row in read(path) if row.seq == seq)


def test_a_state_can_be_trimmed_of_what_is_over(story):
    story.submit("O-1").fill("T-1", "1000").submit("O-2", side="SELL").fill("T-2", "1000", "O-2", "SELL")
    story.fill("T-3", "5", "somebody").submit("O-3").event("OrderAccepted", "O-3")
    trimmed = story.state.trimmed(100)
    assert list(trimmed.orders) == ["O-3"]
    assert trimmed.fills == {}
    assert trimmed.positions == story.state.positions == {"EXTERNAL": {"EUR/USD.SIM": 5}}


def test_the_trades_that_make_up_what_is_held_outlive_a_trim_with_their_orders(story):
    story.submit("O-1").fill("T-1", "1000").submit("O-2", side="SELL").fill("T-2", "1000", "O-2", "SELL")
    story.submit("O-3").fill("T-3", "600", "O-3").submit("O-4", "trend").fill("T-4", "1000", "O-4")
    story.submit("O-5", "trend", side="SELL").fill("T-5", "1000", "O-5", "SELL").fill("T-6", "400", "O-3")
    trimmed = story.state.trimmed(100)
    assert list(trimmed.orders) == ["O-3"]
    assert [fill.trade_id for fill in trimmed.fills.values()] == ["T-3", "T-6"]
    assert trimmed.trimmed(100) == trimmed


@pytest.mark.parametrize(
    ("asked", "refused"),
    [("OrderPendingCancel", "OrderCancelRejected"), ("OrderPendingUpdate", "OrderModifyRejected")],
)
def test_a_request_to_change_an_order_and_its_refusal_prove_nothing_of_the_order(story, asked, refused):
    story.submit().event("OrderInitialized").event(asked)
    assert story.order.status == "INITIALIZED"
    assert story.event(refused).order.status == "INITIALIZED"
    story.event("OrderAccepted").event(asked)
    assert story.order.is_live
    assert story.event(refused).order.status == "ACCEPTED"


def test_a_request_to_change_an_order_that_never_arrived_does_not_revive_it(story):
    story.submit()
    story.add("recovery", {"action": "never_arrived", "client_order_id": "O-1"})
    assert story.event("OrderPendingCancel").event("OrderCancelRejected").order.status == "NEVER_ARRIVED"
