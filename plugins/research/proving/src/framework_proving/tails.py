"""How bad a bad day is: value at risk and what is lost beyond it, of daily returns as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = (0.95, 0.99)
LEAST_IN_TAIL = 1
"""Days that have to lie beyond a level; with fewer, what is asked for was never seen."""


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """What a level of confidence leaves.

    Attributes:
        level: Such as 0.95.
        days: Daily returns it rests on.
        value_at_risk: The loss, as a share, that is exceeded on at most `1 - level` of the days; negative
            when even that day gained. None when there are too few days.
        shortfall: The mean loss of the worst `1 - level` of the days (CVaR, expected shortfall); None
            likewise.
    """

    level: float
    days: int
    value_at_risk: float | None
    shortfall: float | None


def tails(returns: NDArray[np.float64], levels: tuple[float, ...] = LEVELS) -> tuple[Tail, ...]:
    """Both figures at each level, from the days themselves: no distribution is assumed.

    Rockafellar and Uryasev (2002), "Conditional value-at-risk for general loss distributions", Journal of
    Banking & Finance 26(7), as the library `skfolio` has it.

    Args:
        returns: Of one day each, as shares.
        levels: Of confidence.
    """
    from skfolio.measures import cvar, value_at_risk  # noqa: PLC0415 - scikit-learn loads with it

    found = []
    for level in levels:
        enough = round((1 - level) * len(returns), 9) >= LEAST_IN_TAIL
        found.append(
            Tail(
                level=level,
                days=len(returns),
                value_at_risk=float(value_at_risk(returns, beta=level)) if enough else None,
                shortfall=float(cvar(returns, beta=level)) if enough else None,
            )
        )
    return tuple(found)
