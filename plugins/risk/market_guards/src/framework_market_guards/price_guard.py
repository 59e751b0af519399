"""No entry on a price that is missing, old, impossible, crossed or not believed yet."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from framework import APPROVE, Deny, Duration, PluginConfig, RiskRule, fresh_mark, nanoseconds
from framework_market_guards.quarantine import Quarantine

if TYPE_CHECKING:
    from nautilus_trader.model import InstrumentId

    from framework import Mark, Proposal, Verdict


class PriceGuardConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `price_guard`."""

    max_mark_age: Annotated[
        Duration,
        msgspec.Meta(
            description='Oldest price to enter on: "5s", "2h"; an older one, or none at all, denies. '
            "With bars, write more than the length of a bar."
        ),
    ]
    max_clock_offset: Annotated[
        Duration,
        msgspec.Meta(
            description="Most a price may be ahead of the node's clock; beyond it one of them is wrong."
        ),
    ] = "500ms"
    max_jump: Annotated[
        Decimal | None,
        msgspec.Meta(
            description='Most a price may differ from the last good one, in percent of it: "10". One further '
            "away is quarantined, and entries are denied, until others confirm it."
        ),
    ] = None
    confirm: Annotated[
        int,
        msgspec.Meta(
            ge=2,
            le=1_000,
            description="Prices in a row, each within max_jump of the first of them, that make a jump real.",
        ),
    ] = 3
    below_zero: Annotated[
        Literal["deny", "allow"],
        msgspec.Meta(description="Prices of zero and less: impossible, or natural as those of a spread."),
    ] = "deny"

    def __post_init__(self) -> None:
        """Refuse a jump that is none."""
        if self.max_jump is not None and not (self.max_jump.is_finite() and self.max_jump > 0):
            raise ValueError(f'max_jump is {self.max_jump}; write a number above 0: ten percent is "10"')


class PriceGuard(RiskRule[PriceGuardConfig]):
    """Denies entries whose price means nothing."""

    def __init__(self, config: PriceGuardConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age)
        self._max_offset = nanoseconds(config.max_clock_offset)
        self._quarantines: dict[InstrumentId, Quarantine] = {}

    def check(self, proposal: Proposal) -> Verdict:
        """Look at the last price and the last quote."""
        mark = fresh_mark(proposal, self._max_age)
        if isinstance(mark, str):
            return Deny(mark)
        wrong = self._wrong(proposal, mark)
        return Deny(wrong) if wrong else APPROVE

    def on_mark(self, mark: Mark) -> None:
        """Tell bad prices from good ones."""
        percent = self.config.max_jump
        if percent is None:
            return
        quarantine = self._quarantines.get(mark.instrument_id)
        if quarantine is None:
            quarantine = self._quarantines[mark.instrument_id] = Quarantine(percent, self.config.confirm)
        quarantine.add(mark.price.raw, possible=self._possible(mark))

    def _wrong(self, proposal: Proposal, mark: Mark) -> str | None:
        name, ahead = proposal.instrument_id, mark.ts_event - proposal.now
        if ahead > self._max_offset:
            return (
                f"the last price of {name} is {ahead / 1_000_000:g} ms ahead of the clock, and "
                f"max_clock_offset is {self.config.max_clock_offset}"
            )
        if not self._possible(mark):
            return f"the last price of {name} is {mark.price}, which is none"
        quote = self.market.quote(name)
        if quote is not None and quote.bid_price.raw > quote.ask_price.raw:
            return f"the book of {name} is crossed: bid {quote.bid_price}, ask {quote.ask_price}"
        quarantine = self._quarantines.get(name)
        if quarantine is not None and quarantine.holds:
            return (
                f"the last price of {name}, {mark.price}, is more than {self.config.max_jump:f} % from the "
                f"last good one, and {self.config.confirm} in a row have to confirm it"
            )
        return None

    def _possible(self, mark: Mark) -> bool:
        return mark.price.raw > 0 or self.config.below_zero == "allow"
