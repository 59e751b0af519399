"""The vault: credentials by name in one encrypted file, opened with a passphrase.

`vault:NAME` in `node.yaml` is looked up here, and `framework secret` writes it. The file is the one that
`FRAMEWORK_VAULT` names, or `vault` in the user's configuration folder. A process derives the key once; the
file is read again each time, so that a credential changed by another process is seen.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import ConfigError
from framework.vault import file, passphrase
from framework.vault.sealed import Box, Damaged, Derivation, WrongKey, needs, seal

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = "FRAMEWORK_VAULT"
"""The environment variable that says where the file is."""
ATTEMPTS = 3
"""How often a person may type the passphrase."""


class Vault:
    """One file of credentials. What is wrong with it is a ConfigError that says where, and shows no value.

    Args:
        path: The file; it need not be there before the first `set`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # the file behind a link is replaced, not the link
        self._keys: dict[Derivation, bytes] = {}
        self._begun: Derivation | None = None
        self._asked = False
        self._one = threading.RLock()

    def unlock(self) -> None:
        """Find the key; a person may have to type the passphrase, or to choose it."""
        self._key(file.read(self.path))

    def names(self) -> list[str]:
        """The names in it, sorted."""
        return sorted(self._entries())

    def get(self, name: str) -> str:
        """The value under a name."""
        entries = self._entries()
        if name not in entries:
            raise self._absent(name)
        return entries[name]

    def set(self, name: str, value: str) -> bool:
        """Put a value in, making the file when there is none; on the disk when this returns.

        Returns:
            Whether there was one under that name, which is gone now.
        """
        with self._changing() as entries:
            replaced = name in entries
            entries[name] = value
        return replaced

    def remove(self, name: str) -> None:
        """Take a value out."""
        if file.read(self.path) is None:
            raise self._none()
        with self._changing() as entries:
            if name not in entries:
                raise self._absent(name)
            del entries[name]

    def _entries(self) -> dict[str, str]:
        content = file.read(self.path)
        if content is None:
            raise self._none()
        return self._opened(content)[2]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """What is in the file, to be changed; written when the block ends well."""
        # Before the file is locked, because a person may have to type and scrypt takes its time.
        derivation, key = self._key(file.read(self.path))
        with file.locked(self.path):
            content = file.read(self.path)
            entries: dict[str, str] = {}
            if content is not None:  # somebody else may have begun it, or begun it again, meanwhile
                derivation, key, entries = self._opened(content)
            yield entries
            file.write(self.path, seal(derivation, key, entries))

    def _key(self, content: bytes | None) -> tuple[Derivation, bytes]:
        if content is not None:
            return self._opened(content)[:2]
        if self._begun is None:
            self._begun = self._begin()
        return self._begun, self._keys[self._begun]

    def _opened(self, content: bytes) -> tuple[Derivation, bytes, dict[str, str]]:
        try:
            box = Box.parse(content)
        except Damaged as error:
            raise ConfigError(
                f"the vault is damaged: {error}",
                where=str(self.path),
                remedy="Put a copy of it back, or move it away and set every credential again.",
            ) from None
        with self._one:
            for key in self._candidates(box.derivation):
                try:
                    entries = box.unseal(key)
                except WrongKey:
                    continue
                self._keys[box.derivation] = key
                return box.derivation, key, entries
        raise ConfigError(
            "the passphrase does not open the vault, or somebody without it has changed the file",
            where=str(self.path),
            remedy=f"See what {passphrase.VALUE} or {passphrase.FILE} says, and which file {PLACE} names.",
        )

    def _candidates(self, derivation: Derivation) -> Iterator[bytes]:
        if derivation in self._keys:
            yield self._keys[derivation]
            return
        needs()
        given = passphrase.given()
        if given is not None:
            yield derivation.key(given)
            return
        for attempt in range(ATTEMPTS):
            wrong = "That does not open it. " if attempt else ""
            typed = None if self._asked else passphrase.ask(f"{wrong}Passphrase of the vault {self.path}: ")
            if not typed:
                self._asked = True
                raise passphrase.unknown(str(self.path))
            yield derivation.key(typed)
        self._asked = True

    def _begin(self) -> Derivation:
        """A new salt, and the key under the passphrase that is given or typed twice."""
        needs()
        chosen = passphrase.given()
        if chosen is None:
            chosen = passphrase.ask(f"A passphrase for the new vault {self.path}: ")
            if not chosen:
                raise passphrase.unknown(str(self.path))
            if passphrase.ask("The same again: ") != chosen:
                raise ConfigError(
                    "the two passphrases differ; nothing is written",
                    where=str(self.path),
                    remedy="Run the command again.",
                )
        if len(chosen) < passphrase.SHORTEST:
            raise ConfigError(
                f"the passphrase is shorter than {passphrase.SHORTEST} characters",
                where=str(self.path),
                remedy="Take a long one, such as the output of: openssl rand -hex 32",
            )
        derivation = Derivation.new()
        self._keys[derivation] = derivation.key(chosen)
        return derivation

    def _none(self) -> ConfigError:
        return ConfigError(
            "there is no vault",
            where=str(self.path),
            remedy=f"`framework secret set NAME` makes it; {PLACE} says where it is.",
        )

    def _absent(self, name: str) -> ConfigError:
        return ConfigError(
            f"the vault holds no {name}",
            where=str(self.path),
            remedy=f"framework secret set {name}; `framework secret list` shows what it holds.",
        )


def vault() -> Vault:
    """The user's vault; the same object for the same file, so that it is opened once a process."""
    named = os.environ.get(PLACE, "").strip()
    return _at(Path(named).expanduser().absolute() if named else _configuration() / "framework" / "vault")


@cache
def _at(path: Path) -> Vault:
    return Vault(path)


def _configuration() -> Path:
    """The folder for settings of the user's programs."""
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    named = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".config"
