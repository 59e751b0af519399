"""Where plans run: on this machine's cores through the sweep's workers, or on a Dask cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framework import CompositionError, RunError, Study, run_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from framework import Row

    type Runner = Callable[[Mapping[int, Any], Sequence[str]], dict[int, Row]]

RETRIES = 5
"""Times a plan is run again when the machine that ran it is lost."""
PATIENCE = "30s"


def local(workers: int | None = None, tick: Callable[[], None] = lambda: None) -> Runner:
    """Runs numbered plans on this machine."""

    def run(plans: Mapping[int, Any], keep: Sequence[str] = ()) -> dict[int, Row]:
        kept: Any = keep
        return {row.number: row for row in Study.rows(plans.items(), workers=workers, keep=kept, tick=tick)}

    return run


@contextmanager
def cluster(address: str, tick: Callable[[], None] = lambda: None) -> Iterator[Runner]:
    """Runs numbered plans on a cluster, for as long as the block lasts.

    Every machine needs this environment, and the same catalog under the same path; a machine with other data
    is refused by hash. A plan whose machine is lost runs again on another.

    Args:
        address: The scheduler's, such as `tcp://10.0.0.5:8786`.
        tick: Called now and then.

    Raises:
        CompositionError: The extra that speaks to clusters is not installed.
        RunError: The cluster cannot be reached, or keeps losing machines.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise CompositionError(
            "a cluster needs Dask", remedy='pip install "framework-proving[dask]"'
        ) from error
    dask: Any = distributed
    try:
        client = dask.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunError(
            f"no Dask scheduler answers at {address}: {error}",
            remedy="Start one with `dask scheduler`, and give the address it prints.",
        ) from error

    def run(plans: Mapping[int, Any], keep: Sequence[str] = ()) -> dict[int, Row]:
        known: dict[Any, dict[str, str]] = {}
        futures = []
        for number, plan in plans.items():
            source = (plan.catalog, plan.start, plan.end, plan.streams)
            if source not in known:
                known[source] = Study.hashes(plan)
            futures.append(
                client.submit(run_plan, number, plan, tuple(keep), known[source], pure=False, retries=RETRIES)
            )
        rows: dict[int, Row] = {}
        try:
            for future in dask.as_completed(futures, loop=client.loop):
                row = future.result()
                rows[row.number] = row
                tick()
        except dask.KilledWorker as error:
            raise RunError(
                f"the cluster lost every machine that ran a plan: {error}", remedy="See its logs."
            ) from error
        finally:
            client.cancel(futures)
        return rows

    try:
        yield run
    finally:
        client.close()
