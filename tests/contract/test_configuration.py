"""How a strategy gets its config and its name."""

from __future__ import annotations

import msgspec
import pytest
from nautilus_trader.model import InstrumentId, OrderSide, StrategyId
from nautilus_trader.trading import Strategy, StrategyConfig

GUARD = "framework/engine/backtest.py binds plugin configs to engine ids; "


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    period: int = 10


@pytest.mark.contract(
    "C-001",
    says="`self.config` is whatever object is passed to `super().__init__(config)`, the same object.",
    leans="framework/specs.py: a plugin's config class is its own frozen struct, read through self.config.",
)
def test_a_frozen_struct_is_a_config_and_comes_back_unchanged(lab):
    config = Plain(period=7)
    probe = lab.Probe(config)
    assert probe.config is config


@pytest.mark.contract(
    "C-002",
    says="Without a `strategy_id` in its config a strategy is named `ClassName-000`.",
    leans=GUARD + "without an id of ours two strategies of one class would be one strategy.",
)
def test_without_an_id_the_class_name_is_the_id(lab):
    probe, _ = lab.run(strategy=lab.Probe(Plain()))
    assert str(probe.strategy_id) == "Probe-000"


@pytest.mark.contract(
    "C-003",
    says="A struct with an attribute `strategy_id` (added by defstruct) names the strategy; orders carry it.",
    leans=GUARD + "this is how an `id:` of node.yaml reaches orders, positions and reports.",
)
def test_a_strategy_id_added_with_defstruct_names_the_strategy(lab):
    bound = msgspec.defstruct(
        "Bound",
        [("strategy_id", StrategyId), ("order_id_tag", object, None)],
        bases=(Plain,),
        frozen=True,
        kw_only=True,
    )
    config = bound(period=3, strategy_id=StrategyId("vwap-eurusd-a1b2"))
    assert isinstance(config, Plain)
    probe, engine = lab.run(
        strategy=lab.Probe(config, plan={1: lambda s, bar: s.market(OrderSide.BUY, 1000)})
    )
    (order,) = engine.cache.orders()
    assert str(probe.strategy_id) == "vwap-eurusd-a1b2"
    assert str(order.strategy_id) == "vwap-eurusd-a1b2"
    assert str(order.client_order_id).startswith("O-20200913-122800-001-a1b2-"), (
        "the tag is the last part of the id"
    )


@pytest.mark.contract(
    "C-004",
    says="Two strategies whose ids end in the same part after the last hyphen are refused "
    "(`order_id_tag conflict`).",
    leans="framework/engine/assembly.py engine_ids() appends a hash to every id because of this.",
)
def test_two_ids_with_the_same_tag_are_refused(lab):
    one = lab.Probe(lab.Settings(strategy_id=StrategyId("vwap-eurusd")))
    two = lab.Probe(lab.Settings(strategy_id=StrategyId("trend-eurusd")))
    with pytest.raises(RuntimeError, match="order_id_tag conflict"):
        lab.engine(strategies=[one, two])


@pytest.mark.contract(
    "C-005",
    says="A strategy id must contain a hyphen.",
    leans="framework/engine/assembly.py engine_ids() always adds one.",
)
def test_a_strategy_id_without_a_hyphen_is_refused():
    with pytest.raises(ValueError, match="did not contain '-'"):
        StrategyId("trend")


class Carrier(StrategyConfig):
    def __new__(cls, *, settings=None, strategy_id=None, external_order_instrument_ids=None, **_):
        return StrategyConfig.__new__(
            cls, strategy_id=strategy_id, external_order_instrument_ids=external_order_instrument_ids
        )

    def __init__(self, *, settings=None, **_):
        self.settings = settings


@pytest.mark.contract(
    "C-006",
    says="A StrategyConfig subclass carries strategy_id, external_order_instrument_ids and our own struct.",
    leans="The live node (framework/engine/) needs external_order_instrument_ids, which only "
    "this form carries.",
)
def test_a_strategy_config_subclass_carries_our_struct_and_the_engines_fields(lab):
    config = Carrier(
        settings=Plain(period=5), strategy_id=StrategyId("own-7"), external_order_instrument_ids=[lab.id]
    )
    probe, _ = lab.run(strategy=lab.Probe(config))
    assert probe.config.settings.period == 5
    assert probe.config.external_order_instrument_ids == [lab.id]
    assert str(probe.strategy_id) == "own-7"


@pytest.mark.contract(
    "C-007",
    says='StrategyConfig does not coerce strings: `strategy_id="own-7"` is a TypeError.',
    leans="framework/compose.py decodes identifiers itself before any engine object is made.",
)
def test_a_strategy_config_does_not_coerce_strings():
    with pytest.raises(TypeError):
        StrategyConfig(strategy_id="own-7")
    with pytest.raises(TypeError):
        StrategyConfig(external_order_instrument_ids=["EUR/USD.SIM"])
    assert InstrumentId.from_str("EUR/USD.SIM").value == "EUR/USD.SIM"


@pytest.mark.contract(
    "C-008",
    says="`Strategy.__new__` takes one argument: a subclass with more constructor arguments "
    "needs its own __new__.",
    leans="framework/engine/guard.py builds guarded(strategy)(config) and sets nothing else "
    "through the constructor.",
)
def test_the_engines_constructor_accepts_one_argument_only():
    class Two(Strategy):
        def __init__(self, config, extra):
            super().__init__(config)

    with pytest.raises(TypeError):
        Two(Plain(), extra=1)


@pytest.mark.contract(
    "C-009",
    says="`type(name, (Mixin, S), {})` is a working strategy whose mixin stands before S's own base methods.",
    leans="framework/engine/guard.py guarded(): this is the choke point of the whole risk design.",
)
def test_a_mixin_put_in_front_of_a_finished_class_sees_every_order(lab):
    class Guard(Strategy):
        def submit_order(self, order, *args, **kwargs):
            self.notes.setdefault("guarded", []).append(order.client_order_id)
            super().submit_order(order, *args, **kwargs)

    guarded = type("GuardedProbe", (Guard, lab.Probe), {})
    probe = guarded(lab.Settings(), plan={1: lambda s, bar: s.market(OrderSide.BUY, 1000)})
    _, engine = lab.run(strategy=probe)
    (order,) = engine.cache.orders()
    assert probe.notes["guarded"] == [order.client_order_id]
    assert isinstance(probe, lab.Probe)


@pytest.mark.contract(
    "C-010",
    says="Reading self.strategy_id inside a synchronous event (OrderInitialized, OrderDenied) raises.",
    leans="framework/engine/guard.py replaces strategy_id with a Python copy.",
)
def test_the_strategy_id_cannot_be_read_inside_a_synchronous_event(lab):
    class Reader(lab.Probe):
        def on_order_initialized(self, event):
            try:
                self.notes["initialized"] = str(self.strategy_id)
            except RuntimeError as error:
                self.notes["initialized"] = str(error)

        def on_order_filled(self, event):
            self.notes["filled"] = str(self.strategy_id)

    probe, _ = lab.run(strategy=Reader(plan={1: lambda s, bar: s.market(OrderSide.BUY, 1000)}))
    assert probe.notes["initialized"] == "Already mutably borrowed"
    assert probe.notes["filled"] == "probe-001"
