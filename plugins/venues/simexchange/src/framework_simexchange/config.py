"""What the venue is told in `node.yaml`, and how the engine's client configs carry it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec
from nautilus_trader.live import DataClientConfig, ExecutionClientConfig
from nautilus_trader.model import Money

from framework import Duration, PluginConfig, Secret

type Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]+(?!\n)$")]


class SimExchangeConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of one account at the simulated exchange."""

    balances: Annotated[
        list[Money], msgspec.Meta(min_length=1, description="What a backtest's account starts with.")
    ]
    maker: Annotated[Decimal, msgspec.Meta(description='Fee rate on resting fills in a backtest: "0.0002".')]
    taker: Annotated[Decimal, msgspec.Meta(description="Fee rate on aggressive fills in a backtest.")]
    leverage: Annotated[Decimal, msgspec.Meta(description="What margins are divided by in a backtest.")] = (
        Decimal(1)
    )
    oms: Annotated[
        Literal["netting", "hedging"],
        msgspec.Meta(description="How the account keeps positions; the exchange must agree."),
    ] = "netting"
    url: Annotated[
        Url | None,
        msgspec.Meta(
            description='Where the exchange is: "http://127.0.0.1:8080". Only a live node needs it.'
        ),
    ] = None
    account: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,16}(?!\n)$", description="The account's number.")
    ] = "001"
    key: Annotated[Secret, msgspec.Meta(description="Where the API key is.")] = Secret("env:SIMEXCHANGE_KEY")
    secret: Annotated[Secret, msgspec.Meta(description="Where its secret is.")] = Secret(
        "env:SIMEXCHANGE_SECRET"
    )
    timeout: Annotated[Duration, msgspec.Meta(description="How long to wait for an answer.")] = "1s"
    window: Annotated[
        Duration,
        msgspec.Meta(
            description="How old a request may be when the exchange takes it. After it, what the exchange "
            "does not know was never taken."
        ),
    ] = "3s"
    lease: Annotated[
        Duration, msgspec.Meta(description="How long the account stays this node's without a sign of life.")
    ] = "5s"
    max_clock_offset: Annotated[
        Duration,
        msgspec.Meta(description="No new orders while this clock and the exchange's are further apart."),
    ] = "500ms"
    rate: Annotated[int, msgspec.Meta(ge=1, description="Requests sent in a second, at most.")] = 100
    cancel_reserve: Annotated[
        int, msgspec.Meta(ge=0, description="How many of them are kept for cancellations.")
    ] = 20

    def __post_init__(self) -> None:
        """Refuse settings that contradict themselves."""
        currencies = [balance.currency for balance in self.balances]
        if len(set(currencies)) != len(currencies):
            raise ValueError("`balances` names a currency twice; write one amount for each currency")
        for balance in self.balances:
            if balance.as_decimal() <= 0:
                raise ValueError(f"`balances` holds {balance}; start with more than nothing")
        for name, rate in (("maker", self.maker), ("taker", self.taker)):
            if not (rate.is_finite() and Decimal("-0.01") <= rate <= Decimal("0.1")):
                raise ValueError(f'`{name}` {rate} is not a fee rate; 2 basis points is "0.0002"')
        if not (self.leverage.is_finite() and self.leverage >= 1):
            raise ValueError(f"`leverage` {self.leverage} is below 1; write 1 for none")
        if self.cancel_reserve >= self.rate:
            raise ValueError(
                f"`cancel_reserve` {self.cancel_reserve} leaves nothing of `rate` {self.rate} for orders"
            )


class SimExchangeDataConfig(DataClientConfig):
    """The engine's config of the data client; `settings` are those of `node.yaml`."""

    settings: SimExchangeConfig

    def __new__(cls, settings: SimExchangeConfig, **engine: Any) -> Self:
        """Carry `settings`; `engine` are the engine's own fields."""
        config = super().__new__(cls, **engine)
        config.settings = settings
        return config


class SimExchangeExecutionConfig(ExecutionClientConfig):
    """The engine's config of the execution client; `settings` are those of `node.yaml`."""

    settings: SimExchangeConfig

    def __new__(cls, settings: SimExchangeConfig, **engine: Any) -> Self:
        """Carry `settings`; `engine` are the engine's own fields."""
        config = super().__new__(cls, **engine)
        config.settings = settings
        return config
