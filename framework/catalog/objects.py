"""The engine's own records from Arrow columns, and back: the only place that knows the engine's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.encode import Stream

TYPE_NAMES = {"bars": "Bar", "quotes": "QuoteTick", "trades": "TradeTick"}


def write_records(folder: Path, stream: Stream, table: pa.Table, instrument: Any) -> str:
    """Writes one table through the engine's catalog as one file.

    Args:
        folder: A catalog folder.
        stream: The series the rows belong to.
        table: The engine's columns, in time order.
        instrument: For the precisions.

    Returns:
        The file's path relative to the folder.

    Raises:
        DataError: The engine does not accept the rows.
    """
    from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415 - loads when it is needed

    catalog = ParquetDataCatalog(str(folder))
    writers: dict[str, Any] = {
        "bars": catalog.write_bars,
        "quotes": catalog.write_quote_ticks,
        "trades": catalog.write_trade_ticks,
    }
    try:
        return str(writers[stream.kind](to_records(stream, table, instrument)))
    except (ValueError, RuntimeError, OSError) as error:
        raise DataError(f"the engine refused the rows: {error}", where=str(stream)) from error


def to_records(stream: Stream, table: pa.Table, instrument: Any) -> Sequence[Any]:
    """The engine's records for a table's rows."""
    import pyarrow as pa  # noqa: PLC0415
    from nautilus_trader.persistence import (  # noqa: PLC0415
        BarDataWrangler,
        QuoteTickDataWrangler,
        TradeTickDataWrangler,
    )

    wranglers: dict[str, Any] = {
        "bars": BarDataWrangler,
        "quotes": QuoteTickDataWrangler,
        "trades": TradeTickDataWrangler,
    }
    precisions = instrument.price_precision, instrument.size_precision
    metadata = {
        "type_name": TYPE_NAMES[stream.kind],
        "instrument_id": str(instrument.id),
        "price_precision": str(precisions[0]),
        "size_precision": str(precisions[1]),
    }
    if stream.kind == "bars":
        metadata["bar_type"] = stream.identifier
    schema = pa.schema([column.with_nullable(False) for column in table.schema], metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(table.combine_chunks().cast(schema))
    wrangler = wranglers[stream.kind](stream.identifier, *precisions)
    records: Sequence[Any] = wrangler.process_record_batch_bytes(sink.getvalue().to_pybytes())
    return records
