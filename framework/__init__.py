"""Plugin-based algorithmic trading on the NautilusTrader 2.x core.

Everything a plugin may import is on this screen; `framework.testkit` adds what its tests may import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from framework.errors import (
    CheckFailed,
    CompositionError,
    ConfigError,
    DataError,
    FrameworkError,
    NotEnoughEvidence,
    PluginBroken,
    PluginConflict,
    PluginError,
    PluginNotFound,
    RunError,
)
from framework.hookspecs import hookimpl
from framework.risk.freshness import Duration, fresh_mark, nanoseconds
from framework.risk.instruments import cost_currency, refuse_repeats
from framework.risk.rule import (
    APPROVE,
    Approve,
    Deny,
    Flatten,
    Halt,
    Mark,
    Market,
    Proposal,
    Resize,
    RiskRule,
    Verdict,
)
from framework.secret import Secret
from framework.specs import (
    CommandSpec,
    Deployment,
    FilterSpec,
    ImporterSpec,
    LiveVenue,
    PluginConfig,
    RiskSpec,
    SimulatorSpec,
    Statement,
    StrategySpec,
    VenueSpec,
    refuse_changes,
)

if TYPE_CHECKING:
    from framework.catalog.arrays import load_bars
    from framework.catalog.tape import Tape
    from framework.config.node import read_settings
    from framework.config.values import to_nanos
    from framework.engine.asked import Asked, before, difference
    from framework.holding import Holding
    from framework.promotion import (
        Hurdle,
        Promotion,
        configuration_hash,
        source_hash,
        subject_of,
        write_promotion,
    )
    from framework.signals import Bars, Signals
    from framework.signals.compiled import compiled
    from framework.signals.features import Feature, Readings, check_feature, follow
    from framework.signals.filter import Signal, SignalFilter
    from framework.study import Study, run_plan
    from framework.sweep.row import Row
    from framework.sweep.table import figures, find_objective
    from framework.ticks import exact_size, tick_beyond
    from framework.trades import ClosedTrade
    from framework.tried import note_tried, settings_hash, tried_before

__all__ = [
    "APPROVE",
    "Approve",
    "Asked",
    "Bars",
    "CheckFailed",
    "ClosedTrade",
    "CommandSpec",
    "CompositionError",
    "ConfigError",
    "DataError",
    "Deny",
    "Deployment",
    "Duration",
    "Feature",
    "FilterSpec",
    "Flatten",
    "FrameworkError",
    "Halt",
    "Holding",
    "Hurdle",
    "ImporterSpec",
    "LiveVenue",
    "Mark",
    "Market",
    "NotEnoughEvidence",
    "PluginBroken",
    "PluginConfig",
    "PluginConflict",
    "PluginError",
    "PluginNotFound",
    "Promotion",
    "Proposal",
    "Readings",
    "Resize",
    "RiskRule",
    "RiskSpec",
    "Row",
    "RunError",
    "Secret",
    "Signal",
    "SignalFilter",
    "Signals",
    "SimulatorSpec",
    "Statement",
    "StrategySpec",
    "Study",
    "Tape",
    "VenueSpec",
    "Verdict",
    "before",
    "check_feature",
    "compiled",
    "configuration_hash",
    "cost_currency",
    "difference",
    "exact_size",
    "figures",
    "find_objective",
    "follow",
    "fresh_mark",
    "hookimpl",
    "load_bars",
    "nanoseconds",
    "note_tried",
    "read_settings",
    "refuse_changes",
    "refuse_repeats",
    "run_plan",
    "settings_hash",
    "source_hash",
    "subject_of",
    "tick_beyond",
    "to_nanos",
    "tried_before",
    "write_promotion",
]
__version__ = "0.1.0"
_WITH_THE_ENGINE = {
    "Asked": "framework.engine.asked",
    "Bars": "framework.signals",
    "ClosedTrade": "framework.trades",
    "Feature": "framework.signals.features",
    "Holding": "framework.holding",
    "Hurdle": "framework.promotion",
    "Promotion": "framework.promotion",
    "Readings": "framework.signals.features",
    "Row": "framework.sweep.row",
    "Signal": "framework.signals.filter",
    "SignalFilter": "framework.signals.filter",
    "Signals": "framework.signals",
    "Study": "framework.study",
    "Tape": "framework.catalog.tape",
    "before": "framework.engine.asked",
    "check_feature": "framework.signals.features",
    "compiled": "framework.signals.compiled",
    "configuration_hash": "framework.promotion",
    "difference": "framework.engine.asked",
    "exact_size": "framework.ticks",
    "figures": "framework.sweep.table",
    "find_objective": "framework.sweep.table",
    "follow": "framework.signals.features",
    "load_bars": "framework.catalog.arrays",
    "note_tried": "framework.tried",
    "read_settings": "framework.config.node",
    "run_plan": "framework.study",
    "settings_hash": "framework.tried",
    "source_hash": "framework.promotion",
    "subject_of": "framework.promotion",
    "tick_beyond": "framework.ticks",
    "to_nanos": "framework.config.values",
    "tried_before": "framework.tried",
    "write_promotion": "framework.promotion",
}


def __getattr__(name: str) -> Any:
    """What loads the engine or a reader of files, which `framework --help` can do without."""
    home = _WITH_THE_ENGINE.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
