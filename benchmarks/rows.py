"""The rows: what data each one makes, who is asked to do what with it, and how their work is checked."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import data, oracle
from benchmarks.measure import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

CASH, SIZE = 1_000_000, 10_000
FEE = "0.0000213"
"""Of price times quantity; no fee of these sizes and prices is half a cent, which is rounded by custom."""
FAST, SLOW = (5, 8, 10, 12, 15, 18, 20, 25), (30, 40, 50, 60, 80, 100, 120, 150)
POINTS = [(fast, slow) for fast in FAST for slow in SLOW]
TOLERANCE = "0.01"
"""How far the final equity of a peer that computes in floats may be off, in dollars of a million. What
computes in cents has to be right to the cent."""
WARM = 1_003
SEED = 1
"""Of what goes wrong while a node recovers."""
SCRIPTS = {
    "framework": (None, "with_framework.py"),
    "framework, one rule": (None, "with_framework.py"),
    "framework, seven rules": (None, "with_framework.py"),
    "framework, half": (None, "with_framework.py"),
    "engine": (None, "with_engine.py"),
    "engine again": (None, "with_engine.py"),
    "engine, half": (None, "with_engine.py"),
    "engine pool": (None, "with_pool.py"),
    "backtesting.py": ("backtesting", "with_backtesting.py"),
    "backtrader": ("backtrader", "with_backtrader.py"),
    "vectorbt": ("vectorbt", "with_vectorbt.py"),
    "numba": ("numba", "with_numba.py"),
}
"""For each contender the peer's environment, None for ours, and the script."""
IN_CENTS = frozenset(name for name, (peer, _) in SCRIPTS.items() if peer is None)


@dataclass(frozen=True)
class Case:
    """A row at a given size, its data written.

    Attributes:
        count: Rows of data, by which speed is stated.
        digest: SHA-256 over the data.
        jobs: For each contender what it is asked.
        check: From a contender's name, its answer and its fills to what is wrong with them, or None.
    """

    count: int
    digest: str
    jobs: Mapping[str, Mapping[str, Any]]
    check: Callable[[str, Mapping[str, Any], np.ndarray | None], str | None]


@dataclass(frozen=True)
class Row:
    """One line of work.

    Attributes:
        name: What `--rows` takes.
        title: In words, with the count to fill in.
        unit: What is counted.
        full: Its size; of each instrument, in a portfolio.
        quick: Its size with `--quick`.
        case: Makes it.
        contenders: Who takes part.
        options: For some contenders, what their jobs say beside the rest.
        scripts: Scripts of this row that are not the usual ones.
        least: No size is smaller than this.
        sampled: Its figures are percentiles of single times: with `--quick` one round has enough of them.
    """

    name: str
    title: str
    unit: str
    full: int
    quick: int
    case: Callable[[Row, int, Path], Case]
    contenders: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scripts: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    least: int = 100
    sampled: bool = False

    def entry(self, name: str, case: Case, python: Callable[[str], Path]) -> Entry:
        """A contender of this row.

        Args:
            name: Which.
            case: What was made for the row.
            python: From a peer's name to its interpreter.
        """
        peer, script = {**SCRIPTS, **self.scripts}[name]
        return Entry(
            python=Path(sys.executable) if peer is None else python(peer),
            script=script,
            job=case.jobs[name],
            check=lambda answer, fills: case.check(name, answer, fills),
            peer=peer is not None,
        )


def crossing(row: Row, size: int, folder: Path, *, instruments: int = 1, rule: str = "cross") -> Case:
    """Bars with crossing averages, or an order a bar, on one instrument or several."""
    series = [data.bars(size + 3, number) for number in range(instruments)]
    closes = [one.columns["close"].tolist() for one in series]
    first = 30 if rule in {"cross", "portfolio"} else 1
    if first > 1:
        orders = [oracle.cross(close, 10, 30, first, SIZE) for close in closes]
    else:
        orders = [oracle.alternate(close, SIZE) for close in closes]
    warm = [data.bars(WARM, number) for number in range(instruments)]
    base = _base(row, series, data.save(folder / "data", series), data.save(folder / "warm", warm))
    return Case(
        count=sum(len(one) for one in series),
        digest=data.hash_of(series),
        jobs=_jobs(row, base | {"rule": rule, "first": first}),
        check=_fills_check(oracle.settle(orders, CASH, FEE)),
    )


def portfolio(row: Row, size: int, folder: Path) -> Case:
    """The crossing averages on twenty instruments."""
    return crossing(row, size, folder, instruments=20, rule="portfolio")


def orders(row: Row, size: int, folder: Path) -> Case:
    """An order a bar."""
    return crossing(row, size, folder, rule="alternate")


def gate(row: Row, size: int, folder: Path) -> Case:
    """An order a bar, with a clock around each submission."""
    return crossing(row, size, folder, rule="timed")


def quoted(row: Row, size: int, folder: Path) -> Case:
    """A handler for every quote, and an order every thousandth."""
    return _quotes(row, folder, {"": (size // 2_000 * 2_000 or 2_000, 1_000)})


def streamed(row: Row, size: int, folder: Path) -> Case:
    """The same number of orders over two lengths, so that only the data grows."""
    every = max(1, size // 2_000)
    return _quotes(row, folder, {"": (every * 2_000, every * 2), "half": (every * 1_000, every)})


def _quotes(row: Row, folder: Path, lengths: Mapping[str, tuple[int, int]]) -> Case:
    jobs, truths, longest = {}, {}, None
    for label, (length, every) in lengths.items():
        series = data.quotes(length)
        longest = longest or series
        home = data.save(folder / f"data{label}", [series])
        warm = data.save(folder / f"warm{label}", [data.quotes(2 * every)])
        bid, ask = series.columns["bid"].tolist(), series.columns["ask"].tolist()
        truths[label] = oracle.settle([oracle.every_nth(bid, ask, every, SIZE)], CASH, FEE)
        base = _base(row, [series], home, warm) | {"rule": "quotes", "every": every}
        names = [name for name in row.contenders if name.partition(", ")[2] == label]
        jobs |= {name: job for name, job in _jobs(row, base).items() if name in names}
    assert longest is not None
    checks = {label: _fills_check(truth) for label, truth in truths.items()}
    return Case(
        count=len(longest),
        digest=data.hash_of([longest]),
        jobs=jobs,
        check=lambda name, answer, fills: checks[name.partition(", ")[2]](name, answer, fills),
    )


def grid(row: Row, size: int, folder: Path) -> Case:
    """Sixty-four pairs of averages on the same bars, all from the row on which the slowest is there."""
    series = data.bars(size + 3)
    close = series.columns["close"].tolist()
    first = max(SLOW)
    truths = [
        oracle.settle([oracle.cross(close, fast, slow, first, SIZE)], CASH, FEE) for fast, slow in POINTS
    ]
    warm = data.save(folder / "warm", [data.bars(WARM)])
    base = _base(row, [series], data.save(folder / "data", [series]), warm)
    return Case(
        count=len(series) * len(POINTS),
        digest=data.hash_of([series]),
        jobs=_jobs(row, base | {"rule": "grid", "points": POINTS, "first": first}),
        check=_grid_check(truths),
    )


def filtered(row: Row, size: int, folder: Path) -> Case:
    """A strategy with and without a model that judges its entries."""
    series = data.bars(size)
    warm = data.save(folder / "warm", [data.bars(max(WARM, 4_000))])
    base = _base(row, [series], data.save(folder / "data", [series]), warm)

    def check(_name: str, answer: Mapping[str, Any], _fills: np.ndarray | None) -> str | None:
        if not answer["same"]:
            return "bar by bar it sent other orders than with everything worked out before"
        return None if answer["fills_count"] else "nothing was traded"

    return Case(len(series), data.hash_of([series]), _jobs(row, base | {"filtered": False}), check)


def imported(row: Row, size: int, folder: Path) -> Case:
    """A text file of bars."""
    series = data.bars(size)
    home = data.save(folder / "data", [series], catalog=False, csv=True)
    warm = data.save(folder / "warm", [data.bars(WARM)], catalog=False, csv=True)
    return _columns(row, series, _base(row, [series], home, warm))


def loaded(row: Row, size: int, folder: Path) -> Case:
    """A catalog of bars."""
    series = data.bars(size)
    warm = data.save(folder / "warm", [data.bars(WARM)])
    return _columns(row, series, _base(row, [series], data.save(folder / "data", [series]), warm))


def pulled(row: Row, size: int, folder: Path) -> Case:
    """The kill switch, so many times."""
    return _live(row, size, folder, {"pulls": size})


def cancelled(row: Row, size: int, folder: Path) -> Case:
    """The kill switch once, over so many orders or the few more that were on their way."""
    return _live(row, size, folder, {}, {"cancels": size})


def recovered(row: Row, size: int, folder: Path) -> Case:
    """A node that is killed about so many times: one life in twenty ends with a stop."""
    return _live(row, size, folder, {}, {"kills": size // 2})


def journalled(row: Row, size: int, folder: Path) -> Case:
    """So many orders."""
    return _live(row, size, folder, {"kept": {"event": 3 * size, "intent": size}})


def _live(
    row: Row, size: int, folder: Path, wanted: Mapping[str, Any], least: Mapping[str, int] = {}
) -> Case:
    """No data: a job says how much is to be done, and the answer how much was."""
    job = {"row": row.name, "seed": SEED, "data": str(folder / "data"), "warm": str(folder / "warm")}
    for home, count in (("data", size), ("warm", row.least)):
        (folder / home).mkdir()
        (folder / home / "size").write_text(str(count), encoding="ascii")

    def check(_name: str, answer: Mapping[str, Any], _fills: np.ndarray | None) -> str | None:
        found = {key: answer.get(key) for key in wanted}
        if found != wanted:
            return f"{found} instead of {dict(wanted)}"
        few = [f"{key} {answer[key]} of {count}" for key, count in least.items() if answer[key] < count]
        return ", ".join(few) or None

    digest = hashlib.sha256(f"{row.name} {size} {SEED}".encode()).hexdigest()
    return Case(size, digest, _jobs(row, job), check)


def _columns(row: Row, series: data.Series, base: Mapping[str, Any]) -> Case:
    wanted = {
        "rows": len(series),
        "ticks": int(series.columns["close"].sum()),
        "last": int(series.columns["ts"][-1]),
    }

    def check(_name: str, answer: Mapping[str, Any], _fills: np.ndarray | None) -> str | None:
        found = {key: answer.get(key) for key in wanted}
        return None if found == wanted else f"{found} instead of {wanted}"

    return Case(len(series), data.hash_of([series]), _jobs(row, base), check)


def _base(row: Row, series: Sequence[data.Series], home: Path, warm: Path) -> dict[str, Any]:
    return {
        "row": row.name,
        "data": str(home),
        "warm": str(warm),
        "symbols": [one.symbol for one in series],
        "cash": CASH,
        "fee": FEE,
    }


def _jobs(row: Row, base: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {**base, **row.options.get(name, {})} for name in row.contenders}


def _fills_check(truth: oracle.Truth) -> Callable[[str, Mapping[str, Any], np.ndarray | None], str | None]:
    def check(name: str, answer: Mapping[str, Any], fills: np.ndarray | None) -> str | None:
        if fills is None:
            return "no fills were given"
        cents = name in IN_CENTS
        return oracle.difference(
            truth, fills, answer["equity"], rounds=cents, tolerance="0" if cents else TOLERANCE
        )

    return check


def _grid_check(
    truths: Sequence[oracle.Truth],
) -> Callable[[str, Mapping[str, Any], np.ndarray | None], str | None]:
    def check(name: str, answer: Mapping[str, Any], _fills: np.ndarray | None) -> str | None:
        found = list(zip(answer["counts"], answer["equities"], strict=True))
        if len(found) != len(truths):
            return f"{len(found)} points instead of {len(truths)}"
        cents = name in IN_CENTS
        for point, (count, equity), truth in zip(POINTS, found, truths, strict=True):
            wanted = truth.equity if cents else truth.unrounded
            far = oracle.off(equity, wanted) > Decimal("0" if cents else TOLERANCE)
            if far or count != len(truth.fills):
                return (
                    f"point {point}: {count} fills, equity {equity} instead of {len(truth.fills)}, {wanted}"
                )
        return None

    return check


PEERS = ("backtesting.py", "backtrader", "vectorbt", "numba")
RULED = {"framework, one rule": {"ruled": "one"}, "framework, seven rules": {"ruled": "seven"}}
ROWS = (
    Row(
        "bars-small", "EMA(10/30) cross with fees, {count} bars", "bars", 100_000, 10_000, crossing,
        ("framework", "engine", "engine again", *PEERS),
    ),
    Row(
        "bars-medium", "EMA(10/30) cross with fees, {count} bars", "bars", 500_000, 15_000, crossing,
        ("framework", "engine", "framework, one rule", *PEERS), RULED,
    ),
    Row(
        "bars-large", "EMA(10/30) cross with fees, {count} bars", "bars", 1_000_000, 25_000, crossing,
        ("framework", "engine", "backtesting.py", "vectorbt", "numba"),
    ),
    Row(
        "portfolio", "the same on 20 instruments in one account, {count} bars", "bars", 100_000, 600,
        portfolio, ("framework", "engine", *PEERS),
    ),
    Row(
        "quotes", "a handler for {count} quotes, an order each thousandth", "quotes", 2_000_000, 200_000,
        quoted, ("framework", "engine", "numba"),
    ),
    Row(
        "orders", "a market order on each of {count} bars", "orders", 100_000, 3_000, orders,
        ("framework", "engine", "framework, one rule", *PEERS), RULED,
    ),
    Row(
        "gate", "submitting {count} orders, each timed", "orders", 100_000, 3_000, gate,
        ("framework, one rule", "framework, seven rules", "framework", "engine"), RULED,
    ),
    Row(
        "filter", "VWAP entries that a model judges, or nobody, {count} bars", "bars", 100_000, 10_000,
        filtered, ("framework, filtered", "framework"), {"framework, filtered": {"filtered": True}},
        scripts={
            "framework, filtered": (None, "filter_framework.py"),
            "framework": (None, "filter_framework.py"),
        },
    ),
    Row(
        "import", "CSV into Parquet, {count} bars", "bars", 1_000_000, 50_000, imported,
        ("framework", "pyarrow"),
        scripts={"framework": (None, "import_framework.py"), "pyarrow": (None, "import_pyarrow.py")},
    ),
    Row(
        "load", "Parquet into records, {count} bars", "bars", 1_000_000, 50_000, loaded,
        ("framework", "engine", "pyarrow"),
        scripts={
            "framework": (None, "load_framework.py"),
            "engine": (None, "load_engine.py"),
            "pyarrow": (None, "load_pyarrow.py"),
        },
    ),
    Row(
        "stream", "{count} quotes streamed in chunks", "quotes", 10_000_000, 100_000, streamed,
        ("framework", "engine", "framework, half", "engine, half"),
    ),
    Row(
        "sweep", "64 pairs of averages on all cores, {count} bars in all", "bars", 100_000, 3_000, grid,
        ("framework", "engine pool"),
        scripts={"framework": (None, "sweep_framework.py")},
    ),
    Row(
        "screen", "64 pairs of averages over arrays, {count} bars in all", "bars", 100_000, 10_000, grid,
        ("framework", "vectorbt"),
        scripts={"framework": (None, "screen_framework.py")},
    ),
    Row(
        "journal", "the intents of {count} orders into the journal, each on the disk", "orders", 20_000, 500,
        journalled, ("framework", "disk"),
        scripts={"framework": (None, "journal_framework.py"), "disk": (None, "journal_disk.py")},
    ),
    Row(
        "latch", "{count} pulls of the kill switch on a node that trades", "pulls", 200, 20, pulled,
        ("framework",), scripts={"framework": (None, "latch_framework.py")}, least=2, sampled=True,
    ),
    Row(
        "kill", "the kill switch over {count} resting orders", "orders", 1_500, 100, cancelled,
        ("framework",), scripts={"framework": (None, "kill_framework.py")}, least=20, sampled=True,
    ),
    Row(
        "recovery", "{count} lives of a node that is killed in bad weather", "lives", 40, 2, recovered,
        ("framework",), scripts={"framework": (None, "recovery_framework.py")}, least=2, sampled=True,
    ),
)  # fmt: skip
