"""The venue kit: with plain fills, and with fills drawn from the seed."""

from __future__ import annotations

import framework_simulated
import msgspec

from framework.testkit import VenueKit

SPEC = next(iter(framework_simulated.register_venues()))
PLAIN = {
    "account_type": "margin",
    "balances": ["100000 USD"],
    "leverage": "20",
    "fees": {"model": "maker_taker", "maker": "0.00001", "taker": "0.00003"},
}


def settings(*, hedging, **changes):
    oms = "hedging" if hedging else "netting"
    plain = {**PLAIN, "oms": oms, **changes}
    return msgspec.convert(plain, SPEC.config, dec_hook=lambda kind, text: kind.from_str(text))


class TestPlainFills(VenueKit):
    spec = SPEC
    starts_with = ("100000 USD",)
    hedging = True

    def config(self, *, hedging=False):
        return settings(hedging=hedging)


class TestRandomFills(VenueKit):
    spec = SPEC
    starts_with = ("100000 USD",)
    hedging = True
    random_fills = True

    def config(self, *, hedging=False):
        return settings(hedging=hedging, fills={"model": "probabilistic", "prob_slippage": 0.5})


class TestStocksForAFeeEach(VenueKit):
    spec = SPEC
    starts_with = ("100000 USD",)
    preset = "equity:AAPL"
    steps = 100

    def config(self, *, hedging=False):
        fees = {"model": "fixed", "commission": "1.50 USD"}
        return settings(hedging=hedging, account_type="cash", leverage="1", fees=fees)
