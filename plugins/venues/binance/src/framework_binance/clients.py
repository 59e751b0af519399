"""From the settings to the engine's own Binance adapter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.adapters.binance import (
    BinanceDataClientConfig,
    BinanceDataClientFactory,
    BinanceEnvironment,
    BinanceExecutionClientConfig,
    BinanceExecutionClientFactory,
    BinanceInstrumentProviderConfig,
    BinanceProductType,
    BinanceSpotMarketDataMode,
)
from nautilus_trader.model import AccountId, OmsType

from framework import CompositionError, ConfigError, LiveVenue, nanoseconds
from framework_binance.account import prepare
from framework_binance.config import PAIR, PERPETUAL
from framework_binance.statement import statement

if TYPE_CHECKING:
    from framework_binance.config import BinanceConfig

NAME = "BINANCE"
"""The venue's name in the engine's adapter, and so in every instrument."""
MS = 1_000_000
BINARY = "?responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=5"
"""How the engine's adapter reads what spot's WebSocket API says."""


def clients(name: str, config: BinanceConfig) -> LiveVenue:
    """What a live node builds the venue called `name` with; nothing is connected yet.

    Building the execution client compares the clocks, and sets and verifies the account: on paper, where no
    orders go out, none is built and no credentials are needed.

    Raises:
        CompositionError: The settings cannot be used live.
    """
    if name != NAME:
        raise CompositionError(
            f'venue "{name}" uses binance, whose instruments are all at {NAME}',
            path="venues",
            remedy=f"Write `name: {NAME}`.",
        )
    if config.environment == "loopback" and config.url is None:
        raise CompositionError(
            f"venue {name} does not say where the simulator is",
            path="venues",
            remedy='Write `url: "http://127.0.0.1:PORT"`, as framework-binance-sim printed it, or '
            "`environment: testnet`.",
        )
    legal, kind, written = (
        (PAIR, "spot pair", "BTCUSDT.BINANCE")
        if config.spot
        else (PERPETUAL, "USD-M perpetual", "BTCUSDT-PERP.BINANCE")
    )
    strangers = [str(i) for i in config.instruments if legal.fullmatch(str(i)) is None]
    if strangers:
        raise CompositionError(
            f"{', '.join(strangers)} is no {kind}",
            path="venues",
            remedy=f'Write "{written}" for the symbol BTCUSDT.',
        )
    common = _common(config)
    data = BinanceDataClientConfig(**common, spot_market_data_mode=BinanceSpotMarketDataMode.Json)
    return LiveVenue(
        data=(BinanceDataClientFactory, data),
        execution=(_Execution(config), _execution(config, common)),
        # The node nets what it is told of an instrument: long and short held apart would add up to nothing.
        # A spot account holds balances and no positions: what of them the node has bought, it cannot say.
        statement=None if config.hedge or config.spot else partial(statement, config),
    )


class _Execution:
    """Builds the execution client's factory when the account is as the settings say."""

    def __init__(self, config: BinanceConfig) -> None:
        self._config = config

    def __call__(self) -> BinanceExecutionClientFactory:
        prepare(self._config)
        return BinanceExecutionClientFactory()


def _execution(config: BinanceConfig, common: dict[str, Any]) -> BinanceExecutionClientConfig:
    return BinanceExecutionClientConfig(
        account_id=AccountId(f"{NAME}-001"),
        api_key=_known(config.key),
        api_secret=_known(config.secret),
        oms_type=OmsType.HEDGING if config.hedge else OmsType.NETTING,
        default_taker_fee=float(config.taker),
        base_url_ws_trading=None if config.url is None else _ws(config) + _trading(config),
        **common,
    )


def _common(config: BinanceConfig) -> dict[str, Any]:
    wanted = [str(instrument) for instrument in config.instruments]
    return {
        "product_type": BinanceProductType.SPOT if config.spot else BinanceProductType.USD_M,
        "environment": _ENVIRONMENTS[config.environment],
        "base_url_http": config.url,
        "base_url_ws": None if config.url is None else f"{_ws(config)}/ws",
        "instrument_provider": BinanceInstrumentProviderConfig(load_all=False, load_ids=wanted),
        "recv_window_ms": nanoseconds(config.receive_window) // MS,
    }


def _trading(config: BinanceConfig) -> str:
    return f"/ws-api/v3{BINARY}" if config.spot else "/ws-fapi/v1"


def _ws(config: BinanceConfig) -> str:
    return f"ws{(config.url or '').removeprefix('http')}"


def _known(secret: Any) -> str:
    """The credential, or nothing: where it is needed, `prepare` says that it is missing."""
    try:
        return str(secret.reveal())
    except ConfigError:
        return ""


_ENVIRONMENTS = {
    "loopback": BinanceEnvironment.LIVE,
    "testnet": BinanceEnvironment.TESTNET,
    "demo": BinanceEnvironment.DEMO,
    "live": BinanceEnvironment.LIVE,
}
