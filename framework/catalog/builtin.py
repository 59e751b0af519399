"""The importers that come with the framework, registered through the same hook as anyone's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.catalog.binance import read_vision
from framework.catalog.importers import read_csv, read_parquet
from framework.catalog.lean import read_lean
from framework.hookspecs import hookimpl
from framework.specs import ImporterSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def register_importers() -> Iterable[ImporterSpec]:
    """CSV, Parquet, Binance's public data and LEAN's."""
    yield ImporterSpec(
        name="csv",
        kinds=("bars", "quotes", "trades"),
        read=read_csv,
        summary="Delimited text with named columns, plain, .gz or .zip.",
    )
    yield ImporterSpec(
        name="parquet",
        kinds=("bars", "quotes", "trades"),
        read=read_parquet,
        summary="A Parquet file with named columns.",
    )
    yield ImporterSpec(
        name="binance-vision",
        kinds=("bars", "trades"),
        read=read_vision,
        summary="Binance's public data, spot or futures: klines, trades and aggregated trades.",
        stamp="open",
        timezone="UTC",
    )
    yield ImporterSpec(
        name="lean",
        kinds=("bars", "quotes", "trades"),
        read=read_lean,
        summary="QuantConnect LEAN data files; state the zone of forex, CFD and crypto with --timezone.",
        stamp="open",
    )
