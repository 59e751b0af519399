"""How much may be asked: request weight and orders in an interval, then 429, then a ban."""

from __future__ import annotations

from dataclasses import dataclass, field

from framework_binance_sim.refusals import Refused

MINUTE = 60


@dataclass(slots=True)
class Count:
    """What was used of one limit in the current interval of the exchange's clock."""

    seconds: int
    limit: int
    interval: int = 0
    used: int = 0

    def add(self, amount: int, now: float) -> bool:
        """Use `amount`; whether that was still within the limit."""
        interval = int(now // self.seconds)
        if interval != self.interval:
            self.interval, self.used = interval, 0
        self.used += amount
        return self.used <= self.limit

    def left(self, now: float) -> int:
        """Whole seconds until the interval ends."""
        return int(self.seconds - now % self.seconds) + 1


@dataclass(frozen=True, slots=True)
class Wording:
    """How a product says that too much was asked; `{limit}` and `{until}` are filled in."""

    weight: str
    ban: str


FUTURES = Wording(
    weight=(
        "Too many requests; current limit is {limit} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    ),
    ban=(
        "Way too many requests; IP banned until {until}. "
        "Please use the websocket for live updates to avoid bans."
    ),
)
SPOT = Wording(
    weight=(
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    ),
    ban=(
        "Way too much request weight used; IP banned until {until}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    ),
)


@dataclass(slots=True)
class Meter:
    """The limits of one address; every client of the simulator is the same one.

    Attributes:
        weight: Request weight in a minute.
        orders: New orders, by the header they are told in.
        wording: What is said when it is too much.
        patience: Requests answered with 429 before the address is banned.
        ban_seconds: How long the first ban lasts; each one after it is twice as long, at most three days.
    """

    weight: Count
    orders: dict[str, Count]
    wording: Wording = FUTURES
    patience: int = 10
    ban_seconds: float = 120
    banned_until: float = 0.0
    _over: int = 0
    _bans: int = field(default=0)

    def request(self, weight: int, now: float) -> None:
        """Count a request.

        Raises:
            Refused: With 429 over the limit, with 418 while banned.
        """
        if now < self.banned_until:
            raise self._banned(now)
        if self.weight.add(weight, now):
            self._over = 0
            return
        self._over += 1
        if self._over > self.patience:
            self.ban(min(self.ban_seconds * 2**self._bans, 3 * 86_400), now)
            raise self._banned(now)
        raise Refused(
            (-1003, self.too_much()), status=429, headers={"Retry-After": str(self.weight.left(now))}
        )

    def ban(self, seconds: float, now: float) -> None:
        """Ban the address."""
        self.banned_until = now + seconds
        self._bans += 1
        self._over = 0

    def pardon(self) -> None:
        """Forget the ban and what was used."""
        self.banned_until = 0.0
        self._over = 0
        for count in (self.weight, *self.orders.values()):
            count.used = 0

    def order(self, now: float, count: int = 1) -> None:
        """Count new orders.

        Raises:
            Refused: With 429 over a limit.
        """
        for name, limit in self.orders.items():
            if not limit.add(count, now):
                text = f"Too many new orders; current limit is {limit.limit} orders per {_words(name)}."
                raise Refused((-1015, text), status=429, headers={"Retry-After": str(limit.left(now))})

    def headers(self, *, orders: bool) -> dict[str, str]:
        """What every answer tells of the limits."""
        used = str(self.weight.used)
        told = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if orders:
            told |= {f"X-MBX-ORDER-COUNT-{name}": str(count.used) for name, count in self.orders.items()}
        return told

    def table(self) -> list[dict[str, object]]:
        """The limits as `exchangeInfo` states them, with what is used of each."""
        rows: list[dict[str, object]] = [_row("REQUEST_WEIGHT", "MINUTE", 1, self.weight)]
        for name, count in self.orders.items():
            rows.append(_row("ORDERS", _UNITS[name[-1]], int(name[:-1]), count))
        return rows

    def too_much(self) -> str:
        """What is said over the limit."""
        return self.wording.weight.format(limit=self.weight.limit)

    def banned(self, until_ms: int) -> str:
        """What is said to who is banned."""
        return self.wording.ban.format(until=until_ms)

    def _banned(self, now: float) -> Refused:
        text = self.banned(int(self.banned_until * 1_000))
        wait = {"Retry-After": str(int(self.banned_until - now) + 1)}
        return Refused((-1003, text), status=418, headers=wait)


_UNITS = {"S": "SECOND", "M": "MINUTE", "D": "DAY"}


def _words(name: str) -> str:
    return f"{name[:-1]} {_UNITS[name[-1]]}"


def _row(kind: str, unit: str, number: int, count: Count) -> dict[str, object]:
    return {
        "rateLimitType": kind,
        "interval": unit,
        "intervalNum": number,
        "limit": count.limit,
        "count": count.used,
    }
