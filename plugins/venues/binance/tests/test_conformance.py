"""The venue kit: in a backtest Binance is replaced by the engine's own exchange."""

from __future__ import annotations

import framework_binance
import msgspec

from framework.testkit import VenueKit

SPEC = next(iter(framework_binance.register_venues()))


class TestTwin(VenueKit):
    spec = SPEC
    starts_with = ("100000 USDT",)
    preset = "BTCUSDT-PERP"
    steps = 100
    hedging = True

    def config(self, *, hedging=False):
        plain = {
            "balances": ["100000 USDT"],
            "instruments": ["BTCUSDT-PERP.SIM"],
            "leverage": 20,
            "maker": "0.0002",
            "taker": "0.0005",
            "position_mode": "hedge" if hedging else "one_way",
        }
        return msgspec.convert(plain, SPEC.config, dec_hook=_decode)


class TestSpotTwin(VenueKit):
    spec = SPEC
    starts_with = ("100000 USDT",)
    preset = "BTCUSDT"
    steps = 1_000

    def config(self, *, hedging=False):
        del hedging
        plain = {
            "balances": ["100000 USDT"],
            "instruments": ["BTCUSDT.SIM"],
            "product": "spot",
            "maker": "0.001",
            "taker": "0.001",
        }
        return msgspec.convert(plain, SPEC.config, dec_hook=_decode)


def _decode(kind, text):
    return kind(text) if kind.__name__ == "Secret" else kind.from_str(text)
