"""Rules about everything that is held and on its way, each offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the rules."""
    from framework_exposure.capital_budget import (  # noqa: PLC0415 - imported when listed
        CapitalBudget,
        CapitalBudgetConfig,
    )
    from framework_exposure.correlation_guard import (  # noqa: PLC0415 - imported when listed
        CorrelationGuard,
        CorrelationGuardConfig,
    )
    from framework_exposure.exposure_limit import (  # noqa: PLC0415 - imported when listed
        ExposureLimit,
        ExposureLimitConfig,
    )
    from framework_exposure.margin_guard import (  # noqa: PLC0415 - imported when listed
        MarginGuard,
        MarginGuardConfig,
    )
    from framework_exposure.net_position import (  # noqa: PLC0415 - imported when listed
        NetPosition,
        NetPositionConfig,
    )

    yield RiskSpec(
        name="exposure_limit",
        rule=ExposureLimit,
        config=ExposureLimitConfig,
        summary="How much may be held and on its way, gross and net.",
    )
    yield RiskSpec(
        name="net_position",
        rule=NetPosition,
        config=NetPositionConfig,
        summary="How much of one underlying may be held over all its instruments and venues.",
    )
    yield RiskSpec(
        name="capital_budget",
        rule=CapitalBudget,
        config=CapitalBudgetConfig,
        summary="A strategy trades with its own capital, and what its losses leave of it.",
    )
    yield RiskSpec(
        name="margin_guard",
        rule=MarginGuard,
        config=MarginGuardConfig,
        summary="Leverage and margin use of an account: a limit for entries, and a stop.",
    )
    yield RiskSpec(
        name="correlation_guard",
        rule=CorrelationGuard,
        config=CorrelationGuardConfig,
        summary="How much may be held in one direction of instruments that move together.",
    )
