"""Where the checks' runs happen: one plan over many versions of its data, each in a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from framework import RunError, Study, before, difference
from framework_proving.audit import vouched
from framework_proving.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from framework import Asked, Row, Tape


@dataclass(frozen=True)
class Version:
    """One version of the data, and how much of it is replayed.

    Attributes:
        tapes: The data.
        end: The last moment that is replayed; all of it when None.
    """

    tapes: tuple[Tape, ...]
    end: int | None = None


class Bench:
    """Runs a plan over versions of its data, for what its strategies and its gate decide.

    Args:
        plan: What `Study.plan` gave.
        workers: Processes; one a core by default.
        known: Files that were there before the data began, such as a trained model: they may be read.
        tick: Called now and then, for a progress bar.
    """

    def __init__(
        self,
        plan: Any,
        *,
        workers: int | None = None,
        known: Sequence[Path] = (),
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan = plan
        self.tapes = Study.tapes(plan)
        self.runs = 0
        self.reads: list[str] = []
        self._known = [path.resolve() for path in (*known, *vouched(plan, self.tapes))]
        self._workers = workers
        self._tick = tick

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="framework-check-"))
        self._watch = Watch(self.plan.catalog)
        self._note(Study.imports(self.plan))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._note(self._watch.close())
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def times(self) -> list[int]:
        """Every moment at which something becomes known."""
        return sorted({row.ts for tape in self.tapes for row in tape.rows})

    def run(self, versions: Sequence[Version]) -> list[Row]:
        """The rows of all versions, in their order."""
        rows: dict[int, Row] = {}
        folder = self._folder / str(self.runs)

        def plans() -> Iterator[tuple[int, Any]]:
            for number, version in enumerate(versions):
                changed = Study.on(self.plan, version.tapes, folder / str(number))
                yield number, replace(changed, start=None, end=version.end)

        rows_kept = Study.rows(
            plans(), workers=self._workers, keep=["asked", "trades"], fresh=True, tick=self._tick
        )
        for row in rows_kept:
            rows[row.number] = row
            shutil.rmtree(folder / str(row.number), ignore_errors=True)
            self._note(row.reads)
        self.runs += len(versions)
        self._note(self._watch.opened())
        return [rows[number] for number in range(len(versions))]

    def plain(self) -> Row:
        """The run on the data as it is, the same in two processes.

        Raises:
            RunError: The run fails.
            Wavering: The two differ.
        """
        first, second = self.run([Version(self.tapes)] * 2)
        for row in (first, second):
            if row.failure is not None:
                raise RunError(
                    f"the run itself fails: {row.failure.message}",
                    remedy="`framework node run` says more.",
                )
        found = difference(first.asked, second.asked)
        if found:
            raise Wavering(found)
        return first

    def _note(self, reads: Sequence[str]) -> None:
        for name in reads:
            inside = Path(name).is_absolute() and (
                Path(name).is_relative_to(self._folder)
                or any(Path(name).is_relative_to(known) for known in self._known)
            )
            if not inside and name not in self.reads:
                self.reads.append(name)


class Wavering(Exception):  # noqa: N818 - a finding, turned into a verdict by every check
    """Two runs on the same data decide differently."""


def parted(whole: Sequence[Asked], row: Row, ts: int) -> tuple[str, int] | None:
    """The first decision at `ts` or before that a row has otherwise, in words, and when it was."""
    one, other = before(whole, ts), before(row.asked, ts)
    if row.failure is not None:
        return f"the run fails: {row.failure.message}", ts
    found = difference(one, other)
    if found is None:
        return None
    place = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    moments = [asked[place].ts for asked in (one, other) if place < len(asked)]
    return found, min(moments, default=ts)
