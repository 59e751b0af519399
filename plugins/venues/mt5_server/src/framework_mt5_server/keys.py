"""Bearer keys: 256 random bits, of which only a hash is kept, each with a scope.

A key reads `fmk_ID_SECRET`. A random key of that size needs no slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework_mt5_server.store import Store

SCOPES = ("read", "trade", "operator")
"""Each may do what those before it may."""
PREFIX = "fmk"
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """Who asks; `signer` is the public key that must sign this key's changes, if it has one."""

    id: str
    scope: str
    label: str
    signer: str | None

    def may(self, scope: str) -> bool:
        """Whether the scope is this key's or a lesser one."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class Keys:
    """The keys in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def make(self, scope: str, label: str, signer: str | None = None) -> str:
        """A new key; it is shown now and never again.

        Raises:
            ValueError: There is no such scope.
        """
        if scope not in SCOPES:
            raise ValueError(f"a scope is one of {', '.join(SCOPES)}, not {scope!r}")
        name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        self._store.run(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (name, scope, _hash(secret), label, signer, int(time.time() * 1000)),
        )
        return f"{PREFIX}_{name}_{secret}"

    def find(self, presented: str) -> Key | None:
        """Whose key it is; the time this takes does not depend on how much of it is right."""
        prefix, _, rest = presented.partition("_")
        name, _, secret = rest.partition("_")
        row = self._store.one("SELECT * FROM keys WHERE id = ? AND revoked_ms IS NULL", (name,))
        right = hmac.compare_digest(_hash(secret), _NOBODY if row is None else str(row["hash"]))
        if row is None or not right or prefix != PREFIX:
            return None
        return Key(row["id"], row["scope"], row["label"], row["signer"])

    def holds(self, name: str) -> bool:
        """Whether a key is still one."""
        return self._store.one("SELECT 1 FROM keys WHERE id = ? AND revoked_ms IS NULL", (name,)) is not None

    def revoke(self, name: str) -> bool:
        """Whether there was such a key, which is none from now on."""
        with self._store.change() as connection:
            done = connection.execute(
                "UPDATE keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL",
                (int(time.time() * 1000), name),
            )
            return done.rowcount == 1

    def listed(self) -> list[dict[str, object]]:
        """Every key but for what is secret."""
        rows = self._store.all(
            "SELECT id, scope, label, signer, made_ms, revoked_ms FROM keys ORDER BY made_ms"
        )
        return [dict(row) for row in rows]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
