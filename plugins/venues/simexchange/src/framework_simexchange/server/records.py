"""What the exchange keeps: instruments, orders, fills and positions, in exact decimals."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

PLACES = {"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "JPY": 0, "USDT": 8, "USDC": 8, "BTC": 8, "ETH": 8}


class Refused(Exception):  # noqa: N818 - the exchange's answer, not a malfunction
    """The exchange says no: a code for machines, a sentence for people, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Status(StrEnum):
    """Where an order is in its life; only OPEN changes again."""

    OPEN = "OPEN"
    REJECTED = "REJECTED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What can be traded: `symbol` in units of `base`, priced in `quote`."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    margin: Decimal
    maker: Decimal
    taker: Decimal
    start: Decimal

    def money(self, amount: Decimal) -> Decimal:
        """`amount` of the quote currency, rounded to what the currency can hold."""
        return amount.quantize(Decimal(1).scaleb(-PLACES.get(self.quote, 8)), ROUND_HALF_EVEN)


@dataclass(slots=True, kw_only=True)
class Order:
    """One order, from its acceptance or refusal on."""

    number: int
    client_order_id: str
    symbol: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    expire_ns: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    position_id: str | None = None
    source: str = "client"
    status: Status = Status.OPEN
    reason: str | None = None
    triggered: bool = False
    filled: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    version: int = 1
    rank: int = 0
    accepted_ns: int = 0
    changed_ns: int = 0
    seq: int = 0

    @property
    def left(self) -> Decimal:
        """What is still to fill."""
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.side == "BUY" else -1

    @property
    def waits(self) -> bool:
        """Whether it is a stop that has not been triggered."""
        return self.type.startswith("STOP") and not self.triggered


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One trade of one order."""

    trade_id: str
    number: int
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    maker: bool
    position_id: str | None
    ts_ns: int
    seq: int


@dataclass(slots=True, kw_only=True)
class Position:
    """What is held: `quantity` is signed, `cost` is what it was bought for (negative when sold)."""

    position_id: str
    symbol: str
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    changed_ns: int = 0

    @property
    def average(self) -> Decimal | None:
        """The price it was opened at, on average."""
        return self.cost / self.quantity if self.quantity else None

    def trade(self, signed: Decimal, price: Decimal) -> Decimal:
        """Book a trade; returns the profit of what it closed, unrounded."""
        profit = Decimal(0)
        if self.quantity and (self.quantity > 0) != (signed > 0):
            closed = min(abs(signed), abs(self.quantity)) * (1 if self.quantity > 0 else -1)
            share = self.cost if closed == self.quantity else self.cost / self.quantity * closed
            profit = closed * price - share
            self.quantity -= closed
            self.cost -= share
            signed += closed
        self.quantity += signed
        self.cost += signed * price
        return profit


def plain(record: Any) -> dict[str, Any]:
    """A record as JSON can carry it: decimals are written as text, without an exponent."""
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def order_from(body: dict[str, Any]) -> Order:
    """The order that `plain` wrote."""
    decimals = ("quantity", "price", "trigger_price", "filled", "paid")
    values: dict[str, Any] = {
        name: Decimal(value) if name in decimals and value is not None else value
        for name, value in body.items()
    }
    return Order(**{**values, "status": Status(values["status"])})


STANDARD = (
    Instrument(
        symbol="EUR/USD",
        base="EUR",
        quote="USD",
        tick=Decimal("0.00001"),
        step=Decimal(1),
        min_quantity=Decimal(1),
        max_quantity=Decimal(100_000_000),
        margin=Decimal("0.03"),
        maker=Decimal("0.00001"),
        taker=Decimal("0.00003"),
        start=Decimal("1.10000"),
    ),
    Instrument(
        symbol="BTC/USDT",
        base="BTC",
        quote="USDT",
        tick=Decimal("0.01"),
        step=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(1_000),
        margin=Decimal("0.1"),
        maker=Decimal("0.0002"),
        taker=Decimal("0.0005"),
        start=Decimal("60000.00"),
    ),
)
"""What is listed unless `--instruments` names a file."""
