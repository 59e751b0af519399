"""The peers' environments, made by the benchmark and never part of ours.

`peers/NAME.txt` holds the exact versions. An environment is a folder under `.peers`, named after the file's
content and this Python, so that another pin is another folder; it is used only when its installation ended.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PINS = HERE / "peers"
HOME = HERE / ".peers"
DONE = "installed"
PATIENCE = 900
"""Seconds an installation may take."""


class NotInstalledError(Exception):
    """A peer is missing, and why."""


def python_of(name: str, home: Path = HOME) -> Path:
    """The interpreter of a peer's environment, which is made when missing.

    Raises:
        NotInstalledError: It could not be installed.
    """
    pins = PINS / f"{name}.txt"
    key = hashlib.sha256(pins.read_bytes() + platform.python_version().encode()).hexdigest()[:12]
    folder = home / f"{name}-{key}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (folder / DONE).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {name} into {folder.name} ...", file=sys.stderr)
    _run([sys.executable, "-m", "venv", str(folder)], name)
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(pins)], name)
    (folder / DONE).touch()
    return python


def versions(name: str) -> dict[str, str]:
    """What a peer's environment holds, by distribution."""
    lines = (PINS / f"{name}.txt").read_text(encoding="utf-8").split()
    return dict(line.split("==") for line in lines)


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(f"{name}: {error}") from error
    if done.returncode:
        said = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()
        raise NotInstalledError(f"{name}: {said[-1] if said else f'exit code {done.returncode}'}")
