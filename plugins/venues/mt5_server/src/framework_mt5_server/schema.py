"""What may be asked of the server. Amounts are decimal text: a JSON number has lost its cents already."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

DECIMAL = r"^[0-9]{1,12}(\.[0-9]{1,10})?$"
CLIENT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
SYMBOL = r"^[A-Za-z0-9#._&!+ /-]{1,32}$"
MAX_TICKET = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 1970, 2100


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not value.isascii() or not re.fullmatch(DECIMAL, value):
        raise ValueError('write a decimal number as text, such as "0.10"')
    return Decimal(value)


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("write the time with its zone, such as 2026-11-25T10:00:00Z")
    if not FIRST_YEAR < value.year < LAST_YEAR:
        raise ValueError(f"a time is between {FIRST_YEAR} and {LAST_YEAR}")
    return value


type Amount = Annotated[
    Decimal, BeforeValidator(_decimal), WithJsonSchema({"type": "string", "pattern": DECIMAL})
]
type Moment = Annotated[datetime, AfterValidator(_zoned)]
type ClientId = Annotated[str, Field(pattern=CLIENT_ID)]
type Symbol = Annotated[str, Field(pattern=SYMBOL)]
type Ticket = Annotated[int, Field(ge=1, le=MAX_TICKET)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False)


class NewOrder(_Body):
    """An order; `client_id` makes it one, however often it arrives; after `valid_until` it is not taken.

    A market order's `price` is what the client saw; with `deviation` (in points) it is not filled
    further away at brokers that requote. `position` closes that position, whole or in part; with
    `position_by` and type `close_by` two positions close each other.
    """

    client_id: ClientId
    symbol: Symbol
    type: Literal["market", "limit", "stop", "stop_limit", "close_by"]
    side: Literal["buy", "sell"] | None = None
    volume: Amount | None = None
    price: Amount | None = None
    stop_limit: Amount | None = None
    sl: Amount | None = None
    tp: Amount | None = None
    deviation: Annotated[int, Field(ge=0, le=100_000)] = 20
    filling: Literal["fok", "ioc", "return", "boc"] = "ioc"
    time: Literal["gtc", "day", "specified", "specified_day"] = "gtc"
    expiration: Moment | None = None
    valid_until: Moment | None = None
    position: Ticket | None = None
    position_by: Ticket | None = None
    magic: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    comment: Annotated[str, Field(max_length=16, pattern=r"^[ -~]*$")] = ""

    @model_validator(mode="after")
    def _complete(self) -> NewOrder:
        if self.type == "close_by":
            if self.position is None or self.position_by is None:
                raise ValueError("close_by needs `position` and `position_by`")
            return self
        if self.position_by is not None:
            raise ValueError("`position_by` goes with type close_by")
        if self.side is None or self.volume is None or not self.volume:
            raise ValueError("an order needs `side` and a `volume` above 0")
        if self.type != "market" and self.price is None:
            raise ValueError(f"a {self.type} order needs `price`")
        if (self.type == "stop_limit") != (self.stop_limit is not None):
            raise ValueError("`stop_limit` goes with type stop_limit, and that needs it")
        if (self.time in {"specified", "specified_day"}) != (self.expiration is not None):
            raise ValueError("`expiration` goes with time specified or specified_day, and those need it")
        if self.type != "market" and self.position is not None:
            raise ValueError("only a market order closes a position; give the position `sl` or `tp`")
        if self.filling == "boc" and self.type != "limit":
            raise ValueError("filling boc is for limit orders")
        return self


class OrderChange(_Body):
    """A change of a pending order: what is given is set, and `"0"` takes a stop or target away."""

    price: Amount | None = None
    stop_limit: Amount | None = None
    sl: Amount | None = None
    tp: Amount | None = None
    expiration: Moment | None = None

    @model_validator(mode="after")
    def _some(self) -> OrderChange:
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        return self


class PositionChange(_Body):
    """A position's stop and target; `"0"` takes one away, what is left out stays."""

    sl: Amount | None = None
    tp: Amount | None = None

    @model_validator(mode="after")
    def _some(self) -> PositionChange:
        if self.sl is None and self.tp is None:
            raise ValueError("nothing to change")
        return self


class Halt(_Body):
    """Why trading is stopped, or goes on."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Problem(BaseModel):
    """Every refusal: a code for programs, words for people, and whether the terminal was asked at all."""

    code: str
    message: str
    sent: bool = False
