"""The account as `node.yaml` describes it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from nautilus_trader.model import InstrumentId, Money

from framework import Duration, PluginConfig, Secret

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PERPETUAL = re.compile(r"[A-Z0-9]+-PERP\.BINANCE")
PAIR = re.compile(r"[A-Z0-9]+\.BINANCE")
MOST_LEVERAGE = 125


class BinanceConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of one account: of USD-M futures, or of spot."""

    balances: Annotated[
        list[Money],
        msgspec.Meta(min_length=1, description="What a backtest's account starts with; live it is as it is."),
    ]
    instruments: Annotated[
        list[InstrumentId],
        msgspec.Meta(
            min_length=1,
            description='What is traded: ["BTCUSDT-PERP.BINANCE"], or on spot ["BTCUSDT.BINANCE"].',
        ),
    ]
    maker: Annotated[Decimal, msgspec.Meta(description='Fee rate on resting fills in a backtest: "0.0002".')]
    taker: Annotated[Decimal, msgspec.Meta(description='Fee rate on taking fills in a backtest: "0.0005".')]
    leverage: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=MOST_LEVERAGE,
            description="Of every instrument; set at Binance and verified. Futures only.",
        ),
    ] = 1
    margin_type: Annotated[
        Literal["cross", "isolated"],
        msgspec.Meta(description="Of every instrument; set at Binance and verified. Futures only."),
    ] = "cross"
    position_mode: Annotated[
        Literal["one_way", "hedge"],
        msgspec.Meta(
            description="Set at Binance and verified; `hedge` holds long and short apart. Futures only."
        ),
    ] = "one_way"
    product: Annotated[
        Literal["usdm_futures", "spot"],
        msgspec.Meta(description="What the account trades; live spot needs an Ed25519 key."),
    ] = "usdm_futures"
    environment: Annotated[
        Literal["loopback", "testnet", "demo", "live"],
        msgspec.Meta(
            description="Where: a simulator on this machine, Binance's two for practice, or Binance."
        ),
    ] = "loopback"
    url: Annotated[
        str | None,
        msgspec.Meta(description='Of the simulator: "http://127.0.0.1:8090". Only with `loopback`.'),
    ] = None
    key: Annotated[Secret, msgspec.Meta(description="Where the API key is.")] = Secret("env:BINANCE_API_KEY")
    secret: Annotated[
        Secret, msgspec.Meta(description="Where its HMAC secret, or its Ed25519 private key in PEM, is.")
    ] = Secret("env:BINANCE_API_SECRET")
    key_type: Annotated[Literal["hmac", "ed25519"], msgspec.Meta(description="How requests are signed.")] = (
        "hmac"
    )
    max_clock_offset: Annotated[
        Duration, msgspec.Meta(description="Further than this from Binance's clock, the node does not start.")
    ] = "500ms"
    receive_window: Annotated[
        Duration,
        msgspec.Meta(description="How old a request may be when Binance takes it; at most a minute."),
    ] = "5s"
    funding: Annotated[
        dict[str, str],
        msgspec.Meta(
            description="Per instrument, for backtests of futures: a rate for every eight hours, or "
            "Binance's `fundingRate` dumps: a file, or a pattern of files."
        ),
    ] = msgspec.field(default_factory=dict)

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
        self._place()
        self._spot()
        traded = [str(instrument) for instrument in self.instruments]
        strangers = sorted(set(self.funding) - set(traded))
        if strangers:
            raise ValueError(f"`funding` names {', '.join(strangers)}, which `instruments` does not")

    def _place(self) -> None:
        if self.url is not None and self.environment != "loopback":
            raise ValueError(f"`url` is only for `loopback`; {self.environment} has its own addresses")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.port is None or parts.path:
                raise ValueError(
                    f'`url` {self.url!r} is not a simulator on this machine; write "http://127.0.0.1:PORT"'
                )

    def _spot(self) -> None:
        if not self.spot:
            return
        standard = {"leverage": 1, "margin_type": "cross", "position_mode": "one_way", "funding": {}}
        set_anyway = [name for name, value in standard.items() if getattr(self, name) != value]
        if set_anyway:
            names = ", ".join(f"`{name}`" for name in set_anyway)
            raise ValueError(f"{names} is for futures; leave it out with `product: spot`")

    @property
    def spot(self) -> bool:
        """Whether the account is one of spot."""
        return self.product == "spot"

    @property
    def symbols(self) -> list[str]:
        """The instruments as Binance calls them."""
        return [instrument.symbol.value.removesuffix("-PERP") for instrument in self.instruments]

    @property
    def hedge(self) -> bool:
        """Whether long and short are held apart."""
        return self.position_mode == "hedge"
