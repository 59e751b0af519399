"""What the module takes and refuses, before and without a broker's opinion."""

import framework_mt5_terminal as mt5
import pytest

DEAL = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0, "type_filling": 1}


def test_nothing_works_before_initialize_and_the_error_says_why():
    mt5.shutdown()
    for answer in (mt5.account_info(), mt5.positions_get(), mt5.symbol_info("EURUSD"), mt5.order_send(DEAL)):
        assert answer is None
        assert mt5.last_error() == (-10004, "No IPC connection")
    assert mt5.initialize("127.0.0.1:1", timeout=500) is False
    assert mt5.last_error()[0] == -10003


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mt5.positions_get("EURUSD"), "Unnamed arguments not allowed"),
        (lambda: mt5.orders_get(magic=7), "Invalid arguments"),
        (lambda: mt5.positions_get(ticket="7"), 'Invalid "ticket" argument'),
        (mt5.history_deals_get, "Invalid arguments"),
        (lambda: mt5.symbol_info(7), "Invalid 1st unnamed argument"),
        (lambda: mt5.account_info(1), "Invalid number of arguments"),
        (lambda: mt5.copy_rates_from_pos("EURUSD", 1, 0), "Invalid number of arguments"),
        (lambda: mt5.copy_rates_from_pos("EURUSD", 1, "0", 1), "Invalid 3rd unnamed argument"),
        (lambda: mt5.order_send({**DEAL, "volume": "0.1"}), 'Invalid "volume" argument'),
        (lambda: mt5.order_send({**DEAL, "price": None}), 'Invalid "price" argument'),
        (lambda: mt5.order_send({**DEAL, "magic": 1.5}), 'Invalid "magic" argument'),
        (lambda: mt5.order_send({**DEAL, "comment": "c" * 32}), 'Invalid "comment" argument'),
        (lambda: mt5.order_send({**DEAL, "stop_limit": 1.1}), "Invalid arguments"),
        (mt5.order_send, "Invalid number of arguments"),
        (lambda: mt5.initialize(password=7), 'Invalid "password" argument'),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_minus_two(broker, call, words):
    assert call() in {None, False}
    assert mt5.last_error() == (-2, words)
    assert broker("truth")["sent"] == []


def test_a_good_call_clears_the_error(broker):
    mt5.symbol_info("NOSUCH")
    assert mt5.last_error()[0] == -4
    assert mt5.symbol_info("EURUSD").trade_contract_size == 100_000
    assert mt5.last_error() == (1, "Success")


def test_records_have_fields_and_asdict(broker):
    account = mt5.account_info()
    assert account._asdict()["login"] == account.login == 5_000_123
    result = mt5.order_send(DEAL)
    assert result.request.symbol == "EURUSD"
    assert result.request._asdict()["magic"] == 0


def test_numbers_that_are_none_are_refused_by_the_desk(broker):
    assert mt5.order_send({**DEAL, "price": float("nan")}).retcode == mt5.TRADE_RETCODE_INVALID
    assert mt5.order_send({**DEAL, "volume": float("inf")}).retcode == mt5.TRADE_RETCODE_INVALID


def test_rates_and_ticks_are_arrays_with_the_official_columns(broker):
    rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M5, 0, 10)
    assert rates.dtype.names == (
        "time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume",
    )  # fmt: skip
    assert len(rates) == 10
    assert (rates["time"][1:] - rates["time"][:-1] == 300).all()
    assert (rates["high"] >= rates["low"]).all()
    broker.quote("1.10010", "1.10012")
    ticks = mt5.copy_ticks_from("EURUSD", 0, 100, mt5.COPY_TICKS_ALL)
    assert ticks.dtype.names == ("time", "bid", "ask", "last", "volume", "time_msc", "flags", "volume_real")
    assert ticks["bid"].tolist()[-2:] == [1.1, 1.1001]
    assert mt5.copy_rates_from_pos("NOSUCH", 1, 0, 1) is None


def test_two_walks_of_one_seed_are_the_same(broker_with):
    histories = []
    for _ in range(2):
        broker_with("--seed=11")
        histories.append(mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 5, 300)["close"].tolist())
    assert histories[0][-200:] == histories[1][-200:] or histories[0][1:][-200:] == histories[1][:-1][-200:]


def test_a_wrong_login_is_refused(broker):
    assert mt5.login(1, password="x", server="y") is False  # noqa: S106
    assert mt5.last_error() == (-6, "Terminal: Authorization failed")
