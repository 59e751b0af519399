"""A credential that node.yaml names and does not hold: where it is, looked up at the moment it is needed.

    >>> key = Secret("env:BINANCE_API_KEY")
    >>> key
    Secret('env:BINANCE_API_KEY')

`env:NAME` is an environment variable, `vault:NAME` an entry of the vault, an encrypted file, and
`keyring:SERVICE/NAME` an entry of the operating system's keyring. The value is not kept here, so printing,
logging, pickling or writing out a config shows only the reference.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from framework import keychain
from framework.errors import ConfigError
from framework.vault import vault
from framework.vault.passphrase import VALUE as PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

REFERENCE = re.compile(r"(?P<scheme>[a-z]+):(?P<place>[!-~]{1,200})")
"""A scheme, a colon and a place."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""A name in the vault."""
KEYRING = re.compile(r"(?P<service>[!-~]+)/(?P<name>[!-.0-~]+)")
"""A service, which may have slashes in it, and a name."""
PATTERN = f"^(env:{VARIABLE.pattern}|vault:{ENTRY.pattern}|keyring:[!-~]+/[!-.0-~]+)$"
"""The three for a JSON schema."""
SHORTEST = 8
"""Characters of a value that is hidden: a shorter one is in every other word, and no credential."""
NAMES = frozenset({"strategy", "scope", "rule", "name", "type"})
"""Beside `..._id`, what identifies something in a record."""
LINE = 16
"""Characters of a line, in a value of several lines, that is hidden by itself."""
EXAMPLE = "env:BINANCE_API_KEY"
WAYS = f'"{EXAMPLE}", "vault:binance-key" or "keyring:binance/key"'
"""How a reference may be written, in words for a message."""


class Secret:
    """A reference to a credential, usable as the type of a field of a `PluginConfig`.

    Two are equal when they name the same place.

    Args:
        reference: `env:NAME` for an environment variable, `vault:NAME` for an entry of the vault,
            `keyring:SERVICE/NAME` for one of the operating system's keyring.

    Raises:
        ValueError: It is no reference. The message does not repeat the text, which may be a credential that
            was written here by mistake.
    """

    __slots__ = ("_place", "_scheme")

    def __init__(self, reference: str) -> None:
        match = REFERENCE.fullmatch(reference)
        if match is None or match["scheme"] not in SCHEMES or not SCHEMES[match["scheme"]][0](match["place"]):
            raise ValueError(
                "a secret is named here and never written (if one stood here, change it at the venue: files "
                "are copied); put it into an environment variable, the vault (`framework secret set NAME`) "
                f"or the system's keyring and write where it is, like {WAYS}"
            )
        self._scheme, self._place = match["scheme"], match["place"]

    def reveal(self) -> str:
        """The credential itself, looked up now; hand it straight to what needs it and keep no copy.

        Raises:
            ConfigError: It is not there, or what holds it cannot be opened.
        """
        return SCHEMES[self._scheme][1](self._place)

    def __str__(self) -> str:
        return f"{self._scheme}:{self._place}"

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (str(self),)


class Mask:
    """Hides the values of secrets in text, however they are usually written: plain, in JSON, in an address.

    Each line of a value of several lines is hidden too, and with an entry of the vault the passphrase that
    the environment holds. What cannot be revealed now is not hidden; it is not known to anybody here either.

    Args:
        secrets: What to hide.

    Attributes:
        hides: Whether there is anything to hide.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._shown: dict[str, str] = {}
        known = dict.fromkeys(secrets)
        if any(str(secret).startswith("vault:") for secret in known):
            known[Secret(f"env:{PASSPHRASE}")] = None
        for secret in known:
            try:
                value = secret.reveal().strip()
            except ConfigError:
                continue
            if len(value) >= SHORTEST:
                for part in (value, *_lines(value)):
                    self._shown |= dict.fromkeys(_spellings(part), f"[{secret}]")
        longest_first = sorted(self._shown, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self.hides = self._any is not None

    def __call__(self, text: str) -> str:
        """The text with the name of the reference in the place of every value."""
        return text if self._any is None else self._any.sub(lambda match: self._shown[match[0]], text)

    def plain(self, value: Any) -> Any:
        """The same for all text inside mappings and lists, but for what identifies something.

        A record must be found again by its names, and a credential may happen to be a word in one of them.
        """
        if self._any is None:
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: item if _identifies(key) else self.plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        return value


def _identifies(key: Any) -> bool:
    return isinstance(key, str) and (key in NAMES or key.endswith(("_id", "_ids")))


def _lines(value: str) -> list[str]:
    """The lines of a value that are worth hiding by themselves, as logs are written line by line."""
    lines = [line.strip() for line in value.splitlines()]
    return [line for line in lines if len(line) >= LINE and not line.startswith("-----")]


def _spellings(value: str) -> list[str]:
    encoded = base64.b64encode(value.encode(errors="surrogateescape")).decode()
    quoted = (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value))
    return [value, quote(value, safe=""), encoded.rstrip("="), *(text[1:-1] for text in quoted)]


def secrets_in(value: Any) -> Iterator[Secret]:
    """Every secret inside settings."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from secrets_in(item)


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value.strip():
        raise ConfigError(
            f"the environment variable {name} is {'empty' if name in os.environ else 'not set'}",
            remedy=f"Set it for the process: {name}=... framework node run ...",
        )
    return value


def _vault(name: str) -> str:
    return vault().get(name)


def _keyring(place: str) -> str:
    service, _, name = place.rpartition("/")
    return keychain.lookup(service, name)


SCHEMES: dict[str, tuple[Callable[[str], object], Callable[[str], str]]] = {
    "env": (VARIABLE.fullmatch, _variable),
    "vault": (ENTRY.fullmatch, _vault),
    "keyring": (KEYRING.fullmatch, _keyring),
}
"""How a place is recognised, and how it is looked up, by scheme."""
