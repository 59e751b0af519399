"""The vault's file as bytes: how its content is sealed and opened. Nothing here reads or writes a file.

Version 1 is, in this order:

    16  "framework vault" and a line end
     1  the version, 1
     1  the binary logarithm of scrypt's N
     1  scrypt's r
     1  scrypt's p
    32  scrypt's salt
    12  the nonce, new for each writing
     n  AES-256-GCM of a JSON object of names and values, and its tag of 16 bytes; the 64 bytes before are its
        associated data
    32  SHA-256 of all of that

The tag is what nobody can make without the passphrase. The hash only tells a damaged file from a wrong
passphrase.
"""

from __future__ import annotations

import hashlib
import os
import struct
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"framework vault\n"
VERSION = 1
HEADER = struct.Struct(">16sBBBB32s12s")
TAG = 16
HASH = 32
COSTS = (17, 8, 1)
"""The logarithm of N, r and p of a new vault: 128 MiB and about half a second for each guess."""
LOG_N = range(14, 21)
R = 8
P = range(1, 5)
"""What a file may ask for: at most 1 GiB."""


class Damaged(ValueError):  # noqa: N818 - what was found; always caught inside this package
    """These bytes are no vault."""


class WrongKey(ValueError):  # noqa: N818 - as above
    """Another passphrase sealed it, or it was changed without one."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a passphrase becomes a key."""

    log_n: int
    r: int
    p: int
    salt: bytes

    @staticmethod
    def new() -> Derivation:
        """At today's costs, with a salt of its own."""
        return Derivation(*COSTS, salt=os.urandom(32))

    def key(self, passphrase: str) -> bytes:
        """The 32 bytes; however accents were typed, the same."""
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415 - an extra, and slow to load

        scrypt = Scrypt(salt=self.salt, length=32, n=2**self.log_n, r=self.r, p=self.p)
        return scrypt.derive(unicodedata.normalize("NFC", passphrase).encode(errors="surrogateescape"))


@dataclass(frozen=True, slots=True)
class Box:
    """A sealed vault, taken apart."""

    derivation: Derivation
    header: bytes
    nonce: bytes
    sealed: bytes

    @staticmethod
    def parse(content: bytes) -> Box:
        """The parts of a file.

        Raises:
            Damaged: It is cut, changed, of another version, or something else altogether.
        """
        if not content.startswith(MAGIC):
            raise Damaged("it does not begin as a vault does")
        if len(content) < HEADER.size + TAG + HASH:
            raise Damaged("its end is missing")
        body = content[:-HASH]
        if hashlib.sha256(body).digest() != content[-HASH:]:
            raise Damaged("its checksum is not that of its content")
        _, version, log_n, r, p, salt, nonce = HEADER.unpack_from(body)
        if version != VERSION or log_n not in LOG_N or r != R or p not in P:
            raise Damaged(f"version {version} with scrypt at {log_n}, {r}, {p} is none that is written here")
        return Box(Derivation(log_n, r, p, salt), body[: HEADER.size], nonce, body[HEADER.size :])

    def unseal(self, key: bytes) -> dict[str, str]:
        """The names and values.

        Raises:
            WrongKey: The key does not fit.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra, and slow to load
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            content = AESGCM(key).decrypt(self.nonce, self.sealed, self.header)
        except InvalidTag:
            raise WrongKey from None
        return msgspec.json.decode(content, type=dict[str, str])


def seal(derivation: Derivation, key: bytes, entries: Mapping[str, str]) -> bytes:
    """The whole file."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra, and slow to load

    nonce = os.urandom(12)
    how = (derivation.log_n, derivation.r, derivation.p, derivation.salt)
    header = HEADER.pack(MAGIC, VERSION, *how, nonce)
    body = header + AESGCM(key).encrypt(nonce, msgspec.json.encode(entries), header)
    return body + hashlib.sha256(body).digest()


def needs() -> None:
    """Refuse to go on without the library that does the sealing.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            "vault: needs the library cryptography, which is not installed",
            remedy='pip install "framework[vault]"',
        ) from None
