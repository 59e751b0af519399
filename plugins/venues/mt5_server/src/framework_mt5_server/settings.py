"""What the server is told, in a TOML file; every key has a meaning here or is an error."""
# ruff: noqa: TC003 - pydantic reads annotations at run time

from __future__ import annotations

import ipaddress
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

LOOPBACK = ["127.0.0.0/8", "::1/128"]


class SettingsError(Exception):
    """The file cannot be used; says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TerminalSettings(_Part):
    """The terminal beside the server.

    Attributes:
        clock: The zone of the broker's clock: `Europe/Athens`, `+2`, `America/New_York+7`. It has no default,
            because every time is wrong when it is wrong.
        module: What is imported to talk to the terminal.
        path: Of terminal64.exe; for the simulated terminal `HOST:PORT`.
        login, server: The account; 0 and empty take the one that was traded last, or else the first one that
            the terminal shows.
        password_env: The environment variable that holds the account's password.
        call_seconds: How long one call may take before its outcome counts as unknown.
        queue: Calls that may wait; beyond them requests are told to come again.
        exit_when_wedged: After so many seconds in one call the process ends, for its service manager to
            start it again; 0 never.
    """

    clock: str
    module: str = "MetaTrader5"
    path: str = ""
    login: int = 0
    server: str = ""
    password_env: str = ""
    call_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    queue: Annotated[int, Field(ge=1, le=10_000)] = 64
    exit_when_wedged: Annotated[float, Field(ge=0)] = 0.0


class ListenSettings(_Part):
    """Where the server listens, and for whom.

    Attributes:
        certificate, key: PEM files of the TLS certificate; without them only this machine is served.
        allow: Networks that may connect.
        connections, connections_per_address: Open at the same time; what is one too many is cut off at once.
        idle_seconds: How long a connection may stay without a request, the first one included.
        docs: Whether the interactive documentation is served; never in production.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8443
    certificate: Path | None = None
    key: Path | None = None
    allow: list[str] = Field(default_factory=lambda: list(LOOPBACK))
    connections: Annotated[int, Field(ge=1)] = 256
    connections_per_address: Annotated[int, Field(ge=1)] = 100
    idle_seconds: Annotated[int, Field(ge=1, le=3_600)] = 30
    docs: bool = False

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @model_validator(mode="after")
    def _private(self) -> ListenSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        if self.certificate is None and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} is reached from other machines: give a certificate and its key "
                "(framework-mt5-server certificate --help makes them)"
            )
        return self


class LimitSettings(_Part):
    """What one request may do; there are defaults, and they are small.

    Attributes:
        max_lots: Of one order.
        max_notional: Of one order, in the account's currency.
        symbols: What may be traded; empty is everything.
        allow_real: Whether a real account may be traded at all.
        require_signature: Whether every change must be signed.
        signature_seconds: How old a signed request may be.
        reads_per_second, orders_per_second: Of one key.
        failures_per_minute: Requests with a wrong key from one address, before it is ignored for a minute.
        settle_seconds: How long an order that is nowhere to be found may still turn up.
    """

    max_lots: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    max_notional: Annotated[Decimal, Field(gt=0)] = Decimal(100_000)
    symbols: list[str] = Field(default_factory=list)
    allow_real: bool = False
    require_signature: bool = False
    signature_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    reads_per_second: Annotated[float, Field(gt=0)] = 50.0
    orders_per_second: Annotated[float, Field(gt=0)] = 10.0
    failures_per_minute: Annotated[int, Field(ge=1)] = 20
    settle_seconds: Annotated[float, Field(gt=0)] = 30.0


class EventSettings(_Part):
    """The push stream.

    Attributes:
        poll_ms: How often the terminal is asked.
        heartbeat_seconds: The longest silence.
        clients: Streams at the same time.
    """

    poll_ms: Annotated[int, Field(ge=10, le=10_000)] = 100
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 5.0
    clients: Annotated[int, Field(ge=1)] = 16


class Settings(_Part):
    """Everything; `state` is the SQLite file with keys, orders and the audit log."""

    state: Path
    terminal: TerminalSettings
    listen: ListenSettings = Field(default_factory=ListenSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    events: EventSettings = Field(default_factory=EventSettings)


def load(path: Path) -> Settings:
    """Read the file; relative paths in it are beside it.

    Raises:
        SettingsError: It cannot be read, or says something wrong.
    """
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    folder = path.resolve().parent
    listen = settings.listen
    return settings.model_copy(
        update={
            "state": folder / settings.state,
            "listen": listen.model_copy(
                update={
                    "certificate": listen.certificate and folder / listen.certificate,
                    "key": listen.key and folder / listen.key,
                }
            ),
        }
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
