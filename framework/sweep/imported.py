"""What the code of strategies turns to when it is imported, found by importing it once more by itself.

A run sees nothing of that: by then the code is there. Only what a strategy's own packages ask for counts, not
what the libraries that they import do for themselves.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import RunError
from framework.sweep.outside import EVENTS, Outside

if TYPE_CHECKING:
    from types import FrameType

    from framework.compose import Plan

IMPORTING = ("importlib._bootstrap", "_frozen_importlib")
"""What the frames between an `import` and the imported code are called."""
NO_CATALOG = Path(os.devnull)
"""Code that is imported has no business with the data of any run."""
PATIENCE = 300.0


def imports_of(plan: Plan) -> list[str]:
    """Files, hosts and programs that the plan's strategies and their filters turn to while they are imported.

    Those that are not installed, but were made in this process, are left out.

    Raises:
        RunError: The code cannot be imported by itself.
    """
    parts: list[tuple[str, type]] = [
        (each.offer.distribution, each.spec.strategy) for each in plan.strategies
    ]
    parts += [
        (each.filter.offer.distribution, each.filter.spec.filter) for each in plan.strategies if each.filter
    ]
    modules = sorted({made.__module__ for distribution, made in parts if _is_installed(distribution)})
    if not modules:
        return []
    told = json.dumps({"path": sys.path, "modules": modules})
    command = [sys.executable, "-c", f"from {__name__} import tell; tell()"]
    done = subprocess.run(  # noqa: S603 - this interpreter
        command, input=told, capture_output=True, text=True, check=False, timeout=PATIENCE, env=_environment()
    )
    if done.returncode:
        raise RunError(
            f"the code of a strategy cannot be imported by itself: {done.stderr.strip()[-500:]}",
            where=", ".join(modules),
        )
    seen: list[str] = json.loads(done.stdout.splitlines()[-1])
    return seen


def tell() -> None:
    """In the process of its own: import what stdin names, and print what was turned to meanwhile."""
    said = json.load(sys.stdin)
    sys.path[:] = said["path"]
    importlib.import_module("framework.study")  # what every strategy finds there already
    packages = {module.partition(".")[0] for module in said["modules"]}
    found = Outside(NO_CATALOG)
    watching = True

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in EVENTS and _asked_by(packages, sys._getframe(1)):  # noqa: SLF001 - what a hook is called under
            found.note(event, arguments)

    sys.addaudithook(heard)
    for module in said["modules"]:
        importlib.import_module(module)
    watching = False
    print("\n" + json.dumps(found.seen))  # noqa: T201 - to the process that started this one


def _asked_by(packages: set[str], frame: FrameType | None) -> bool:
    """True when the code of these packages asks, itself or through a library, and not an import of theirs."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] in packages:
            return True
        if name.startswith(IMPORTING):
            return False
        frame = frame.f_back
    return False


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
