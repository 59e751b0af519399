"""A row of the journal: what it says, as canonical text, and the hash that ties it to the row before it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type Kind = Literal[
    "session_started",  # versions, config hash, mode
    "session_ended",  # how it ended
    "intent",  # submit, modify or cancel, before it leaves
    "sent",  # it left
    "event",  # an order, position or account event of the engine
    "decision",  # a verdict of the gate
    "mark",  # a price somebody decided on
    "clock",  # what the clock did
    "snapshot",  # what a strategy or a risk rule wants to remember
    "checkpoint",  # the folded state of everything so far: recovery starts here
    "operator",  # kill, resume, reload: who and why
    "alert",
    "recovery",  # what was found and done at the start
]

KINDS: tuple[Kind, ...] = get_args(Kind.__value__)
GENESIS = hashlib.sha256(b"framework journal 1").digest()
"""What the first row's hash is chained to."""

LONGEST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row, as it is stored.

    Attributes:
        seq: 1 for the first row ever written, and one more for each after it.
        ts: When it was written, nanoseconds since the epoch, UTC, by the journal's clock.
        kind: One of `KINDS`.
        session: The run of the node that wrote it.
        strategy: The strategy's `id:`, or an empty string.
        order_id: The client order id, or an empty string.
        body: What it says, as canonical JSON.
        hash: SHA-256 over the hash of the row before it and everything above, 32 bytes.
    """

    seq: int
    ts: int
    kind: str
    session: str
    strategy: str
    order_id: str
    body: str
    hash: bytes

    def fields(self) -> dict[str, Any]:
        """The body as plain values; money, prices and every number with a fraction are text."""
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values, for JSON."""
        return {
            "seq": self.seq,
            "ts": self.ts,
            "kind": self.kind,
            "session": self.session,
            "strategy": self.strategy,
            "order_id": self.order_id,
            "body": self.fields(),
            "hash": self.hash.hex(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """The row that `to_dict` gave.

        Raises:
            KeyError: A value is missing.
            ValueError: A value is not what a row holds.
        """
        row = cls(
            seq=values["seq"],
            ts=values["ts"],
            kind=values["kind"],
            session=values["session"],
            strategy=values["strategy"],
            order_id=values["order_id"],
            body=encode(values["body"]),
            hash=bytes.fromhex(values["hash"]),
        )
        if not row.is_well_formed():
            raise ValueError("a value has the wrong type")
        return row

    def is_well_formed(self) -> bool:
        """True when every value has its type: a damaged file can hold anything."""
        texts = (self.kind, self.session, self.strategy, self.order_id, self.body)
        return (
            type(self.seq) is type(self.ts) is int
            and type(self.hash) is bytes
            and set(map(type, texts)) == {str}
        )

    def follows(self, previous: bytes) -> bool:
        """True when the row is what was written after the row with that hash."""
        return self.is_well_formed() and self.hash == chained(
            previous, self.seq, self.ts, self.kind, self.session, self.strategy, self.order_id, self.body
        )


def chained(
    previous: bytes, seq: int, ts: int, kind: str, session: str, strategy: str, order_id: str, body: str
) -> bytes:
    """The hash of a row after the row with that hash, 32 bytes."""
    names = json.dumps([seq, ts, kind, session, strategy, order_id])
    return hashlib.sha256(b"%b%b\n%b" % (previous, names.encode(), body.encode())).digest()


def canonical(body: Mapping[str, Any], mask: Callable[[str], str] | None = None) -> str:
    """The body as the one text that says it: JSON in ASCII, keys sorted, no number with a fraction.

    Whatever JSON has no word for is written as its text: prices, amounts, identifiers and floats as `str`
    shows them, the members of an enumeration as their names, bytes as `base64:...`.

    Args:
        body: Plain values, or the engine's.
        mask: Applied to every text, keys too; it hides what must not be kept.
    """
    return encode(_plain(body, mask))


def encode(plain: Any) -> str:
    """Plain values as canonical JSON."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any, mask: Callable[[str], str] | None) -> Any:  # noqa: PLR0911 - a table
    match value:
        case str():
            return mask(value) if mask else str(value)
        case None | bool():
            return value
        case Enum():
            return value.name
        case int():
            return int(value)
        case dict():
            return {_plain(_name(key), mask): _plain(item, mask) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, mask) for item in value]
        case set() | frozenset():
            return sorted((_plain(item, mask) for item in value), key=encode)
        case bytes() | bytearray() | memoryview():
            return "base64:" + base64.b64encode(value).decode()
    return _plain(str(value), mask)


def _name(key: Any) -> str:
    return key.name if isinstance(key, Enum) else str(key)
