"""Before anything trades: the clock is compared, and the account is set as the settings say, and read again.

The engine's adapter sets leverage too, but goes on when Binance refuses; an account that is not as the
settings say is no account to trade on.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from framework import CompositionError, RunError, nanoseconds
from framework_binance.signing import RefusedByBinance, api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework_binance.config import BinanceConfig
    from framework_binance.signing import Api

MS = 1_000_000
NO_NEED = {-4046, -4059}
SAMPLES = 3
_log = logging.getLogger("framework.binance")


def prepare(config: BinanceConfig) -> None:
    """Make the account as the settings say. On spot there is nothing to set: it has to be allowed to trade.

    Raises:
        CompositionError: The key is of a kind that spot tells no events to.
        ConfigError: The credentials are not there.
        RunError: The clocks are too far apart, Binance refused, or the account is not as it
            should be afterwards.
    """
    if config.spot and config.key_type != "ed25519":
        raise CompositionError(
            "Binance tells the events of a spot account to Ed25519 keys only",
            path="venues",
            remedy="Make such a key at Binance, and write `key_type: ed25519`.",
        )
    binance = api(config, nanoseconds(config.receive_window) // MS)
    offset = clock_offset_ms(binance, "/api/v3/time" if config.spot else "/fapi/v1/time")
    allowed = nanoseconds(config.max_clock_offset) // MS
    if abs(offset) > allowed:
        raise RunError(
            f"this machine's clock is {-offset} ms ahead of Binance's, and `max_clock_offset` "
            f"is {allowed} ms",
            remedy="Set the clock (NTP), or allow more.",
        )
    if config.spot:
        _check_spot(binance)
        _log.info(
            "binance %s: clock offset %d ms, spot, request weight %d used this minute",
            config.environment,
            offset,
            binance.weight,
        )
        return
    _change(binance, "/fapi/v1/positionSide/dual", dualSidePosition=str(config.hedge).lower())
    for symbol in config.symbols:
        _change(binance, "/fapi/v1/marginType", symbol=symbol, marginType=_margin(config))
        _change(binance, "/fapi/v1/leverage", symbol=symbol, leverage=str(config.leverage))
    wrong = list(_differences(binance, config))
    if wrong:
        raise RunError(
            f"the account is not as it should be: {'; '.join(wrong)}",
            remedy="Set it by hand at Binance, or write what it is.",
        )
    _log.info(
        "binance %s: clock offset %d ms, %s, %s, leverage %d, request weight %d used this minute",
        config.environment,
        offset,
        config.position_mode,
        config.margin_type,
        config.leverage,
        binance.weight,
    )


def clock_offset_ms(binance: Api, path: str) -> int:
    """How far Binance's clock is ahead of this machine's, from the quickest of three questions."""
    best = (float("inf"), 0)
    for _ in range(SAMPLES):
        before = time.time_ns()
        server = int(binance.public(path)["serverTime"])
        after = time.time_ns()
        best = min(best, (after - before, server - (before + after) // 2 // MS))
    return best[1]


def _check_spot(binance: Api) -> None:
    account = binance.signed("GET", "/api/v3/account", omitZeroBalances="true")
    if not account["canTrade"]:
        raise RunError("the account may not trade", remedy="Look at Binance why.")


def _change(binance: Api, path: str, **fields: str) -> None:
    try:
        binance.signed("POST", path, **fields)
    except RefusedByBinance as refused:
        if refused.code not in NO_NEED:
            raise


def _differences(binance: Api, config: BinanceConfig) -> Iterator[str]:
    hedge = binance.signed("GET", "/fapi/v1/positionSide/dual")["dualSidePosition"]
    if hedge is not config.hedge:
        yield f"position mode is {'hedge' if hedge else 'one_way'}, not {config.position_mode}"
    for symbol in config.symbols:
        rows = binance.signed("GET", "/fapi/v1/symbolConfig", symbol=symbol)
        row: dict[str, Any] = next((row for row in rows if row.get("symbol") == symbol), {})
        if row.get("leverage") != config.leverage:
            yield f"leverage of {symbol} is {row.get('leverage')}, not {config.leverage}"
        if row.get("marginType") != _margin(config):
            yield f"margin type of {symbol} is {row.get('marginType')}, not {_margin(config)}"


def _margin(config: BinanceConfig) -> str:
    return "CROSSED" if config.margin_type == "cross" else "ISOLATED"
