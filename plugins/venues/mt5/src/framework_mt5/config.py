"""What the venue is told in `node.yaml`, and how the engine's client configs carry it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec
from nautilus_trader.live import DataClientConfig, ExecutionClientConfig
from nautilus_trader.model import Money

from framework import Duration, PluginConfig, Secret

type Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]+(?!\n)$")]
type Symbol = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
type Magic = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Swap(PluginConfig, frozen=True, kw_only=True):
    """What a night costs in a backtest, for each lot, in the currency that the symbol is quoted in."""

    contract: Annotated[Decimal, msgspec.Meta(description='Units in a lot: "100000".')]
    long: Annotated[Decimal, msgspec.Meta(description='A night of a long lot: "-7.2" is paid.')]
    short: Annotated[Decimal, msgspec.Meta(description="A night of a short lot.")]
    triple: Annotated[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday"],
        msgspec.Meta(description="The night that counts three times."),
    ] = "wednesday"


class Mt5Config(PluginConfig, frozen=True, kw_only=True):
    """Settings of one MetaTrader 5 account."""

    symbols: Annotated[
        list[Symbol],
        msgspec.Meta(min_length=1, description="The broker's symbols that this node may see: [EURUSD]."),
    ]
    balances: Annotated[
        list[Money],
        msgspec.Meta(
            min_length=1,
            max_length=1,
            description="What a backtest starts with; a live account must have its currency.",
        ),
    ]
    oms: Annotated[
        Literal["netting", "hedging"],
        msgspec.Meta(description="How the account keeps positions; the account must agree."),
    ] = "hedging"
    leverage: Annotated[Decimal, msgspec.Meta(description="What margins are divided by in a backtest.")] = (
        Decimal(30)
    )
    commission: Annotated[
        dict[Symbol, Decimal],
        msgspec.Meta(
            description="In a backtest, for each unit traded, in the account's currency, by symbol."
        ),
    ] = msgspec.field(default_factory=dict)
    spread: Annotated[
        dict[Symbol, Decimal],
        msgspec.Meta(
            description="In a backtest on bars, the whole spread by symbol, half of it charged on each fill; "
            "leave it out for quotes, which have their own."
        ),
    ] = msgspec.field(default_factory=dict)
    swap: Annotated[
        dict[Symbol, Swap], msgspec.Meta(description="What a night costs in a backtest, by symbol.")
    ] = msgspec.field(default_factory=dict)
    rollover: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,40}(?!\n)$",
            description="The zone whose 17:00 begins a new trading day in a backtest.",
        ),
    ] = "America/New_York"
    url: Annotated[Url | None, msgspec.Meta(description="Where framework-mt5-server is.")] = None
    key: Annotated[Secret | None, msgspec.Meta(description="Its key, of scope trade: env:MT5_KEY.")] = None
    signing_key: Annotated[
        Secret | None, msgspec.Meta(description="The private key of `key new --sign`; signs every change.")
    ] = None
    ca_file: Annotated[str | None, msgspec.Meta(description="The ca.pem that the server's `init` made.")] = (
        None
    )
    account: Annotated[
        str, msgspec.Meta(pattern=r"^[0-9]{1,16}(?!\n)$", description="The account's number; must agree.")
    ] = "1"
    magics: Annotated[
        dict[str, Magic],
        msgspec.Meta(description="The magic number of each strategy; others get one from their id."),
    ] = msgspec.field(default_factory=dict)
    deviation: Annotated[
        int, msgspec.Meta(ge=0, le=100_000, description="Points that a market order may be requoted by.")
    ] = 20
    timeout: Annotated[Duration, msgspec.Meta(description="How long to wait for an answer.")] = "15s"
    window: Annotated[
        Duration, msgspec.Meta(description="How old an order may be when the server takes it.")
    ] = "20s"
    max_clock_offset: Annotated[
        Duration, msgspec.Meta(description="No new orders while the clocks are further apart.")
    ] = "2s"

    def __post_init__(self) -> None:
        """Refuse settings that contradict themselves."""
        for balance in self.balances:
            if balance.as_decimal() <= 0:
                raise ValueError(f"`balances` holds {balance}; start with more than nothing")
        if not (self.leverage.is_finite() and self.leverage >= 1):
            raise ValueError(f"`leverage` {self.leverage} is below 1; write 1 for none")
        for field in ("commission", "spread"):
            for symbol, amount in getattr(self, field).items():
                if not (amount.is_finite() and amount >= 0):
                    raise ValueError(f"`{field}` of {symbol} is {amount}; write 0 or more")
        if len(set(self.magics.values())) != len(self.magics):
            raise ValueError(
                "`magics` gives two strategies one number, and their orders could not be told apart"
            )


class Mt5DataConfig(DataClientConfig):
    """The engine's config of the data client; `settings` are those of `node.yaml`."""

    settings: Mt5Config

    def __new__(cls, settings: Mt5Config, **engine: Any) -> Self:
        """Carry `settings`; `engine` are the engine's own fields."""
        config = super().__new__(cls, **engine)
        config.settings = settings
        return config


class Mt5ExecutionConfig(ExecutionClientConfig):
    """The engine's config of the execution client; `settings` are those of `node.yaml`."""

    settings: Mt5Config

    def __new__(cls, settings: Mt5Config, **engine: Any) -> Self:
        """Carry `settings`; `engine` are the engine's own fields."""
        config = super().__new__(cls, **engine)
        config.settings = settings
        return config
