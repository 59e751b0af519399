"""`node.yaml`: what it may say, and reading it.

`load` checks everything that can be known without the plugins. The settings under each `config:` stay as they
are written until `compose` knows whose they are and calls `decode` with the plugin's own class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from framework.config import document as documents
from framework.config import values
from framework.config.decoding import decode
from framework.config.wording import Problem, error_of
from framework.secret import Secret
from framework.specs import Mode, PluginConfig

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from framework.config.document import Document
    from framework.config.strict_yaml import YamlPath

type Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?!\n)$",
        description="Letters, digits, _ and -, beginning with a letter or digit.",
    ),
]
type Use = Annotated[
    str,
    msgspec.Meta(
        min_length=1, description="The plugin's name; `framework plugins list` shows those installed."
    ),
]
type Settings = Annotated[
    dict[str, Any],
    msgspec.Meta(description="The plugin's settings; `framework plugins show NAME` lists them."),
]
type PathText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        description="An absolute path, or one relative to the folder of this file; ~ is not expanded.",
    ),
]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file: frozen, and closed to unknown keys."""


class VenueEntry(Entry, frozen=True, kw_only=True):
    """A venue that orders go to."""

    name: Annotated[
        Name,
        msgspec.Meta(description="What stands after the last dot of its instruments.", examples=["SIM"]),
    ]
    use: Annotated[Use, msgspec.Meta(examples=["simulated"])]
    config: Settings = msgspec.field(default_factory=dict)


class FilterEntry(Entry, frozen=True, kw_only=True):
    """What may refuse a strategy's entries."""

    use: Annotated[Use, msgspec.Meta(examples=["model"])]
    config: Settings = msgspec.field(default_factory=dict)


type Enabled = Annotated[
    bool,
    msgspec.Meta(
        description="Whether the entry counts; with false it is passed over, its plugin need not be there."
    ),
]


class StrategyEntry(Entry, frozen=True, kw_only=True):
    """A strategy to run."""

    id: Annotated[
        Name,
        msgspec.Meta(description="What orders, reports and risk rules call it.", examples=["eurusd-vwap"]),
    ]
    use: Annotated[Use, msgspec.Meta(examples=["vwap"])]
    enabled: Enabled = True
    config: Settings = msgspec.field(default_factory=dict)
    filter: Annotated[
        FilterEntry | None,
        msgspec.Meta(
            description="Asked before every entry, when the strategy is one that asks; none by default."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse the one name that the engine gives to orders that no strategy sent."""
        if self.id.upper() == "EXTERNAL":
            raise ValueError("`id` EXTERNAL is what the engine calls orders of no strategy; choose another")


class RiskEntry(Entry, frozen=True, kw_only=True):
    """A risk rule, and the strategies it judges."""

    use: Annotated[Use, msgspec.Meta(examples=["order_limits"])]
    id: Annotated[
        Name | None, msgspec.Meta(description="What reports call it; the plugin's name by default.")
    ] = None
    strategies: Annotated[
        Annotated[list[Name], msgspec.Meta(min_length=1)] | None,
        msgspec.Meta(description="The ids of the strategies it judges; all of them by default."),
    ] = None
    enabled: Enabled = True
    config: Settings = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse strategies named twice."""
        for name in self.strategies or ():
            if self.strategies is not None and self.strategies.count(name) > 1:
                raise ValueError(f'`strategies` names "{name}" twice; name it once')


class DataEntry(Entry, frozen=True, kw_only=True):
    """One stream of data from the catalog: exactly one of the three keys."""

    bars: Annotated[
        str | None,
        msgspec.Meta(description="A bar type.", examples=["EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"]),
    ] = None
    quotes: Annotated[
        str | None, msgspec.Meta(description="The instrument whose quotes flow.", examples=["EUR/USD.SIM"])
    ] = None
    trades: Annotated[
        str | None,
        msgspec.Meta(description="The instrument whose trades flow.", examples=["BTCUSDT.BINANCE"]),
    ] = None

    def __post_init__(self) -> None:
        """Refuse none or two of the keys, and text that the engine does not understand."""
        said = [name for name in ("bars", "quotes", "trades") if getattr(self, name) is not None]
        if len(said) != 1:
            got = " and ".join(said) or "none"
            raise ValueError(
                f"an entry names exactly one of bars, quotes and trades, not {got}; write an entry for each"
            )
        name = said[0]
        try:
            (values.check_bars if name == "bars" else values.check_instrument)(getattr(self, name))
        except ValueError as error:
            raise ValueError(f"`{name}`: {error}") from error


class ReportEntry(Entry, frozen=True, kw_only=True):
    """Where reports go."""

    directory: Annotated[
        PathText, msgspec.Meta(description="The folder that run folders are written to.")
    ] = "reports"
    html: Annotated[bool, msgspec.Meta(description="Whether to write the page beside the tables.")] = True


class PaperEntry(Entry, frozen=True, kw_only=True):
    """How paper trading replays the catalog, where a venue has no live data."""

    speed: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=1e9)] | Literal["max"],
        msgspec.Meta(
            description="Seconds of data a second; max plays each row as soon as the node is done with the "
            "last.",
            examples=[1, 60, "max"],
        ),
    ] = 1.0


class JournalEntry(Entry, frozen=True, kw_only=True):
    """How the journal of a paper or live node is kept."""

    retention: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None,
        msgspec.Meta(
            description="How many whole UTC days before today stay in the journal; at every start older ones "
            "are moved into files beside it. All of them by default.",
            examples=[30],
        ),
    ] = None
    key: Annotated[
        Secret | None,
        msgspec.Meta(
            description="Where the key is that signs the journal's heads; they carry a checksum by default.",
            examples=["env:JOURNAL_KEY"],
        ),
    ] = None


class PromotionEntry(Entry, frozen=True, kw_only=True):
    """Where the records are that let a strategy's configuration trade live."""

    directory: Annotated[
        PathText,
        msgspec.Meta(
            description="The folder of the records, one a strategy: `ID.json`; and of `tried.jsonl`, which "
            "counts the settings that were tried."
        ),
    ] = "promotions"
    key: Annotated[
        Secret | None,
        msgspec.Meta(
            description="Where the key is that signs the records; they carry a checksum by default.",
            examples=["env:PROMOTION_KEY"],
        ),
    ] = None


class GuardEntry(Entry, frozen=True, kw_only=True):
    """What a paper or live node allows its strategies, beside the risk rules."""

    patience: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=3600)] | None,
        msgspec.Meta(
            description="Seconds that a strategy may take over one event, ten times that to start; one that "
            "takes longer is interrupted and disabled. null lets it take as long as it likes.",
            examples=[2],
        ),
    ] = 2.0


type Level = Literal["off", "error", "warning", "info", "debug"]


class LogFileEntry(Entry, frozen=True, kw_only=True):
    """The log that a paper or live node keeps in its folder, `logs/node.log`."""

    level: Annotated[Level, msgspec.Meta(description="The least severe lines to keep.")] = "warning"
    megabytes: Annotated[
        int, msgspec.Meta(ge=1, le=1000, description="A file of this size is set aside and a new one begun.")
    ] = 10
    days: Annotated[
        int, msgspec.Meta(ge=1, le=366, description="A file that began so long ago is set aside, too.")
    ] = 1
    keep: Annotated[
        int, msgspec.Meta(ge=1, le=1000, description="How many that were set aside are kept.")
    ] = 14


class LogEntry(Entry, frozen=True, kw_only=True):
    """What is printed to stderr: the engine's lines and the framework's."""

    level: Annotated[Level, msgspec.Meta(description="The least severe lines to print.")] = "error"
    format: Annotated[
        Literal["text", "json"],
        msgspec.Meta(description="Lines to read, or a JSON object a line; on paper and live."),
    ] = "text"
    file: Annotated[
        LogFileEntry | None, msgspec.Meta(description="What is kept in a file; null for nothing.")
    ] = LogFileEntry()

    @property
    def finest(self) -> Level:
        """The level that both need of the engine."""
        levels: tuple[Level, ...] = ("off", "error", "warning", "info", "debug")
        return self.level if self.file is None else max(self.level, self.file.level, key=levels.index)


class NodeConfig(Entry, frozen=True, kw_only=True):
    """A node: what runs, where its orders go, who judges them, and on which data."""

    catalog: Annotated[
        PathText, msgspec.Meta(description="The Parquet data catalog.", examples=["../catalog/sample"])
    ]
    venues: Annotated[
        list[VenueEntry], msgspec.Meta(min_length=1, description="The venues that orders go to.")
    ]
    strategies: Annotated[
        list[StrategyEntry], msgspec.Meta(min_length=1, description="The strategies to run.")
    ]
    data: Annotated[
        list[DataEntry], msgspec.Meta(min_length=1, description="The streams of data that the node sees.")
    ]
    mode: Annotated[Mode, msgspec.Meta(description="How the node runs; `--mode` overrides it.")] = "backtest"
    name: Annotated[
        Name | None,
        msgspec.Meta(description="What reports call the node; the name of the file's folder by default."),
    ] = None
    start: Annotated[
        str | None,
        msgspec.Meta(
            description="First moment of data to replay, UTC unless it has an offset; the first there is by "
            "default.",
            examples=["2017-01-02", "2017-01-02T09:30:00-05:00"],
        ),
    ] = None
    end: Annotated[
        str | None,
        msgspec.Meta(
            description="Last moment of data to replay, included; a date alone means the end of that day. "
            "The last there is by default.",
            examples=["2017-12-29", "2017-12-29T22:00:00"],
        ),
    ] = None
    seed: Annotated[
        int, msgspec.Meta(ge=0, le=2**63 - 1, description="Where all randomness of the run comes from.")
    ] = 0
    risk: Annotated[
        list[RiskEntry], msgspec.Meta(description="The risk rules, in the order they judge in.")
    ] = msgspec.field(default_factory=list)
    report: ReportEntry = ReportEntry()
    paper: PaperEntry = PaperEntry()
    state: Annotated[
        PathText,
        msgspec.Meta(
            description="The folder in which a paper or live node keeps its journal and its kill switch; one "
            "node a folder."
        ),
    ] = "state"
    journal: JournalEntry = JournalEntry()
    promotion: PromotionEntry = PromotionEntry()
    guard: GuardEntry = GuardEntry()
    log: LogEntry = LogEntry()

    def __post_init__(self) -> None:
        """Refuse times that are none, and a start after the end."""
        moments: dict[str, int] = {}
        for name, text in (("start", self.start), ("end", self.end)):
            if text is not None:
                try:
                    moments[name] = values.to_nanos(text, end_of_day=name == "end")
                except ValueError as error:
                    raise ValueError(f"`{name}`: {error}") from error
        if len(moments) == 2 and moments["start"] >= moments["end"]:  # noqa: PLR2004 - both are there
            raise ValueError(f"`start` {self.start} is not before end {self.end}; nothing could be replayed")


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A node file that has been read.

    Attributes:
        node: What it says.
        document: Where it says it.
        directory: The folder of the file, absolute; relative paths in the file start there.
    """

    node: NodeConfig
    document: Document
    directory: Path


def load(path: str | os.PathLike[str]) -> LoadedConfig:
    """Read a node file.

    Raises:
        ConfigError: It cannot be read, is not strict YAML 1.2, or does not say what a node needs.
    """
    return understand(documents.read(path), Path(path).resolve().parent)


def understand(document: Document, directory: Path) -> LoadedConfig:
    """A document as a node; relative paths in it start at the folder.

    Raises:
        ConfigError: It does not say what a node needs.
    """
    node = decode(document, (), NodeConfig)
    problems = [*_twice(document, node), *_home(node)]
    if problems:
        raise error_of(document, problems)
    return LoadedConfig(node, document, directory)


def read_settings[T: PluginConfig](path: str | os.PathLike[str], kind: type[T]) -> T:
    """A plugin's own settings file, read as strictly as a node file.

    Args:
        path: The file.
        kind: The class of its settings.

    Raises:
        ConfigError: It cannot be read, is not strict YAML 1.2, or has other settings than the class.
    """
    return decode(documents.read(path), (), kind)


def schema() -> dict[str, Any]:
    """The JSON Schema of `node.yaml`."""
    return msgspec.json.schema(NodeConfig, schema_hook=values.schema_hook)


def _twice(document: Document, node: NodeConfig) -> Iterator[Problem]:
    """Names that must be unique and are not."""
    yield from _repeats(
        document, "venue", ((("venues", i, "name"), v.name) for i, v in enumerate(node.venues))
    )
    yield from _repeats(
        document, "strategy", ((("strategies", i, "id"), s.id) for i, s in enumerate(node.strategies))
    )
    yield from _repeats(
        document,
        "risk rule",
        ((("risk", i, "id" if r.id else "use"), r.id or r.use) for i, r in enumerate(node.risk)),
    )
    yield from _repeats(document, "data stream", (_stream(i, entry) for i, entry in enumerate(node.data)))


def _stream(index: int, entry: DataEntry) -> tuple[YamlPath, str]:
    if entry.bars is not None:
        return ("data", index, "bars"), f"bars {entry.bars.upper()}"
    if entry.quotes is not None:
        return ("data", index, "quotes"), f"quotes {entry.quotes}"
    return ("data", index, "trades"), f"trades {entry.trades}"


def _repeats(document: Document, what: str, names: Iterable[tuple[YamlPath, str]]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for path, name in names:
        line = document.where(path).rsplit(":", 2)[1]
        if name in seen:
            remedy = "Give one of them an `id:`." if path[-1] == "use" else "Rename or remove one."
            lines = f"Lines {seen[name]} and {line}"
            yield Problem(path, f'{what} "{name}" is already on line {seen[name]}', f"{lines}: {remedy}")
        seen.setdefault(name, line)


def _home(node: NodeConfig) -> Iterator[Problem]:
    folders = (
        (("catalog",), node.catalog),
        (("report", "directory"), node.report.directory),
        (("state",), node.state),
    )
    for path, text in folders:
        if text.startswith("~"):
            yield Problem(
                path,
                f'~ is not expanded in "{text}"',
                "Write the whole path, or one relative to this file's folder.",
            )
