"""Strategies that trade so that something else can be tested: a random flow, and a round trip."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework.specs import PluginConfig, StrategySpec

if TYPE_CHECKING:
    from nautilus_trader.model import Bar

BUSY = 0.4
"""The share of bars on which the random flow does something."""
FAR = 40
"""Its resting orders are at most this many ticks from the close."""


class RandomFlowConfig(PluginConfig, frozen=True, kw_only=True):
    """What the random flow trades."""

    bar_types: Annotated[list[BarType], msgspec.Meta(description="One bar type for each instrument.")]
    smallest: Annotated[int, msgspec.Meta(ge=1, description="Size steps of the smallest order.")]
    largest: Annotated[int, msgspec.Meta(ge=1, description="Size steps of the largest order.")]
    seed: Annotated[int, msgspec.Meta(description="Another seed, another flow.")] = 0


class RandomFlow(Strategy):
    """Market, limit, stop and bracket orders, changes, cancels and exits, drawn from a seed."""

    def __init__(self, config: RandomFlowConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._rng = random.Random(config.seed)  # noqa: S311 - a test's orders, not secrets

    def on_start(self) -> None:
        """Listen to every bar."""
        for bar_type in self._settings.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Do one thing, or nothing."""
        if self._rng.random() > BUSY:
            return
        act = self._rng.choices(
            [self._market, self._resting, self._bracket, self._change, self._cancel, self._exit],
            [4, 3, 2, 2, 1, 2],
        )[0]
        act(bar)

    def on_stop(self) -> None:
        """Leave nothing behind."""
        for bar_type in self._settings.bar_types:
            self.cancel_all_orders(bar_type.instrument_id)
            self.close_all_positions(bar_type.instrument_id)

    def _market(self, bar: Bar) -> None:
        instrument_id = bar.bar_type.instrument_id
        self.submit_order(self.order_factory.market(instrument_id, self._side(), self._quantity(bar)))

    def _resting(self, bar: Bar) -> None:
        instrument_id, side = bar.bar_type.instrument_id, self._side()
        passive = self._rng.random() < 0.5  # noqa: PLR2004 - a fair coin
        away = -1 if (side == OrderSide.BUY) == passive else 1
        price = self._price(bar, away * self._rng.randint(1, FAR))
        make = self.order_factory.limit if passive else self.order_factory.stop_market
        self.submit_order(make(instrument_id, side, self._quantity(bar), price))

    def _bracket(self, bar: Bar) -> None:
        side = self._side()
        away = 1 if side == OrderSide.BUY else -1
        orders = self.order_factory.bracket(
            bar.bar_type.instrument_id,
            side,
            self._quantity(bar),
            sl_trigger_price=self._price(bar, -away * FAR),
            tp_price=self._price(bar, away * FAR),
        )
        self.submit_order_list(orders)

    def _change(self, bar: Bar) -> None:
        working = self._working(bar)
        if working:
            order = self._rng.choice(working)
            self.modify_order(order.client_order_id, quantity=self._quantity(bar))

    def _cancel(self, bar: Bar) -> None:
        working = self._working(bar)
        if working:
            self.cancel_order(self._rng.choice(working).client_order_id)

    def _exit(self, bar: Bar) -> None:
        self.close_all_positions(bar.bar_type.instrument_id)

    def _working(self, bar: Bar) -> list[Any]:
        found = self.cache.orders_open(instrument_id=bar.bar_type.instrument_id, strategy_id=self.strategy_id)
        return sorted(found, key=lambda order: str(order.client_order_id))

    def _side(self) -> OrderSide:
        return self._rng.choice((OrderSide.BUY, OrderSide.SELL))

    def _quantity(self, bar: Bar) -> Quantity:
        instrument: Any = self.cache.instrument(bar.bar_type.instrument_id)
        steps = self._rng.randint(self._settings.smallest, self._settings.largest)
        return Quantity.from_decimal_dp(
            steps * instrument.size_increment.as_decimal(), instrument.size_precision
        )

    def _price(self, bar: Bar, ticks: int) -> Price:
        instrument: Any = self.cache.instrument(bar.bar_type.instrument_id)
        value = bar.close.as_decimal() + ticks * instrument.price_increment.as_decimal()
        return Price.from_decimal_dp(value, instrument.price_precision)


class RoundTripConfig(PluginConfig, frozen=True, kw_only=True):
    """What the round trip trades."""

    bar_type: Annotated[BarType, msgspec.Meta(description="The bars to trade on.")]
    quantity: Annotated[Quantity, msgspec.Meta(description="Size of each of the two entries.")]


class RoundTrip(Strategy):
    """Buys twice, closes everything, and keeps what the account held before and after."""

    ENTRIES = (10, 20)
    EXIT = 30
    RESTING = 40

    def __init__(self, config: RoundTripConfig) -> None:
        super().__init__(config)
        self._settings = config
        self.bars = 0
        self.open_positions = 0
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}

    def on_start(self) -> None:
        """Look at the account and listen."""
        self.before = self._balances()
        self.subscribe_bars(self._settings.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Two entries, one exit, one resting order that the next bars may reach."""
        self.bars += 1
        instrument_id, quantity = bar.bar_type.instrument_id, self._settings.quantity
        if self.bars in self.ENTRIES:
            self.submit_order(self.order_factory.market(instrument_id, OrderSide.BUY, quantity))
        elif self.bars == self.EXIT:
            self.open_positions = len(self.cache.positions_open(strategy_id=self.strategy_id))
            self.close_all_positions(instrument_id)
        elif self.bars == self.RESTING:
            self.submit_order(self.order_factory.limit(instrument_id, OrderSide.BUY, quantity, bar.close))
        elif self.bars == self.RESTING + self.EXIT:
            self.cancel_all_orders(instrument_id)
            self.close_all_positions(instrument_id)

    def on_stop(self) -> None:
        """Look at the account again."""
        self.after = self._balances()

    def _balances(self) -> dict[str, Any]:
        account: Any = self.cache.account_for_venue(self._settings.bar_type.instrument_id.venue)
        return {currency.code: money.as_decimal() for currency, money in account.balances_total().items()}


RANDOM_FLOW = StrategySpec(name="testkit_random_flow", strategy=RandomFlow, config=RandomFlowConfig)
ROUND_TRIP = StrategySpec(name="testkit_round_trip", strategy=RoundTrip, config=RoundTripConfig)
