"""Ed25519 keys: one signs models where they are trained, the other says whom to trust where they are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from framework import CheckFailed, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    type PublicKey = Ed25519PublicKey
    type SigningKey = Ed25519PrivateKey

MAKE = "`framework model keygen FILE` makes one."
LARGEST = 10_000


def make(file: Path) -> Path:
    """Write a new signing key, readable by its owner alone, and the key to trust beside it as `FILE.pub`.

    Raises:
        ConfigError: One of the files is there already, or cannot be written.
    """
    public = file.with_name(f"{file.name}.pub")
    key = Ed25519PrivateKey.generate()
    content = {
        public: (key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644),
        file: (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600),
    }
    for path in content:
        if path.exists():
            raise ConfigError(f"{path} is there already", remedy="Keep it, or name another file.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for path, (pem, mode) in content.items():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
                opened.write(pem)
    except OSError as error:
        raise ConfigError(f"the key cannot be written: {error}", where=str(file)) from error
    return public


def signing_key(file: Path) -> SigningKey:
    """The key that signs.

    Raises:
        ConfigError: The file is no such key.
    """
    try:
        key = load_pem_private_key(_pem(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{file} is no signing key: {error}", remedy=MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{file} is not an Ed25519 key", remedy=MAKE)
    return key


def public_key(file: Path) -> PublicKey:
    """The key to trust.

    Raises:
        ConfigError: The file is no such key.
    """
    try:
        key = load_pem_public_key(_pem(file))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{file} is no public key: {error}", remedy=MAKE) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{file} is not an Ed25519 key", remedy=MAKE)
    return key


def check_signature(key: PublicKey, content: bytes, signature: bytes, folder: Path) -> None:
    """Whether the holder of the signing key signed the content.

    Raises:
        CheckFailed: Nobody did, or somebody else.
    """
    try:
        key.verify(bytes.fromhex(signature.decode("ascii").strip()), content)
    except (InvalidSignature, ValueError) as error:
        raise CheckFailed(
            "model refused: it is not signed by the key that is trusted",
            where=str(folder),
            remedy="Use the .pub file of the key it was trained with. Nothing of it was run.",
        ) from error


def _pem(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError as error:
        raise ConfigError(f"the key {file} cannot be read: {error.strerror}", remedy=MAKE) from error
