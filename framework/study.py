"""A node.yaml, opened to be run many times: at other settings, on other stretches of time, on other data.

This is what research plugins stand on. A run of a study is a whole backtest with the real engine, gate, rules
and venue, in a process of its own; nothing of it is written, and hooks of plugins are not called.
"""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from framework import config as configuration
from framework import plugins as installed
from framework.catalog import builtin, tape
from framework.sweep import imported, pool, worker
from framework.sweep.grid import Grid, compose_point, parse
from framework.sweep.row import Failure, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from framework.catalog.tape import Tape
    from framework.compose import Plan
    from framework.config import LoadedConfig
    from framework.engine.feed import Feed
    from framework.plugins import Plugins
    from framework.result import Result
    from framework.sweep.row import Keep


class Study:
    """One node.yaml and the plugins it names.

    Args:
        loaded: What `config.load` gave.
        plugins: What `plugins.load` gave.
        catalog: Read instead of the file's.
    """

    def __init__(self, loaded: LoadedConfig, plugins: Plugins, catalog: Path | None = None) -> None:
        self._loaded = loaded
        self._plugins = plugins
        self._catalog = catalog

    @classmethod
    def open(cls, file: Path, *, catalog: Path | None = None) -> Study:
        """Read a node.yaml and load what is installed.

        Args:
            file: The node.yaml.
            catalog: Read this catalog instead of the file's.

        Raises:
            ConfigError: The file is wrong.
        """
        return cls(configuration.load(file), installed.load([builtin]), catalog)

    def plan(
        self,
        point: Mapping[str, str] | None = None,
        *,
        start: int | None = None,
        end: int | None = None,
    ) -> Plan:
        """The node, composed as a backtest.

        Args:
            point: Settings in place of the file's: values by path, as `framework sweep --set` takes them.
            start: First nanosecond of data, in place of the file's.
            end: Last nanosecond of data, in place of the file's.

        Raises:
            ConfigError: A setting is wrong.
            PluginError: A plugin that the file names cannot be had.
            CompositionError: The parts do not fit together.
        """
        plan = compose_point(self._loaded, self._plugins, point or {}, "backtest")
        return replace(
            plan,
            catalog=plan.catalog if self._catalog is None else self._catalog.resolve(),
            start=plan.start if start is None else start,
            end=plan.end if end is None else end,
        )

    @staticmethod
    def grid(axes: Iterable[str]) -> Grid:
        """The grid of settings that texts such as `strategies.ID.config.KEY=1,2,5` span.

        Raises:
            ConfigError: One of them is no axis, or two set the same thing.
        """
        return Grid(tuple(parse(text) for text in axes))

    @staticmethod
    def tapes(plan: Plan) -> tuple[Tape, ...]:
        """The plan's data in whole ticks, verified like that of any run; in the order of the file.

        Raises:
            DataError: It is not fit to run on.
        """
        from framework.engine.feed import open_feed  # noqa: PLC0415 - the engine loads when it runs

        open_feed(plan)
        return tuple(
            tape.read(plan.catalog, stream.kind, stream.name, start=plan.start, end=plan.end)
            for stream in plan.streams
        )

    @staticmethod
    def on(plan: Plan, tapes: Sequence[Tape], folder: Path) -> Plan:
        """The plan on other data, which is written to a folder that does not exist yet.

        Settings that name the plan's catalog, or a file in it, name the other one: a strategy that reads the
        catalog itself finds what the engine finds.
        """
        tape.write(folder, tapes)

        def moved(part: Any) -> Any:
            part = replace(part, config=_moved(part.config, plan.catalog.resolve(), folder.resolve()))
            held = getattr(part, "filter", None)
            return part if held is None else replace(part, filter=moved(held))

        return replace(
            plan,
            catalog=folder,
            streams=tuple(
                stream
                for stream in plan.streams
                if any(held.rows and held.name == stream.name for held in tapes)
            ),
            strategies=tuple(map(moved, plan.strategies)),
            rules=tuple(map(moved, plan.rules)),
        )

    @staticmethod
    def rows(
        plans: Iterable[tuple[int, Plan]],
        *,
        workers: int | None = None,
        keep: Iterable[Keep] = (),
        fresh: bool = False,
        tick: Callable[[], None] = lambda: None,
    ) -> Generator[Row]:
        """Run numbered plans on all cores, and give every row as soon as it is there, in the order of ending.

        A plan that fails, or takes its process down with it, gives a row with `failure` set.

        Args:
            plans: Taken one at a time, when a worker has nothing to do.
            workers: Processes; one a core by default.
            keep: What rows hold beside their figures: `asked`, `equity`, `trades`.
            fresh: Whether every plan runs in a process that has run no other.
            tick: Called at least five times a second.

        Raises:
            DataError: The data is not fit to run on.
            RunError: Workers cannot be started.
        """
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        return pool.run(
            plans,
            workers=workers or os.process_cpu_count() or 1,
            keep=keep,
            lasting=1 if fresh else None,
            tick=tick,
        )

    @staticmethod
    def imports(plan: Plan) -> list[str]:
        """Files, hosts and programs that the code of the plan's strategies turns to while it is imported.

        Raises:
            RunError: The code cannot be imported by itself.
        """
        return imported.imports_of(plan)

    @staticmethod
    def hashes(plan: Plan) -> dict[str, str]:
        """The SHA-256 of every data file that the plan reads, by its path in the catalog.

        Raises:
            DataError: The data is not fit to run on.
        """
        from framework.engine.feed import open_feed  # noqa: PLC0415 - the engine loads when it runs

        return dict(open_feed(plan).hashes)

    @staticmethod
    def span(plan: Plan) -> tuple[int, int]:
        """The first and the last event of the plan's data, nanoseconds since the epoch.

        Raises:
            DataError: The data is not fit to run on.
        """
        from framework.engine.feed import open_feed  # noqa: PLC0415 - the engine loads when it runs

        feed = open_feed(plan)
        return feed.start, feed.end

    @staticmethod
    def resolved(plan: Plan) -> dict[str, Any]:
        """What the plan runs, as plain values with every default filled in."""
        from framework.engine.outcome import resolved  # noqa: PLC0415 - the engine loads when it runs

        return resolved(plan)

    @staticmethod
    def result(plan: Plan) -> Result:
        """Run one plan in this process, for everything a report shows.

        Raises:
            DataError: The data is not fit to run on.
            RunError: As `framework node run`.
        """
        from framework.engine import backtest  # noqa: PLC0415 - the engine loads when it runs

        return backtest.run(plan)


def run_plan(
    number: int, plan: Plan, keep: Iterable[Keep] = (), hashes: Mapping[str, str] | None = None
) -> Row:
    """Run one plan in this process, for its row: what a machine of a cluster does.

    The data is verified once a process. What goes wrong is the row's `failure`. One plan runs at a time, and
    its garbage is collected by the thread that made it: the engine's objects cannot be dropped by another.

    Args:
        number: The row's.
        plan: What to run.
        keep: What the row holds beside its figures.
        hashes: The SHA-256 that every data file has on the machine that asks; other data is refused.
    """
    with _one_at_a_time:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return _run_plan(number, plan, frozenset(keep), hashes)
        finally:
            gc.collect()
            if collecting:
                gc.enable()


def _run_plan(number: int, plan: Plan, keep: frozenset[Keep], hashes: Mapping[str, str] | None) -> Row:
    source = (plan.catalog, plan.start, plan.end, plan.streams)
    feed = _feeds.get(source)
    if feed is None:
        opened: Any = worker.answer(worker.Open(plan), _kept)
        if isinstance(opened, Failure):
            return Row(number=number, failure=opened)
        feed = _feeds[source] = opened
    if hashes is not None and dict(hashes) != dict(feed.hashes):
        return Row(
            number=number,
            failure=Failure(
                error="DataError",
                message=f"the catalog {plan.catalog} is another one on this machine",
                remedy="Give every machine of the cluster the same catalog under the same path.",
            ),
        )
    task = worker.Run(number, plan, feed, hashed=False, keep=keep)
    said: Any = worker.answer(task, _kept)
    return Row(number=number, failure=said) if isinstance(said, Failure) else said


_feeds: dict[Any, Feed] = {}
"""What this process has verified; data does not change while a cluster works on it."""
_kept = worker.Kept()
_one_at_a_time = threading.Lock()


def _moved(value: Any, old: Path, new: Path) -> Any:
    """Settings with every path into one folder led into another."""
    if isinstance(value, str) and os.sep in value:
        path = Path(value).resolve()
        return str(new / path.relative_to(old)) if path.is_relative_to(old) else value
    if isinstance(value, msgspec.Struct):
        changed = {name: _moved(getattr(value, name), old, new) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **changed)
    if isinstance(value, dict):
        return {key: _moved(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, old, new) for item in value]
    return value
