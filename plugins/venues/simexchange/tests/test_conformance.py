"""The venue kit: in a backtest the exchange is replaced by the engine's own."""

from __future__ import annotations

import framework_simexchange
import msgspec

from framework.testkit import VenueKit

SPEC = next(iter(framework_simexchange.register_venues()))


class TestTwin(VenueKit):
    spec = SPEC
    starts_with = ("100000 USD",)
    hedging = True

    def config(self, *, hedging=False):
        plain = {
            "balances": ["100000 USD"],
            "leverage": "20",
            "maker": "0.00001",
            "taker": "0.00003",
            "oms": "hedging" if hedging else "netting",
        }
        return msgspec.convert(plain, SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))
