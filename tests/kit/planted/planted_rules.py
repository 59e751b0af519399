"""Risk rules with one fault each, and one without."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Annotated

import msgspec
from nautilus_trader.model import Quantity

from framework import APPROVE, Deny, Halt, PluginConfig, Resize, RiskRule


class Config(PluginConfig, frozen=True, kw_only=True):
    """Settings of every planted rule."""

    limit: Annotated[Quantity, msgspec.Meta(description="Largest order.")]


class Open(Config, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Accepts unknown keys."""


class Sound(RiskRule[Config]):
    """Denies what is too large, and makes the rest of the large ones smaller."""

    def check(self, proposal):
        size = proposal.quantity.as_decimal()
        if size > 2 * self.config.limit.as_decimal():
            return Deny(f"{size} is more than twice the limit")
        if size > self.config.limit.as_decimal():
            return Resize(self.config.limit, "over the limit")
        return APPROVE


class CountsInCheck(Sound):
    """Counts the orders it was asked about, not those that left."""

    def __init__(self, config):
        super().__init__(config)
        self.asked = 0

    def check(self, proposal):
        self.asked += 1
        if self.asked > 40:
            return Deny("forty orders are enough")
        return super().check(proposal)


class Grows(Sound):
    """Rounds small orders up."""

    def check(self, proposal):
        if proposal.quantity.as_decimal() < self.config.limit.as_decimal():
            return Resize(self.config.limit, "round lots only")
        return super().check(proposal)


class SaysNothing(Sound):
    """Forgets to approve."""

    def check(self, proposal):
        verdict = super().check(proposal)
        return None if verdict is APPROVE else verdict


class Raises(Sound):
    """Divides by a position that may be nothing."""

    def check(self, proposal):
        if Decimal(1) / proposal.position > 1:
            return Deny("tiny position")
        return super().check(proposal)


class GivesNoReason(Sound):
    """Denies without a word."""

    def check(self, proposal):
        verdict = super().check(proposal)
        return Deny(" ") if isinstance(verdict, Deny) else verdict


class NeedsAPrice(Sound):
    """Takes for granted that there is a price."""

    def check(self, proposal):
        if proposal.mark.price.as_decimal() < 0:
            return Deny("negative price")
        return super().check(proposal)


class KnowsItsInstruments(Sound):
    """Takes for granted that every instrument is one of its own."""

    def check(self, proposal):
        names = {"EUR/USD.SIM": 1, "AAPL.SIM": 2}
        if names[str(proposal.instrument_id)] < 0:
            return Deny("unlisted")
        return super().check(proposal)


class ReadsTheClock(Sound):
    """Judges by the computer's clock."""

    def check(self, proposal):
        if time.time() < 1_000_000_000:
            return Deny("the market is not open in the last century")
        return super().check(proposal)


COUNT: list[int] = []


class LeaksBetweenRuns(Sound):
    """Counts in a variable of the module."""

    def on_sent(self, proposal):
        COUNT.append(1)

    def check(self, proposal):
        if len(COUNT) > 60:
            return Deny("sixty orders are enough")
        return super().check(proposal)


class Traps(Sound):
    """Judges exits too, and denies them."""

    judges_exits = True

    def check(self, proposal):
        if proposal.reduces:
            return Deny("stay in")
        return super().check(proposal)


class DoesNotFit(Sound):
    """Answers in fractions of a share."""

    def check(self, proposal):
        if proposal.quantity.as_decimal() > self.config.limit.as_decimal():
            return Resize(Quantity.from_str("100.50"), "half")
        return APPROVE


class ReactsWithWords(Sound):
    """Says halt where it must answer Halt."""

    def on_mark(self, mark):
        return "halt"


class HaltsWithoutAReason(Sound):
    """Halts, and does not say why."""

    def __init__(self, config):
        super().__init__(config)
        self.marks = 0

    def on_mark(self, mark):
        self.marks += 1
        return Halt("") if self.marks == 50 else None


class DoesNothing(Sound):
    """Approves everything."""

    def check(self, proposal):
        return APPROVE


class SwallowsItsBug(Sound):
    """Misspells an attribute, and approves when that fails."""

    def check(self, proposal):
        try:
            if proposal.quantitty > self.config.limit:
                return Deny("too large")
        except Exception:  # noqa: BLE001 - the fault
            return super().check(proposal)
        return APPROVE


class Remembers(Sound):
    """Keeps the largest order and how many there were over a restart."""

    def __init__(self, config):
        super().__init__(config)
        self.largest, self.count = Decimal(0), 0

    def on_sent(self, proposal):
        self.largest = max(self.largest, proposal.quantity.as_decimal())
        self.count += 1

    def remember(self):
        return {"largest": str(self.largest), "count": self.count}

    def recall(self, memory):
        self.largest, self.count = Decimal(memory["largest"]), memory["count"]


class RecallsTheHalf(Remembers):
    """Leaves out what it counted."""

    def recall(self, memory):
        self.largest = Decimal(memory["largest"])
