"""A credential that node.yaml names and does not hold: where it is, looked up at the moment it is needed.

    >>> key = Secret("env:BINANCE_API_KEY")
    >>> key
    Secret('env:BINANCE_API_KEY')

The value is not kept here, so printing, logging, pickling or writing out a config shows only the reference.
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

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

REFERENCE = re.compile(r"(?P<scheme>[a-z]+):(?P<place>[!-~]{1,200})")
"""A scheme, a colon and a place."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATTERN = r"^env:[A-Za-z_][A-Za-z0-9_]*$"
"""The same for a JSON schema."""
SHORTEST = 4
"""Characters of a value that is hidden: a shorter one is in every other word, and no credential."""
EXAMPLE = "env:BINANCE_API_KEY"


class Secret:
    """A reference to a credential, usable as the type of a field of a `PluginConfig`.

    Two are equal when they name the same place.

    Args:
        reference: `env:NAME` for an environment variable.

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
                f'are copied); put it into an environment variable and write the name like "{EXAMPLE}"'
            )
        self._scheme, self._place = match["scheme"], match["place"]

    def reveal(self) -> str:
        """The credential itself, looked up now; hand it straight to what needs it and keep no copy.

        Raises:
            ConfigError: It is not there.
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

    What cannot be revealed now is not hidden; it is not known to anybody here either.

    Args:
        secrets: What to hide.

    Attributes:
        hides: Whether there is anything to hide.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._shown: dict[str, str] = {}
        for secret in secrets:
            try:
                value = secret.reveal().strip()
            except ConfigError:
                continue
            if len(value) >= SHORTEST:
                encoded = base64.b64encode(value.encode(errors="surrogateescape")).decode()
                quoted = (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value))
                forms = [value, quote(value, safe=""), encoded.rstrip("="), *(text[1:-1] for text in quoted)]
                self._shown |= dict.fromkeys(forms, f"[{secret}]")
        longest_first = sorted(self._shown, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self.hides = self._any is not None

    def __call__(self, text: str) -> str:
        """The text with the name of the reference in the place of every value."""
        return text if self._any is None else self._any.sub(lambda match: self._shown[match[0]], text)

    def plain(self, value: Any) -> Any:
        """The same for all text inside mappings and lists."""
        if self._any is None:
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        return value


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


SCHEMES: dict[str, tuple[Callable[[str], object], Callable[[str], str]]] = {
    "env": (VARIABLE.fullmatch, _variable)
}
"""How a place is recognised, and how it is looked up, by scheme."""
