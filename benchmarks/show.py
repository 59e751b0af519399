"""What a run of the benchmark prints: tables for people, one document for machines."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.goals import GOALS, OURS, value_of
from benchmarks.measure import percentile, ratios
from benchmarks.rows import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.measure import Rounds
    from benchmarks.rows import Row

MIB = 2**20
SHARES = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Measured:
    """A row and what came of it.

    Attributes:
        row: Which.
        count: Rows of data.
        digest: SHA-256 over the data.
        rounds: For each contender what it did.
        absent: Contenders that could not be installed, and why.
        void: Why the row says nothing, or None.
    """

    row: Row
    count: int
    digest: str
    rounds: Mapping[str, Rounds]
    absent: Mapping[str, str]
    void: str | None

    @property
    def title(self) -> str:
        """In words."""
        return self.row.title.format(count=f"{self.count:,}")


@dataclass
class Report:
    """A run of the benchmark."""

    quick: bool
    scale: float
    rounds: int
    noise: Mapping[str, float]
    rows: list[Measured] = field(default_factory=list)

    def goals(self) -> list[dict[str, Any]]:
        """Every goal whose row was run, with its figure and whether it is met."""
        found = {measured.row.name: measured.rounds for measured in self.rows}
        return [
            {
                "goal": str(goal),
                "limit": goal.limit,
                "value": None if (value := value_of(goal, found)) is None else round(value, 4),
                "met": None if value is None else value <= goal.limit,
            }
            for goal in GOALS
            if goal.row in found
        ]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {
            "machine": machine(),
            "versions": versions(self.rows),
            "quick": self.quick,
            "scale": self.scale,
            "rounds": self.rounds,
            "noise": dict(self.noise),
            "rows": [_row_dict(measured) for measured in self.rows],
            "goals": self.goals(),
        }


def machine() -> dict[str, Any]:
    """Where it ran."""
    return {
        "processor": _processor(),
        "cores": os.process_cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions(rows: list[Measured]) -> dict[str, str]:
    """Of ours, of the engine, and of every peer that took part."""
    found = {
        name: metadata.version(name)
        for name in ("framework", "nautilus_trader", "numpy", "pandas", "pyarrow")
    }
    for name in dict.fromkeys(name for measured in rows for name in measured.rounds):
        peer = SCRIPTS.get(name, (None, ""))[0]
        if peer is not None:
            found[name] = peers.versions(peer)[peer]
    return found


def row_text(measured: Measured) -> str:
    """One row as a table."""
    lines = [f"\n{measured.row.name}: {measured.title}", f"  data {measured.digest}"]
    if measured.void:
        return "\n".join([*lines, f"  VOID: {measured.void}"])
    width = max(map(len, [*measured.rounds, "contender"]))
    heads = ("seconds", f"{measured.row.unit}/s", "peak MiB", "framework/it", "rounds", "by cpu")
    lines.append(f"  {'contender':<{width}}" + _cells(heads))
    for name, took in measured.rounds.items():
        seconds = statistics.median(took.seconds)
        memory = "-" if took.rss[0] is None else f"{took.rss[0] / MIB:,.0f}"
        cells = [f"{seconds:.4f}", f"{measured.count / seconds:,.0f}", memory]
        if name != OURS and OURS in measured.rounds:
            ours = measured.rounds[OURS]
            found, cpu = ratios(ours.seconds, took.seconds), ratios(ours.cpu, took.cpu)
            cells += [f"{statistics.median(found):.3f}", f"{found[0]:.3f}-{found[-1]:.3f}"]
            cells.append(f"{statistics.median(cpu):.3f}" if cpu else "-")
        lines.append(f"  {name:<{width}}" + _cells(cells))
    if "engine again" in measured.rounds:
        same = ratios(measured.rounds["engine again"].seconds, measured.rounds["engine"].seconds)
        lines.append(f"  control, engine again / engine: {statistics.median(same):.3f}")
    lines.extend(
        f"  {name}: slow, so in one round only"
        for name, took in measured.rounds.items()
        if len(took.seconds) < len(measured.rounds.get(OURS, took).seconds)
    )
    for name, took in measured.rounds.items():
        if took.p50_us:
            lines.append(f"  {name}: {statistics.median(took.p50_us):.1f} us an order at p50")
        lines.extend(f"  {name}: {text}" for text in _samples_text(took))
    lines.extend(f"  {name:<{width}} could not be installed: {why}" for name, why in measured.absent.items())
    return "\n".join(lines)


def _samples_text(took: Rounds) -> list[str]:
    return [
        f"{what}: "
        + ", ".join(f"{percentile(seconds, share) * 1e3:,.2f} ms at p{share * 100:g}" for share in SHARES)
        + f"; {len(seconds):,} samples"
        for what, seconds in took.samples.items()
    ]


def _cells(cells: Iterable[str]) -> str:
    return "".join(f" {cell:>{width}}" for cell, width in zip(cells, (9, 12, 8, 12, 16, 7), strict=False))


def closing_text(report: Report) -> str:
    """The goals, and what the figures can be trusted for."""
    goals = report.goals()
    width = max((len(goal["goal"]) for goal in goals), default=4)
    lines = [f"\n{'goal':<{width}} {'limit':>7} {'found':>8}"]
    for goal in goals:
        if goal["value"] is None:
            lines.append(f"{goal['goal']:<{width}} {goal['limit']:>7g}        -  not measured")
        else:
            said = "met" if goal["met"] else "not met"
            lines.append(f"{goal['goal']:<{width}} {goal['limit']:>7g} {goal['value']:>8.3f}  {said}")
    where = machine()
    lines += [
        "",
        f"{where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']}",
        ", ".join(f"{name} {version}" for name, version in versions(report.rows).items()),
        f"{report.rounds} rounds. " + noise_text(report.noise),
    ]
    if report.quick or report.scale != 1.0:
        lines.append("The goals are stated for the full sizes; these were smaller.")
    return "\n".join(lines)


def _row_dict(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.row.name,
        "title": measured.title,
        "unit": measured.row.unit,
        "count": measured.count,
        "data_sha256": measured.digest,
        "void": measured.void,
        "absent": dict(measured.absent),
        "contenders": {name: _took(measured, name) for name in measured.rounds},
    }


def _took(measured: Measured, name: str) -> dict[str, Any]:
    took = measured.rounds[name]
    seconds = statistics.median(took.seconds)
    plain: dict[str, Any] = {
        "seconds": [round(value, 6) for value in took.seconds],
        "cpu_seconds": [None if value is None else round(value, 6) for value in took.cpu],
        "median_seconds": round(seconds, 6),
        "per_second": round(measured.count / seconds),
        "peak_rss_bytes": took.rss[0],
    }
    if took.p50_us:
        plain["p50_us"] = round(statistics.median(took.p50_us), 3)
    if took.samples:
        plain["samples_ms"] = {
            what: {"count": len(seconds)}
            | {f"p{share * 100:g}": round(percentile(seconds, share) * 1e3, 4) for share in SHARES}
            for what, seconds in took.samples.items()
        }
    if name != OURS and OURS in measured.rounds:
        found = ratios(measured.rounds[OURS].seconds, took.seconds)
        plain["framework_ratio"] = round(statistics.median(found), 4)
        plain["framework_ratio_rounds"] = [round(value, 4) for value in found]
        cpu = ratios(measured.rounds[OURS].cpu, took.cpu)
        plain["framework_cpu_ratio"] = round(statistics.median(cpu), 4) if cpu else None
    return plain


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def noise_text(noise: Mapping[str, float]) -> str:
    """How still the machine was."""
    return (
        f"Two neighbouring runs of a fixed loop differed by {noise['median']:.1%} (median) and "
        f"{noise['p95']:.1%} (95th percentile); load {noise['load']:g}."
    )
