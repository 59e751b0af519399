"""Is anything stamped with a time before it was known? What no replay shows, looked for in the data.

Three things are looked at: events that are delivered before they happen; bars of one instrument in two sizes
whose stamps contradict each other; and files that settings name beside which a manifest says that they were
made from data of the run itself, as a model trained on it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import BarType

from framework_proving.verdict import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework import Tape

UNITS = {"SECOND": 10**9, "MINUTE": 60 * 10**9, "HOUR": 3_600 * 10**9, "DAY": 86_400 * 10**9}
ENOUGH = 20
"""Large bars that must be comparable before two stamps are said to contradict each other."""
MOST = 0.05
"""Share of them that may fit only the wrong way round: a source may have holes."""
KEY = ".pub"
"""The key that a signature in a manifest is checked with."""
TRAINED = ("knows_until", "train_end")
"""What a manifest says of the last data that a model has seen; the first that is there counts."""


def audit(plan: Any, tapes: Sequence[Tape]) -> list[str]:
    """Everything found, in words; nothing when all stamps are plausible."""
    return [*_too_early(tapes), *_stamped_at_open(tapes), *_trained_on_it(plan, tapes)]


def _too_early(tapes: Sequence[Tape]) -> Iterator[str]:
    for tape in tapes:
        early = next((row for row in tape.rows if row.ts_event is not None and row.ts < row.ts_event), None)
        if early is not None and early.ts_event is not None:
            yield (
                f"{tape.name} has an event of {moment(early.ts_event)} that is delivered at "
                f"{moment(early.ts)}, before it happens"
            )


def _stamped_at_open(tapes: Sequence[Tape]) -> Iterator[str]:
    """Large bars against small ones of the same instrument: which small bars is a large one made of?"""
    sized = [(tape, size) for tape in tapes if (size := _size(tape)) is not None]
    for large, length in sized:
        for small, step in sized:
            if large.instrument.id != small.instrument.id or step >= length or length % step:
                continue
            fits, only_ahead = _fits(large, length, small)
            if fits + only_ahead >= ENOUGH and only_ahead > MOST * (fits + only_ahead):
                yield (
                    f"{only_ahead} of {fits + only_ahead} bars of {large.name} are made of what "
                    f"{small.name} shows after their stamp: they are stamped at their open"
                )


def _fits(large: Tape, length: int, small: Tape) -> tuple[int, int]:
    """How many large bars the small ones before their stamp explain, and how many only those after it."""
    prices = {row.ts: row.prices for row in small.rows}
    stamps = sorted(prices)
    fits = only_ahead = 0
    begin = 0
    for row in large.rows:
        while begin < len(stamps) and stamps[begin] <= row.ts - length:
            begin += 1
        end = begin
        while end < len(stamps) and stamps[end] <= row.ts:
            end += 1
        stop = end
        while stop < len(stamps) and stamps[stop] <= row.ts + length:
            stop += 1
        before = [prices[ts] for ts in stamps[begin:end]]
        after = [prices[ts] for ts in stamps[end:stop]]
        if before and _range(before) == (row.prices[1], row.prices[2]):
            fits += 1
        elif after and _range(after) == (row.prices[1], row.prices[2]):
            only_ahead += 1
    return fits, only_ahead


def _range(bars: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    return max(bar[1] for bar in bars), min(bar[2] for bar in bars)


def _size(tape: Tape) -> int | None:
    if tape.kind != "bars":
        return None
    spec = BarType.from_str(tape.name).spec
    unit = UNITS.get(spec.aggregation.name)
    return None if unit is None else spec.step * unit


def vouched(plan: Any, tapes: Sequence[Tape]) -> list[Path]:
    """Folders whose manifest says that they were made before the data begins, and keys named beside them."""
    first = min(tape.rows[0].ts for tape in tapes)
    found: list[Path] = []
    for _, texts in _settings(plan):
        older = [manifest.parent for manifest, learned in _learned(texts) if learned < first]
        found += older
        found += [Path(text) for text in texts if older and text.endswith(KEY)]
    data = plan.catalog.resolve()
    return [path for path in found if not data.is_relative_to(path.resolve())]


def _trained_on_it(plan: Any, tapes: Sequence[Tape]) -> Iterator[str]:
    """Files that settings name, and what the manifest beside them says they were made from."""
    first = min(tape.rows[0].ts for tape in tapes)
    for name, texts in _settings(plan):
        for manifest, learned in _learned(texts):
            if learned >= first:
                yield (
                    f"{name} uses {manifest.parent}, which learned on data up to {moment(learned)}; "
                    f"the run begins at {moment(first)}"
                )


def _settings(plan: Any) -> Iterator[tuple[str, list[str]]]:
    """The id of everything that has settings, and every text in them."""
    for part in (*plan.strategies, *plan.rules):
        held = getattr(part, "filter", None)
        for config in (part.config, *(() if held is None else (held.config,))):
            yield part.id, list(_texts(config))


def _learned(texts: Sequence[str]) -> Iterator[tuple[Path, int]]:
    """The manifests of what is named, and up to when each says that it has seen data."""
    for manifest in _manifests(texts):
        facts = _facts(manifest)
        learned = next((ns for key in TRAINED if (ns := _nanos(facts.get(key))) is not None), None)
        if learned is not None:
            yield manifest, learned


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _manifests(texts: Sequence[str]) -> Iterator[Path]:
    """Beside every file, in every folder, and in that folder of a named folder which another text names."""
    found: dict[Path, None] = {}
    for text in texts:
        try:
            path = Path(text)
            folders = [path, *(path / other for other in texts)] if path.is_dir() else [path.parent]
            if path.exists():
                found |= {folder / "manifest.json": None for folder in folders}
        except (OSError, ValueError):  # a text that is no path at all
            continue
    for manifest in found:
        try:
            if manifest.is_file():
                yield manifest
        except (OSError, ValueError):
            continue


def _facts(manifest: Path) -> dict[str, Any]:
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _nanos(value: Any) -> int | None:
    if isinstance(value, int):
        return value
    if not isinstance(value, str):
        return None
    try:
        when = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return int(when.timestamp()) * 10**9
