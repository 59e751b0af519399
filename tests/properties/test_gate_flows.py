"""Random order flows against a recorder that knows nothing of the gate.

The recorder reads what the engine's execution client and venue wrote into each order's own history:
`OrderSubmitted` is written when an order leaves for the venue. The oracle is the list of verdicts that the
test's own risk rule handed out. Between the two stands the gate, which is what is tested.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model import (
    Bar,
    BarType,
    ContingencyType,
    InstrumentId,
    Money,
    OrderSide,
    OrderStatus,
    Price,
    Quantity,
    TriggerType,
    Venue,
)
from nautilus_trader.persistence import ParquetDataCatalog
from nautilus_trader.testkit.providers import TestInstrumentProvider
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, Resize, RiskRule, RiskSpec, StrategySpec, plugins
from framework.catalog import manifest
from framework.compose import Plan, RulePlan, StrategyPlan, Stream, VenuePlan
from framework.engine import backtest
from framework.plugins import Offer

BAR_TYPE = BarType.from_str("EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL")
INSTRUMENT = InstrumentId.from_str("EUR/USD.SIM")
BARS = 40
CAP = Quantity.from_str("60000")
ACTIONS = (
    "market",
    "limit",
    "stop",
    "bracket",
    "oco",
    "pair",
    "emulated",
    "modify",
    "grow",
    "cancel_all",
    "close_all",
    "reduce_only",
    "opposite",
)


@dataclass
class Log:
    """What the strategy made and what the rule said, each noted by the test's own code."""

    made: list[str] = field(default_factory=list)
    verdicts: dict[str, list[Any]] = field(default_factory=dict)
    resized: dict[str, Quantity] = field(default_factory=dict)
    changes: list[tuple[str, Quantity, Any]] = field(default_factory=list)


class FlowConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    seed: int


class Flow(Strategy):
    """Acts at random from its seed: every kind of order the engine's factory makes."""

    log_: Log
    actions: tuple[str, ...] = ACTIONS

    def __init__(self, config):
        super().__init__(config)
        self.random = random.Random(config.seed)

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        for _ in range(self.random.choice((0, 1, 1, 2))):
            getattr(self, "_" + self.random.choice(self.actions))(bar)

    def _quantity(self):
        return Quantity.from_str(str(self.random.choice((1_000, 20_000, 60_000, 90_000, 500_000))))

    def _side(self):
        return self.random.choice((OrderSide.BUY, OrderSide.SELL))

    def _away(self, bar, ticks):
        return Price.from_decimal_dp(bar.close.as_decimal() + Decimal(ticks) * Decimal("0.00001"), 5)

    def _note(self, *orders):
        self.log_.made.extend(str(order.client_order_id) for order in orders)
        return orders

    def _send(self, order):
        self._note(order)
        self.submit_order(order)

    def _market(self, bar):
        self._send(self.order_factory.market(INSTRUMENT, self._side(), self._quantity()))

    def _limit(self, bar):
        side = self._side()
        price = self._away(bar, -20 if side == OrderSide.BUY else 20)
        self._send(self.order_factory.limit(INSTRUMENT, side, self._quantity(), price))

    def _stop(self, bar):
        side = self._side()
        price = self._away(bar, 20 if side == OrderSide.BUY else -20)
        self._send(self.order_factory.stop_market(INSTRUMENT, side, self._quantity(), price))

    def _bracket(self, bar):
        side = self._side()
        sign = 1 if side == OrderSide.BUY else -1
        orders = self.order_factory.bracket(
            INSTRUMENT,
            side,
            self._quantity(),
            sl_trigger_price=self._away(bar, -30 * sign),
            tp_price=self._away(bar, 30 * sign),
        )
        self._note(*orders)
        self.submit_order_list(orders)

    def _pair(self, bar):
        orders = [
            self.order_factory.limit(INSTRUMENT, OrderSide.BUY, self._quantity(), self._away(bar, -25)),
            self.order_factory.limit(INSTRUMENT, OrderSide.SELL, self._quantity(), self._away(bar, 25)),
        ]
        self._note(*orders)
        for order in orders:
            self.submit_order(order)

    def _oco(self, bar):
        quantity = self._quantity()
        made = [
            self.order_factory.limit(INSTRUMENT, OrderSide.BUY, quantity, self._away(bar, -25)),
            self.order_factory.limit(INSTRUMENT, OrderSide.SELL, quantity, self._away(bar, 25)),
        ]
        list_id = str(self.order_factory.generate_order_list_id())
        orders = [
            type(order).from_dict(
                order.to_dict()
                | {
                    "contingency_type": ContingencyType.OCO.name,
                    "order_list_id": list_id,
                    "linked_order_ids": [str(other.client_order_id) for other in made if other is not order],
                }
            )
            for order in made
        ]
        self._note(*orders)
        self.submit_order_list(orders)

    def _emulated(self, bar):
        side = self._side()
        price = self._away(bar, -10 if side == OrderSide.BUY else 10)
        self._send(
            self.order_factory.limit(
                INSTRUMENT, side, self._quantity(), price, emulation_trigger=TriggerType.LAST_PRICE
            )
        )

    def _reduce_only(self, bar):
        self._send(self.order_factory.market(INSTRUMENT, self._side(), self._quantity(), reduce_only=True))

    def _opposite(self, bar):
        for position in self.cache.positions_open(strategy_id=self.strategy_id):
            side = OrderSide.SELL if position.is_long else OrderSide.BUY
            self._send(self.order_factory.market(INSTRUMENT, side, position.quantity))

    def _modify(self, bar):
        for order in self.cache.orders_open(strategy_id=self.strategy_id)[:1]:
            if order.quantity != Quantity.from_str("1000"):  # the engine raises on a change that is none
                self.modify_order(order.client_order_id, quantity=Quantity.from_str("1000"))

    def _grow(self, bar):
        for order in self.cache.orders_open(strategy_id=self.strategy_id)[:1]:
            self.modify_order(order.client_order_id, quantity=Quantity.from_str("900000"))

    def _cancel_all(self, bar):
        self.cancel_all_orders(INSTRUMENT)

    def _close_all(self, bar):
        self.close_all_positions(INSTRUMENT)


class Verdicts(RiskRule[Any]):
    """Approves, resizes and denies by a hash of the order's name, and writes down what it said."""

    judges_exits = True
    log_: Log
    salt: int

    def check(self, proposal):
        name = str(proposal.order.client_order_id)
        draw = random.Random(f"{self.salt}/{name}/{proposal.action}/{proposal.quantity}").random()
        if proposal.quantity > CAP:
            verdict = Deny("over the cap") if draw < 0.5 else Resize(CAP, "down to the cap")
        elif draw < 0.15 and not proposal.reduces:
            verdict = Deny("by lot")
        else:
            verdict = APPROVE
        if proposal.action == "submit":
            self.log_.verdicts.setdefault(name, []).append(verdict)
            if isinstance(verdict, Resize):
                self.log_.resized[name] = verdict.quantity
        else:
            self.log_.changes.append((name, proposal.quantity, verdict))
        return verdict


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog")
    draw = random.Random(7)
    price, bars = 110_000, []
    for index in range(BARS):
        start, price = price, price + draw.randint(-25, 25)
        high, low = max(start, price) + draw.randint(0, 15), min(start, price) - draw.randint(0, 15)
        prices = [Price.from_decimal_dp(Decimal(value) / 100_000, 5) for value in (start, high, low, price)]
        time = 1_700_000_000_000_000_000 + index * 60_000_000_000
        bars.append(Bar(BAR_TYPE, *prices, Quantity.from_str("10000000"), time, time))
    written = ParquetDataCatalog(str(folder))
    written.write_instruments([TestInstrumentProvider.default_fx_ccy("EUR/USD", Venue("SIM"))])
    written.write_bars(bars)
    files = {
        name: manifest.FileEntry(
            sha256=manifest.sha256_of(folder / name),
            size=(folder / name).stat().st_size,
            rows=1,
            first=0,
            last=0,
        )
        for name in manifest.data_files(folder)
    }
    stream = manifest.BarStream(stamp="close", source_stamp="close")
    manifest.write_manifest(folder, manifest.Manifest(files=files, bars={str(BAR_TYPE): stream}))
    return folder


@pytest.fixture(scope="module")
def venue():
    offer = plugins.load().find("venue", "simulated")
    return offer, offer.spec.config


def run_flow(catalog, venue, seed, oms="netting", rule=Verdicts, actions=ACTIONS):
    """One flow: the log, the engine's orders at the end, and the gate's decisions."""
    import msgspec

    offer, kind = venue
    config = msgspec.convert(
        {
            "account_type": "margin",
            "balances": ["10000000 USD"],
            "oms": oms,
            "leverage": "50",
            "fees": {"model": "none"},
        },
        kind,
        dec_hook=lambda type_, value: type_.from_str(value) if type_ is Money else type_(value),
        strict=False,
    )
    log = Log()
    flow = type("Flow", (Flow,), {"log_": log, "actions": actions})
    verdicts = type("Verdicts", (rule,), {"log_": log, "salt": seed})
    plan = Plan(
        name="flow",
        mode="backtest",
        config=SimpleNamespace(log=SimpleNamespace(level="off")),
        catalog=catalog,
        state=catalog / "state",
        promotions=catalog / "promotions",
        start=None,
        end=None,
        seed=0,
        venues=(VenuePlan("SIM", offer, config),),
        strategies=(
            StrategyPlan(
                "flow",
                Offer("strategy", StrategySpec(name="flow", strategy=flow, config=FlowConfig), "test", "0"),
                FlowConfig(bar_type=BAR_TYPE, seed=seed),
            ),
        ),
        rules=(
            RulePlan(
                "verdicts",
                Offer("risk", RiskSpec(name="verdicts", rule=verdicts, config=NoConfig), "test", "0"),
                NoConfig(),
                ("flow",),
            ),
        ),
        streams=(Stream("bars", INSTRUMENT, BAR_TYPE),),
        report=catalog,
        versions={},
    )
    node = backtest.build(plan)
    try:
        backtest.replay(node)
        cache = node.engine.get_engine_cache(backtest.RUN)
        return log, {str(order.client_order_id): order for order in cache.orders()}, list(node.gate.decisions)
    finally:
        node.engine.dispose()


def submissions(order):
    return sum(type(event).__name__ == "OrderSubmitted" for event in order.events())


def check_flow(log, orders, decisions):
    denied = {decision.client_order_id: decision for decision in decisions if decision.verdict == "deny"}
    for name in log.made:
        order = orders.get(name)
        assert order is not None, f"{name} vanished"
        verdicts = log.verdicts.get(name, [])
        sent = submissions(order)
        assert sent <= 1, f"{name} reached the venue {sent} times"
        if order.status == OrderStatus.DENIED:
            assert not sent, f"{name} was denied and reached the venue"
            continue
        assert all(not isinstance(verdict, Deny) for verdict in verdicts), f"{name} was denied and lives"
        assert verdicts or order.parent_order_id is not None, f"{name} was never judged"
        emulated = any(type(event).__name__ == "OrderEmulated" for event in order.events())
        # A strategy may cancel an order in the very handler that submitted it, before it leaves.
        recalled = order.status == OrderStatus.CANCELED and order.ts_last == order.ts_init
        assert sent == 1 or emulated or recalled, f"{name} was approved and never left: {order.status}"
        if name in log.resized:
            largest = max(
                [
                    log.resized[name],
                    *(q for who, q, v in log.changes if who == name and not isinstance(v, Deny)),
                ]
            )
            assert order.filled_qty <= largest, f"{name} filled {order.filled_qty} over {largest}"
            assert sent == 0 or order.quantity <= largest, f"{name} left with {order.quantity}"
    for name, order in orders.items():
        if submissions(order):
            assert order.quantity <= CAP, f"{name} left with {order.quantity}, over the cap"
        if order.status == OrderStatus.DENIED and name in denied:
            assert denied[name].reason
    strangers = set(orders) - set(log.made)
    for name in strangers:
        assert log.verdicts.get(name), f"{name}, made by close_all_positions, was never judged"
    return Counter(order.status.name for order in orders.values())


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_unapproved_order_reaches_the_venue_and_every_approved_one_does_once(catalog, venue, seed):
    check_flow(*run_flow(catalog, venue, seed))


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.parametrize("oms", ["netting", "hedging"])
def test_six_hundred_flows_a_position_mode(catalog, venue, oms):
    seen: Counter[str] = Counter()
    for seed in range(600):
        seen += check_flow(*run_flow(catalog, venue, seed, oms=oms))
    # A flow that only ever denied, or never resized, would prove nothing.
    assert seen["DENIED"] > 1_000
    assert seen["FILLED"] > 1_000
    assert seen["CANCELED"] > 500
