"""A market small enough to read, and proposals with real instruments and orders to judge in it.

The kit asks what every rule must do. Here a test says what is held and what things cost, and works the
verdict out by hand:

    >>> bench = RuleBench()
    >>> rule = bench.rule(MaxQuantity, MaxQuantityConfig, most="1000")
    >>> rule.check(bench.propose("fx", 1001))
    Deny(reason='1001 of EUR/USD.SIM is over the 1000 allowed')
"""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.common import Clock, OrderFactory
from nautilus_trader.model import Money, OrderSide, Price, Quantity, QuoteTick, StrategyId, TraderId

from framework.config.values import dec_hook
from framework.risk.rule import Mark, Proposal
from framework.testkit.instruments import every_kind

if TYPE_CHECKING:
    from nautilus_trader.model import Currency, InstrumentId, Venue

    from framework.risk.rule import RiskRule
    from framework.specs import PluginConfig

NOW = 1_700_000_000_000_000_000
"""2023-11-14T22:13:20Z."""
TAG = "-0001"
"""What the engine's identifier of a strategy has after the name."""


class RuleBench:
    """What a rule looks at, as the test says it is, and the proposals it is asked about.

    Attributes:
        instruments: One of every kind, by short names such as `fx`, `future`, `inverse`.
        sums: What the account of every venue holds; `hold` sets it.
        prices: The last price of an instrument by its identifier: `bench.prices["USD/JPY.SIM"] = "150.000"`.
        quotes: The last bid and ask: `bench.quotes["USD/JPY.SIM"] = ("149.999", "150.001")`.
        margins: The maintenance margin at every venue, by currency; `require` sets it.
        positions: The open ones; `open_position` adds one.
        entries: Orders that could open or grow a position; add a proposal's `order`.
        readings: How many times the rule read the account.
    """

    def __init__(self) -> None:
        self.instruments = every_kind()
        self.sums: dict[Currency, Money] = {}
        self.prices: dict[str, str] = {}
        self.quotes: dict[str, tuple[str, str]] = {}
        self.margins: dict[Currency, Money] = {}
        self.positions: list[Any] = []
        self.entries: list[Any] = []
        self.readings = 0
        self._factories: dict[str, Any] = {}
        self.hold("100000 USD")

    def rule[R: RiskRule[Any]](self, rule: type[R], config: type[PluginConfig], **settings: Any) -> R:
        """A rule with settings as YAML would give them, started in this market."""
        built = rule(msgspec.convert(settings, config, dec_hook=dec_hook))
        built.start(self)
        return built

    def propose(
        self,
        name: str,
        quantity: object,
        mark: str | None = None,
        *,
        side: str = "buy",
        limit: str | None = None,
        trigger: str | None = None,
        stop: str | None = None,
        age: int = 0,
        now: int = NOW,
        strategy: str = "trend",
        quote: bool = False,
        **fields: Any,
    ) -> Proposal:
        """An order on its way out.

        Args:
            name: The instrument's short name.
            quantity: In units; in quote currency with `quote`.
            mark: The last known price, or None for none.
            side: `buy` or `sell`.
            limit: Its limit price: a limit order, or a stop-limit order with `trigger`.
            trigger: Its trigger price.
            stop: The trigger of the protective stop that travels with it.
            age: Of the mark, in nanoseconds.
            now: When it is proposed, in nanoseconds since the epoch.
            strategy: Who proposes it.
            quote: True for an amount of money.
            **fields: Any other field of the proposal: `position=Decimal(-5)`.
        """
        instrument = self.instruments[name]
        size = Quantity.from_str(str(quantity))
        price, touch, exits_at = (Price.from_str(text) if text else None for text in (limit, trigger, stop))
        head = (instrument.id, OrderSide.from_str(side), size)
        order = self._order(strategy, head, price, touch, quote=quote)
        plain: dict[str, Any] = {
            "action": "submit",
            "strategy_id": strategy,
            "order": order,
            "instrument": instrument,
            "side": order.side,
            "quantity": size,
            "price": price,
            "trigger_price": touch,
            "stop_price": exits_at,
            "mark": Mark(instrument.id, Price.from_str(mark), now - age) if mark else None,
            "position": Decimal(0),
            "reduces": False,
            "now": now,
        }
        return Proposal(**{**plain, **fields})

    def hold(self, *amounts: str) -> None:
        """Let the account hold these amounts and no others: `bench.hold("10000 USDT", "1 BTC")`."""
        money = [Money.from_str(amount) for amount in amounts]
        self.sums = {amount.currency: amount for amount in money}

    def require(self, *amounts: str) -> None:
        """Let the account at every venue have to cover this maintenance margin and no other."""
        money = [Money.from_str(amount) for amount in amounts]
        self.margins = {amount.currency: amount for amount in money}

    def open_position(
        self, name: str, strategy: str = "trend", *, hedged: bool = False, quantity: object = 1
    ) -> None:
        """Open a position.

        Args:
            name: The instrument's short name.
            strategy: Whose.
            hedged: One beside others; a netted one carries the name of its instrument and strategy.
            quantity: In units; a short position's is negative.
        """
        instrument_id, owner = self.instruments[name].id, _owner(strategy)
        position_id = f"P-{len(self.positions) + 1:03}" if hedged else f"{instrument_id}-{owner}"
        signed = Decimal(str(quantity))
        self.positions.append(
            SimpleNamespace(
                id=position_id,
                instrument_id=instrument_id,
                strategy_id=owner,
                quantity=Quantity.from_str(str(abs(signed))),
                is_long=signed > 0,
            )
        )

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        """What `prices` says, as of `NOW`."""
        price = self.prices.get(str(instrument_id))
        return Mark(instrument_id, Price.from_str(price), NOW) if price else None

    def instrument(self, instrument_id: InstrumentId) -> Any:
        """The instrument, or None when it is none of those here."""
        return next((item for item in self.instruments.values() if item.id == instrument_id), None)

    def open_positions(self, strategy_id: str | None = None) -> list[Any]:
        """What `positions` says."""
        return [
            held for held in self.positions if strategy_id is None or held.strategy_id == _owner(strategy_id)
        ]

    def quote(self, instrument_id: InstrumentId) -> QuoteTick | None:
        """What `quotes` says, as of `NOW`."""
        if str(instrument_id) not in self.quotes:
            return None
        bid, ask = (Price.from_str(text) for text in self.quotes[str(instrument_id)])
        size = Quantity.from_int(1)
        return QuoteTick(instrument_id, bid, ask, size, size, NOW, NOW)

    def pending_entries(self, strategy_id: str | None = None) -> list[Any]:
        """What `entries` says."""
        return [
            order for order in self.entries if strategy_id is None or order.strategy_id == _owner(strategy_id)
        ]

    def margin(self, venue: Venue) -> dict[Currency, Money]:
        """What `margins` says, at every venue."""
        del venue
        return self.margins

    def owner(self, item: Any) -> str:
        """The strategy as the test calls it."""
        return str(item.strategy_id).removesuffix(TAG)

    def equity(self, venue: Venue) -> dict[Currency, Money]:
        """What `sums` says, at every venue."""
        del venue
        self.readings += 1
        return self.sums

    def now(self) -> int:
        """Always `NOW`."""
        return NOW

    def _order(
        self, strategy: str, head: tuple[Any, ...], limit: Price | None, trigger: Price | None, *, quote: bool
    ) -> Any:
        if strategy not in self._factories:
            self._factories[strategy] = OrderFactory(TraderId("T-001"), _owner(strategy), Clock.new_test())
        make = self._factories[strategy]
        if limit is not None and trigger is not None:
            return make.stop_limit(*head, limit, trigger, quote_quantity=quote)
        if limit is not None:
            return make.limit(*head, limit, quote_quantity=quote)
        if trigger is not None:
            return make.stop_market(*head, trigger, quote_quantity=quote)
        return make.market(*head, quote_quantity=quote)


def _owner(strategy: str) -> StrategyId:
    return StrategyId(f"{strategy}{TAG}")
