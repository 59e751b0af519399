"""A live node that does what the lines on its standard input say, and prints what happens as JSON lines.

Run as a process of its own: `driven_node.py URL [SETTINGS-AS-JSON]`.
"""

import asyncio
import json
import sys
import threading
from decimal import Decimal

from framework_simexchange import clients
from framework_simexchange.config import SimExchangeConfig
from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.live import (
    LiveExecutionEngineConfig,
    LiveNode,
    LiveRiskEngineConfig,
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
)
from nautilus_trader.trading import Strategy

EURUSD = InstrumentId.from_str("EUR/USD.SIMX")


def say(kind, **fields):
    sys.stdout.write(json.dumps({"said": kind, **fields}, default=str) + "\n")
    sys.stdout.flush()


class Driven(Strategy):
    def on_start(self):
        self.subscribe_quotes(EURUSD)
        self.subscribe_trades(EURUSD)
        say("started")

    def on_quote(self, quote):
        say("quote", bid=quote.bid_price, ask=quote.ask_price, ts=quote.ts_event)

    def on_trade(self, trade):
        say("trade", price=trade.price, size=trade.size)

    def on_bar(self, bar):
        say("bar", close=bar.close, volume=bar.volume)

    def on_order_event(self, event):
        fields = {"id": str(event.client_order_id)}
        for name in ("reason", "trade_id", "last_qty", "last_px", "quantity", "price", "commission"):
            if hasattr(event, name):
                fields[name] = str(getattr(event, name))
        say(type(event).__name__, **fields)

    def do(self, line):
        order = json.loads(line)
        getattr(self, f"do_{order.pop('do')}")(**order)

    def do_submit(self, name, side, qty, price=None, trigger=None, tif="GTC", position=None, **more):
        build = {
            (False, False): self.order_factory.market,
            (True, False): self.order_factory.limit,
            (False, True): self.order_factory.stop_market,
            (True, True): self.order_factory.stop_limit,
        }[price is not None, trigger is not None]
        named = {"price": Price.from_str(price)} if price else {}
        if trigger:
            named["trigger_price"] = Price.from_str(trigger)
        order = build(
            EURUSD,
            OrderSide.BUY if side == "BUY" else OrderSide.SELL,
            Quantity.from_str(qty),
            time_in_force=getattr(TimeInForce, tif),
            client_order_id=ClientOrderId(name),
            **named,
            **more,
        )
        self.submit_order(order)

    def do_cancel(self, name):
        self.cancel_order(ClientOrderId(name))

    def do_cancel_all(self):
        self.cancel_all_orders(EURUSD)

    def do_modify(self, name, qty=None, price=None):
        self.modify_order(
            ClientOrderId(name),
            quantity=Quantity.from_str(qty) if qty else None,
            price=Price.from_str(price) if price else None,
        )

    def do_bars(self, bar_type):
        self.subscribe_bars(BarType.from_str(bar_type))

    def do_flood(self, count):
        for number in range(count):
            self.do_submit(f"F-{number}", "BUY", "1", price="1.05000")


def main():
    url, settings = sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    connection_seconds = settings.pop("connection_seconds", 60)
    config = SimExchangeConfig(
        balances=[Money.from_str("1000000 USD")],
        maker=Decimal("0.00001"),
        taker=Decimal("0.00003"),
        url=url,
        **settings,
    )
    venue = clients("SIMX", config)
    node = (
        LiveNode.builder("DRIVEN", TraderId("T-001"), Environment.LIVE)
        .add_data_client("SIMX", venue.data[0](), venue.data[1])
        .add_exec_client("SIMX", venue.execution[0](), venue.execution[1])
        .with_exec_engine_config(
            LiveExecutionEngineConfig(
                reconciliation=True,
                submission_recovery_policy=SubmissionRecoveryPolicy.RETAIN_UNRESOLVED,
            )
        )
        .with_risk_engine_config(LiveRiskEngineConfig(max_order_submit_rate="10000/00:00:01"))
        .with_timeout_connection(connection_seconds)
        .with_delay_post_stop_secs(0)
        .with_logging(LoggerConfig(stdout_level=LogLevel.WARNING))
        .build()
    )
    strategy = Driven()
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
                say(
                    "state",
                    orders={
                        str(order.client_order_id): [order.status.name, str(order.filled_qty)]
                        for order in cache.orders()
                    },
                    positions={str(p.id): str(p.signed_qty) for p in cache.positions_open()},
                    trades=sorted(str(t) for order in cache.orders() for t in order.trade_ids),
                    balances=[
                        str(balance.total)
                        for balance in cache.account(AccountId("SIMX-001")).balances().values()
                    ],
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
