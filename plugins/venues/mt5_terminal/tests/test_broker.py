"""What the broker does with orders and money; amounts worked out by hand."""

import time
from datetime import UTC, datetime

import framework_mt5_terminal as mt5
import pytest

FOREVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def wait_for(fact, seconds=60):
    ends = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def test_a_round_trip_brings_the_move_times_contract_times_lots(broker, deal):
    opened = deal("buy", 0.5)
    assert (opened.retcode, opened.price) == (10009, 1.10002)
    broker.quote("1.10502", "1.10504")
    closed = deal("sell", 0.5, position=opened.order)
    assert closed.price == 1.10502
    # 0.00500 x 100,000 x 0.5
    assert mt5.account_info().balance == 10_250.00
    assert mt5.positions_get() == ()
    deals = mt5.history_deals_get(*FOREVER)
    assert [(d.entry, d.profit, d.position_id) for d in deals] == [
        (mt5.DEAL_ENTRY_IN, 0.0, opened.order),
        (mt5.DEAL_ENTRY_OUT, 250.0, opened.order),
    ]


def test_gold_moves_a_hundred_ounces_a_lot(broker, deal):
    broker.quote("2000.00", "2000.20", symbol="XAUUSD")
    opened = deal("sell", 0.1, symbol="XAUUSD")
    broker.quote("2010.00", "2010.20", symbol="XAUUSD")
    deal("buy", 0.1, symbol="XAUUSD", position=opened.order)
    # (2000.00 - 2010.20) x 100 x 0.1
    assert mt5.account_info().balance == 9_898.00


@pytest.mark.parametrize(
    ("move", "balance"),
    [
        # 500 USD are 500 / 1.10504 = 452.47 EUR, bought at the ask
        ("1.10502", 10_452.47),
        # 500 USD lost are 500 / 1.09502 = 456.61 EUR, sold at the bid
        ("1.09502", 9_543.39),
    ],
)
def test_profit_is_converted_at_the_side_that_costs_the_client(broker_with, deal, move, balance):
    broker = broker_with("--currency=EUR")
    opened = deal("buy", 1.0)
    broker.quote(move, f"{float(move) + 0.00002:.5f}")
    deal("sell", 1.0, position=opened.order)
    assert mt5.account_info().balance == balance


def test_profit_goes_through_dollars_when_there_is_no_direct_pair(broker_with, deal):
    broker = broker_with("--currency=EUR")
    broker.quote("150.000", "150.003", symbol="USDJPY")
    opened = deal("buy", 1.0, symbol="USDJPY")
    broker.quote("151.003", "151.006", symbol="USDJPY")
    deal("sell", 1.0, symbol="USDJPY", position=opened.order)
    # 100,000 JPY / 151.006 = 662.225... USD / 1.10002 = 602.01 EUR
    assert mt5.account_info().balance == 10_602.01


def test_hedging_keeps_every_deal_apart_and_closes_by_ticket_or_by_each_other(broker, deal):
    long, short = deal("buy", 1.0), deal("sell", 0.4)
    assert {(p.ticket, p.type, p.volume) for p in mt5.positions_get()} == {
        (long.order, 0, 1.0),
        (short.order, 1, 0.4),
    }
    assert deal("buy", 0.1, position=long.order).retcode == mt5.TRADE_RETCODE_INVALID
    assert deal("sell", 2.0, position=long.order).retcode == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert deal("sell", 1.0, position=7).retcode == mt5.TRADE_RETCODE_POSITION_CLOSED
    by = {"action": mt5.TRADE_ACTION_CLOSE_BY, "position": long.order, "position_by": short.order}
    assert mt5.order_send(by).retcode == 10009
    assert [(p.ticket, p.volume) for p in mt5.positions_get()] == [(long.order, 0.6)]
    entries = [d.entry for d in mt5.history_deals_get(*FOREVER)]
    assert entries == [mt5.DEAL_ENTRY_IN] * 2 + [mt5.DEAL_ENTRY_OUT_BY] * 2
    # bought at 1.10002, sold at 1.10000: 0.00002 x 100,000 x 0.4
    assert mt5.account_info().balance == 9_999.20


def test_netting_adds_reduces_and_reverses_in_one_position(netting, deal):
    first = deal("buy", 1.0)
    netting.quote("1.10102", "1.10104")
    deal("buy", 1.0)
    (position,) = mt5.positions_get()
    assert (position.volume, round(position.price_open, 5)) == (2.0, 1.10053)
    deal("sell", 0.5)
    reversal = deal("sell", 2.0)
    (position,) = mt5.positions_get()
    assert (position.type, position.volume, position.price_open) == (1, 0.5, 1.10102)
    assert (position.ticket, position.identifier) == (reversal.order, first.order)
    assert [d.entry for d in mt5.history_deals_get(*FOREVER)] == [0, 0, 1, 2]
    # 2 lots x 0.00049 x 100,000
    assert mt5.account_info().balance == 10_098.00


@pytest.mark.parametrize(
    ("kind", "price", "quote", "fill"),
    [
        (mt5.ORDER_TYPE_BUY_LIMIT, 1.09900, ("1.09880", "1.09890"), 1.09890),
        (mt5.ORDER_TYPE_SELL_LIMIT, 1.10100, ("1.10110", "1.10112"), 1.10110),
        (mt5.ORDER_TYPE_BUY_STOP, 1.10100, ("1.10120", "1.10122"), 1.10122),
        (mt5.ORDER_TYPE_SELL_STOP, 1.09900, ("1.09890", "1.09892"), 1.09890),
    ],
)
def test_pending_orders_fill_when_the_market_comes(broker, pend, kind, price, quote, fill):
    placed = pend(kind, price)
    assert placed.retcode == 10009
    assert [o.ticket for o in mt5.orders_get()] == [placed.order]
    broker.quote(*quote)
    assert mt5.orders_get() == ()
    (deal,) = mt5.history_deals_get(ticket=placed.order)
    assert deal.price == fill
    (past,) = mt5.history_orders_get(ticket=placed.order)
    assert (past.state, past.volume_current) == (mt5.ORDER_STATE_FILLED, 0.0)


def test_a_stop_limit_becomes_a_limit(broker, pend):
    placed = pend(mt5.ORDER_TYPE_BUY_STOP_LIMIT, 1.10100, stoplimit=1.10050)
    broker.quote("1.10110", "1.10112")
    (order,) = mt5.orders_get()
    assert (order.ticket, order.type, order.price_open) == (placed.order, mt5.ORDER_TYPE_BUY_LIMIT, 1.1005)
    broker.quote("1.10040", "1.10042")
    assert mt5.orders_get() == ()
    assert len(mt5.positions_get()) == 1


def test_wrong_prices_stops_volumes_and_fillings_have_their_codes(broker, deal, pend):
    broker("symbol", name="EURUSD", stops_level=20, filling=2)
    assert pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.20).retcode == 10015
    assert pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09990).retcode == 10015  # nearer than 20 points
    assert pend(mt5.ORDER_TYPE_BUY_STOP_LIMIT, 1.11).retcode == 10015
    assert pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09, sl=1.08999).retcode == 10016
    assert pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09, type_time=2, expiration=1).retcode == 10022
    assert pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09, type_filling=3).retcode == 10030
    assert deal("buy", 0.015).retcode == 10014
    assert deal("buy", 1000.0).retcode == 10014
    assert deal("buy", 1.0, type_filling=0).retcode == 10030
    assert deal("buy", 1.0, sl=1.2).retcode == 10016
    assert deal("buy", 50.0).retcode == 10019
    broker("conditions", closed=True)
    assert deal("buy", 0.1).retcode == 10018
    assert deal("buy", 0.1, symbol="BTCUSD").retcode == 10009
    broker("conditions", closed=False, trade_allowed=False)
    assert deal("buy", 0.1).retcode == 10027
    assert mt5.order_send({"action": 99}).retcode == 10027
    broker("conditions", trade_allowed=True)
    assert mt5.order_send({"action": 99}).retcode == 10013
    broker("symbol", name="EURUSD", trade_mode=mt5.SYMBOL_TRADE_MODE_CLOSEONLY)
    assert deal("buy", 0.1).retcode == 10044


def test_instant_execution_requotes_beyond_the_deviation(broker, deal):
    broker("symbol", name="EURUSD", exemode=mt5.SYMBOL_TRADE_EXECUTION_INSTANT)
    answer = deal("buy", 0.1, price=1.09990, deviation=5)
    assert (answer.retcode, answer.bid, answer.ask) == (10004, 1.1, 1.10002)
    assert deal("buy", 0.1, price=1.09998, deviation=5).retcode == 10009
    assert deal("buy", 0.1, price=0.0).retcode == 10015


def test_a_tick_gives_its_depth_away_once(broker, deal, pend):
    broker.quote("1.10000", "1.10002", depth="0.3")
    partial = deal("buy", 1.0)
    assert (partial.retcode, partial.volume) == (10010, 0.3)
    assert deal("buy", 1.0).retcode == 10006
    broker("symbol", name="EURUSD", filling=3)
    broker.quote("1.10000", "1.10002", depth="0.3")
    assert deal("buy", 1.0, type_filling=mt5.ORDER_FILLING_FOK).retcode == 10006
    (past,) = mt5.history_orders_get(ticket=partial.order)
    assert (past.volume_initial, past.volume_current, past.state) == (1.0, 0.7, mt5.ORDER_STATE_CANCELED)
    placed = pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09990, 0.5)
    broker.quote("1.09980", "1.09982", depth="0.2")
    (order,) = mt5.orders_get()
    assert (order.ticket, order.state, order.volume_current) == (placed.order, mt5.ORDER_STATE_PARTIAL, 0.3)
    broker.quote("1.09980", "1.09982", depth="1")
    assert [d.volume for d in mt5.history_deals_get(ticket=placed.order)] == [0.2, 0.3]
    assert {p.ticket: p.volume for p in mt5.positions_get()}[placed.order] == 0.5


def test_stop_and_target_close_the_position_and_say_so(broker, deal):
    stopped = deal("buy", 0.1, sl=1.09900, tp=1.11)
    broker.quote("1.09890", "1.09892")
    assert mt5.positions_get() == ()
    last = mt5.history_deals_get(position=stopped.order)[-1]
    assert (last.reason, last.price, last.comment) == (mt5.DEAL_REASON_SL, 1.0989, "[sl 1.099]")
    target = deal("sell", 0.1)
    change = {"action": mt5.TRADE_ACTION_SLTP, "position": target.order, "tp": 1.09}
    assert mt5.order_send(change).retcode == 10009
    assert mt5.order_send(change).retcode == 10025
    broker.quote("1.08990", "1.08992")
    assert mt5.history_deals_get(position=target.order)[-1].reason == mt5.DEAL_REASON_TP


def test_a_stop_out_closes_the_worst_position_first(broker, deal):
    worse, better = deal("buy", 4.0), deal("buy", 2.0)
    # 6 lots hold 6,000 EUR back, 6,532 USD here; 0.01132 down, 3,208 USD are left: 49.1 %
    broker.quote("1.08870", "1.08872")
    assert [p.ticket for p in mt5.positions_get()] == [better.order]
    last = mt5.history_deals_get(position=worse.order)[-1]
    assert last.reason == mt5.DEAL_REASON_SO
    assert last.comment.startswith("[so ")


def test_swap_is_three_nights_on_wednesday_and_one_otherwise(broker, deal):
    long = deal("buy", 1.0)
    broker("rollover")
    (position,) = mt5.positions_get()
    # -7.2 points x 0.00001 x 100,000
    assert position.swap in {-7.2, -21.6}
    deal("sell", 0.5, position=long.order)
    assert mt5.history_deals_get(position=long.order)[-1].swap == position.swap / 2


def test_expired_modified_and_removed_orders(broker, pend):
    info = mt5.symbol_info_tick("EURUSD")
    timed = pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09, type_time=2, expiration=info.time + 3)
    assert timed.retcode == 10009
    wait_for(lambda: mt5.orders_get() == ())
    assert mt5.history_orders_get(ticket=timed.order)[0].state == mt5.ORDER_STATE_EXPIRED
    placed = pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.09)
    change = {"action": mt5.TRADE_ACTION_MODIFY, "order": placed.order, "price": 1.08}
    assert mt5.order_send(change).retcode == 10009
    assert mt5.order_send(change).retcode == 10025
    remove = {"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order}
    assert mt5.order_send(remove).retcode == 10009
    assert mt5.order_send(remove).retcode == 10013
    assert mt5.history_orders_get(ticket=placed.order)[0].state == mt5.ORDER_STATE_CANCELED


@pytest.mark.parametrize(("zone", "hours"), [("+2", 2), ("Asia/Tokyo", 9), ("Asia/Tokyo-3", 6), ("-5", -5)])
def test_times_are_the_brokers_wall_clock(broker_with, zone, hours):
    broker = broker_with(f"--zone={zone}")
    broker.quote("1.10000", "1.10002")
    assert abs(mt5.symbol_info_tick("EURUSD").time - time.time() - hours * 3600) < 60


def test_comments_lag_and_bare_answers_are_as_at_some_brokers(broker_with, deal):
    broker = broker_with("--comments=overwrite", "--bare-answers")
    broker("conditions", history_lag=2)
    answer = deal("buy", 0.1, comment="mine", magic=7)
    assert (answer.retcode, answer.deal, answer.price) == (10009, 0, 0.0)
    assert mt5.history_deals_get(ticket=answer.order) == ()
    (position,) = mt5.positions_get()
    assert (position.comment, position.magic) == ("", 7)
    wait_for(lambda: mt5.history_deals_get(ticket=answer.order))


def test_faults_strike_as_often_as_they_were_asked_to(broker, deal):
    broker("fault", kind="lost", when="after")
    assert deal() is None
    assert mt5.last_error() == (-10005, "IPC timeout")
    assert len(mt5.positions_get()) == 1
    broker("fault", kind="lost", when="before")
    assert deal() is None
    assert len(mt5.positions_get()) == 1
    broker("fault", kind="retcode", retcode=10031)
    broker("fault", kind="requote")
    assert [deal("buy", 0.01).retcode for _ in range(3)] == [10031, 10004, 10009]


def test_without_ipc_nothing_works_until_it_is_up_and_initialized_again(broker):
    broker("ipc", up=False)
    assert mt5.account_info() is None
    assert mt5.last_error()[0] == -10004
    broker("ipc", up=True)
    assert mt5.account_info() is None
    assert mt5.initialize(broker.address)
    assert mt5.account_info() is not None


def test_without_its_broker_the_terminal_shows_the_books_as_it_remembers_them(broker, deal, pend):
    ticket = pend(mt5.ORDER_TYPE_BUY_LIMIT, 1.05).order
    broker("fault", kind="cut")
    assert deal().retcode == mt5.TRADE_RETCODE_CONNECTION
    assert not mt5.terminal_info().connected
    assert deal().retcode == mt5.TRADE_RETCODE_CONNECTION
    broker.quote("1.04000", "1.04002")  # the limit fills, and the terminal does not hear of it
    assert [order.ticket for order in mt5.orders_get()] == [ticket]
    assert (mt5.positions_get(), mt5.history_deals_get(ticket=ticket)) == ((), ())
    assert len(broker("truth")["positions"]) == 2
    broker("conditions", connected=True)
    assert (len(mt5.positions_get()), mt5.orders_get()) == (2, ())


def test_a_wedged_call_hangs_and_a_broken_pipe_is_reported(broker, deal):
    broker("fault", kind="wedge", seconds=0.5)
    began = time.monotonic()
    assert deal().retcode == 10009
    assert time.monotonic() - began >= 0.5
    broker("fault", kind="close_socket", on="account_info")
    assert mt5.account_info() is None
    assert mt5.last_error() == (-10002, "IPC recv failed")


def test_calls_that_overlap_are_told(broker):
    import threading

    broker("fault", kind="wedge", on="account_info", seconds=3)
    other = threading.Thread(target=mt5.account_info)
    other.start()
    wait_for(lambda: broker("truth")["struck"])
    mt5.positions_total()
    other.join()
    mt5.positions_total()
    assert broker("truth")["overlaps"] == 1


def test_bars_of_a_catalog_are_replayed(broker_with):
    pytest.importorskip("nautilus_trader")
    from pathlib import Path

    sample = Path(__file__).parents[4] / "catalog" / "sample"
    if not sample.exists():
        pytest.skip("the sample catalog comes with the checkout")
    broker_with(
        f"--data={sample}", "--stream=EUR/USD.SIM-1-HOUR-LAST-EXTERNAL", "--as=EURUSD", "--speed=100000000"
    )
    wait_for(lambda: len(mt5.copy_ticks_from("EURUSD", 0, 10_000, mt5.COPY_TICKS_ALL)) > 1_000)


def test_a_wrong_option_is_explained(tmp_path):
    import subprocess
    import sys

    for options, words in (
        (["--zone=Nowhere/Land"], "Nowhere/Land"),
        (["--walk", "NOSUCH"], "no such symbol: NOSUCH"),
        ([f"--data={tmp_path}"], "--data needs --stream"),
        (["--balance=much"], ""),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "framework_mt5_terminal.broker.command", *options],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2, done
        assert words in done.stderr
        assert "Traceback" not in done.stderr
