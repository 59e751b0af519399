"""Finding plugins: entry points loaded one by one, so that one broken plugin breaks only itself."""

from __future__ import annotations

import difflib
import re
import time
import traceback
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from framework import hookspecs
from framework.errors import FrameworkError, PluginBroken, PluginConflict, PluginNotFound
from framework.specs import (
    GATED,
    CommandSpec,
    FilterSpec,
    ImporterSpec,
    PluginConfig,
    RiskSpec,
    StrategySpec,
    VenueSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import Distribution, EntryPoint

type Kind = Literal["strategy", "filter", "risk", "venue", "importer", "command"]
type Spec = StrategySpec | FilterSpec | RiskSpec | VenueSpec | ImporterSpec | CommandSpec

HOOKS: dict[Kind, tuple[str, type]] = {
    "strategy": ("register_strategies", StrategySpec),
    "filter": ("register_filters", FilterSpec),
    "risk": ("register_risk", RiskSpec),
    "venue": ("register_venues", VenueSpec),
    "importer": ("register_importers", ImporterSpec),
    "command": ("register_commands", CommandSpec),
}
KINDS: dict[Kind, str] = {
    "strategy": "strategy",
    "filter": "filter",
    "risk": "risk rule",
    "venue": "venue",
    "importer": "importer",
    "command": "command",
}
"""What a kind of plugin is called in a sentence."""
NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Offer:
    """One spec and where it comes from."""

    kind: Kind
    spec: Spec
    distribution: str
    version: str

    @property
    def owner(self) -> str:
        """The offer as error messages name it."""
        return f"{self.kind} plugin {self.spec.name} ({self.distribution} {self.version})"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point, loaded or not.

    Attributes:
        name: The entry point's name.
        distribution: The distribution that declares it.
        version: Its version.
        module: What the entry point names.
        seconds: What importing and registering it took.
        error: Why it cannot be used, or None.
        detail: The traceback behind the error, or an empty string.
        offers: What it offers, by kind and name.
    """

    name: str
    distribution: str
    version: str
    module: str
    seconds: float
    error: str | None = None
    detail: str = ""
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True)
class Plugins:
    """Everything that is installed.

    Attributes:
        installed: Every plugin, broken ones included, sorted by distribution and name.
        hooks: Calls `run_started` and `run_finished` on the plugins that loaded.
    """

    installed: tuple[Plugin, ...]
    hooks: Any
    _offers: Mapping[tuple[Kind, str], tuple[Offer, ...]] = field(repr=False)

    def offers(self, kind: Kind) -> tuple[Offer, ...]:
        """Every offer of a kind that can be used, sorted by name."""
        found = (many[0] for (k, _), many in sorted(self._offers.items()) if k == kind and len(many) == 1)
        return tuple(found)

    def conflicts(self) -> tuple[tuple[Offer, ...], ...]:
        """Offers of the same kind and name from more than one plugin."""
        return tuple(many for _, many in sorted(self._offers.items()) if len(many) > 1)

    def find(self, kind: Kind, name: str, *, where: str | None = None, path: str | None = None) -> Offer:
        """The offer of that kind and name.

        Args:
            kind: The kind of plugin.
            name: What `use:` says.
            where: The place to cite when it cannot be had.
            path: The YAML path to cite when it cannot be had.

        Raises:
            PluginNotFound: Nothing installed has that name.
            PluginBroken: The plugin of that name is installed and does not load.
            PluginConflict: Two distributions offer it.
        """
        many = self._offers.get((kind, name), ())
        if len(many) == 1:
            return many[0]
        if many:
            claims = " and ".join(f"{offer.distribution} {offer.version}" for offer in many)
            raise PluginConflict(
                f'{kind} "{name}" is offered by {claims}',
                where=where,
                path=path,
                remedy="Uninstall all but one of them.",
            )
        broken = [plugin for plugin in self.installed if plugin.error]
        for plugin in broken:
            if plugin.name == name:
                raise PluginBroken(
                    f'{kind} "{name}" is installed ({plugin.distribution} {plugin.version}) '
                    f"and does not load: {plugin.error}",
                    where=where,
                    path=path,
                    remedy=f"Run `framework plugins show {name}` for the traceback.",
                )
        names = [offer.spec.name for offer in self.offers(kind)]
        near = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        also = f" Not loading: {', '.join(sorted(plugin.name for plugin in broken))}." if broken else ""
        raise PluginNotFound(
            f'no {KINDS[kind]} "{name}"{hint}',
            where=where,
            path=path,
            remedy=f"Installed: {', '.join(names) or 'none'}.{also}",
        )


def load(builtins: Iterable[Any] = (), found: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every installed plugin; a broken one is recorded, not raised.

    Args:
        builtins: Plugin objects of the framework itself.
        found: The entry points to load; those installed, by default.
    """
    manager = pluggy.PluginManager("framework")
    manager.add_hookspecs(hookspecs)
    own = version("framework")
    plugins = [
        _register(manager, builtin, f"framework-{n}", "framework", own) for n, builtin in enumerate(builtins)
    ]
    installed = entry_points(group=hookspecs.ENTRY_POINT_GROUP) if found is None else found
    for entry_point in sorted(
        installed, key=lambda point: (point.dist.name if point.dist else "", point.name)
    ):
        plugins.append(_load(manager, entry_point))  # noqa: PERF401 - one at a time is the point
    offers: dict[tuple[Kind, str], tuple[Offer, ...]] = {}
    for plugin in plugins:
        for offer in plugin.offers:
            key = (offer.kind, offer.spec.name)
            offers[key] = (*offers.get(key, ()), offer)
    return Plugins(tuple(plugins), manager.hook, offers)


def _load(manager: pluggy.PluginManager, entry_point: EntryPoint) -> Plugin:
    distribution = entry_point.dist
    name, number = (distribution.name, distribution.version) if distribution else ("unknown", "0")
    start = time.perf_counter()
    try:
        needs = _needs_newer(distribution) if distribution else None
        if needs:
            return Plugin(entry_point.name, name, number, entry_point.value, 0.0, needs)
        module = entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - plugin loading: whatever it raises, only it is broken
        return Plugin(
            entry_point.name, name, number, entry_point.value, time.perf_counter() - start, *_broken(error)
        )
    return _register(manager, module, entry_point.name, name, number, start)


def _register(
    manager: pluggy.PluginManager,
    module: Any,
    name: str,
    distribution: str,
    number: str,
    start: float | None = None,
) -> Plugin:
    began = time.perf_counter() if start is None else start
    where = getattr(module, "__name__", repr(module))
    offers: tuple[Offer, ...] = ()
    problem: tuple[str | None, str] = (None, "")
    try:
        _refuse_unknown_hooks(manager, module)
        manager.register(module, f"{distribution}:{name}")
        offers = tuple(_offers(module, distribution, number))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - plugin loading: whatever it raises, only it is broken
        problem = _broken(error)
        if manager.is_registered(module):
            manager.unregister(module)
    return Plugin(name, distribution, number, where, time.perf_counter() - began, *problem, offers)


def _offers(module: Any, distribution: str, number: str) -> Iterator[Offer]:
    for kind, (hook, expected) in HOOKS.items():
        implementation = getattr(module, hook, None)
        if implementation is None:
            continue
        for spec in implementation() or ():
            _validate(spec, expected, hook)
            yield Offer(kind, spec, distribution, number)


def _validate(spec: Any, expected: type, hook: str) -> None:
    if not isinstance(spec, expected):
        raise PluginBroken(f"{hook} gave {spec!r}, not a {expected.__name__}")
    name: str = spec.name  # type: ignore[attr-defined]
    if not NAME.fullmatch(name):
        raise PluginBroken(f'"{name}" is no plugin name', remedy="Lower-case words joined by _ or -.")
    config = getattr(spec, "config", None)
    if config is not None and not _is_class_of(config, PluginConfig):
        raise PluginBroken(f'the config of "{name}" is {config!r}, not a subclass of framework.PluginConfig')
    if isinstance(spec, StrategySpec):
        _validate_strategy(spec)
    if isinstance(spec, FilterSpec):
        _validate_filter(spec)


def _validate_strategy(spec: StrategySpec) -> None:
    from nautilus_trader.trading import Strategy  # noqa: PLC0415 - the engine loads only when a strategy does

    strategy = spec.strategy
    if not _is_class_of(strategy, Strategy):
        raise PluginBroken(
            f'"{spec.name}" is {strategy!r}, not a subclass of nautilus_trader.trading.Strategy'
        )
    if spec.signals is not None and not callable(spec.signals):
        raise PluginBroken(
            f'the signals of "{spec.name}" are {spec.signals!r}, not a function of settings and bars'
        )
    taken = [method for method in GATED if getattr(strategy, method) is not getattr(Strategy, method)]
    if taken:
        raise PluginBroken(
            f'strategy "{spec.name}" overrides {", ".join(taken)}, which the gate owns',
            remedy="Call these methods; do not replace them.",
        )
    reserved = {"strategy_id", "order_id_tag"} & set(spec.config.__struct_fields__)
    if reserved:
        raise PluginBroken(
            f'the config of "{spec.name}" declares {", ".join(sorted(reserved))}, set by `id:`'
        )


def _validate_filter(spec: FilterSpec) -> None:
    from framework.signals.filter import SignalFilter  # noqa: PLC0415 - loaded with the filter

    if not _is_class_of(spec.filter, SignalFilter):
        raise PluginBroken(f'"{spec.name}" is {spec.filter!r}, not a subclass of framework.SignalFilter')
    if spec.settle is not None and not callable(spec.settle):
        raise PluginBroken(f'the settle of "{spec.name}" is {spec.settle!r}, not a function')


def _is_class_of(value: Any, parent: type) -> bool:
    return isinstance(value, type) and issubclass(value, parent)


def _refuse_unknown_hooks(manager: pluggy.PluginManager, module: Any) -> None:
    known = {name for name in dir(hookspecs) if hasattr(getattr(hookspecs, name), "framework_spec")}
    for name in dir(module):
        if manager.parse_hookimpl_opts(module, name) is not None and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise PluginBroken(
                f'it implements the hook "{name}", which framework {version("framework")} does not have',
                remedy=f'Did you mean "{near[0]}"? Otherwise it needs a newer framework.' if near else None,
            )


def _needs_newer(distribution: Distribution) -> str | None:
    from packaging.requirements import Requirement  # noqa: PLC0415 - only when plugins are installed

    try:
        own = version("framework")
    except PackageNotFoundError:  # pragma: no cover - a checkout that was never installed
        return None
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.name.lower() == "framework" and not requirement.specifier.contains(
            own, prereleases=True
        ):
            return f"it needs framework {requirement.specifier}; this is {own}"
    return None


def _broken(error: BaseException) -> tuple[str, str]:
    if isinstance(error, FrameworkError):
        return str(error).replace("\n", " "), ""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))
