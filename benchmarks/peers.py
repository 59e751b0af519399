"""The peers' environments, made by the benchmark and never part of ours.

`peers/NAME.txt` holds the exact versions. An environment is a folder under `.peers`, named after that file's
content and this Python, so that another pin is another folder; it gets its name when the installation has
ended.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
PINS = HERE / "peers"
HOME = HERE / ".peers"
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
    python = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if folder.is_dir():
        return folder / python
    print(f"installing {name} ...", file=sys.stderr)
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=home, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / name
        _run([sys.executable, "-m", "venv", str(made)], name)
        pip = [str(made / python), "-m", "pip", "install", "--quiet", "--no-deps"]
        _run([*pip, "--requirement", str(pins)], name)
        with suppress(OSError):  # another benchmark has just installed the same
            made.rename(folder)
    return folder / python


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
