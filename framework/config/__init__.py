"""node.yaml: read strictly, decoded into closed classes, and every error with its place and remedy."""

from framework.config.decoding import decode
from framework.config.node import (
    DataEntry,
    FilterEntry,
    GuardEntry,
    JournalEntry,
    LoadedConfig,
    LogEntry,
    LogFileEntry,
    NodeConfig,
    PromotionEntry,
    ReportEntry,
    RiskEntry,
    StrategyEntry,
    VenueEntry,
    load,
    read_settings,
    schema,
    understand,
)
from framework.config.strict_yaml import yaml_path

__all__ = [
    "DataEntry",
    "FilterEntry",
    "GuardEntry",
    "JournalEntry",
    "LoadedConfig",
    "LogEntry",
    "LogFileEntry",
    "NodeConfig",
    "PromotionEntry",
    "ReportEntry",
    "RiskEntry",
    "StrategyEntry",
    "VenueEntry",
    "decode",
    "load",
    "read_settings",
    "schema",
    "understand",
    "yaml_path",
]
