"""Whether a catalog's data can be trusted: `framework data verify`.

First every file's bytes against the manifest; then, only in files that are what was imported, the rows.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from framework.catalog.gaps import gap_findings
from framework.catalog.manifest import COMMIT, STAGING, data_files, file_problem, read_manifest
from framework.catalog.rows import RowCheck, row_checks
from framework.catalog.streams import StreamInfo, iso, list_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

QUIET_BARS = 10
"""Bars in a row without volume before it is worth a word."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about the catalog the user should know.

    Attributes:
        severity: `error` makes a result wrong; `warning` may; `info` is only worth knowing.
        check: Which check found it.
        where: The file or series.
        message: What was found.
        count: How many rows, files or gaps it concerns.
    """

    severity: Literal["error", "warning", "info"]
    check: str
    where: str
    message: str
    count: int = 1


def verify_catalog(
    catalog: Path | str, on_stream: Callable[[str, int], None] = lambda _name, _total: None
) -> list[Finding]:
    """Every finding, errors first.

    Args:
        catalog: The catalog folder.
        on_stream: Called with each series' name and the number of series before it is examined.

    Raises:
        DataError: There is no catalog, or its manifest is damaged.
    """
    folder = Path(catalog)
    findings = list(_files(folder))
    if not any(finding.severity == "error" for finding in findings):
        streams = list_streams(folder)
        instruments = _instruments(folder)
        for stream in streams:
            on_stream(stream.bar_type or f"{stream.instrument} {stream.kind}", len(streams))
            findings.extend(_stream(folder, stream, instruments.get(stream.instrument)))
        findings.extend(_crossed_bars(folder, streams))
        if not streams:
            findings.append(
                Finding(
                    severity="warning", check="empty", where=str(folder), message="no data in the catalog"
                )
            )
    rank = {"error": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda finding: (rank[finding.severity], finding.where, finding.check))


def _files(folder: Path) -> Iterator[Finding]:
    manifest = read_manifest(folder)
    if (folder / STAGING / COMMIT).exists():
        yield Finding(
            severity="error",
            check="interrupted",
            where=str(folder),
            message="an import was interrupted while it moved its files; the next import finishes it",
        )
    for name in sorted({*data_files(folder), *manifest.files}):
        problem = file_problem(folder, name, manifest)
        if problem is not None:
            yield Finding(severity="error", check="hash", where=name, message=f"{problem[0]}. {problem[1]}")


def _instruments(folder: Path) -> dict[str, Any]:
    from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415 - loads when it is needed

    return {str(known.id): known for known in ParquetDataCatalog(str(folder)).instruments()}


def _stream(folder: Path, stream: StreamInfo, instrument: Any) -> Iterator[Finding]:
    import numpy as np  # noqa: PLC0415 - heavy, and the command line starts without it

    name = stream.bar_type or f"{stream.instrument} {stream.kind}"
    if instrument is None:
        message = "the catalog does not define its instrument"
        yield Finding(severity="error", check="instrument", where=name, message=message)
    if stream.kind == "bars" and stream.stamp is None:
        message = "nobody has said when its bars are stamped"
        yield Finding(severity="error", check="stamp", where=name, message=message)
    ts, volume, failed = _read(folder, stream, instrument)
    for check, moments in failed.items():
        message = f"{len(moments)} rows, the first at {iso(moments[0])}"
        yield Finding(
            severity=check.severity, check=check.name, where=name, message=message, count=len(moments)
        )
    yield from _order(name, stream.kind, ts)
    if volume is not None:
        yield from _quiet(name, ts, volume)
    if (np.diff(ts) >= 0).all():
        for severity, message, count in gap_findings(ts, bars=stream.kind == "bars"):
            yield Finding(severity=severity, check="gaps", where=name, message=message, count=count)


def _read(
    folder: Path, stream: StreamInfo, instrument: Any
) -> tuple[npt.NDArray[np.int64], pa.ChunkedArray | None, dict[RowCheck, list[int]]]:
    """A series' times, the volumes of bars, and the times of the rows that fail a check."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    times: list[npt.NDArray[np.int64]] = []
    volumes: list[pa.Array] = []
    failed: dict[RowCheck, list[int]] = {}
    for file in stream.files:
        table = pq.ParquetFile(folder / file).read()
        times.append(table["ts_init"].cast(pa.int64()).to_numpy())
        if stream.kind == "bars":
            volumes.extend(table["volume"].chunks)
        for check, mask in row_checks(table, stream.kind, instrument):
            if mask.any():
                failed.setdefault(check, []).extend(times[-1][np.flatnonzero(mask)].tolist())
    return np.concatenate(times), pa.chunked_array(volumes) if volumes else None, failed


def _order(name: str, kind: str, ts: npt.NDArray[np.int64]) -> Iterator[Finding]:
    import numpy as np  # noqa: PLC0415

    steps = np.diff(ts)
    for check, rows, word in (
        ("order", np.flatnonzero(steps < 0), "earlier than"),
        ("duplicates", np.flatnonzero(steps == 0) if kind == "bars" else np.empty(0), "at the same time as"),
    ):
        if len(rows):
            first = iso(int(ts[rows[0] + 1]))
            message = f"{len(rows)} rows are {word} the one before, the first at {first}"
            yield Finding(severity="error", check=check, where=name, message=message, count=len(rows))


def _quiet(name: str, ts: npt.NDArray[np.int64], volume: pa.ChunkedArray) -> Iterator[Finding]:
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    empty = pc.equal(volume, pa.scalar(Decimal(0), volume.type)).to_numpy().astype(np.int8)
    if not empty.any():
        return
    if empty.all():
        message = "no bar has volume: the engine will not fill an order against any of them"
        yield Finding(severity="warning", check="volume", where=name, message=message, count=len(empty))
        return
    edges = np.diff(np.concatenate(([0], empty, [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    longest = int((ends - starts).argmax())
    length = int(ends[longest] - starts[longest])
    yield Finding(
        severity="warning" if length >= QUIET_BARS else "info",
        check="volume",
        where=name,
        message=f"{int(empty.sum())} bars without volume; the longest run is {length} bars from "
        f"{iso(int(ts[starts[longest]]))}",
        count=int(empty.sum()),
    )


def _crossed_bars(folder: Path, streams: list[StreamInfo]) -> Iterator[Finding]:
    """Bid bars that close above the ask bars of the same instant."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    by_type = {stream.bar_type: stream for stream in streams if stream.bar_type}
    for bar_type, bid in by_type.items():
        ask = by_type.get(bar_type.replace("-BID-", "-ASK-"))
        if ask is None or ask is bid:
            continue
        sides = [
            pa.concat_tables(
                [pq.ParquetFile(folder / file).read(columns=["ts_init", "close"]) for file in side.files]
            ).rename_columns(["ts", name])
            for side, name in ((bid, "bid"), (ask, "ask"))
        ]
        joined = sides[0].join(sides[1], "ts", join_type="inner")
        crossed = joined.filter(pc.greater(joined["bid"], joined["ask"]))
        if crossed.num_rows:
            first = pc.min(crossed["ts"]).cast(pa.int64()).as_py()
            yield Finding(
                severity="error",
                check="crossed",
                where=bar_type,
                message=f"{crossed.num_rows} bars close above the ask, the first at {iso(first)}",
                count=crossed.num_rows,
            )
        lonely = bid.rows + ask.rows - 2 * joined.num_rows
        if lonely:
            yield Finding(
                severity="warning",
                check="sides",
                where=bar_type,
                message=f"{lonely} bars have only a bid or only an ask: the engine needs both to fill orders",
                count=lonely,
            )
