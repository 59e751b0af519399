"""Plugin-based algorithmic trading on the NautilusTrader 2.x core.

Everything a plugin may import is on this screen; `framework.testkit` adds what its tests may import.
"""

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
from framework.specs import CommandSpec, ImporterSpec, PluginConfig, RiskSpec, StrategySpec, VenueSpec

__all__ = [
    "APPROVE",
    "Approve",
    "CheckFailed",
    "CommandSpec",
    "CompositionError",
    "ConfigError",
    "DataError",
    "Deny",
    "Flatten",
    "FrameworkError",
    "Halt",
    "ImporterSpec",
    "Mark",
    "Market",
    "NotEnoughEvidence",
    "PluginBroken",
    "PluginConfig",
    "PluginConflict",
    "PluginError",
    "PluginNotFound",
    "Proposal",
    "Resize",
    "RiskRule",
    "RiskSpec",
    "RunError",
    "StrategySpec",
    "VenueSpec",
    "Verdict",
    "hookimpl",
]
__version__ = "0.1.0"
