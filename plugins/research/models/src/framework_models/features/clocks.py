"""Features of the wall clock: sessions, the time of day, and the VWAP that starts again with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
import numpy as np

from framework_models.features import folds
from framework_models.features.feature import FeatureSettings, Fold, TimeOfDay
from framework_models.features.folds import DAY, SECOND
from framework_models.features.local_time import LocalTime, zone_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from framework_models.features.rows import Rows


class Vwap(FeatureSettings, frozen=True, kw_only=True, tag="vwap"):
    """The close's distance from its session's VWAP: in volume-weighted deviations, and as a share."""

    columns: ClassVar = ("deviations", "share")

    time_zone: Annotated[str, msgspec.Meta(description="IANA zone of `session_start`.")] = "UTC"
    session_start: Annotated[
        TimeOfDay, msgspec.Meta(description="When the VWAP starts again, every day.")
    ] = "00:00"

    def __post_init__(self) -> None:
        """Refuse a zone that is none."""
        zone_named(self.time_zone)

    def start(self) -> Fold:
        """A new fold."""
        state, local, begins = np.zeros(5), LocalTime(self.time_zone), _of_day(self.session_start)

        def fold(rows: Rows, out: Sequence[NDArray[np.float64]]) -> None:
            clock = local(rows.ts)
            folds.vwap_distance(state, clock, begins, rows.high, rows.low, rows.close, rows.volume, *out)

        return fold


class Session(FeatureSettings, frozen=True, kw_only=True, tag="session"):
    """1 for a bar that closes inside a window of the day, else 0: after `from`, and not after `to`."""

    begins: Annotated[TimeOfDay, msgspec.Meta(description="Where the window begins.")] = msgspec.field(
        name="from"
    )
    ends: Annotated[
        TimeOfDay, msgspec.Meta(description="Where it ends; on the next day when not after `from`.")
    ] = msgspec.field(name="to")
    time_zone: Annotated[str, msgspec.Meta(description="IANA zone of both.")] = "UTC"

    def __post_init__(self) -> None:
        """Refuse a zone that is none."""
        zone_named(self.time_zone)

    def start(self) -> Fold:
        """A new fold."""
        local, begins, ends = LocalTime(self.time_zone), _of_day(self.begins), _of_day(self.ends)
        length = (ends - begins - 1) % DAY + 1

        def fold(rows: Rows, out: Sequence[NDArray[np.float64]]) -> None:
            out[0][:] = (local(rows.ts) - begins - 1) % DAY < length

        return fold


class Calendar(FeatureSettings, frozen=True, kw_only=True, tag="calendar"):
    """The time of day and the day of the week as points on circles, so that 23:59 is near 00:00."""

    columns: ClassVar = ("day_sin", "day_cos", "week_sin", "week_cos")
    version: ClassVar = 2

    time_zone: Annotated[str, msgspec.Meta(description="IANA zone of the wall clock.")] = "UTC"

    def __post_init__(self) -> None:
        """Refuse a zone that is none."""
        zone_named(self.time_zone)

    def start(self) -> Fold:
        """A new fold."""
        local = LocalTime(self.time_zone)
        return lambda rows, out: folds.circles(local(rows.ts), *out)


def _of_day(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 3_600 + int(minutes) * 60) * SECOND
