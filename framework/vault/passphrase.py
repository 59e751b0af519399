"""Where the vault's passphrase comes from: a variable, a file that a variable names, or a person."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

VALUE = "FRAMEWORK_VAULT_PASSPHRASE"
FILE = "FRAMEWORK_VAULT_PASSPHRASE_FILE"
SHORTEST = 8
"""Characters of the passphrase of a new vault."""
LARGEST = 4096
ASK: ContextVar[Callable[[str], str | None]] = ContextVar("ask")
"""How a person is asked. The command line sets it; a program that only imports the framework asks nobody."""


def given() -> str | None:
    """The passphrase that the process was given, or None when it was given none.

    Raises:
        ConfigError: Both variables are set, or the file cannot be read or holds nothing.
    """
    value, named = os.environ.get(VALUE), os.environ.get(FILE)
    if value and named:
        raise ConfigError(f"{VALUE} and {FILE} are both set", remedy="Set one of them.")
    if not named:
        return value or None
    try:
        with Path(named).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"the passphrase of the vault cannot be read: {error.strerror or error}",
            where=named,
            remedy=f"{FILE} names it; it must be readable by the user that the process runs as.",
        ) from error
    text = content.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    if not text or len(content) > LARGEST:
        wrong = f"more than {LARGEST} bytes" if text else "no passphrase"
        raise ConfigError(
            f"the file holds {wrong}", where=named, remedy=f"{FILE} names another one, perhaps."
        )
    return text


def ask(question: str) -> str | None:
    """What a person answers; None when there is nobody to ask."""
    how = ASK.get(None)
    return None if how is None else how(question)


def unknown(where: str) -> ConfigError:
    """Nobody has said it."""
    return ConfigError(
        "the vault is locked: nobody has said its passphrase",
        where=where,
        remedy=f"Set {FILE} to the name of a file that holds it, or {VALUE}; or run this at a terminal.",
    )
