"""Real backtests from a test, in one line: the same loading, composing and engine as `framework node run`.

    >>> result = run_strategy(SPEC, MyConfig(bar_type=bar_type, ...), catalog=market.catalog)
    >>> len(result.fills)
    42

The specs need not be installed: they are offered to the loader beside whatever is.
"""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import BarType, InstrumentId

from framework import config as configuration
from framework import plugins
from framework.compose import Plan, compose, market_names
from framework.config import document
from framework.config.values import to_plain
from framework.engine import backtest
from framework.errors import PluginBroken
from framework.hookspecs import hookimpl
from framework.specs import FilterSpec, PluginConfig, RiskSpec, StrategySpec, VenueSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from framework.engine.asked import Record
    from framework.result import Result

type Spec = StrategySpec | FilterSpec | RiskSpec | VenueSpec
type Rule = tuple[RiskSpec, PluginConfig]

STRATEGY_ID = "subject"
"""The `id:` a strategy under test runs as."""


class TestVenueConfig(PluginConfig, frozen=True, kw_only=True):
    """The venue a strategy or rule is tested on has nothing to set."""

    __test__ = False


def _build_test_venue(name: str, config: TestVenueConfig, seed: int) -> BacktestVenueConfig:
    del config, seed
    return BacktestVenueConfig(
        name=name,
        oms_type="NETTING",
        account_type="MARGIN",
        starting_balances=["10000000 USD", "10000000 USDT"],
        default_leverage=Decimal(20),
        fee_model=MakerTakerFeeModel(Decimal("0.00002"), Decimal("0.00002")),
    )


VENUE = VenueSpec(name="testkit", config=TestVenueConfig, backtest=_build_test_venue)
"""A margin account with ten million, leverage 20 and a fee of 0.2 basis points: what kits trade on."""


def run_strategy(
    spec: StrategySpec,
    config: PluginConfig,
    *,
    catalog: Path,
    data: Sequence[Mapping[str, str]] | None = None,
    rules: Iterable[Rule] = (),
    venue: tuple[VenueSpec, PluginConfig] = (VENUE, TestVenueConfig()),
    seed: int = 0,
    record: Record | None = None,
) -> Result:
    """Backtest one strategy.

    Args:
        spec: What the plugin offers.
        config: The strategy's settings.
        catalog: A catalog folder, such as `simulate(...).catalog`.
        data: The node's `data:` entries; by default every bar type that the settings name.
        rules: Risk rules over the strategy, with their settings.
        venue: The venue every instrument trades at, with its settings.
        seed: The run's seed.
        record: Where to keep what the strategy asks for.

    Raises:
        FrameworkError: Whatever `framework node run` would end with.
    """
    plan = plan_strategy(spec, config, catalog=catalog, data=data, rules=rules, venue=venue, seed=seed)
    return run_plan(plan, record)


def run_node(node: Mapping[str, Any], *, specs: Iterable[Spec] = (), folder: Path | None = None) -> Result:
    """Backtest a node given as the mapping that `node.yaml` holds; nothing is reported.

    Args:
        node: The mapping.
        specs: Offered beside what is installed.
        folder: Where its relative paths start; the current folder by default.

    Raises:
        FrameworkError: Whatever `framework node run` would end with.
    """
    return run_plan(plan_node(node, specs=specs, folder=folder))


def plan_strategy(
    spec: StrategySpec,
    config: PluginConfig,
    *,
    catalog: Path,
    data: Sequence[Mapping[str, str]] | None = None,
    rules: Iterable[Rule] = (),
    venue: tuple[VenueSpec, PluginConfig] = (VENUE, TestVenueConfig()),
    seed: int = 0,
) -> Plan:
    """Compose what `run_strategy` runs; the arguments are the same."""
    rules = list(rules)
    streams = [dict(stream) for stream in data] if data is not None else bars_named_in(config)
    venues = sorted({str(_instrument_of(stream).venue) for stream in streams})
    node = {
        "mode": "backtest",
        "name": "testkit",
        "seed": seed,
        "catalog": str(catalog),
        "venues": [{"name": name, "use": venue[0].name, "config": to_plain(venue[1])} for name in venues],
        "data": streams,
        "strategies": [{"id": STRATEGY_ID, "use": spec.name, "config": to_plain(config)}],
        "risk": [
            {"id": f"rule-{number}", "use": rule.name, "config": to_plain(settings)}
            for number, (rule, settings) in enumerate(rules, start=1)
        ],
        "log": {"level": "off"},
    }
    return plan_node(node, specs=[spec, venue[0], *(rule for rule, _ in rules)])


def plan_node(node: Mapping[str, Any], *, specs: Iterable[Spec] = (), folder: Path | None = None) -> Plan:
    """Write the mapping as a node file, load it and compose it.

    Raises:
        PluginBroken: One of the specs would not load when installed.
        FrameworkError: Whatever `framework node check` would end with.
    """
    loaded = offered(specs)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(folder or temporary) / ".testkit-node.yaml"
        try:
            file.write_text(document.dump(dict(node)), encoding="utf-8")
            return compose(configuration.load(file), loaded)
        finally:
            file.unlink(missing_ok=True)


def run_plan(plan: Plan, record: Record | None = None) -> Result:
    """Run a plan, and keep what its strategies ask for."""

    def started(plan: Plan, node: backtest.Node) -> None:
        del plan
        if record is not None:
            record.attach(node.strategies)

    return backtest.run(plan, started=started)


def ask_plan(plan: Plan, record: Record) -> None:
    """Run a plan for what its strategies ask for alone, without the tables of a result.

    Raises:
        FrameworkError: Whatever `framework node run` would end with.
    """
    node = backtest.build(plan)
    try:
        record.attach(node.strategies)
        backtest.replay(node)
    finally:
        node.engine.dispose()


def offered(specs: Iterable[Spec]) -> plugins.Plugins:
    """Load the specs the way the specs of an installed plugin are loaded, and the installed ones with them.

    A spec given here takes the place of an installed one of the same kind and name.

    Raises:
        PluginBroken: One of them would not load.
    """
    unique = list({id(spec): spec for spec in specs}.values())
    given = plugins.load([Offered(unique)], found=())
    problem = given.installed[0].error
    if problem:
        raise PluginBroken(problem)
    names = {(offer.kind, offer.spec.name) for plugin in given.installed for offer in plugin.offers}
    rest = plugins.load()
    known = {
        (offer.kind, offer.spec.name): (offer,)
        for plugin in rest.installed
        for offer in plugin.offers
        if (offer.kind, offer.spec.name) not in names
    }
    known |= {(offer.kind, offer.spec.name): (offer,) for offer in given.installed[0].offers}
    return plugins.Plugins((*rest.installed, *given.installed), given.hooks, known)


class Offered:
    """Specs, offered as a plugin offers them."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = specs

    @hookimpl
    def register_strategies(self) -> Iterator[StrategySpec]:
        """Those that are strategies."""
        return (spec for spec in self._specs if isinstance(spec, StrategySpec))

    @hookimpl
    def register_filters(self) -> Iterator[FilterSpec]:
        """Those that are filters."""
        return (spec for spec in self._specs if isinstance(spec, FilterSpec))

    @hookimpl
    def register_risk(self) -> Iterator[RiskSpec]:
        """Those that are risk rules."""
        return (spec for spec in self._specs if isinstance(spec, RiskSpec))

    @hookimpl
    def register_venues(self) -> Iterator[VenueSpec]:
        """Those that are venues."""
        return (spec for spec in self._specs if isinstance(spec, VenueSpec))


def bars_named_in(config: PluginConfig) -> list[dict[str, str]]:
    """The `data:` entries for every bar type in the settings."""
    named = [value for _, value in market_names(config) if isinstance(value, BarType)]
    return [{"bars": str(value)} for value in dict.fromkeys(named)]


def _instrument_of(stream: Mapping[str, str]) -> InstrumentId:
    ((kind, name),) = stream.items()
    return BarType.from_str(name).instrument_id if kind == "bars" else InstrumentId.from_str(name)
