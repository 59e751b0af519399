"""A strategy that buys once, leaves an order to sell, and gets out when the price falls."""

from nautilus_trader.model import InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl

BTC = InstrumentId.from_str("BTCUSDT.BINANCE")


class BoughtConfig(PluginConfig, frozen=True, kw_only=True):
    """Nothing to set."""


class Bought(Strategy):
    def on_start(self):
        self.sent = self.left = False
        self.subscribe_quotes(BTC)

    def on_quote(self, quote):
        if not self.sent:
            self.sent = True
            make = self.order_factory
            self.submit_order(make.market(BTC, OrderSide.BUY, Quantity.from_str("0.01000")))
            ask = Price.from_str("65000.00")
            self.submit_order(make.limit(BTC, OrderSide.SELL, Quantity.from_str("0.00500"), ask))
        elif not self.left and quote.bid_price < Price.from_str("59500.00"):
            self.left = True
            (held,) = self.cache.positions_open(strategy_id=self.strategy_id)
            for quantity in (Quantity.from_str("5.00000"), held.quantity):
                out = self.order_factory.market(BTC, OrderSide.SELL, quantity, reduce_only=True)
                self.submit_order(out, held.id)


@hookimpl
def register_strategies():
    yield StrategySpec(name="bought", strategy=Bought, config=BoughtConfig)
