"""Binance's own `binance-sdk-derivatives-trading-usds-futures` on the simulator, with each kind of key."""

from decimal import Decimal

import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


def client_of(sim, **credentials):
    configuration = ConfigurationRestAPI(base_path=sim.url, timeout=10_000, retries=0, **credentials)
    return DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api


def files_of(private, folder):
    """The private key as a client has it, and the public one as the exchange has it."""
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = folder / "public.pem"
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return pem.decode(), public


def lifecycle(rest, sim):
    symbols = rest.exchange_information().data().symbols
    assert [s.symbol for s in symbols] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    placed = rest.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=59999.9
    ).data()
    assert (placed.status, placed.orig_qty, placed.price) == ("NEW", "0.010", "59999.90")
    changed = rest.modify_order(
        symbol="BTCUSDT", side="BUY", quantity=0.02, price=59999.8, order_id=placed.order_id
    ).data()
    assert (changed.orig_qty, changed.price) == ("0.020", "59999.80")
    assert [o.order_id for o in rest.current_all_open_orders(symbol="BTCUSDT").data()] == [placed.order_id]
    sim.quote("59999.70", "59999.80")
    filled = rest.query_order(symbol="BTCUSDT", order_id=placed.order_id).data()
    assert (filled.status, filled.executed_qty, filled.cum_quote) == ("FILLED", "0.020", "1199.99600")
    (trade,) = rest.account_trade_list(symbol="BTCUSDT").data()
    assert trade.commission == "0.23999920"
    (balance,) = rest.futures_account_balance_v3().data()
    assert Decimal(balance.balance) == Decimal(10000) - Decimal("0.23999920")
    (held,) = rest.position_information_v3(symbol="BTCUSDT").data()
    assert held.position_amt == "0.020"
    with pytest.raises(BadRequestError, match=r"Unknown order sent"):
        rest.cancel_order(symbol="BTCUSDT", order_id=placed.order_id)


def test_binance_sdk_lives_through_an_order_with_an_hmac_key(sim):
    lifecycle(client_of(sim, api_key=sim.key, api_secret=sim.secret), sim)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_binance_sdk_lives_through_an_order_with_a_private_key(kind, sim_with, tmp_path):
    private = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )
    pem, public = files_of(private, tmp_path)
    sim = sim_with(f"--public-key=mine={public}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    lifecycle(client_of(sim, api_key="mine", private_key=pem), sim)

    stranger, _ = files_of(ed25519.Ed25519PrivateKey.generate(), tmp_path)
    with pytest.raises(BadRequestError, match="Signature for this request is not valid"):
        client_of(sim, api_key="mine", private_key=stranger).futures_account_balance_v3()
