"""What a backtest on this venue costs, worked out by hand; and instruments from what the server says."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest
from framework_mt5.config import Mt5Config
from framework_mt5.providers import instrument, lots
from framework_mt5.twin import Costs, Nights
from nautilus_trader.model import Cfd, CurrencyPair, Money, Price, Quantity

from framework import RunError


def config(**changes):
    plain = {"symbols": ["EURUSD"], "balances": ["10000 USD"], **changes}
    return msgspec.convert(plain, Mt5Config, dec_hook=lambda kind, text: kind.from_str(text))


def row(**changes):
    return {
        "name": "EURUSD",
        "digits": 5,
        "contract_size": "100000",
        "tick_size": "0.00001",
        "tick_value": "1",
        "volume_min": "0.01",
        "volume_max": "100",
        "volume_step": "0.01",
        "currency_base": "EUR",
        "currency_profit": "USD",
        "calc_mode": 0,
        "fillings": ["ioc"],
        **changes,
    }


def test_a_currency_pair_is_in_units_and_not_in_lots():
    pair = instrument(row(), "MT5", "USD", 100)
    assert isinstance(pair, CurrencyPair)
    assert (str(pair.size_increment), str(pair.min_quantity), str(pair.max_quantity), str(pair.lot_size)) == (
        "1000",
        "1000",
        "10000000",
        "100000",
    )
    assert (pair.price_precision, pair.size_precision, pair.margin_init) == (5, 0, Decimal("0.01"))
    assert lots(Quantity.from_str("25000"), Decimal(100_000)) == "0.25"


def test_everything_else_is_a_contract_for_difference():
    gold = instrument(
        row(name="XAUUSD", digits=2, contract_size="100", tick_size="0.01", currency_base="XAU", calc_mode=4),
        "MT5",
        "USD",
        50,
    )
    assert isinstance(gold, Cfd)
    assert (gold.asset_class.name, str(gold.size_increment), gold.margin_init) == (
        "COMMODITY",
        "1",
        Decimal("0.02"),
    )
    terms = {"digits": 2, "contract_size": "1", "tick_size": "0.01", "tick_value": "0.01", "calc_mode": 2}
    coin = instrument(row(name="BTCUSD", currency_base="BTC", **terms), "MT5", "USD", 50)
    assert (str(coin.size_increment), coin.size_precision, coin.margin_init) == ("0.01", 2, Decimal(1))


def test_a_symbol_whose_tick_is_worth_something_else_is_refused_where_it_can_be_told():
    with pytest.raises(RunError, match="worked out wrong"):
        instrument(row(tick_value="2"), "MT5", "USD", 100)
    # in another currency a tick's value moves with the rate, and proves nothing
    assert instrument(row(tick_value="0.91"), "MT5", "EUR", 100)


def test_a_fill_costs_its_commission_and_on_bars_half_the_spread():
    pair = instrument(row(), "MT5", "USD", 100)
    fill = (None, Quantity.from_str("100000"), Price.from_str("1.10000"), pair)
    # 7 USD a lot and side; and a spread of 2 points, half of 0.00002 x 100,000
    assert Costs(config(commission={"EURUSD": "0.00007"})).get_commission(*fill) == Money.from_str("7.00 USD")
    assert Costs(config(spread={"EURUSD": "0.00002"})).get_commission(*fill) == Money.from_str("1.00 USD")
    both = config(commission={"EURUSD": "0.00007"}, spread={"EURUSD": "0.00002"})
    assert Costs(both).get_commission(*fill) == Money.from_str("8.00 USD")
    assert Costs(config()).get_commission(*fill) == Money.from_str("0.00 USD")
    home = config(balances=["10000 EUR"], commission={"EURUSD": "0.00007"}, spread={"EURUSD": "0.00002"})
    with pytest.raises(ValueError, match="backtest it on quotes"):
        Costs(home).get_commission(*fill)


def ns(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("first", "second", "paid"),
    [
        # New York's 17:00 is 22:00 UTC in January; the week of 2026-01-05, a Monday
        ("2026-01-05T21:59:59", "2026-01-05T22:00:00", "-14.40 USD"),
        ("2026-01-05T12:00:00", "2026-01-05T21:00:00", None),
        ("2026-01-07T12:00:00", "2026-01-07T23:00:00", "-43.20 USD"),  # Wednesday counts three times
        ("2026-01-05T12:00:00", "2026-01-12T12:00:00", "-100.80 USD"),  # a week is seven nights
        ("2026-01-10T12:00:00", "2026-01-11T12:00:00", None),  # none on a weekend
        ("2026-07-06T20:59:59", "2026-07-06T21:00:00", "-14.40 USD"),  # an hour earlier in summer
    ],
)
def test_a_night_costs_its_swap_and_the_triple_one_three(first, second, paid):
    terms = {"contract": "100000", "long": "-7.2", "short": "2.6"}
    nights = Nights(config(swap={"EURUSD": terms}))
    pair = instrument(row(), "MT5", "USD", 100)
    position = SimpleNamespace(
        instrument_id=pair.id, is_open=True, is_long=True, quantity=Quantity.from_str("200000")
    )
    context = SimpleNamespace(positions=[position])
    assert nights.process(ns(first), context) is None
    assert nights.process(ns(second), context) == (None if paid is None else [Money.from_str(paid)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"balances": ["0 USD"]}, "more than nothing"),
        ({"leverage": "0.5"}, "below 1"),
        ({"commission": {"EURUSD": "-1"}}, "write 0 or more"),
        ({"magics": {"one": 7, "two": 7}}, "one number"),
        ({"url": "ftp://x"}, "url"),
        ({"key": "fmk_1234_secret"}, "secret is named here"),
        ({"symbols": []}, "symbols"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    from framework import Secret

    plain = {"symbols": ["EURUSD"], "balances": ["10000 USD"], **change}
    with pytest.raises((ValueError, msgspec.ValidationError), match=words):
        msgspec.convert(
            plain,
            Mt5Config,
            dec_hook=lambda kind, text: kind(text) if kind is Secret else kind.from_str(text),
        )


def test_a_live_node_needs_an_address_and_a_key():
    from framework_mt5 import clients

    from framework import CompositionError

    with pytest.raises(CompositionError, match="does not say `url`"):
        clients("MT5", config())
    with pytest.raises(CompositionError, match="does not say `key`"):
        clients("MT5", config(url="https://127.0.0.1:1"))
