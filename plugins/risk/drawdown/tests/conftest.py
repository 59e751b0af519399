"""An account whose equity the test sets, and the marks it is read at."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from nautilus_trader.model import InstrumentId, Price

from framework import Mark
from framework.testkit import RuleBench

SECOND = 1_000_000_000


class Driver:
    """Feeds a rule one mark after another, a second apart."""

    def __init__(self, rule, account):
        self.rule = rule
        self.account = account
        self.now = account.now()

    def mark(self, *amounts, name="EUR/USD.SIM", at=None):
        """What the rule answers to a mark at which the account is worth this."""
        self.now = self.now + SECOND if at is None else at
        if amounts:
            self.account.hold(*[text if " " in str(text) else f"{text} USD" for text in amounts])
        return self.rule.on_mark(Mark(InstrumentId.from_str(name), Price.from_str("1.10000"), self.now))

    def trade(self, *, flat):
        self.account.positions.clear()
        if not flat:
            self.account.open_position("fx")
        self.rule.on_fill(SimpleNamespace())

    def entry(self):
        """What the rule answers to an entry now."""
        return self.rule.check(SimpleNamespace(now=self.now))


@pytest.fixture
def account():
    bench = RuleBench()
    bench.open_position("fx")
    return bench


@pytest.fixture
def driver(account):
    def make(rule, config, **settings):
        return Driver(account.rule(rule, config, **{"venue": "SIM", **settings}), account)

    return make
