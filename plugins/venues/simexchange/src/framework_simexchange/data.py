"""The data client: quotes, trades and bars over one WebSocket, with what a lost connection missed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import Logger
from nautilus_trader.live import InstrumentResponse, InstrumentsResponse
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import (
    AggressorSide,
    Bar,
    BarType,
    InstrumentId,
    Price,
    Quantity,
    QuoteTick,
    TradeId,
    TradeTick,
    Venue,
)

from framework_simexchange.config import SimExchangeDataConfig
from framework_simexchange.providers import SimExchangeInstruments
from framework_simexchange.rest import NotSent, Refused, Rest, Unknown
from framework_simexchange.stream import Stream

if TYPE_CHECKING:
    from nautilus_trader.common import Clock
    from nautilus_trader.live import (
        ClientCache,
        DataClientConfig,
        RequestInstrument,
        RequestInstruments,
        SubscribeBars,
        SubscribeInstrument,
        SubscribeInstruments,
        SubscribeQuotes,
        SubscribeTrades,
        UnsubscribeBars,
        UnsubscribeInstrument,
        UnsubscribeInstruments,
        UnsubscribeQuotes,
        UnsubscribeTrades,
    )

GAP_PAGES = 20
"""The most pages of missed market data that are fetched; what is older is given up, with a warning."""
_SIDES = {"BUY": AggressorSide.BUY, "SELL": AggressorSide.SELL}


class SimExchangeDataFactory(DataClientFactory):
    """What the engine's node builds the client with."""

    @staticmethod
    def create(
        *, name: str, config: DataClientConfig, cache: ClientCache, clock: Clock
    ) -> SimExchangeDataClient:
        """Build it; nothing is connected yet."""
        if not isinstance(config, SimExchangeDataConfig):
            raise TypeError(f"expected SimExchangeDataConfig, not {type(config).__name__}")
        return SimExchangeDataClient(name=name, config=config, cache=cache, clock=clock)


class SimExchangeDataClient(MarketDataClient):
    """Publishes what the exchange publishes, each message once, in order."""

    def __init__(self, *, name: str, config: SimExchangeDataConfig, cache: ClientCache, clock: Clock) -> None:
        self._rest = Rest(config.settings)
        self._instruments = SimExchangeInstruments(self._rest, name)
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            venue=Venue(name),
            instrument_provider=self._instruments,
        )
        self._log = Logger(f"{name}-data")
        self._stream: Stream | None = None
        self._channels: set[str] = set()
        self._bar_types: dict[tuple[str, str], BarType] = {}
        self._last = 0
        self._seen: dict[str, int] = {}
        self._boot: str | None = None

    async def _connect(self) -> None:
        self._rest.open()
        try:
            await self._instruments.initialize()
        except (Unknown, NotSent, Refused) as error:
            self._log.error(f"cannot connect: {error}")  # the engine does not say why
            await self._rest.close()
            raise
        for item in self._instruments.list_all():
            self._handle_instrument(item)
        self._stream = Stream(
            self._rest, self._log, private=False, on_up=self._caught_up, on_message=self._heard
        )
        self.create_task(self._stream.run(), "stream")

    async def _disconnect(self) -> None:
        await self._rest.close()

    # subscriptions

    async def _subscribe_quotes(self, command: SubscribeQuotes) -> None:
        await self._listen("subscribe", f"quote:{command.instrument_id.symbol}")

    async def _unsubscribe_quotes(self, command: UnsubscribeQuotes) -> None:
        await self._listen("unsubscribe", f"quote:{command.instrument_id.symbol}")

    async def _subscribe_trades(self, command: SubscribeTrades) -> None:
        await self._listen("subscribe", f"trade:{command.instrument_id.symbol}")

    async def _unsubscribe_trades(self, command: UnsubscribeTrades) -> None:
        await self._listen("unsubscribe", f"trade:{command.instrument_id.symbol}")

    async def _subscribe_bars(self, command: SubscribeBars) -> None:
        symbol, kind = _bar_key(command.bar_type)
        self._bar_types[symbol, kind] = command.bar_type
        await self._listen("subscribe", f"bar:{symbol}")

    async def _unsubscribe_bars(self, command: UnsubscribeBars) -> None:
        symbol, kind = _bar_key(command.bar_type)
        self._bar_types.pop((symbol, kind), None)
        if not any(other == symbol for other, _ in self._bar_types):
            await self._listen("unsubscribe", f"bar:{symbol}")

    async def _subscribe_instrument(self, command: SubscribeInstrument) -> None:
        """Instruments do not change; they were published on connecting."""

    async def _unsubscribe_instrument(self, command: UnsubscribeInstrument) -> None:
        """Nothing was subscribed to."""

    async def _subscribe_instruments(self, command: SubscribeInstruments) -> None:
        """Instruments do not change; they were published on connecting."""

    async def _unsubscribe_instruments(self, command: UnsubscribeInstruments) -> None:
        """Nothing was subscribed to."""

    async def _request_instrument(self, request: RequestInstrument) -> None:
        found = self._instruments.find(request.instrument_id)
        if found is None:
            self._log.error(f"{request.instrument_id} is not listed")
            return
        self._handle_response(
            InstrumentResponse(
                self.client_id, request.instrument_id, found, request.request_id, self.clock.timestamp_ns()
            )
        )

    async def _request_instruments(self, request: RequestInstruments) -> None:
        listed = self._instruments.list_all()
        self._handle_response(
            InstrumentsResponse(
                self.client_id,
                Venue(str(self.client_id)),
                listed,
                request.request_id,
                self.clock.timestamp_ns(),
            )
        )

    # messages

    async def _listen(self, op: str, channel: str) -> None:
        (self._channels.add if op == "subscribe" else self._channels.discard)(channel)
        if self._stream is not None:
            await self._stream.say({"op": op, "channels": [channel]})

    async def _caught_up(self, welcome: dict[str, Any]) -> None:
        """Subscribe again, and publish what was missed while nothing was heard."""
        if self._stream is None:
            return
        await self._stream.say({"op": "subscribe", "channels": sorted(self._channels)})
        first = self._boot is None
        if welcome["boot"] != self._boot:
            self._boot, self._last = welcome["boot"], 0
            self._seen.clear()
        if first or not self._channels:
            return
        try:
            await self._fill_gap()
        except (Unknown, NotSent, Refused) as error:
            raise ValueError(f"what was missed cannot be had: {error}") from error

    async def _fill_gap(self) -> None:
        channels = ",".join(sorted(self._channels))
        for _ in range(GAP_PAGES):
            answer = await self._rest.get("/v1/market", {"after": str(self._last), "channels": channels})
            if answer["missed"]:
                self._log.warning("some of the missed market data is gone")
            for message in answer["messages"]:
                self._publish(message)
            self._last = max(self._last, int(answer["mseq"]))
            if not answer["more"]:
                return
        self._log.warning(f"more than {GAP_PAGES} pages of market data were missed; the rest is given up")

    async def _heard(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "heartbeat" | "done":
                pass
            case "quote" | "trade" | "bar":
                self._publish(message)
            case other:
                self._log.warning(f"a message of unknown type {other!r}")

    def _publish(self, message: dict[str, Any]) -> None:
        """Hand a message to the engine, unless it was handed over before or makes no sense."""
        number, channel = int(message["mseq"]), f"{message['type']}:{message['symbol']}"
        if number <= self._seen.get(channel, 0):
            return
        self._seen[channel] = number
        self._last = max(self._last, number)
        try:
            item = self._parsed(message)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            self._log.error(f"market data that makes no sense is dropped: {error}: {message}")
            return
        if item is not None:
            self._handle_data(item)

    def _parsed(self, message: dict[str, Any]) -> QuoteTick | TradeTick | Bar | None:
        listed: Any = self._instruments.find(InstrumentId.from_str(f"{message['symbol']}.{self.client_id}"))
        if listed is None:
            raise ValueError(f"{message['symbol']!r} is not listed")
        stamps = (int(message["ns"]), self.clock.timestamp_ns())

        def price(name: str) -> Price:
            return Price.from_str(_positive(message[name], listed.price_precision))

        def size(name: str) -> Quantity:
            return Quantity.from_str(_positive(message[name], listed.size_precision, zero=True))

        match message["type"]:
            case "quote":
                return QuoteTick(
                    listed.id, price("bid"), price("ask"), size("bid_size"), size("ask_size"), *stamps
                )
            case "trade":
                side = _SIDES.get(message["side"], AggressorSide.NO_AGGRESSOR)
                return TradeTick(
                    listed.id, price("price"), size("size"), side, TradeId(message["trade_id"]), *stamps
                )
            case _:
                bar_type = self._bar_types.get((message["symbol"], message["bar"]))
                if bar_type is None:
                    return None
                return Bar(
                    bar_type,
                    price("open"),
                    price("high"),
                    price("low"),
                    price("close"),
                    size("volume"),
                    *stamps,
                )


def _bar_key(bar_type: BarType) -> tuple[str, str]:
    return str(bar_type.instrument_id.symbol), "-".join(str(bar_type).split("-")[-4:])


def _positive(text: str, precision: int, *, zero: bool = False) -> str:
    """`text`, written to the instrument's precision: the engine drops what has another one."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not number.is_finite() or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{text!r} is not a price or size")
    rounded = number.quantize(Decimal(1).scaleb(-precision))
    return format(rounded, "f")
