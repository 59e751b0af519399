"""A strategy plugin that does what the lines of a file say, and writes what happens to another.

`DRIVEN` names a folder with a `NAME.do` for each strategy; what it heard goes to `NAME.heard`.

`ASLEEP` are the seconds after which the node takes itself to have slept. The market of most tests stands
still, so a node that a busy machine starves for two would wait for a price of afterwards, and none comes.
"""

import json
import os
import signal
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


def signed(position):
    size = position.quantity.as_decimal()
    return size if position.is_long else -size


class DiesBeforeSending:
    """Takes the place of the outbox, which hears of an order when it is on disk and before it leaves."""

    def sent(self, client_order_id):
        os.kill(os.getpid(), signal.SIGKILL)


class Driven(Strategy):
    def __init__(self, config):
        super().__init__(config)
        folder = Path(os.environ["DRIVEN"])
        self.lines, self.out = folder / f"{config.name}.do", folder / f"{config.name}.heard"
        self.done = len(self.lines.read_text().splitlines()) if self.lines.exists() else 0
        self.flooding = 0

    def say(self, said, **fields):
        with self.out.open("a") as out:
            out.write(json.dumps({"said": said, "at": time.time(), **fields}, default=str) + "\n")

    def on_start(self):
        self.subscribe_quotes(self.config.instrument_id)
        held = self.cache.positions_open(strategy_id=self.strategy_id)
        orders = self.cache.orders(strategy_id=self.strategy_id)
        self.say(
            "started",
            orders={str(order.client_order_id): order.status.name for order in orders},
            position=str(sum((signed(position) for position in held), 0)),
        )
        self.clock.set_timer_ns("look", 5_000_000, callback=self.look)

    def on_stop(self):
        self.say("stopped")

    def on_quote(self, quote):
        self.say("quote", bid=quote.bid_price, ask=quote.ask_price)

    def on_order_event(self, event):
        names = ("reason", "trade_id", "last_qty", "last_px")
        told = {name: getattr(event, name) for name in names if hasattr(event, name)}
        self.say(type(event).__name__, id=event.client_order_id, **told)

    def look(self, event):
        for _ in range(self.flooding):
            self.do_submit("BUY", "1", "1.05000")
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

    def do_die_before_sending(self, **order):
        self._outbox = DiesBeforeSending()
        self.do_submit(**order)

    def do_bypass(self, **order):
        """As a plugin would that calls the engine's own method, where no gate stands."""
        self.submit_order = lambda order: Strategy.submit_order(self, order)
        self.do_submit(**order)
        del self.submit_order

    def do_rest(self, count, price, prefix="R"):
        for number in range(count):
            self.do_submit("BUY", "1", price, f"{prefix}-{number}")

    def do_flood(self, each):
        """So many orders at every look, two hundred looks a second."""
        self.flooding = each

    def do_cancel(self, name):
        self.cancel_order(ClientOrderId(name))

    def do_cancel_all(self):
        self.cancel_all_orders(self.config.instrument_id)

    def do_modify(self, name, qty):
        self.modify_order(ClientOrderId(name), quantity=Quantity.from_str(qty))

    def do_close(self):
        self.close_all_positions(self.config.instrument_id)

    def do_sleep(self, until):
        """A handler that goes on until there is a file."""
        self.say("sleeping")
        ends = time.monotonic() + MOST
        while not Path(until).exists() and time.monotonic() < ends:
            time.sleep(0.01)
        self.say("awake")

    def do_submit_on_stop(self, **order):
        on_stop = self.on_stop

        def stop():
            self.do_submit(**order)
            on_stop()

        self.on_stop = stop


@hookimpl
def register_strategies():
    yield StrategySpec(name="driven", strategy=Driven, config=DrivenConfig)
