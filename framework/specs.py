"""What a plugin hands over: frozen records naming a class and its config class, and nothing else.

A spec is data. Registering one builds nothing, opens nothing and reads nothing, so listing plugins is
always safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from decimal import Decimal
    from pathlib import Path

    import pyarrow as pa
    import typer
    from nautilus_trader.backtest import BacktestVenueConfig
    from nautilus_trader.model import BarType
    from nautilus_trader.trading import Strategy

    from framework.risk.rule import RiskRule
    from framework.signals import Bars, Signals
    from framework.signals.filter import SignalFilter

type Mode = Literal["backtest", "paper", "live"]
type DataKind = Literal["bars", "quotes", "trades"]
type Stamp = Literal["open", "close"]


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every plugin's settings: frozen, keyword-only, closed to unknown keys.

    Subclass it with `kw_only=True` and annotate each field with
    `Annotated[type, msgspec.Meta(description=..., gt=...)]`: the description becomes documentation and
    the bounds are enforced when `node.yaml` is read. `InstrumentId`, `BarType`, `Price`, `Quantity`,
    `Money`, `Currency`, `Venue` and `Decimal` fields are written as strings in YAML. A credential is a
    `framework.Secret`: the file names an environment variable, an entry of the vault or one of the system's
    keyring, and `reveal()` looks there when a client is built.
    """


def refuse_changes(old: PluginConfig, new: PluginConfig, *fields: str) -> None:
    """Refuse new settings that differ in what cannot change while a strategy runs; for its `reconfigure`.

    Args:
        old: The settings it runs by.
        new: The settings it is asked to run by.
        *fields: What must stay as it is, because something that it remembers was built from it.

    Raises:
        ValueError: One of them differs.
    """
    for field in fields:
        was, becomes = getattr(old, field), getattr(new, field)
        if was != becomes:
            raise ValueError(f"`{field}` cannot change while it runs ({was} -> {becomes}); restart the node")


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """A NautilusTrader strategy offered under a name.

    Attributes:
        name: What `use:` says in `node.yaml`; lower case, words joined by underscores.
        strategy: The class; built as `strategy(config)`.
        config: Its settings. Every `InstrumentId` and `BarType` in it must have a venue and data.
        summary: One sentence for `framework plugins list`.
        signals: The same rule over arrays, for `framework screen`: a pure function of the settings and a
            `framework.Bars` to a `framework.Signals`, whose trades are those of the class, one for one. It
            raises CompositionError for settings it cannot express. Leave it out when there is no such form.
    """

    name: str
    strategy: type[Strategy]
    config: type[PluginConfig]
    summary: str = ""
    signals: Callable[[Any, Bars], Signals] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where and when a filter will be used, as far as composition knows it.

    Attributes:
        folder: The folder of `node.yaml`; relative paths in settings start there.
        mode: How the node runs.
        start: First nanosecond of data that is replayed; None for the first there is.
        end: Last nanosecond of data that is replayed; None for the last there is.
        bar_types: The bars that the strategy's settings name.
    """

    folder: Path
    mode: Mode
    start: int | None
    end: int | None
    bar_types: tuple[BarType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSpec:
    """A filter of a strategy's entries, offered under a name.

    A strategy that can be filtered has a class attribute `signal_filter`, an instance of
    `framework.SignalFilter`, and asks it before it sends an entry.

    Attributes:
        name: What `filter: use:` says in `node.yaml`.
        filter: The class; built as `filter(config)`, once for each strategy that names it.
        config: Its settings.
        settle: Called at composition with the settings and a `framework.Deployment`: refuses what must not be
            used there, with a FrameworkError, and gives the settings that repeat the run from anywhere, with
            whole paths and nothing that may come to mean something else. It reads files and loads no library.
        summary: One sentence for `framework plugins list`.
    """

    name: str
    filter: type[SignalFilter]
    config: type[PluginConfig]
    settle: Callable[[Any, Deployment], Any] | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSpec:
    """A risk rule offered under a name.

    Attributes:
        name: What `use:` says in `node.yaml`.
        rule: The class; built as `rule(config)`, once per entry under `risk:`.
        config: Its settings.
        summary: One sentence for `framework plugins list`.
    """

    name: str
    rule: type[RiskRule[Any]]
    config: type[PluginConfig]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a venue itself says an account has.

    Attributes:
        positions: Signed quantity by instrument, without zeros.
        orders: Client order ids, or the venue's own where there is none, of every open order.
    """

    positions: Mapping[str, Decimal]
    orders: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVenue:
    """A venue's clients, ready to be built by the engine's live node; nothing is connected yet.

    Attributes:
        data: The data client's factory, a class of the engine's `DataClientFactory`, and its config.
        execution: The execution client's factory and its config. A client written in Python that lets orders
            wait, for its pace or for a connection, calls its own `recalled(client_order_id)` right before
            each is written to the wire: the node gives it that function, and it says why the order must not
            leave any more, because of a latch that came meanwhile, or gives an empty string.
        statement: Asks the venue what the account has; called every few seconds, outside the node's loop, and
            to prove that an account is flat. For a client that is not written in Python; one that is has
            report hooks, which are asked instead. It must be the venue's answer and no memory of it, and
            raise when there is none.
    """

    data: tuple[Any, Any]
    execution: tuple[Any, Any]
    statement: Callable[[], Statement] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSpec:
    """An exchange to practise on, which a venue plugin brings as a program of its own.

    `python -m MODULE OPTIONS` prints one line of JSON with its `port` and `control_port` and runs until
    SIGTERM; what its options and its control port have to understand is in
    `docs/explanation/reliability.md`.

    Attributes:
        module: What is run.
        settings: Gives the settings of the venue in `node.yaml`, as plain values, from the port that the node
            is to use.
        environment: Names and values of variables that both the exchange and the node need, such as keys that
            open nothing else.
        symbol: The instrument to trade, as the exchange calls it.
    """

    module: str
    settings: Callable[[int], Mapping[str, Any]]
    environment: tuple[tuple[str, str], ...]
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSpec:
    """A venue offered under a name.

    Attributes:
        name: What `use:` says in `node.yaml`.
        config: Its settings.
        backtest: Builds the engine's venue for a backtest from the venue's name in `node.yaml`, its
            settings and the run's seed; `None` when the venue has no simulated twin. On paper orders are
            filled by the same twin.
        live: Builds the venue's clients from its name in `node.yaml` and its settings; `None` when the venue
            is only simulated. Without it, paper replays the catalog.
        simulator: The exchange that `framework drill` practises on; `None` when there is none.
        summary: One sentence for `framework plugins list`.
    """

    name: str
    config: type[PluginConfig]
    backtest: Callable[[str, Any, int], BacktestVenueConfig] | None = None
    live: Callable[[str, Any], LiveVenue] | None = None
    simulator: SimulatorSpec | None = None
    summary: str = ""

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes a node may run this venue in."""
        simulated: frozenset[Mode] = frozenset({"backtest", "paper"} if self.backtest else ())
        return simulated | ({"live"} if self.live else set())


@dataclass(frozen=True, slots=True, kw_only=True)
class ImporterSpec:
    """A source that fills the catalog, offered as `framework data import NAME`.

    Attributes:
        name: The word after `import`.
        kinds: What its rows can become; the first one is assumed when the user names none.
        read: Yields tables of a bounded number of rows, in file order, from one source file and the
            import's `framework.catalog.settings.ImportSettings`. The columns are those of
            `framework.catalog.frames`: prices and sizes as decimal text, times as UTC nanoseconds.
        summary: One sentence for `framework data import --help`.
        stamp: The instant a bar of this format is stamped at, when the format itself fixes it.
        timezone: The IANA zone of this format's times, when the format itself fixes it.
    """

    name: str
    kinds: tuple[DataKind, ...]
    read: Callable[[Path, Any], Iterator[pa.Table]]
    summary: str = ""
    stamp: Stamp | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A group of commands added to the command line as `framework NAME ...`.

    Attributes:
        name: The word after `framework`.
        app: Builds the typer application; called only when the command is used or its help shown.
        summary: One sentence for `framework --help`.
    """

    name: str
    app: Callable[[], typer.Typer]
    summary: str = ""


GATED = (
    "submit_order",
    "submit_order_list",
    "modify_order",
    "modify_orders",
    "close_position",
    "close_all_positions",
    "market_exit",
)
"""The methods of a strategy through which orders leave: they belong to the gate, and no strategy may
override one."""
