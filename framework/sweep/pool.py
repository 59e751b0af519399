"""Plans run at once on all cores: workers that are replaced when they die, results as they end.

The data is checked and hashed once, by the first worker, and the others are told. The point of a worker that
is killed, or takes Python down with it, is run once more; when that ends the same way it has failed, and
nothing else has. So has a point that takes longer than it may. Memory is measured, not reserved: when the
workers together hold more than they may, the youngest point is taken back and run again with fewer workers.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import ConfigError, DataError, RunError
from framework.sweep.row import Failure, Row
from framework.sweep.worker import READY, Open, Run, work

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from multiprocessing.connection import Connection

    from framework.compose import Plan, Stream
    from framework.engine.feed import Feed
    from framework.sweep.row import Keep

type Numbered = tuple[int, Plan]
type Source = tuple[Path, int | None, int | None, tuple[Stream, ...]]

TICK = 0.2
"""Seconds between looks at the memory, when nothing ends earlier."""
POINTS_OF_A_WORKER = 200
"""Points after which a worker is replaced: the engine keeps about a megabyte of every run."""
MIB = 1024 * 1024


def run(
    plans: Iterable[Numbered],
    *,
    workers: int,
    max_memory: int | None = None,
    time_limit: float | None = None,
    hashed: bool = False,
    keep: Iterable[Keep] = (),
    lasting: int | None = None,
    tick: Callable[[], None] = lambda: None,
    note: Callable[[str], None] = lambda text: None,  # noqa: ARG005 - nobody listens by default
    opened: Callable[[Mapping[str, str]], None] = lambda hashes: None,  # noqa: ARG005
) -> Generator[Row]:
    """Run numbered plans, and give every row as soon as it is there; the order is that of ending.

    Args:
        plans: Taken one at a time, when a worker has nothing to do, so that the next may depend on the rows
            so far.
        workers: Processes that run points.
        max_memory: Bytes that the workers may hold together.
        time_limit: Seconds that a point may take.
        hashed: Whether rows carry the hash of the result, which takes longer.
        keep: What rows hold beside their figures.
        lasting: Points that one process runs; 1 for a fresh process every time, some hundreds by default.
        tick: Called at least five times a second.
        note: Told, in a sentence, what the reader of the results should know.
        opened: Told the SHA-256 of every data file, by its path in the catalog, before a point runs on it;
            what it raises ends the sweep.

    Raises:
        ConfigError: One worker alone needs more than `max_memory`.
        DataError: The data is not fit to run on.
        RunError: Workers cannot be started.
    """
    crew = _Crew(
        iter(plans),
        workers,
        max_memory,
        time_limit,
        hashed,
        frozenset(keep),
        lasting or POINTS_OF_A_WORKER,
        note,
        opened,
    )
    try:
        crew.begin()
        while crew.busy():
            tick()
            yield from crew.look(TICK)
    finally:
        crew.end()


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, and what it was last told to do."""

    process: Any
    connection: Connection
    task: Run | Open | None = None
    since: float = 0.0
    ready: bool = False
    points: int = 0

    @property
    def idle(self) -> bool:
        return self.ready and self.task is None


@dataclass(slots=True)
class _Crew:
    """The workers, and who does what."""

    plans: Iterator[Numbered]
    wanted: int
    max_memory: int | None
    time_limit: float | None
    hashed: bool
    keep: frozenset[Keep]
    lasting: int
    note: Callable[[str], None]
    opened: Callable[[Mapping[str, str]], None]
    workers: list[_Worker] = field(default_factory=list)
    feeds: dict[Source, Feed] = field(default_factory=dict)
    waiting: deque[Numbered] = field(default_factory=deque)
    crashed: set[int] = field(default_factory=set)
    exhausted: bool = False

    def begin(self) -> None:
        """Take the first plan, so that no worker starts for none."""
        if self.max_memory is not None and not Path("/proc/self/statm").exists():
            raise ConfigError(
                "memory can be measured on Linux only", where="--max-memory", remedy="Use fewer --workers."
            )
        self._pull()
        if self.waiting:
            self.workers = [_start() for _ in range(self.wanted)]

    def busy(self) -> bool:
        return bool(self.waiting) or any(worker.task for worker in self.workers) or self._pull()

    def look(self, patience: float) -> Iterator[Row]:
        """Give out work, and whatever rows came back within the patience, in seconds."""
        self._give()
        ends = [end for worker in self.workers for end in (worker.connection, worker.process.sentinel)]
        wait(ends, patience)
        for worker in list(self.workers):
            row = self._hear(worker)
            if row is not None:
                yield row
        yield from self._overdue()
        failed = self._limit()
        if failed is not None:
            yield failed

    def end(self) -> None:
        """End every worker at once, whatever it is doing."""
        for worker in self.workers:
            _stop(worker)
        self.workers.clear()

    def _pull(self) -> bool:
        if self.exhausted:
            return False
        try:
            self.waiting.append(next(self.plans))
        except StopIteration:
            self.exhausted = True
        return bool(self.waiting)

    def _give(self) -> None:
        for place, worker in enumerate(self.workers):
            if not worker.idle or not (self.waiting or self._pull()):
                continue
            if worker.points >= self.lasting:
                _stop(worker)
                self.workers[place] = _start()
                continue
            number, plan = self.waiting[0]
            source = _source(plan)
            feed = self.feeds.get(source)
            task: Run | Open
            if feed is None:
                if any(isinstance(other.task, Open) for other in self.workers):
                    return
                task = Open(plan)
            else:
                self.waiting.popleft()
                task = Run(number, plan, feed, self.hashed, self.keep)
            message = _pickled(task)
            worker.task, worker.since = task, time.monotonic()
            with contextlib.suppress(OSError):  # it has died; `_hear` finds out
                worker.connection.send_bytes(message)

    def _hear(self, worker: _Worker) -> Row | None:
        """What a worker has to say, if anything: an answer, or that it is no more."""
        try:
            if not worker.connection.poll():
                return None if worker.process.exitcode is None else self._bury(worker)
            answer = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if answer == READY:
            worker.ready = True
            return None
        task, worker.task = worker.task, None
        if isinstance(task, Open):
            if isinstance(answer, Failure):
                raise answer.raised()
            self.opened(answer.hashes)
            self.feeds[_source(task.plan)] = answer
            return None
        worker.points += 1
        if isinstance(answer, Failure) and task is not None:
            return Row(number=task.number, failure=answer)
        row: Row = answer
        return row

    def _bury(self, worker: _Worker) -> Row | None:
        """Put another worker in the place of one that is no more; its point has a second try."""
        worker.process.join()
        how = _ending(worker.process.exitcode)
        if not worker.ready:
            raise RunError(f"a worker {how} before it began", remedy="See what it printed above.")
        task = worker.task
        if isinstance(task, Open):
            raise DataError(
                f"the process that read the catalog {task.plan.catalog} {how}",
                path="catalog",
                remedy="Run `framework data verify` on it.",
            )
        self._replace(worker)
        if task is None:
            return None
        if task.number not in self.crashed:
            self.crashed.add(task.number)
            self.waiting.appendleft((task.number, task.plan))
            self.note(f"the process that ran point {task.number} {how}; the point is run once more")
            return None
        return Row(
            number=task.number,
            failure=Failure(error="RunError", message=f"the process that ran this point {how}, twice"),
        )

    def _overdue(self) -> Iterator[Row]:
        """The points that have taken too long, each with its worker replaced."""
        if self.time_limit is None:
            return
        for worker in list(self.workers):
            task = worker.task
            if isinstance(task, Run) and time.monotonic() - worker.since > self.time_limit:
                self._replace(worker)
                yield Row(
                    number=task.number,
                    failure=Failure(
                        error="RunError",
                        message=f"the point took longer than the {self.time_limit:g} s it may",
                        remedy="See whether it ever ends with `framework node run`, or raise --time-limit.",
                    ),
                )

    def _replace(self, worker: _Worker) -> None:
        _stop(worker)
        self.workers[self.workers.index(worker)] = _start()

    def _limit(self) -> Row | None:
        """Keep the memory under its cap: fewer workers first, and no point that is too much for one alone."""
        if self.max_memory is None:
            return None
        held = {id(worker): memory_of(worker.process.pid) for worker in self.workers}
        total = sum(held.values())
        if total <= self.max_memory:
            return None
        if len(self.workers) > 1:
            victim = max(self.workers, key=lambda worker: (worker.task is None, worker.since))
            if isinstance(victim.task, Run):
                self.waiting.appendleft((victim.task.number, victim.task.plan))
            self.workers.remove(victim)
            _stop(victim)
            self.note(
                f"{total // MIB} MiB were more than --max-memory {self.max_memory // MIB}MiB: "
                f"going on with {len(self.workers)} of {self.wanted} workers"
            )
            return None
        worker = self.workers[0]
        if worker.points and worker.task is None:
            self._replace(worker)
            return None
        if not isinstance(worker.task, Run):
            raise ConfigError(
                f"a worker holds {total // MIB} MiB before it runs anything",
                where=f"--max-memory {self.max_memory // MIB}MiB",
                remedy=f"Allow at least {2 * total // MIB}MiB.",
            )
        if worker.points:  # what earlier points left behind may be what is too much
            self.waiting.appendleft((worker.task.number, worker.task.plan))
            self._replace(worker)
            return None
        number = worker.task.number
        self._replace(worker)
        message = (
            f"the point needs more memory than the {self.max_memory // MIB} MiB that --max-memory allows"
        )
        return Row(number=number, failure=Failure(error="RunError", message=message))


def memory_of(process: int) -> int:
    """Bytes that a process holds and shares with no file; 0 when it is no more.

    What was inherited from the process that started it is counted though both may still share it.
    """
    try:
        fields = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def _start() -> _Worker:
    """A worker, forked where that is safe: everything is imported, and the pages are shared.

    A process with threads, as one that has run an engine, must not be forked; a clean one is started instead,
    once, and forked from then on.
    """
    context: Any = multiprocessing.get_context("fork" if _alone() else _clean())
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _alone() -> bool:
    """True when this process may be forked: on Linux, with one thread."""
    tasks = Path("/proc/self/task")
    return sys.platform == "linux" and tasks.is_dir() and len(list(tasks.iterdir())) == 1


def _clean() -> str:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    multiprocessing.set_forkserver_preload(["framework.sweep.preload"])
    return "forkserver"


def _stop(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
    worker.process.close()


def _pickled(task: Run | Open) -> bytes:
    try:
        return pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise RunError(
            f"the plan cannot be sent to another process: {error}",
            remedy="Strategies, rules and venues, and their settings, are defined at the top of a module.",
        ) from error


def _source(plan: Plan) -> Source:
    return plan.catalog, plan.start, plan.end, plan.streams


def _ending(code: int | None) -> str:
    """How a process ended, for a sentence about it."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = "; the system does that when memory runs out" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"
