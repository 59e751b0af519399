"""What every feature is: settings that give numbers a name, and start the fold that makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import msgspec

from framework import Duration, PluginConfig, nanoseconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from framework_models.features.rows import Rows

type Fold = Callable[[Rows, Sequence[NDArray[np.float64]]], None]
"""Takes the next bars, and an array for each column to fill in."""
type Bars = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
type TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$")]


class FeatureSettings(PluginConfig, frozen=True, kw_only=True, tag_field="use"):
    """Numbers worked out from bars: those up to and including the bar they are asked at."""

    every: Annotated[
        Duration | None,
        msgspec.Meta(
            description="Worked out on larger bars of this length, made from those that come; each counts "
            "when it is complete. On the bars themselves by default.",
            examples=["4h"],
        ),
    ] = None

    columns: ClassVar[tuple[str, ...]] = ("",)
    """What each number is called after the feature's own name; nothing for the only one."""

    version: ClassVar[int] = 1
    """Raised when the same settings give other numbers than before."""

    def names(self) -> tuple[str, ...]:
        """The columns' names, such as `bollinger_20_place@4h`."""
        kind = type(self)
        given = [value for field in _fields(kind) for value in _in_name(field, getattr(self, field.name))]
        head = "_".join([str(kind.__struct_config__.tag), *given])
        frame = f"@{self.every}" if self.every else ""
        return tuple(f"{head}_{column}{frame}" if column else f"{head}{frame}" for column in self.columns)

    @property
    def frame(self) -> int | None:
        """The length of the larger bars in nanoseconds."""
        return nanoseconds(self.every) if self.every else None

    def start(self) -> Fold:
        """A new fold, which has seen no bar."""
        raise NotImplementedError

    @property
    def learns(self) -> int:
        """How many of the first training bars it learns from; most learn nothing."""
        return 0

    def fit(self, rows: Rows) -> Self:
        """The feature with what it learns from the first training bars filled in."""
        del rows
        return self


@cache
def _fields(kind: type[FeatureSettings]) -> tuple[Any, ...]:
    """Looking a class's annotations up takes longer than most features do over a bar."""
    return msgspec.structs.fields(kind)


def _in_name(field: Any, value: Any) -> list[str]:
    """How a setting appears in a column's name: counts and choices do, what was learnt and zones do not."""
    if field.name == "every" or isinstance(value, list) or value is None:
        return []
    if field.default is not msgspec.NODEFAULT and value == field.default and isinstance(value, str):
        return []
    return [str(value).replace("/", "-").replace(":", "")]
