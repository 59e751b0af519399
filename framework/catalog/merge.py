"""New rows beside rows the catalog already holds: refused where they overlap, or merged when asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.catalog.manifest import verify_hashes
from framework.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from framework.catalog.encode import Stream
    from framework.catalog.manifest import Manifest


def overlapping(manifest: Manifest, folder: str, first: int, last: int) -> list[str]:
    """The files of one stream that share a moment with a span of time, in time order.

    Args:
        manifest: The catalog's.
        folder: The stream's folder, relative to the catalog.
        first: Nanoseconds UTC.
        last: Nanoseconds UTC, included.
    """
    return sorted(
        name
        for name, entry in manifest.files.items()
        if name.rpartition("/")[0] == folder and entry.first <= last and first <= entry.last
    )


def refuse(catalog: Path, stream: Stream, existing: list[str], first: int, last: int) -> None:
    """Raises the error for new rows that overlap what is there."""
    import pandas as pd  # noqa: PLC0415 - heavy, and the command line starts without it

    span = f"{pd.Timestamp(first, tz='UTC')} to {pd.Timestamp(last, tz='UTC')}"
    raise DataError(
        f"the catalog already holds {stream} within {span} ({len(existing)} files), from another import",
        where=str(catalog / existing[0]),
        remedy="Pass --merge to add only the rows that are not there yet; rows that contradict what is "
        "there stop the import.",
    )


def merged(catalog: Path, stream: Stream, existing: list[str], new: list[pa.Table]) -> pa.Table | None:
    """All rows of the old files and of the new tables, once each, in time order.

    Raises:
        DataError: An old file is not as it was imported, or a new bar or trade contradicts an old one.

    Returns:
        The rows, or `None` when every new row was there already.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    verify_hashes(catalog, existing)
    schema = new[0].schema
    old = pa.concat_tables(
        [pq.ParquetFile(catalog / name).read().select(schema.names).cast(_plain(schema)) for name in existing]
    )
    added = pa.concat_tables([table.cast(_plain(schema)) for table in new])
    added = added.filter(pc.invert(pc.is_in(_row_text(added), value_set=_row_text(old).combine_chunks())))
    if added.num_rows == 0:
        return None
    key = {"bars": "ts_init", "trades": "trade_id"}.get(stream.kind)
    if key is not None:
        clash = pc.is_in(added[key], value_set=old[key].combine_chunks())
        if pc.any(clash).as_py():
            row = added.take([pc.index(clash, True).as_py()]).to_pylist()[0]
            raise DataError(
                f"{stream}: the new row at {row['ts_init']} contradicts the one already there",
                where=str(catalog / existing[0]),
                remedy="The two sources disagree; decide which is right, and import it into an empty folder.",
            )
    both = pa.concat_tables([old, added])
    return both.take(pc.sort_indices(both, sort_keys=[("ts_init", "ascending")])).cast(schema)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema without dictionary encoding, which differs from file to file."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.schema(
        [
            pa.field(column.name, pa.string() if pa.types.is_dictionary(column.type) else column.type)
            for column in schema
        ]
    )


def _row_text(table: pa.Table) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    columns = [
        column.cast(pa.int64()).cast(pa.string())
        if pa.types.is_timestamp(column.type)
        else column.cast(pa.string())
        for column in table.columns
    ]
    return pc.binary_join_element_wise(*columns, "|")
