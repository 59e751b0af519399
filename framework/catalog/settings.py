"""What the user states about an import, because the file cannot say it itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.specs import DataKind, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """One import's settings; an importer reads those it needs.

    Attributes:
        instrument: The NautilusTrader instrument the rows belong to.
        kind: What the rows become.
        bars: Step, aggregation and price type of bars, such as `1-HOUR-LAST`. The price type may be left
            out for a source that holds bid and ask bars: both are imported.
        stamp: Whether the source stamps a bar at its open or at its close.
        timezone: The IANA zone of times that carry no offset.
        session_close: The local time, `HH:MM`, at which a bar dated with nothing but a day closes.
        time_format: A `strptime` pattern for times that are neither ISO 8601 nor epoch numbers.
        columns: The file's column for each of ours, as in `{"time": "Date+Hour", "open": "Open"}`.
        delimiter: Between the fields of a text file.
        header: Whether a text file's first line names its columns; without one, `columns` gives positions
            counted from 1.
        volume: The size given to rows of a source that has none.
        round: Whether values finer than the instrument's precision are rounded (half to even) instead of
            refused.
        sort: Whether rows out of time order are sorted, in memory, instead of refused.
    """

    instrument: Any
    kind: DataKind = "bars"
    bars: str | None = None
    stamp: Stamp | None = None
    timezone: str | None = None
    session_close: str | None = None
    time_format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    header: bool = True
    volume: str | None = None
    round: bool = False
    sort: bool = False

    def to_dict(self) -> dict[str, str]:
        """The settings that differ from their defaults, as text, for the manifest."""
        stated = {"instrument": str(self.instrument.id), "kind": self.kind}
        for name in ("bars", "stamp", "timezone", "session_close", "time_format", "volume"):
            value = getattr(self, name)
            if value is not None:
                stated[name] = str(value)
        if self.columns:
            stated["columns"] = ",".join(f"{ours}={theirs}" for ours, theirs in sorted(self.columns.items()))
        if self.delimiter != ",":
            stated["delimiter"] = self.delimiter
        for name, usual in (("header", True), ("round", False), ("sort", False)):
            if getattr(self, name) != usual:
                stated[name] = str(not usual).lower()
        return stated
