"""From a configuration and the installed plugins to a Plan: pure, and nothing built yet.

`check` and `explain` stop here, and `run` goes on from the same Plan, so what was checked is what runs.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from nautilus_trader.model import BarType, InstrumentId

from framework import config as configuration
from framework.config.values import to_nanos
from framework.errors import CompositionError, FrameworkError
from framework.specs import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework.config import LoadedConfig, NodeConfig, RiskEntry
    from framework.plugins import Kind, Offer, Plugins
    from framework.specs import FilterSpec, Mode, RiskSpec, StrategySpec, VenueSpec

type StreamKind = Literal["bars", "quotes", "trades"]


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of data of one instrument, read from the catalog.

    Attributes:
        kind: What flows.
        instrument_id: Whose.
        bar_type: The bars, when it is bars that flow.
    """

    kind: StreamKind
    instrument_id: InstrumentId
    bar_type: BarType | None = None

    @property
    def name(self) -> str:
        """The stream as `node.yaml` names it."""
        return str(self.bar_type or self.instrument_id)


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """A filter to build."""

    offer: Offer
    config: Any

    @property
    def spec(self) -> FilterSpec:
        """What the plugin handed over."""
        return self.offer.spec  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A strategy to build, and what may refuse its entries."""

    id: str
    offer: Offer
    config: Any
    filter: FilterPlan | None = None

    @property
    def spec(self) -> StrategySpec:
        """What the plugin handed over."""
        return self.offer.spec  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """A risk rule to build, and the strategies it covers."""

    id: str
    offer: Offer
    config: Any
    strategies: tuple[str, ...]

    @property
    def spec(self) -> RiskSpec:
        """What the plugin handed over."""
        return self.offer.spec  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class VenuePlan:
    """A venue to build."""

    name: str
    offer: Offer
    config: Any

    @property
    def spec(self) -> VenueSpec:
        """What the plugin handed over."""
        return self.offer.spec  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A node, composed: everything a run needs to know, and nothing that runs.

    Attributes:
        name: The node's name; the folder of its file by default.
        mode: How it runs.
        config: The configuration it came from, without the entries that are switched off.
        catalog: Where the data is.
        start: First nanosecond of data to replay, or None for the first there is.
        end: Last nanosecond of data to replay, or None for the last there is.
        seed: Where all randomness comes from.
        venues: In the order of the file.
        strategies: In the order of the file.
        rules: In the order of the file, which is the order they judge in.
        streams: In the order of the file.
        report: The folder that run folders are written to.
        state: The folder of the journal and the kill switch, on paper and live.
        promotions: The folder of the records that let strategies trade live.
        versions: Distribution to version: the framework, the engine and every plugin used.
    """

    name: str
    mode: Mode
    config: NodeConfig
    catalog: Path
    start: int | None
    end: int | None
    seed: int
    venues: tuple[VenuePlan, ...]
    strategies: tuple[StrategyPlan, ...]
    rules: tuple[RulePlan, ...]
    streams: tuple[Stream, ...]
    report: Path
    state: Path
    promotions: Path
    versions: Mapping[str, str]

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """The instruments with data, sorted by name."""
        return tuple(sorted({stream.instrument_id for stream in self.streams}, key=str))


def compose(loaded: LoadedConfig, plugins: Plugins, mode: Mode | None = None) -> Plan:
    """Resolve every name, decode every plugin's settings with its own class, and check that parts fit.

    Args:
        loaded: What `config.load` gave.
        plugins: What `plugins.load` gave.
        mode: Overrides the file's mode.

    Raises:
        ConfigError: A plugin's settings are wrong.
        PluginError: A plugin that the file names cannot be had.
        CompositionError: The parts do not fit together.
    """
    node = loaded.node
    parts = _Parts(loaded, plugins, mode or node.mode)
    venues = tuple(parts.venue(index) for index in range(len(node.venues)))
    streams = tuple(parts.stream(index, venues) for index in range(len(node.data)))
    strategies = tuple(
        parts.strategy(index, streams) for index, entry in enumerate(node.strategies) if entry.enabled
    )
    if not strategies:
        raise parts.error(
            "every strategy is switched off, so there is nothing to run",
            ("strategies", 0, "enabled"),
            "Take `enabled: false` out of one.",
        )
    rules = tuple(
        parts.rule(index, strategies, streams) for index in range(len(node.risk)) if parts.judges(index)
    )
    filters = [strategy.filter for strategy in strategies if strategy.filter is not None]
    parts_used: list[VenuePlan | StrategyPlan | FilterPlan | RulePlan] = [
        *venues,
        *strategies,
        *filters,
        *rules,
    ]
    used = {part.offer for part in parts_used}
    return Plan(
        name=node.name or loaded.directory.name or "node",
        mode=parts.mode,
        config=msgspec.structs.replace(
            node,
            strategies=[entry for entry in node.strategies if entry.enabled],
            risk=[parts.narrowed(index) for index in range(len(node.risk)) if parts.judges(index)],
        ),
        catalog=_resolve(loaded.directory, node.catalog),
        start=to_nanos(node.start) if node.start else None,
        end=to_nanos(node.end, end_of_day=True) if node.end else None,
        seed=node.seed,
        venues=venues,
        strategies=strategies,
        rules=rules,
        streams=streams,
        report=_resolve(loaded.directory, node.report.directory),
        state=_resolve(loaded.directory, node.state),
        promotions=_resolve(loaded.directory, node.promotion.directory),
        versions={
            "framework": _version("framework"),
            "nautilus_trader": _version("nautilus_trader"),
            **{offer.distribution: offer.version for offer in sorted(used, key=lambda o: o.distribution)},
        },
    )


class _Parts:
    """Composes one entry of the file at a time, and knows where each stands for error messages."""

    def __init__(self, loaded: LoadedConfig, plugins: Plugins, mode: Mode) -> None:
        self.loaded = loaded
        self.node = loaded.node
        self.plugins = plugins
        self.mode = mode

    def venue(self, index: int) -> VenuePlan:
        entry = self.node.venues[index]
        offer, config = self._part("venue", "venues", index, entry.use)
        plan = VenuePlan(entry.name, offer, config)
        if self.mode not in plan.spec.modes:
            modes = ", ".join(sorted(plan.spec.modes)) or "none"
            raise self.error(
                f'venue "{entry.name}" cannot run in mode {self.mode}',
                ("venues", index, "use"),
                f"{offer.owner} supports: {modes}.",
            )
        return plan

    def stream(self, index: int, venues: tuple[VenuePlan, ...]) -> Stream:
        entry = self.node.data[index]
        if entry.bars is not None:
            bar_type = BarType.from_str(entry.bars)
            stream = Stream("bars", bar_type.instrument_id, bar_type)
        elif entry.quotes is not None:
            stream = Stream("quotes", InstrumentId.from_str(entry.quotes))
        else:
            stream = Stream("trades", InstrumentId.from_str(str(entry.trades)))
        names = [venue.name for venue in venues]
        wanted = str(stream.instrument_id.venue)
        if wanted not in names:
            raise self.error(
                f'{stream.name} trades at venue "{wanted}", which is not under venues',
                ("data", index, stream.kind),
                _nearest(wanted, names, "venues"),
            )
        return stream

    def strategy(self, index: int, streams: tuple[Stream, ...]) -> StrategyPlan:
        entry = self.node.strategies[index]
        offer, config = self._part("strategy", "strategies", index, entry.use)
        here = ("strategies", index, "config")
        for path, value in market_names(config):
            if not _has_data(value, streams):
                raise self.error(
                    f'strategy "{entry.id}" needs {value}, and no data entry provides it',
                    (*here, *path),
                    _nearest(str(value), [stream.name for stream in streams], "data"),
                )
        return StrategyPlan(entry.id, offer, config, self.filter(index, offer, config))

    def filter(self, index: int, strategy: Offer, strategy_config: Any) -> FilterPlan | None:
        """What may refuse the strategy's entries, with settings that mean the same from anywhere."""
        entry = self.node.strategies[index]
        if entry.filter is None:
            return None
        at = ("strategies", index, "filter")
        if not hasattr(strategy.spec.strategy, "signal_filter"):  # type: ignore[union-attr]
            raise self.error(
                f'strategy "{entry.id}" asks no filter about its entries',
                at,
                f"{strategy.owner} would trade as if there was none. Remove it.",
            )
        offer = self._found("filter", (*at, "use"), entry.filter.use)
        config = self._decoded(offer, (*at, "config"))
        spec: FilterSpec = offer.spec  # type: ignore[assignment]
        if spec.settle is not None:
            deployment = Deployment(
                folder=self.loaded.directory,
                mode=self.mode,
                start=to_nanos(self.node.start) if self.node.start else None,
                end=to_nanos(self.node.end, end_of_day=True) if self.node.end else None,
                bar_types=tuple(bar_types(strategy_config)),
            )
            try:
                config = spec.settle(config, deployment)
            except FrameworkError as error:
                error.where = error.where or self.loaded.document.where((*at, "config"))
                error.path = error.path or configuration.yaml_path((*at, "config"))
                raise
        return FilterPlan(offer, config)

    def rule(self, index: int, strategies: tuple[StrategyPlan, ...], streams: tuple[Stream, ...]) -> RulePlan:
        entry = self.node.risk[index]
        offer, config = self._part("risk", "risk", index, entry.use)
        known = tuple(strategy.id for strategy in strategies)
        written = [strategy.id for strategy in self.node.strategies]
        for position, name in enumerate(entry.strategies or ()):
            if name not in written:
                raise self.error(
                    f'risk rule "{entry.id or entry.use}" covers strategy "{name}", which is not in the file',
                    ("risk", index, "strategies", position),
                    _nearest(name, written, "strategies"),
                )
        for path, value in market_names(config):
            if not _has_data(value, streams):
                raise self.error(
                    f'risk rule "{entry.id or entry.use}" names {value}, and no data entry provides it',
                    ("risk", index, "config", *path),
                    _nearest(str(value), [stream.name for stream in streams], "data"),
                )
        return RulePlan(entry.id or entry.use, offer, config, tuple(self.narrowed(index).strategies or known))

    def judges(self, index: int) -> bool:
        """Whether a rule is switched on, and any of the strategies it names is."""
        entry = self.node.risk[index]
        return entry.enabled and self.narrowed(index).strategies != []

    def narrowed(self, index: int) -> RiskEntry:
        """A rule's entry, without the strategies that are switched off."""
        entry = self.node.risk[index]
        off = {strategy.id for strategy in self.node.strategies if not strategy.enabled}
        if not off or entry.strategies is None:
            return entry
        return msgspec.structs.replace(
            entry, strategies=[name for name in entry.strategies if name not in off]
        )

    def _part(self, kind: Kind, section: str, index: int, use: str) -> tuple[Offer, Any]:
        offer = self._found(kind, (section, index, "use"), use)
        return offer, self._decoded(offer, (section, index, "config"))

    def _found(self, kind: Kind, at: tuple[str | int, ...], use: str) -> Offer:
        return self.plugins.find(
            kind, use, where=self.loaded.document.where(at), path=configuration.yaml_path(at)
        )

    def _decoded(self, offer: Offer, at: tuple[str | int, ...]) -> Any:
        spec: Any = offer.spec
        return configuration.decode(self.loaded.document, at, spec.config, owner=offer.owner)

    def error(self, message: str, at: tuple[str | int, ...], remedy: str) -> CompositionError:
        return CompositionError(
            message, where=self.loaded.document.where(at), path=configuration.yaml_path(at), remedy=remedy
        )


@functools.cache
def _version(distribution: str) -> str:
    """Installed at this version; looked up once, because a sweep composes thousands of plans."""
    return version(distribution)


def bar_types(config: Any) -> Iterator[BarType]:
    """Every bar type a strategy's settings name, those the engine has to build included."""
    return (value for _, value in market_names(config) if isinstance(value, BarType))


def market_names(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every instrument and bar type inside a config, with its path."""
    if isinstance(value, InstrumentId | BarType):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for name, key in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from market_names(getattr(value, name), (*path, key))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from market_names(key, (*path, str(key)))
            yield from market_names(item, (*path, str(key)))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            yield from market_names(item, (*path, index))


def _has_data(value: InstrumentId | BarType, streams: tuple[Stream, ...]) -> bool:
    if isinstance(value, InstrumentId):
        return any(stream.instrument_id == value for stream in streams)
    if any(stream.bar_type == value for stream in streams):
        return True
    if value.is_internally_aggregated():
        return any(
            stream.instrument_id == value.instrument_id
            and (stream.kind != "bars" or (value.is_composite() and stream.bar_type == value.composite()))
            for stream in streams
        )
    return False


def _nearest(wanted: str, names: list[str], what: str) -> str:
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}In {what}: {', '.join(names) or 'nothing'}."


def _resolve(directory: Path, path: str) -> Path:
    return Path(path) if Path(path).is_absolute() else (directory / path).resolve()
