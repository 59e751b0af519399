"""The same run in a fresh Python process: another hash seed, another global random state, another clock.

`record_in_fresh_process` is the parent's side; `python -m framework.testkit.fresh FILE` the child's.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.engine.asked import Asked, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework.specs import PluginConfig, StrategySpec
    from framework.testkit.nodes import Rule

YEARS_LATER = 1_000 * 86_400 + 12_345
TIMEOUT = 120
"""Seconds after which a child is taken to hang."""


@dataclass(frozen=True)
class Request:
    """What the child runs, apart from the modules its classes come from.

    Attributes:
        spec: The strategy.
        config: Its settings.
        catalog: Where the data is.
        data: The node's `data:` entries.
        rules: Rules over the strategy.
    """

    spec: StrategySpec
    config: PluginConfig
    catalog: Path
    data: Sequence[dict[str, str]]
    rules: tuple[Rule, ...] = ()


def record_in_fresh_process(request: Request, hash_seed: int = 4711) -> list[Asked]:
    """What the strategy asks for in a process of its own.

    Raises:
        RuntimeError: The child failed; the message is what it printed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        order, answer = Path(temporary, "order"), Path(temporary, "answer")
        order.write_bytes(pickle.dumps((_modules_of(request), pickle.dumps(request))))
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        command = [sys.executable, "-m", "framework.testkit.fresh", str(order), str(answer)]
        done = subprocess.run(  # noqa: S603 - this interpreter and our own module
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        if done.returncode or not answer.exists():
            raise RuntimeError(f"the fresh process ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        asked: list[Asked] = [Asked(*row) for row in pickle.loads(answer.read_bytes())]  # noqa: S301 - written by the child above
        return asked


def _modules_of(request: Request) -> list[tuple[str, str]]:
    """Name and file of every module the request's classes come from."""
    classes: list[type] = [request.spec.strategy, request.spec.config, type(request.config)]
    for rule, settings in request.rules:
        classes += [rule.rule, rule.config, type(settings)]
    names = dict.fromkeys(cls.__module__ for cls in classes)
    return [(name, str(getattr(sys.modules[name], "__file__", ""))) for name in names]


def _load(name: str, file: str) -> None:
    """Import a module by name or, when it belongs to no package that can be imported, from its file."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{name} cannot be imported again from {file}") from error
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def _shift_clock(seconds: int) -> None:
    """Move the wall clock of `time`, for code that asks it through another library."""

    def later(now: Callable[[], Any], offset: Any) -> Callable[[], Any]:
        return lambda: now() + offset

    time.time = later(time.time, seconds)
    time.time_ns = later(time.time_ns, seconds * 10**9)


def main(order: Path, answer: Path) -> None:
    """The child: load, run once, write down what was asked for."""
    from framework.testkit.nodes import run_strategy  # noqa: PLC0415 - the parent needs none of it

    random.seed("another state than any test's")
    _shift_clock(YEARS_LATER)
    modules, request_bytes = pickle.loads(order.read_bytes())  # noqa: S301 - written by the parent above
    for name, file in modules:
        _load(name, file)
    request: Request = pickle.loads(request_bytes)  # noqa: S301 - written by the parent above
    record = Record()
    run_strategy(
        request.spec,
        request.config,
        catalog=request.catalog,
        data=request.data,
        rules=request.rules,
        record=record,
    )
    answer.write_bytes(pickle.dumps([tuple(asked) for asked in record.asked]))


if __name__ == "__main__":
    # Under its own name, so that what is unpickled is the class that is imported.
    importlib.import_module("framework.testkit.fresh").main(Path(sys.argv[1]), Path(sys.argv[2]))
