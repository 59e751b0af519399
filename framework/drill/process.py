"""A node in a process of its own, forked from one that has imported everything: a kill costs no import time.

The node is the one that `framework node run --mode live` runs, composed from the same file by the same code,
with the drill's strategy offered beside whatever is installed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from framework import config as configuration
from framework import plugins
from framework.catalog import builtin
from framework.compose import compose
from framework.drill import trader
from framework.engine import operate
from framework.errors import FrameworkError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.process import BaseProcess


def start(file: Path, log: Path, environment: Mapping[str, str], extra: Path | None = None) -> BaseProcess:
    """Start a live node; its output goes to the end of `log`.

    Args:
        file: Its node.yaml.
        log: A file.
        environment: Set on top of ours.
        extra: A folder with more plugins.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: multiprocessing.context.BaseContext = multiprocessing.get_context("forkserver")
        multiprocessing.set_forkserver_preload([__name__])
    else:
        context = multiprocessing.get_context("spawn")
    process: BaseProcess = context.Process(  # type: ignore[attr-defined]
        target=_child, args=(file, log, dict(environment), extra), daemon=True
    )
    process.start()
    return process


def serve(file: Path, extra: Path | None = None) -> int:
    """Run the node of a file live until it is told to stop; the exit code says how it ended."""
    if extra is not None:
        sys.path.insert(0, str(extra))
    try:
        loaded = plugins.load([builtin, trader])
        operate.run(compose(configuration.load(file), loaded, "live"), speed=None)
    except FrameworkError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    return 0


def _child(file: Path, log: Path, environment: dict[str, str], extra: Path | None) -> None:
    os.environ.update(environment)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        code = serve(file, extra)
    except BaseException:  # noqa: BLE001 - the process ends here, and its log says why
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))
