"""Lists of instruments as settings write them: exact, or a whole venue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Iterable

type Instruments = Annotated[list[str], msgspec.Meta(min_length=1)]


class Names:
    """Instruments that are listed.

    Args:
        names: Exact identifiers, or "*.VENUE" for every instrument of a venue.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        self._venues = frozenset(name.removeprefix("*.") for name in names if name.startswith("*."))
        self._exact = frozenset(InstrumentId.from_str(name) for name in names if not name.startswith("*."))

    def __contains__(self, instrument_id: InstrumentId) -> bool:
        """True when it is listed by itself or with its venue."""
        return instrument_id in self._exact or str(instrument_id.venue) in self._venues


def refuse_nonsense(names: Iterable[str]) -> None:
    """Refuse names that are no instruments; for a config's `__post_init__`.

    Raises:
        ValueError: One is none.
    """
    for name in names:
        try:
            InstrumentId.from_str(name)
        except ValueError as error:
            raise ValueError(f'{name!r} is no instrument; write SYMBOL.VENUE, or "*.VENUE"') from error
        if "*" in name.removeprefix("*."):
            raise ValueError(f'{name!r} has a * inside; only "*.VENUE" stands for more than one instrument')
