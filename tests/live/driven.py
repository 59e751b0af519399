"""A strategy plugin that does what the lines of a file say, and writes what happens to another.

`DRIVEN` names a folder with a `STRATEGY-ID.do` for each strategy; what it heard goes to `STRATEGY-ID.heard`.

`ASLEEP` are the seconds after which the node takes itself to have slept. The exchange of most tests stands
still, so a node that a busy machine starves for two would wait for a price of afterwards, and none comes.
"""

import json
import os
import time
from pathlib import Path
from typing import Annotated

import msgspec
from nautilus_trader.model import ClientOrderId, InstrumentId, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, hookimpl
from framework.risk import pulse

pulse.ASLEEP = float(os.environ.get("ASLEEP", "60"))
MOST = 60.0
"""Seconds that a handler waits for a file at most."""


class DrivenConfig(PluginConfig, frozen=True, kw_only=True):
    instrument_id: Annotated[InstrumentId, msgspec.Meta(description="What it trades.")]
    name: Annotated[str, msgspec.Meta(description="The name of its files.")]


class Driven(Strategy):
    def __init__(self, config):
        super().__init__(config)
        folder = Path(os.environ["DRIVEN"])
        self.lines, self.out = folder / f"{config.name}.do", folder / f"{config.name}.heard"
        self.done = len(self.lines.read_text().splitlines()) if self.lines.exists() else 0
        self.count = 0
        self.loaded = None

    def say(self, said, **fields):
        with self.out.open("a") as out:
            out.write(json.dumps({"said": said, "at": time.time(), **fields}, default=str) + "\n")

    def on_start(self):
        self.subscribe_quotes(self.config.instrument_id)
        held = self.cache.positions_open(strategy_id=self.strategy_id)
        self.say(
            "started",
            loaded=self.loaded,
            orders={
                str(o.client_order_id): o.status.name for o in self.cache.orders(strategy_id=self.strategy_id)
            },
            position=str(sum(int(p.signed_qty) for p in held)),
        )
        self.clock.set_timer_ns("look", 10_000_000, callback=self.look)

    def on_stop(self):
        self.say("stopped")

    def on_save(self):
        return {"count": str(self.count).encode()}

    def on_load(self, state):
        self.loaded = {key: value.decode() for key, value in state.items()}
        self.count = int(state["count"])

    def on_quote(self, quote):
        self.say("quote", bid=quote.bid_price, ask=quote.ask_price)

    def on_order_event(self, event):
        self.say(type(event).__name__, id=event.client_order_id, reason=getattr(event, "reason", ""))

    def on_order_filled(self, event):
        self.count += 1

    def look(self, event):
        if not self.lines.exists():
            return
        lines = self.lines.read_text().rpartition("\n")[0].splitlines()  # the last one may be half written
        while self.done < len(lines):
            order = json.loads(lines[self.done])
            self.done += 1
            getattr(self, f"do_{order.pop('do')}")(**order)

    def do_submit(self, side, qty, price=None, name=None, **more):
        build = self.order_factory.market if price is None else self.order_factory.limit
        named = {} if price is None else {"price": Price.from_str(price)}
        order = build(
            self.config.instrument_id,
            OrderSide.BUY if side == "BUY" else OrderSide.SELL,
            Quantity.from_str(qty),
            client_order_id=None if name is None else ClientOrderId(name),
            **named,
            **more,
        )
        self.submit_order(order)

    def do_flood(self, count, price, qty="1"):
        for _ in range(count):
            self.do_submit("BUY", qty, price)

    def do_cancel(self, name):
        self.cancel_order(ClientOrderId(name))

    def do_close(self):
        self.close_all_positions(self.config.instrument_id)

    def do_get_out_on_stop(self, exit_name, entries):
        """What a strategy does at its end: cancel what works, in each of the ways there are, and close."""

        def stop():
            first, *others = map(ClientOrderId, entries)
            self.cancel_order(ClientOrderId(exit_name))
            self.cancel_order(first)
            self.cancel_orders([ClientOrderId(exit_name), *others])
            self.cancel_all_orders(self.config.instrument_id)
            self.do_close()
            self.say("stopped")

        self.on_stop = stop
        self.say("ready")

    def do_sleep(self, until):
        """A handler that goes on until there is a file."""
        self.say("sleeping")
        ends = time.monotonic() + MOST
        while not Path(until).exists() and time.monotonic() < ends:
            time.sleep(0.01)
        self.say("awake")

    def do_send_and_sleep(self, until, **order):
        """An order and an exit in a handler that goes on: neither has left before it is over."""
        self.do_submit(**order)
        self.do_close()
        self.do_sleep(until)

    def do_fail(self):
        raise LookupError("as it was told")


@hookimpl
def register_strategies():
    yield StrategySpec(name="driven", strategy=Driven, config=DrivenConfig)
