"""What the settings refuse, and what a live node is refused with."""

from decimal import Decimal

import pytest
from framework_binance.clients import clients
from framework_binance.config import BinanceConfig
from nautilus_trader.model import InstrumentId, Money

from framework import CompositionError, ConfigError

PERP = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")


def config(**changes):
    fields = {
        "balances": [Money.from_str("10000 USDT")],
        "instruments": [PERP],
        "maker": Decimal("0.0002"),
        "taker": Decimal("0.0005"),
        "url": "http://127.0.0.1:9",
    }
    return BinanceConfig(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "https://fapi.binance.com"}, "not a simulator on this machine"),
        ({"url": "http://192.168.0.4:80"}, "not a simulator on this machine"),
        ({"url": "http://127.0.0.1"}, "not a simulator on this machine"),
        ({"environment": "live"}, "`url` is only for `loopback`"),
        ({"maker": Decimal("0.5")}, "not a fee rate"),
        ({"balances": [Money.from_str("1 USDT"), Money.from_str("2 USDT")]}, "names a currency twice"),
        ({"balances": [Money.from_str("0 USDT")]}, "more than nothing"),
        ({"funding": {"ETHUSDT-PERP.BINANCE": "0.0001"}}, "which `instruments` does not"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        config(**changes)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("SIM", {}, "whose instruments are all at BINANCE"),
        ("BINANCE", {"url": None}, "does not say where the simulator is"),
        ("BINANCE", {"instruments": [InstrumentId.from_str("BTCUSDT.BINANCE")]}, "no USD-M perpetual"),
    ],
)
def test_what_cannot_go_live_is_refused_with_the_remedy(name, changes, said):
    with pytest.raises(CompositionError, match=said) as caught:
        clients(name, config(**changes))
    assert caught.value.remedy


def test_credentials_are_looked_up_when_the_execution_client_is_built_and_not_before(monkeypatch):
    monkeypatch.delenv("BINANCE_API_KEY", raising=False)
    made = clients("BINANCE", config())
    assert type(made.data[0]()).__name__ == "BinanceDataClientFactory"
    with pytest.raises(ConfigError, match="BINANCE_API_KEY is not set"):
        made.execution[0]()


def test_no_credential_shows_in_a_printed_config(monkeypatch):
    monkeypatch.setenv("BINANCE_API_SECRET", "planted-secret-2718")
    monkeypatch.setenv("BINANCE_API_KEY", "planted-key-2718")
    made = clients("BINANCE", config())
    assert "planted" not in f"{config()!r} {made!r} {made.execution[1]!r}"
