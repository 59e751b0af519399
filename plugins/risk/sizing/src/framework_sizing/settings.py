"""What sizing rules are told besides the size."""

from __future__ import annotations

from typing import Annotated

import msgspec
from nautilus_trader.model import InstrumentId

from framework import Duration, PluginConfig


class SizerConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of every sizing rule."""

    whole_lots: Annotated[
        bool,
        msgspec.Meta(
            description="Round down to the instrument's lot size instead of its size increment. The engine "
            "gives some instruments a lot size of 1 that means nothing: look before setting it."
        ),
    ] = False


class PricedConfig(SizerConfig, frozen=True, kw_only=True):
    """Settings of the sizing rules that need prices."""

    max_mark_age: Annotated[
        Duration,
        msgspec.Meta(
            description='Oldest price to size with: "5s", "2h"; an older one, or none at all, denies. '
            "With bars, write more than the length of a bar."
        ),
    ]
    valued_by: Annotated[
        list[InstrumentId],
        msgspec.Meta(
            description="Instruments whose prices turn one currency into another, besides that of the traded "
            "instrument: [USD/JPY.SIM]."
        ),
    ] = msgspec.field(default_factory=list)
