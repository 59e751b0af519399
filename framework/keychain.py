"""A credential in the operating system's keyring, through the library `keyring`."""

from __future__ import annotations

from framework.errors import ConfigError


def lookup(service: str, name: str) -> str:
    """What the keyring holds for a service under a name.

    Raises:
        ConfigError: There is no library, no keyring or nothing in it, or it is locked.
    """
    where = f"keyring:{service}/{name}"
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load
        from keyring.errors import KeyringLocked, NoKeyringError  # noqa: PLC0415
    except ImportError as error:
        if error.name != "keyring":
            raise _unusable(where, error) from None
        raise ConfigError(
            "keyring: needs the library keyring, which is not installed",
            where=where,
            remedy='pip install "framework[keyring]"',
        ) from None
    except Exception as error:  # noqa: BLE001 - it loads the backends, which are anybody's code
        raise _unusable(where, error) from None
    try:
        value = keyring.get_password(service, name)
    except NoKeyringError:
        raise ConfigError(
            "this process has no keyring",
            where=where,
            remedy="`keyring --list-backends` shows what there is; without a desktop, use env: or vault:.",
        ) from None
    except KeyringLocked:
        raise ConfigError(
            "the keyring is locked",
            where=where,
            remedy="Unlock it, then run this again; or use env: or vault:.",
        ) from None
    except Exception as error:  # noqa: BLE001 - anybody's code, whose words might repeat what it keeps
        raise _unusable(where, error) from None
    if value is None or not value.strip():
        raise ConfigError(
            f"the keyring holds {'nothing' if value is None else 'an empty text'} there",
            where=where,
            remedy=f"Put it there: keyring set {service} {name}",
        )
    return value


def _unusable(where: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the keyring cannot be used: its backend raised {type(error).__name__}",
        where=where,
        remedy="`keyring diagnose` and `keyring --list-backends` show which one it is, and why.",
    )
