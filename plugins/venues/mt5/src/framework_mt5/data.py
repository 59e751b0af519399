"""The data client: quotes over one WebSocket with what a lost connection missed, and the server's bars."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import Logger
from nautilus_trader.live import BarsResponse, InstrumentResponse, InstrumentsResponse, QuotesResponse
from nautilus_trader.live.clients import DataClientFactory, MarketDataClient
from nautilus_trader.model import Bar, BarType, Price, PriceType, Quantity, QuoteTick, Venue

from framework_mt5.config import Mt5DataConfig
from framework_mt5.constants import TIMEFRAMES
from framework_mt5.providers import Mt5Instruments
from framework_mt5.rest import NotSent, Refused, Rest, Unknown, iso, ns
from framework_mt5.stream import Stream

if TYPE_CHECKING:
    from nautilus_trader.common import Clock
    from nautilus_trader.live import (
        ClientCache,
        DataClientConfig,
        RequestBars,
        RequestInstrument,
        RequestInstruments,
        RequestQuotes,
        SubscribeBars,
        SubscribeInstrument,
        SubscribeInstruments,
        SubscribeQuotes,
        UnsubscribeBars,
        UnsubscribeInstrument,
        UnsubscribeInstruments,
        UnsubscribeQuotes,
    )

GAP_PAGES = 20
"""The most pages of missed ticks that are fetched; what is older is given up, with a warning."""
BARS_EVERY = 0.5
BARS_AT_ONCE = 100
LATE_SECONDS = 1.0
"""After a bar's end, before it is taken as finished although no later one has begun."""
MOST_BARS = 10_000


class Mt5DataFactory(DataClientFactory):
    """What the engine's node builds the client with."""

    @staticmethod
    def create(*, name: str, config: DataClientConfig, cache: ClientCache, clock: Clock) -> Mt5DataClient:
        """Build it; nothing is connected yet."""
        if not isinstance(config, Mt5DataConfig):
            raise TypeError(f"expected Mt5DataConfig, not {type(config).__name__}")
        return Mt5DataClient(name=name, config=config, cache=cache, clock=clock)


class Mt5DataClient(MarketDataClient):
    """Publishes the broker's quotes, each once, in order, and its bars when they are over."""

    def __init__(self, *, name: str, config: Mt5DataConfig, cache: ClientCache, clock: Clock) -> None:
        self._rest = Rest(config.settings)
        self._instruments = Mt5Instruments(self._rest, name, config.settings.symbols)
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            venue=Venue(name),
            instrument_provider=self._instruments,
        )
        self._log = Logger(f"{name}-data")
        self._stream = Stream(self._rest, self._log, on_up=self._caught_up, on_message=self._heard)
        self._listed: dict[str, Any] = {}
        self._quoted: set[str] = set()
        self._last: dict[str, tuple[str, int]] = {}
        """Time and number of the newest tick that was handed over, by symbol."""
        self._bars: dict[BarType, int] = {}

    async def _connect(self) -> None:
        self._rest.open()
        try:
            await self._instruments.initialize()
        except Exception as error:
            self._log.error(f"cannot connect: {error}")  # the engine does not say why
            await self._rest.close()
            raise
        for item in self._instruments.list_all():
            self._listed[str(item.id.symbol)] = item
            self._handle_instrument(item)
        self.create_task(self._stream.run(), "stream")
        self.create_task(self._watch_bars(), "bars")

    async def _disconnect(self) -> None:
        await self._rest.close()

    # subscriptions

    async def _subscribe_quotes(self, command: SubscribeQuotes) -> None:
        symbol = str(command.instrument_id.symbol)
        if symbol not in self._listed:
            self._log.error(f"{symbol} is not among `symbols`")
            return
        self._quoted.add(symbol)
        await self._stream.say({"op": "subscribe", "symbols": [symbol]})

    async def _unsubscribe_quotes(self, command: UnsubscribeQuotes) -> None:
        symbol = str(command.instrument_id.symbol)
        self._quoted.discard(symbol)
        self._last.pop(symbol, None)
        await self._stream.say({"op": "unsubscribe", "symbols": [symbol]})

    async def _subscribe_bars(self, command: SubscribeBars) -> None:
        wrong = self._wrong(command.bar_type)
        if wrong is not None:
            self._log.error(f"{command.bar_type} cannot be had: {wrong}")
            return
        interval = command.bar_type.spec.get_interval_ns()
        now = self.clock.timestamp_ns()
        self._bars.setdefault(command.bar_type, now - now % interval - interval)

    async def _unsubscribe_bars(self, command: UnsubscribeBars) -> None:
        self._bars.pop(command.bar_type, None)

    async def _subscribe_instrument(self, command: SubscribeInstrument) -> None:
        """Instruments were published on connecting."""

    async def _unsubscribe_instrument(self, command: UnsubscribeInstrument) -> None:
        """Nothing was subscribed to."""

    async def _subscribe_instruments(self, command: SubscribeInstruments) -> None:
        """Instruments were published on connecting."""

    async def _unsubscribe_instruments(self, command: UnsubscribeInstruments) -> None:
        """Nothing was subscribed to."""

    # requests

    async def _request_instrument(self, request: RequestInstrument) -> None:
        found = self._instruments.find(request.instrument_id)
        if found is None:
            self._log.error(f"{request.instrument_id} is not among `symbols`")
            return
        self._handle_response(
            InstrumentResponse(
                self.client_id, request.instrument_id, found, request.request_id, self.clock.timestamp_ns()
            )
        )

    async def _request_instruments(self, request: RequestInstruments) -> None:
        self._handle_response(
            InstrumentsResponse(
                self.client_id,
                Venue(str(self.client_id)),
                self._instruments.list_all(),
                request.request_id,
                self.clock.timestamp_ns(),
            )
        )

    async def _request_bars(self, request: RequestBars) -> None:
        wrong = self._wrong(request.bar_type)
        bars: list[Bar] = []
        if wrong is None:
            count = min(request.limit or 1_000, MOST_BARS)
            rows = await self._asked(request.bar_type, count, request.start_ns, request.end_ns)
            bars = [self._bar(request.bar_type, row) for row in rows if self._over(request.bar_type, row)]
        else:
            self._log.error(f"{request.bar_type} cannot be had: {wrong}")
        self._handle_response(
            BarsResponse(
                self.client_id, request.bar_type, bars, request.request_id, self.clock.timestamp_ns()
            )
        )

    async def _request_quotes(self, request: RequestQuotes) -> None:
        symbol = str(request.instrument_id.symbol)
        query = {"symbol": symbol, "limit": str(min(request.limit or 1_000, MOST_BARS))}
        if request.start_ns is not None:
            query["since"] = iso(request.start_ns / 1e9)
        rows = (await self._rest.get("ticks", query))["ticks"]
        quotes = [quote for row in rows if (quote := self._quote(row)) is not None]
        self._handle_response(
            QuotesResponse(
                self.client_id, request.instrument_id, quotes, request.request_id, self.clock.timestamp_ns()
            )
        )

    # quotes

    async def _caught_up(self, welcome: dict[str, Any]) -> None:  # noqa: ARG002 - ticks have times, not numbers
        """Subscribe again; what was missed is asked for when the server says from where on it tells."""
        await self._stream.say({"op": "subscribe", "symbols": sorted(self._quoted)})

    async def _fill_gaps(self, symbols: list[str]) -> None:
        for symbol in sorted(self._quoted & self._last.keys() & set(symbols)):
            try:
                await self._fill_gap(symbol)
            except (Unknown, NotSent, Refused) as error:
                raise ValueError(f"what was missed cannot be had: {error}") from error

    async def _fill_gap(self, symbol: str) -> None:
        # One millisecond can have more ticks than were heard.
        since = iso((ns(self._last[symbol][0]) - 1_000_000) / 1e9)
        for _ in range(GAP_PAGES):
            answer = await self._rest.get("ticks", {"symbol": symbol, "since": since})
            for tick in answer["ticks"]:
                self._publish(tick)
            if not answer["more"]:
                return
            since = answer["ticks"][-1]["at"]
        self._log.warning(f"more than {GAP_PAGES} pages of {symbol} were missed; the rest is given up")

    async def _heard(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "tick":
                self._publish(message["tick"])
            case "subscribed":
                await self._fill_gaps(message["symbols"])

    def _publish(self, tick: dict[str, Any]) -> None:
        """Hand a tick to the engine, unless it, or a later one, was handed over, or it makes no sense."""
        symbol, number = tick["symbol"], (tick["at"], tick["nth"] or 1)
        if symbol not in self._quoted or number <= self._last.get(symbol, ("", 0)):
            return
        quote = self._quote(tick)
        if quote is not None:
            self._last[symbol] = number
            self._handle_data(quote)

    def _quote(self, tick: dict[str, Any]) -> QuoteTick | None:
        listed = self._listed[tick["symbol"]]
        bid, ask = tick["bid"], tick["ask"]
        if bid is None or ask is None or Decimal(bid) > Decimal(ask):
            self._log.error(f"a tick that makes no sense is dropped: {tick}")
            return None
        # MetaTrader quotes no sizes: what is shown is the largest order that the broker takes.
        size = listed.max_quantity
        prices = (self._price(listed, bid), self._price(listed, ask))
        return QuoteTick(listed.id, *prices, size, size, ns(tick["at"]), self.clock.timestamp_ns())

    # bars

    def _wrong(self, bar_type: BarType) -> str | None:
        """Why the broker has no such bars."""
        spec = bar_type.spec
        if str(bar_type.instrument_id.symbol) not in self._listed:
            return "the symbol is not among `symbols`"
        if not bar_type.is_externally_aggregated():
            return "the engine makes it itself"
        if spec.price_type is not PriceType.BID:
            return "MetaTrader's bars are of bids; write BID"
        if (spec.step, spec.aggregation) not in TIMEFRAMES:
            return f"MetaTrader has {', '.join(TIMEFRAMES.values())}"
        return None

    async def _watch_bars(self) -> None:
        while True:
            await asyncio.sleep(BARS_EVERY)
            for bar_type, last in list(self._bars.items()):
                interval = bar_type.spec.get_interval_ns()
                if self.clock.timestamp_ns() < last + 2 * interval:
                    continue
                try:
                    rows = await self._asked(bar_type, BARS_AT_ONCE, last + interval, None)
                except (Unknown, NotSent, Refused) as error:
                    self._log.warning(f"{bar_type} cannot be asked for: {error}")
                    continue
                for row in rows:
                    at = ns(row["at"])
                    if at > self._bars.get(bar_type, at) and self._over(bar_type, row):
                        self._bars[bar_type] = at
                        self._handle_data(self._bar(bar_type, row))

    def _over(self, bar_type: BarType, row: dict[str, Any]) -> bool:
        end = ns(row["at"]) / 1e9 + bar_type.spec.get_interval_ns() / 1e9
        return time.time() + self._rest.offset > end + LATE_SECONDS

    async def _asked(
        self, bar_type: BarType, count: int, start_ns: int | None, end_ns: int | None
    ) -> list[dict[str, Any]]:
        spec = bar_type.spec
        query = {
            "symbol": str(bar_type.instrument_id.symbol),
            "timeframe": TIMEFRAMES[spec.step, spec.aggregation],
            "count": str(count),
        }
        for name, value in (("start", start_ns), ("end", end_ns)):
            if value is not None:
                query[name] = iso(value / 1e9)
        found: list[dict[str, Any]] = (await self._rest.get("ohlcv", query))["bars"]
        return found

    def _bar(self, bar_type: BarType, row: dict[str, Any]) -> Bar:
        """A bar, stamped at its end."""
        listed = self._listed[str(bar_type.instrument_id.symbol)]
        prices = [self._price(listed, row[name]) for name in ("open", "high", "low", "close")]
        volume = Quantity.from_decimal_dp(Decimal(row["ticks"]), listed.size_precision)
        end = ns(row["at"]) + bar_type.spec.get_interval_ns()
        opened, high, low, closed = prices
        return Bar(bar_type, opened, high, low, closed, volume, end, self.clock.timestamp_ns())

    @staticmethod
    def _price(listed: Any, text: str) -> Price:
        try:
            return Price.from_decimal_dp(Decimal(text), listed.price_precision)
        except (InvalidOperation, TypeError) as error:
            raise ValueError(f"{text!r} is not a price") from error
