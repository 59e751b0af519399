"""A journal as JSON lines or Parquet, for other programs and for keeping."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any, Literal

from framework.journal.archives import to_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from framework.journal.rows import Row

type Format = Literal["jsonl", "parquet"]
BATCH = 10_000


def export(rows: Iterable[Row], file: Path, form: Format) -> int:
    """Write rows to a file, whole or not at all.

    JSON lines have `body` as an object and can be verified again; Parquet has one column for each attribute
    of `Row`: `ts` as a UTC timestamp in nanoseconds, `body` as JSON text, `hash` as hexadecimal text.

    Args:
        rows: In their order.
        file: Replaced when it is there.
        form: The format.

    Returns:
        How many rows were written.

    Raises:
        OSError: It cannot be written.
        JournalError: The rows cannot be read.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        count = _jsonl(rows, part) if form == "jsonl" else _parquet(rows, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return count


def _jsonl(rows: Iterable[Row], part: Path) -> int:
    count = 0
    with part.open("wb") as stream:
        for row in rows:
            stream.write(to_line(row))
            count += 1
    return count


def _parquet(rows: Iterable[Row], part: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that JSON lines do not need
    import pyarrow.parquet as pq  # noqa: PLC0415

    texts = ("kind", "session", "strategy", "order_id", "body", "hash")
    schema = pa.schema(
        [("seq", pa.int64()), ("ts", pa.timestamp("ns", "UTC")), *((name, pa.string()) for name in texts)]
    )
    count = 0
    with pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for some in batched(rows, BATCH, strict=False):
            columns: dict[str, list[Any]] = {
                name: [getattr(row, name) for row in some] for name in schema.names if name != "hash"
            }
            columns["hash"] = [row.hash.hex() for row in some]
            writer.write_table(pa.table(columns, schema=schema))
            count += len(some)
    return count
