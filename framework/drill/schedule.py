"""What goes wrong and when, drawn from a seed: the same seed gives the same schedule, in any process.

A schedule is a list of lives. A life begins when a node is started and ends when it is killed or told to
stop; while it lasts, steps happen at moments counted from its beginning. The last life has no trouble and no
new orders: in it the node has to come to terms with everything that was.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

type Where = Literal["exchange", "network", "node"]
type Ending = Literal["kill", "stop", "settle"]

REQUESTS = ("timeout", "slow", "status", "rate_limit", "drop", "garbage")
MESSAGES = ("duplicate", "reorder", "lose", "late")
ACTIONS = ("submit", "submit", "cancel", "modify", "query", "session", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that goes wrong.

    Attributes:
        at: Seconds after the beginning of the life.
        where: Whose doing it is: the exchange's, the network's, or the node's own process.
        what: Which.
        how: Its parameters.
    """

    at: float
    where: Where
    what: str
    how: dict[str, Any]

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.how.items())
        return f"{self.at:6.3f} s  {self.where} {self.what} {said}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run of the node.

    Attributes:
        number: 1 for the first.
        begins: What its moments are counted from: the start of the process, so that trouble meets recovery,
            or the moment its strategies run.
        lasts: Seconds of trading until it ends.
        ends: Killed, told to stop, or left in peace until it has come to terms with the exchange.
        steps: What goes wrong, in order.
    """

    number: int
    begins: Literal["process", "ready"]
    lasts: float
    ends: Ending
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        head = f"life {self.number}: {self.lasts:.3f} s from {self.begins}, then {self.ends}"
        return "\n".join([head, *(f"  {step}" for step in self.steps)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Everything a seed decides.

    Attributes:
        seed: What it was drawn from.
        options: What else the run is made with: pace and size of the orders, the market's interval.
        lives: In order.
    """

    seed: int
    options: dict[str, Any]
    lives: tuple[Life, ...]

    @property
    def hash(self) -> str:
        """The same for the same schedule, in any process and on any machine."""
        whole = {"options": self.options, "lives": [asdict(life) for life in self.lives]}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.options.items())
        return "\n".join([f"seed {self.seed}: {said}", *map(str, self.lives)])


def draw(
    seed: int, *, kills: int | None = None, trouble: Sequence[Where] = ("exchange", "network", "node")
) -> Schedule:
    """The schedule of a seed: killed again and again.

    Args:
        seed: Any whole number.
        kills: How often the node is killed; drawn from 1 to 4 when left out.
        trouble: Where steps may come from.
    """
    dice, options = _begun(seed)
    count = dice.randint(1, 4)
    if kills is not None:
        count = kills
    lives = [_life(dice, number, trouble) for number in range(1, count + 1)]
    last = Life(number=count + 1, begins="ready", lasts=0.0, ends="settle", steps=())
    return Schedule(seed=seed, options=options, lives=(*lives, last))


def draw_outages(seed: int, *, seconds: float = 6.0) -> Schedule:
    """A schedule in which one node lives through outages of the network and of the exchange's streams.

    Args:
        seed: Any whole number.
        seconds: How long it trades.
    """
    dice, options = _begun(seed)
    steps = [_step(dice, seconds - 1, ["network"]) for _ in range(8)]
    steps += [Step(at=round(dice.uniform(0, seconds - 1), 3), where="exchange", what="cut", how={})]
    life = Life(
        number=1,
        begins="ready",
        lasts=seconds,
        ends="settle",
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )
    return Schedule(seed=seed, options=options, lives=(life,))


def _begun(seed: int) -> tuple[random.Random, dict[str, Any]]:
    dice = random.Random(f"framework drill {seed}")  # noqa: S311 - faults, not secrets
    options = {
        "pace_ms": dice.choice((15, 25, 40, 80)),
        "largest": dice.choice((5, 20, 60)),
        "interval_ms": dice.choice((10, 25, 50)),
        "heartbeat_s": dice.choice((0.2, 0.3, 0.5)),
        "latency_ms": dice.choice((0, 0, 1, 5, 20)),
        "cap": dice.choice((100, 200, 400)),
        "exits": dice.random() < 0.5,  # noqa: PLR2004 - every other seed
    }
    return dice, options


def _life(dice: random.Random, number: int, trouble: Sequence[Where]) -> Life:
    # A life that is counted from the process's start is short enough to be killed while it recovers.
    early = dice.random() < 0.25  # noqa: PLR2004 - one in four
    lasts = round(dice.uniform(0.05, 1.5) if early else dice.uniform(0.1, 1.2), 3)
    steps = [_step(dice, lasts, trouble) for _ in range(dice.randint(0, 4) if trouble else 0)]
    return Life(
        number=number,
        begins="process" if early else "ready",
        lasts=lasts,
        ends="kill" if dice.random() < 0.95 else "stop",  # noqa: PLR2004 - one in twenty stops in order
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _step(dice: random.Random, lasts: float, trouble: Sequence[Where]) -> Step:
    places: list[Where] = ["exchange", "exchange", "network", "node"]
    where = dice.choice([place for place in places if place in trouble])
    what, how = _DRAWS[where](dice)
    return Step(at=round(dice.uniform(0.0, lasts), 3), where=where, what=what, how=how)


def _exchange(dice: random.Random) -> tuple[str, dict[str, Any]]:
    kind = dice.choice(("request",) * 5 + ("message",) * 4 + ("cut", "trade", "cancel", "skew", "jump"))
    seconds = round(dice.uniform(0.05, 0.6), 3)
    if kind == "request":
        return "fault", _request(dice) | {"seconds": seconds}
    if kind == "message":
        on, count = dice.choice(("order", "fill", "any")), dice.choice((1, 2, 5))
        return "fault", {"kind": dice.choice(MESSAGES), "on": on, "count": count, "seconds": seconds}
    how: dict[str, dict[str, Any]] = {
        "cut": {},
        "trade": {"side": dice.choice(("BUY", "SELL")), "units": dice.randint(1, 9)},
        "cancel": {"index": dice.randint(0, 9)},
        "skew": {"ms": dice.choice((-3_000, -300, 300, 3_000)), "seconds": seconds},
        "jump": {"ticks": dice.choice((-40, -15, 15, 40))},
    }
    return kind, how[kind]


def _request(dice: random.Random) -> dict[str, Any]:
    how: dict[str, Any] = {
        "kind": dice.choice(REQUESTS),
        "on": dice.choice(ACTIONS),
        "when": dice.choice(("before", "after")),
        "count": dice.choice((1, 1, 1, 3, 10)),
    }
    return how | ({"code": dice.choice((500, 502, 503, 504))} if how["kind"] == "status" else {})


def _network(dice: random.Random) -> tuple[str, dict[str, Any]]:
    seconds = round(dice.uniform(0.05, 0.8), 3)
    kind = dice.choice(("cut", "drop", "half_open", "delay", "throttle", "truncate"))
    match kind:
        case "delay":
            return kind, {"seconds": seconds, "ms": dice.choice((5, 50, 200))}
        case "throttle":
            return kind, {"seconds": seconds, "bytes_per_s": dice.choice((2_000, 20_000))}
        case "truncate":
            return kind, {"bytes": dice.randint(1, 200), "toward": dice.choice(("node", "exchange"))}
        case "cut":
            return kind, {}
    return kind, {"seconds": seconds}


def _node(dice: random.Random) -> tuple[str, dict[str, Any]]:
    if dice.random() < 0.5:  # noqa: PLR2004 - one in two
        return "pause", {"seconds": round(dice.uniform(0.05, 0.6), 3)}
    return "latch", {"seconds": round(dice.uniform(0.1, 0.6), 3), "scope": dice.choice(("all", "strategy"))}


_DRAWS: dict[str, Callable[[random.Random], tuple[str, dict[str, Any]]]] = {
    "exchange": _exchange,
    "network": _network,
    "node": _node,
}
