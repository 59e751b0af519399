"""What a run reads from the catalog, checked before the engine opens it.

The engine drops data whose precision is wrong, replays nothing without complaint, and may end the process
on a corrupt file. So every file is hashed, counted and compared with its instrument first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from nautilus_trader.backtest import BacktestDataConfig
from nautilus_trader.model import NautilusDataType
from nautilus_trader.persistence import ParquetDataCatalog

from framework.catalog.manifest import bar_stamp, read_manifest, verify_hashes
from framework.catalog.objects import folder_of
from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from framework.catalog.manifest import FileEntry
    from framework.compose import Plan, Stream, StreamKind

TYPES = {
    "bars": NautilusDataType.Bar,
    "quotes": NautilusDataType.QuoteTick,
    "trades": NautilusDataType.TradeTick,
}
IMPORT = (
    "Run `framework data list --catalog {}` to see what there is, and `framework data import` to add to it."
)


@dataclass(frozen=True, slots=True)
class Feed:
    """Data that is known to be there, whole and aligned; plain facts, which another process can be told.

    Attributes:
        files: The files of every stream, relative to the catalog.
        rows: Rows in the run's range, by kind.
        start: First event, nanoseconds since the epoch, UTC.
        end: Last event, nanoseconds since the epoch, UTC.
        hashes: SHA-256 of every file read, by path relative to the catalog.
    """

    files: Mapping[Stream, Sequence[str]]
    rows: Mapping[StreamKind, int]
    start: int
    end: int
    hashes: Mapping[str, str]


def open_feed(plan: Plan) -> Feed:
    """Check every stream of the plan and say how the engine must read it.

    Raises:
        DataError: The catalog or a stream is missing, corrupt, empty in the range, of another precision
            than its instrument, or made of bars not known to be stamped at their close.
    """
    if not plan.catalog.is_dir():
        raise DataError(
            f"no catalog at {plan.catalog}",
            path="catalog",
            remedy="`catalog:` is a folder, relative to node.yaml; `--catalog FOLDER` names another, and "
            "`framework data import` makes one.",
        )
    catalog = ParquetDataCatalog(str(plan.catalog))
    files = {stream: _files(catalog, plan, stream) for stream in plan.streams}
    instrument_files = [
        str(path.relative_to(plan.catalog))
        for instrument_id in plan.instruments
        for path in sorted(plan.catalog.glob(f"data/*/{folder_of(str(instrument_id))}/*.parquet"))
        if path.parts[-3] not in {"bars", "quotes", "trades"}
    ]
    hashes = verify_hashes(plan.catalog, [*chain.from_iterable(files.values()), *instrument_files])
    known = read_manifest(plan.catalog).files
    names = [str(instrument_id) for instrument_id in plan.instruments]
    instruments = {str(instrument.id): instrument for instrument in catalog.instruments(names)}
    rows: dict[StreamKind, int] = {}
    first, last = 2**63, 0
    for stream, names in files.items():
        _check_instrument(plan, stream, instruments, names)
        if stream.bar_type is not None and bar_stamp(plan.catalog, str(stream.bar_type)) != "close":
            raise DataError(
                f"{stream.name} is not known to be stamped at the bar's close",
                path="data",
                remedy="A bar replayed at its open shows the future. Import it again with `--stamp open` or "
                "`--stamp close`, whichever the source uses.",
            )
        count, begin, end = _span(plan.catalog, names, known, plan.start, plan.end)
        if not count:
            raise DataError(
                f"{stream.name} has no data in the run's range",
                path="data",
                remedy=IMPORT.format(plan.catalog),
            )
        rows[stream.kind] = rows.get(stream.kind, 0) + count
        first, last = min(first, begin), max(last, end)
    return Feed(files, rows, first, last, hashes)


def _files(catalog: ParquetDataCatalog, plan: Plan, stream: Stream) -> list[str]:
    names: list[str] = catalog.query_files(TYPES[stream.kind], [stream.name], plan.start, plan.end)
    if not names:
        held = catalog.query_files(TYPES[stream.kind], [stream.name])
        problem = "in the run's range" if held else f"in the catalog {plan.catalog}"
        raise DataError(
            f"no {stream.kind} of {stream.name} {problem}", path="data", remedy=IMPORT.format(plan.catalog)
        )
    return names


def _check_instrument(
    plan: Plan, stream: Stream, instruments: Mapping[str, Any], files: Sequence[str]
) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - a tenth of a second that `check` does not need

    instrument = instruments.get(str(stream.instrument_id))
    if instrument is None:
        raise DataError(
            f"the catalog {plan.catalog} has data but no definition of {stream.instrument_id}",
            path="data",
            remedy="Import it again with `--instrument`.",
        )
    for name in files:
        metadata = {
            key.decode(): value.decode()
            for key, value in (pq.read_schema(plan.catalog / name).metadata or {}).items()
        }
        for what in ("price_precision", "size_precision"):
            held, wanted = metadata.get(what), str(getattr(instrument, what))
            if held is not None and held != wanted:
                raise DataError(
                    f"{stream.name} is stored with {what} {held}, its instrument has {wanted}",
                    where=name,
                    path="data",
                    remedy="The engine would drop every row. Import the data again for this instrument.",
                )


def _span(
    catalog: Path, files: Sequence[str], known: Mapping[str, FileEntry], start: int | None, end: int | None
) -> tuple[int, int, int]:
    """Rows between start and end, with the first and last time among them, in nanoseconds.

    The manifest knows it of whole files, which the hashes have shown to be the same; others are read.
    """
    count, first, last = 0, 2**63, 0
    for name in files:
        entry = known[name]
        if (start is None or start <= entry.first) and (end is None or entry.last <= end):
            found = entry.rows, entry.first, entry.last
        else:
            found = _part(catalog / name, start, end)
        if found[0]:
            count += found[0]
            first, last = min(first, found[1]), max(last, found[2])
    return count, first, last


def _part(file: Path, start: int | None, end: int | None) -> tuple[int, int, int]:
    """Rows of one file between start and end, and the first and last time among them."""
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that `check` does not need
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    times = pq.read_table(file, columns=["ts_init"])["ts_init"].cast(pa.int64())
    if start is not None:
        times = times.filter(pc.greater_equal(times, start))
    if end is not None:
        times = times.filter(pc.less_equal(times, end))
    if not len(times):
        return 0, 0, 0
    span = pc.min_max(times)
    return len(times), span["min"].as_py(), span["max"].as_py()


def reading(plan: Plan, stream: Stream) -> BacktestDataConfig:
    """What the engine is told to read of a stream."""
    return BacktestDataConfig(
        TYPES[stream.kind],
        str(plan.catalog),
        instrument_ids=[stream.instrument_id],
        bar_types=[str(stream.bar_type)] if stream.bar_type is not None else None,
        start_time=plan.start,
        end_time=plan.end,
        optimize_file_loading=True,  # else each file of a stream holds some 10 MiB in a run
    )
