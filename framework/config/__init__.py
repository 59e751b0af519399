"""node.yaml: read strictly, decoded into closed classes, and every error with its place and remedy."""

from framework.config.decoding import decode
from framework.config.node import (
    DataEntry,
    GuardEntry,
    JournalEntry,
    LoadedConfig,
    LogEntry,
    LogFileEntry,
    NodeConfig,
    ReportEntry,
    RiskEntry,
    StrategyEntry,
    VenueEntry,
    load,
    schema,
    understand,
)
from framework.config.strict_yaml import yaml_path

__all__ = [
    "DataEntry",
    "GuardEntry",
    "JournalEntry",
    "LoadedConfig",
    "LogEntry",
    "LogFileEntry",
    "NodeConfig",
    "ReportEntry",
    "RiskEntry",
    "StrategyEntry",
    "VenueEntry",
    "decode",
    "load",
    "schema",
    "understand",
    "yaml_path",
]
