"""Files as the engine's catalog writes them: the only place that knows the engine's schema and layout.

The engine's own writer takes records that have first been made one by one out of the very columns it turns
them back into, which was half of the time of an import. A test holds that what is written here is what it
writes: the folder, the file's name, schema, metadata, encodings and every value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.encode import Stream

TYPE_NAMES = {"bars": "Bar", "quotes": "QuoteTick", "trades": "TradeTick"}
DECIMALS = {
    "bars": ("open", "high", "low", "close", "volume"),
    "quotes": ("bid_price", "ask_price", "bid_size", "ask_size"),
    "trades": ("price", "size"),
}
WORDS = ("aggressor_side", "trade_id")
"""What trades have beside: few different texts, and all different ones."""
TIMES = ("ts_event", "ts_init")


def write_records(folder: Path, stream: Stream, table: pa.Table, instrument: Any) -> str:
    """Writes one table as one file of a catalog.

    Args:
        folder: A catalog folder.
        stream: The series the rows belong to.
        table: The engine's columns, in time order.
        instrument: For the precisions.

    Returns:
        The file's path relative to the folder.

    Raises:
        DataError: The rows are not in time order, a value is missing, or there is such a file already.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and the command line starts without it
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = schema_of(stream, instrument)
    ts = table["ts_init"].cast(pa.int64()).to_numpy()
    if len(ts) == 0:
        raise _refused(stream, "there are none")
    if (np.diff(ts) < 0).any():
        raise _refused(stream, "they are not in time order")
    if any(table[name].null_count for name in schema.names):
        raise _refused(stream, "a value is missing")
    place = f"data/{stream.kind}/{folder_of(stream.identifier)}/{_name(ts[0])}_{_name(ts[-1])}.parquet"
    target = folder / place
    if target.exists():
        raise _refused(stream, f"{place} is there already")
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.select(schema.names).cast(schema),
        target,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name in WORDS],
        column_encoding=dict.fromkeys(TIMES, "DELTA_BINARY_PACKED"),
        write_page_index=True,
    )
    return place


def schema_of(stream: Stream, instrument: Any) -> pa.Schema:
    """The engine's schema of a series.

    Args:
        stream: The series.
        instrument: For the precisions.
    """
    import pyarrow as pa  # noqa: PLC0415

    kinds: dict[str, pa.DataType] = dict.fromkeys(DECIMALS[stream.kind], pa.decimal128(38, 16))
    if stream.kind == "trades":
        kinds |= {"aggressor_side": pa.dictionary(pa.int8(), pa.string()), "trade_id": pa.string()}
    kinds |= dict.fromkeys(TIMES, pa.timestamp("ns", "UTC"))
    metadata = {
        "instrument_id": str(instrument.id),
        "price_precision": str(instrument.price_precision),
        "size_precision": str(instrument.size_precision),
        "type_name": TYPE_NAMES[stream.kind],
    }
    if stream.kind == "bars":
        metadata["bar_type"] = stream.identifier
    fields = [pa.field(name, kind, nullable=False) for name, kind in kinds.items()]
    return pa.schema(fields, metadata)


def folder_of(identifier: str) -> str:
    """The folder of a bar type or an instrument."""
    return identifier.replace("/", "").replace("^", "_")


def _refused(stream: Stream, why: str) -> DataError:
    return DataError(f"the rows cannot be written: {why}", where=str(stream))


def _name(ts: int) -> str:
    """A moment as it stands in file names: `2017-07-14T02-41-00-000000000Z`."""
    import numpy as np  # noqa: PLC0415

    text = np.datetime_as_string(np.datetime64(int(ts), "ns"), unit="ns")
    return f"{text}Z".replace(":", "-").replace(".", "-")
