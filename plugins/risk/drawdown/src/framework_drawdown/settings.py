"""What both breakers are told: whose equity, in which currency, and how much of it may be lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from nautilus_trader.model import Currency, InstrumentId, Money, Venue

from framework import PluginConfig, refuse_repeats


class BreakerConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of every breaker."""

    venue: Annotated[
        Venue, msgspec.Meta(description="Whose account is watched: the venue as `venues:` names it.")
    ]
    amount: Annotated[
        Money | None, msgspec.Meta(description='The loss that trips it, in money: "2000 USD".')
    ] = None
    fraction: Annotated[
        Decimal | None,
        msgspec.Meta(description='The loss that trips it, as a fraction of equity: "0.02" is 2 percent.'),
    ] = None
    currency: Annotated[
        Currency | None,
        msgspec.Meta(
            description="The currency equity is watched in; needed with fraction, else amount's own."
        ),
    ] = None
    valued_by: Annotated[
        list[InstrumentId],
        msgspec.Meta(
            description="Instruments whose prices turn other currencies of the account into the one watched: "
            "[BTCUSDT.BINANCE]. Currencies without one are left out of equity."
        ),
    ] = msgspec.field(default_factory=list)
    confirm: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=1_000,
            description="Marks in a row that must show the loss, or a new peak, before it counts; 2 or more "
            "keep a single bad tick from tripping the breaker.",
        ),
    ] = 1

    def __post_init__(self) -> None:
        """Refuse a loss that is none, or two."""
        if (self.amount is None) == (self.fraction is None):
            raise ValueError('write one of amount ("2000 USD") and fraction ("0.02"), and not both')
        if self.amount is not None:
            if self.amount.raw <= 0:
                raise ValueError(f"amount is {self.amount}; write the loss as a number above 0")
            if self.currency is not None and self.currency != self.amount.currency:
                raise ValueError(
                    f"currency is {self.currency} and amount is in {self.amount.currency}; drop one"
                )
        if self.fraction is not None:
            if not (self.fraction.is_finite() and 0 < self.fraction < 1):
                raise ValueError(
                    f'fraction is {self.fraction}; write it between 0 and 1: 2 percent is "0.02"'
                )
            if self.currency is None:
                raise ValueError("fraction needs currency: the one equity is watched in, such as USD")
        refuse_repeats(self.valued_by, setting="valued_by")

    @property
    def watched(self) -> Currency:
        """The currency equity is watched in."""
        currency = self.currency if self.amount is None else self.amount.currency
        if currency is None:  # pragma: no cover - refused above
            raise ValueError("no currency")
        return currency

    def said(self, amount: Decimal) -> str:
        """An amount in the watched currency, for a reason a person reads."""
        return str(Money.from_decimal(amount, self.watched))

    def loss_allowed(self, start: Decimal) -> Decimal:
        """The loss that trips the breaker, for an equity that started from `start`."""
        if self.fraction is not None:
            return start * self.fraction
        return self.amount.as_decimal() if self.amount is not None else Decimal(0)
