"""A live node that does what the lines on its standard input say, and prints what happens as JSON lines."""

import asyncio
import json
import sys
import threading
from decimal import Decimal

from framework_binance.clients import clients
from framework_binance.config import BinanceConfig
from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.live import (
    LiveExecutionEngineConfig,
    LiveNode,
    SubmissionRecoveryPolicy,
)
from nautilus_trader.model import (
    AccountId,
    BarType,
    ClientOrderId,
    InstrumentId,
    Money,
    OrderSide,
    Price,
    Quantity,
    TimeInForce,
    TraderId,
    TrailingOffsetType,
    TriggerType,
)
from nautilus_trader.trading import Strategy

PERP = "BTCUSDT-PERP.BINANCE"
TIMES = {"trigger_type": TriggerType, "time_in_force": TimeInForce}


def say(kind, **fields):
    sys.stdout.write("\n" + json.dumps({"said": kind, **fields}, default=str) + "\n")
    sys.stdout.flush()


class Driven(Strategy):
    def trade(self, instrument):
        self.instrument = instrument
        return self

    def on_start(self):
        self.subscribe_quotes(self.instrument)
        self.subscribe_trades(self.instrument)
        self.subscribe_bars(BarType.from_str(f"{self.instrument}-1-MINUTE-LAST-EXTERNAL"))
        say("started")

    def on_quote(self, quote):
        say("quote", bid=quote.bid_price, ask=quote.ask_price)

    def on_bar(self, bar):
        say("bar", open=bar.open, close=bar.close, volume=bar.volume, ts=bar.ts_event)

    def on_order_event(self, event):
        fields = {"id": str(event.client_order_id)}
        for name in ("reason", "trade_id", "last_qty", "last_px", "quantity", "price", "commission"):
            if hasattr(event, name):
                fields[name] = str(getattr(event, name))
        say(type(event).__name__, **fields)

    def do(self, line):
        order = json.loads(line)
        getattr(self, f"do_{order.pop('do')}")(**order)

    def do_submit(self, name, side, qty, kind="market", **more):
        for field in ("price", "trigger_price", "activation_price"):
            if field in more:
                more[field] = Price.from_str(more[field])
        for field, choices in TIMES.items():
            if field in more:
                more[field] = getattr(choices, more[field])
        if "trailing_offset" in more:
            more["trailing_offset"] = Decimal(more["trailing_offset"])
            more["trailing_offset_type"] = TrailingOffsetType.BASIS_POINTS
        order = getattr(self.order_factory, kind)(
            self.instrument,
            OrderSide.BUY if side == "BUY" else OrderSide.SELL,
            Quantity.from_str(qty),
            client_order_id=ClientOrderId(name),
            **more,
        )
        self.submit_order(order)

    def do_oco(self, profit, price, stop, trigger, qty):
        """A post-only limit order and a stop to sell, of which one cancels the other."""
        make, size = self.order_factory, Quantity.from_str(qty)
        orders = [
            make.limit(
                self.instrument,
                OrderSide.SELL,
                size,
                Price.from_str(price),
                post_only=True,
                client_order_id=ClientOrderId(profit),
            ),
            make.stop_market(
                self.instrument,
                OrderSide.SELL,
                size,
                Price.from_str(trigger),
                TriggerType.LAST_PRICE,
                client_order_id=ClientOrderId(stop),
            ),
        ]
        linked = {"contingency_type": "OCO", "order_list_id": str(make.generate_order_list_id())}
        self.submit_order_list(
            [
                type(order).from_dict({**order.to_dict(), **linked, "linked_order_ids": [other]})
                for order, other in zip(orders, (stop, profit), strict=True)
            ]
        )

    def do_cancel(self, name):
        self.cancel_order(ClientOrderId(name))

    def do_cancel_all(self):
        self.cancel_all_orders(self.instrument)

    def do_modify(self, name, qty=None, price=None, trigger=None):
        self.modify_order(
            ClientOrderId(name),
            quantity=Quantity.from_str(qty) if qty else None,
            price=Price.from_str(price) if price else None,
            trigger_price=Price.from_str(trigger) if trigger else None,
        )


def main():
    settings = json.loads(sys.argv[1])
    config = BinanceConfig(
        balances=[Money.from_str("10000 USDT")],
        instruments=[InstrumentId.from_str(i) for i in settings.pop("instruments", [PERP])],
        maker=Decimal("0.0002"),
        taker=Decimal("0.0005"),
        **settings,
    )
    venue = clients("BINANCE", config)
    node = (
        LiveNode.builder("DRIVEN", TraderId("T-001"), Environment.LIVE)
        .add_data_client("BINANCE", venue.data[0](), venue.data[1])
        .add_exec_client("BINANCE", venue.execution[0](), venue.execution[1])
        .with_exec_engine_config(
            LiveExecutionEngineConfig(
                reconciliation=True,
                submission_recovery_policy=SubmissionRecoveryPolicy.RETAIN_UNRESOLVED,
            )
        )
        .with_timeout_connection(20)
        .with_delay_post_stop_secs(0)
        .with_logging(LoggerConfig(stdout_level=LogLevel.WARNING))
        .build()
    )
    strategy = Driven().trade(config.instruments[0])
    node.add_strategy(strategy)
    asyncio.run(drive(node, strategy))


async def drive(node, strategy):
    cache, handle = node.cache, node.handle()
    loop = asyncio.get_running_loop()
    lines = asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, '{"do": "stop"}')

    threading.Thread(target=read, daemon=True).start()
    running = asyncio.create_task(node.run_async())
    while True:
        getting = asyncio.create_task(lines.get())
        await asyncio.wait({getting, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            getting.cancel()
            break
        line = getting.result()
        match json.loads(line)["do"]:
            case "stop":
                handle.stop()
                break
            case "state":
                account = cache.account(AccountId("BINANCE-001"))
                say(
                    "state",
                    orders={
                        str(order.client_order_id): [order.status.name, str(order.filled_qty)]
                        for order in cache.orders()
                    },
                    positions=[f"{'' if p.is_long else '-'}{p.quantity}" for p in cache.positions_open()],
                    trades=sorted(str(t) for order in cache.orders() for t in order.trade_ids),
                    balances=[str(balance.total) for balance in account.balances().values()],
                )
            case _:
                try:
                    strategy.do(line)
                except Exception as error:  # noqa: BLE001 - the test reads it
                    say("error", message=f"{type(error).__name__}: {error}")
    await running
    say("stopped")


if __name__ == "__main__":
    main()
