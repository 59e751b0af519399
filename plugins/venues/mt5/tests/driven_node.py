"""A live node that does what the lines on its standard input say, and prints what happens as JSON lines.

Run as a process of its own: `driven_node.py SETTINGS-AS-JSON`.
"""

import asyncio
import json
import sys
import threading
from datetime import timedelta

import msgspec
from framework_mt5 import clients
from framework_mt5.config import Mt5Config
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
    PositionId,
    Price,
    Quantity,
    TimeInForce,
    TraderId,
)
from nautilus_trader.trading import Strategy

from framework import Secret

EURUSD = "EURUSD.MT5"


def say(kind, **fields):
    sys.stdout.write(json.dumps({"said": kind, **fields}, default=str) + "\n")
    sys.stdout.flush()


class Driven(Strategy):
    def on_start(self):
        for symbol in (EURUSD, "XAUUSD.MT5"):
            self.subscribe_quotes(InstrumentId.from_str(symbol))
        say("started")

    def on_quote(self, quote):
        say(
            "quote",
            of=str(quote.instrument_id.symbol),
            bid=quote.bid_price,
            ask=quote.ask_price,
            ts=quote.ts_event,
            at=quote.ts_init,
        )

    def on_bar(self, bar):
        say("bar", open=bar.open, close=bar.close, volume=bar.volume, ts=bar.ts_event)

    def on_order_event(self, event):
        fields = {"id": str(event.client_order_id), "ts": event.ts_event}
        for name in ("reason", "trade_id", "last_qty", "last_px", "quantity", "price", "commission"):
            if hasattr(event, name):
                fields[name] = str(getattr(event, name))
        say(type(event).__name__, **fields)

    def do(self, line):
        order = json.loads(line)
        getattr(self, f"do_{order.pop('do')}")(**order)

    def do_submit(
        self,
        name,
        side,
        qty,
        price=None,
        trigger=None,
        tif="GTC",
        position=None,
        symbol=EURUSD,
        params=None,
        expire=None,
        display=None,
        **more,
    ):
        build = {
            (False, False): self.order_factory.market,
            (True, False): self.order_factory.limit,
            (False, True): self.order_factory.stop_market,
            (True, True): self.order_factory.stop_limit,
        }[price is not None, trigger is not None]
        if price:
            more["price"] = Price.from_str(price)
        if trigger:
            more["trigger_price"] = Price.from_str(trigger)
        if display:
            more["display_qty"] = Quantity.from_str(display)
        if expire:
            more["expire_time"] = int(expire)
        order = build(
            InstrumentId.from_str(symbol),
            OrderSide.BUY if side == "BUY" else OrderSide.SELL,
            Quantity.from_str(qty),
            time_in_force=getattr(TimeInForce, tif),
            client_order_id=ClientOrderId(name),
            **more,
        )
        self.submit_order(order, position_id=PositionId(position) if position else None, params=params)

    def do_cancel(self, name):
        self.cancel_order(ClientOrderId(name))

    def do_cancel_all(self):
        self.cancel_all_orders(InstrumentId.from_str(EURUSD))

    def do_modify(self, name, qty=None, price=None, trigger=None):
        self.modify_order(
            ClientOrderId(name),
            quantity=Quantity.from_str(qty) if qty else None,
            price=Price.from_str(price) if price else None,
            trigger_price=Price.from_str(trigger) if trigger else None,
        )

    def do_bars(self, bar_type):
        self.subscribe_bars(BarType.from_str(bar_type))

    def do_batch_cancel(self, names):
        self.cancel_orders([ClientOrderId(name) for name in names])

    def do_touched(self, name):
        order = self.order_factory.market_if_touched(
            InstrumentId.from_str(EURUSD),
            OrderSide.BUY,
            Quantity.from_str("1000"),
            Price.from_str("1.05000"),
            client_order_id=ClientOrderId(name),
        )
        self.submit_order(order)

    def do_bracket(self):
        orders = self.order_factory.bracket(
            InstrumentId.from_str(EURUSD),
            OrderSide.BUY,
            Quantity.from_str("1000"),
            tp_price=Price.from_str("1.20000"),
            sl_trigger_price=Price.from_str("1.05000"),
        )
        self.submit_order_list(orders)
        say("bracket", ids=[str(order.client_order_id) for order in orders])

    def do_request(self, kind, bar_type=None):
        ends = self.clock.utc_now()
        starts = ends - timedelta(minutes=10)
        if kind == "bars":
            self.request_bars(BarType.from_str(bar_type), start=starts)
        else:
            self.request_quotes(InstrumentId.from_str(EURUSD), start=starts)

    def on_historical_bars(self, bars):
        say("history", what="bars", count=len(bars))

    def on_historical_quotes(self, quotes):
        say("history", what="quotes", count=len(quotes))

    def do_unsubscribe(self):
        self.unsubscribe_quotes(InstrumentId.from_str(EURUSD))

    def do_instruments(self):
        found = [item for item in self.cache.instruments() if str(item.id.venue) == "MT5"]
        say("instruments", ids=sorted(str(item.id) for item in found))

    def do_close_all(self):
        self.close_all_positions(InstrumentId.from_str(EURUSD))


def hook(kind, text):
    return Secret(text) if kind is Secret else kind.from_str(text) if kind is Money else kind(text)


def main():
    settings = json.loads(sys.argv[1])
    config = msgspec.convert(settings, Mt5Config, dec_hook=hook)
    live = clients("MT5", config)
    node = (
        LiveNode.builder("DRIVEN", TraderId("T-001"), Environment.LIVE)
        .add_data_client("MT5", live.data[0](), live.data[1])
        .add_exec_client("MT5", live.execution[0](), live.execution[1])
        .with_exec_engine_config(
            LiveExecutionEngineConfig(
                reconciliation=True,
                submission_recovery_policy=SubmissionRecoveryPolicy.RETAIN_UNRESOLVED,
            )
        )
        .with_risk_engine_config(LiveRiskEngineConfig(max_order_submit_rate="10000/00:00:01"))
        .with_timeout_connection(90)
        .with_delay_post_stop_secs(0)
        .with_logging(LoggerConfig(stdout_level=LogLevel.WARNING))
        .build()
    )
    strategy = Driven()
    node.add_strategy(strategy)
    asyncio.run(drive(node, strategy, config))


async def drive(node, strategy, config):
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
                say("state", **state(cache, config))
            case _:
                try:
                    strategy.do(line)
                except Exception as error:  # noqa: BLE001 - the test reads it
                    say("error", message=f"{type(error).__name__}: {error}")
    await running
    say("stopped")


def state(cache, config):
    account = cache.account(AccountId(f"MT5-{config.account}"))
    return {
        "orders": {
            str(order.client_order_id): [order.status.name, str(order.filled_qty)] for order in cache.orders()
        },
        "positions": {
            str(p.id): [str(p.instrument_id.symbol), ("" if p.is_long else "-") + str(p.quantity)]
            for p in cache.positions_open()
        },
        "pnl": {str(p.id): str(p.realized_pnl) for p in cache.positions()},
        "trades": sorted(str(t) for order in cache.orders() for t in order.trade_ids),
        "balances": [str(balance.total) for balance in account.balances().values()],
    }


if __name__ == "__main__":
    main()
