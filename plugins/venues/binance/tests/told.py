"""The quickstart's strategy, which also tells what it has seen: a market that is stepped waits for it."""

import json
import os
from pathlib import Path

from framework_vwap.config import VwapConfig
from framework_vwap.strategy import Vwap
from nautilus_trader.model import (
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderStatus,
)

from framework import StrategySpec, hookimpl

SETTLED = (
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)


class Told(Vwap):
    def on_start(self):
        super().on_start()
        self.seen = {"bars": 0, "fills": 0, "quoted": False}
        for bar_type in self._settings.bar_types:
            self.subscribe_quotes(bar_type.instrument_id)
        self.tell()

    def on_quote(self, quote):
        if not self.seen["quoted"]:
            self.seen["quoted"] = True
            self.tell()

    def on_bar(self, bar):
        super().on_bar(bar)
        self.seen["bars"] += 1
        self.tell()

    def on_order_event(self, event):
        super().on_order_event(event)
        self.seen["fills"] += isinstance(event, OrderFilled)
        if isinstance(event, SETTLED):
            self.tell()

    def tell(self):
        waiting = sum(order.status == OrderStatus.INITIALIZED for order in self.cache.orders())
        flying = waiting + self.cache.orders_inflight_count()
        with Path(os.environ["TOLD"]).open("a") as file:
            file.write(json.dumps({**self.seen, "flying": flying}) + "\n")


@hookimpl
def register_strategies():
    yield StrategySpec(name="told", strategy=Told, config=VwapConfig)
