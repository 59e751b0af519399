"""Make this checkout's own environment, then run a command in it.

    python3 bootstrap.py framework node run examples/quickstart/node.yaml
    python3 bootstrap.py --dev pytest

The environment is `.venv` beside this file: the framework and the plugins of the checkout, editable, at the
versions of constraints.txt. `--dev` adds the development tools and the plugins under plugins/research, which
need hundreds of megabytes of libraries that no trading node does. It is made on first use, brought up to date
when a pyproject.toml or constraints.txt changes, and otherwise left alone. The command runs where you stand,
gets your signals and decides the exit code; 69 means that there is no environment to run it in.

Any Python from 3.8 can read this file. The environment is made with the one .python-version names: the
running one, or one found on PATH, under pyenv, by uv or by the Windows launcher.
"""
# ruff: noqa: PLC0415, S603, S606, T201, UP021 - a program of its own that Python 3.8 must be able to read

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOWS = os.name == "nt"
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
EXE = ".exe" if WINDOWS else ""
PYTHON = BIN / f"python{EXE}"
STATE = VENV / "bootstrap.json"
LOCK = VENV / "bootstrap.lock"
LOG = VENV / "bootstrap.log"
RESEARCH = "plugins/research/"
NO_ENVIRONMENT = 69
INTERRUPTED = 130
AGAIN = "then run this again"
REASONS = {
    "No space left on device": ("the disk is full", f"Free 3 GB where the checkout lies, {AGAIN}."),
    "Permission denied": ("a file cannot be written", f"Make a copy of the checkout you own, {AGAIN} there."),
    "connection": (
        "the package index cannot be reached",
        f"Go online, or set a proxy or PIP_INDEX_URL the way pip documents, {AGAIN}.",
    ),
    "No matching distribution found": (
        "the package index lacks a pinned version",
        "A mirror may be behind; else this system is not one of 64-bit Linux, macOS and Windows.",
    ),
}
"""What pip's log says, what that means and what to do."""


class NoEnvironmentError(Exception):
    """There is nothing to run the command in; says why and what to do."""


def main(arguments: list[str]) -> int:
    """Make or renew the environment where needed, then become the command."""
    dev = arguments[:1] == ["--dev"]
    command = arguments[1:] if dev else arguments
    if command[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    if command and command[0].startswith("-"):
        say(f'no option "{command[0]}"; a command comes before its own options')
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        prepare(dev=dev)
        return run(command) if command else 0
    except KeyboardInterrupt:
        say("interrupted; what is half done is done again next time")
        return INTERRUPTED
    except NoEnvironmentError as error:
        say(str(error))
    except OSError as error:
        say(f"{error}\n  Make room and see who owns the checkout, {AGAIN}.")
    return NO_ENVIRONMENT


def prepare(*, dev: bool) -> None:
    """Bring the environment up to date with the checkout."""
    every = plugins()
    wanted = fingerprint(every)
    if is_current(read_state(), wanted, dev=dev):
        return
    if VENV.is_dir() and not LOCK.exists() and any(VENV.iterdir()):
        raise NoEnvironmentError(
            f"{VENV} was made by something else\n  Move it away, or work in it without bootstrap.py."
        )
    VENV.mkdir(exist_ok=True)
    with locked():
        state = read_state()
        if is_current(state, wanted, dev=dev):
            return
        dev = dev or bool(state.get("dev"))
        projects = {folder: name for folder, name in every.items() if dev or not folder.startswith(RESEARCH)}
        write_state({})
        if not (state and PYTHON.exists() and state["root"] == str(ROOT)):
            create(find_python(named_version()))
            state = {}
        install(projects, dev=dev, gone=set(state.get("names", ())) - set(projects.values()))
        write_state({"wanted": wanted, "dev": dev, "root": str(ROOT), "names": sorted(projects.values())})
    say(f"ready: {VENV}")


def plugins() -> dict[str, str]:
    """Folder to distribution name of every plugin of the checkout."""
    names = {}
    for file in sorted(ROOT.glob("plugins/*/*/pyproject.toml")):
        lines = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
        # The first `name` of a pyproject.toml is the project's; tomllib came with Python 3.11.
        names[file.parent.relative_to(ROOT).as_posix()] = next(
            value.strip().strip("\"'") for key, _, value in lines if key.strip() == "name"
        )
    return names


def fingerprint(projects: dict[str, str]) -> str:
    """What the environment is made from, as one number."""
    digest = hashlib.sha256(os.fsencode(str(ROOT)))
    own = ("bootstrap.py", "constraints.txt", ".python-version", "pyproject.toml")
    for name in [*own, *(f"{folder}/pyproject.toml" for folder in projects)]:
        content = (ROOT / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def is_current(state: dict[str, Any], wanted: str, *, dev: bool) -> bool:
    """Whether the environment is whole, made from the checkout as it is, and has the tools asked for."""
    return state.get("wanted") == wanted and (state["dev"] or not dev) and PYTHON.exists()


def read_state() -> dict[str, Any]:
    """What the last finished run left; nothing when it did not finish."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(state: dict[str, Any]) -> None:
    """Replace the state in one step."""
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state), encoding="utf-8")
    new.replace(STATE)


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One bootstrap at a time; a dead one holds nothing."""
    with LOCK.open("a+") as file:
        waiting = "waiting for another bootstrap.py"
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    say(waiting)
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say(waiting)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def create(base: str) -> None:
    """An empty environment with pip in it, whatever the base Python lacks."""
    say(f"making {VENV} with {base}")
    clear()
    made = ask([base, "-m", "venv", "--prompt", "framework", str(VENV)])
    pip = [str(PYTHON), "-m", "pip"]
    if made.returncode:
        # Debian and others take ensurepip out of Python; the base Python's own pip can serve another one.
        clear()
        bare = ask([base, "-m", "venv", "--without-pip", "--prompt", "framework", str(VENV)])
        pip = [base, "-m", "pip", "--python", str(PYTHON)]
        if bare.returncode or ask([*pip, "--version"]).returncode:
            words = (made.stdout + bare.stdout).strip()
            raise NoEnvironmentError(
                f"{base} can make no environment: it has neither ensurepip nor pip\n{words}\n"
                f"  Install one of them; on Debian and Ubuntu: apt install python{named_version()}-venv"
            )
    pip_install(pip, ["pip", "editables", "hatchling"])


def clear() -> None:
    """Empty the environment's folder, but for what says that it is ours."""
    for path in VENV.iterdir():
        if path in (STATE, LOCK, LOG):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def install(projects: dict[str, str], *, dev: bool, gone: set[str]) -> None:
    """The framework and its plugins, editable, with everything they need."""
    pip = [str(PYTHON), "-m", "pip"]
    if gone:
        ask([*pip, "uninstall", "--yes", *sorted(gone)])
    tools = " and the development tools" if dev else ""
    say(f"installing the framework, {len(projects)} plugins{tools}; the first time takes minutes")
    editable = [part for folder in [".", *projects] for part in ("--editable", folder)]
    # The build tools are in the environment already, so no project needs a build environment of its own.
    pip_install(pip, ["--no-build-isolation", *(["--group", "dev"] if dev else []), *editable])


def pip_install(pip: list[str], what: list[str]) -> None:
    """Run pip, its output on stderr, and say in words what went wrong."""
    loud = [] if sys.stderr.isatty() else ["--quiet"]
    LOG.write_bytes(b"")
    command = [
        *pip,
        "install",
        *loud,
        "--no-input",
        "--log",
        str(LOG),
        "--constraint",
        "constraints.txt",
        *what,
    ]
    done = subprocess.run(command, cwd=ROOT, env=clean(), stdout=sys.stderr.fileno(), check=False)
    if not done.returncode:
        return
    words = LOG.read_text(encoding="utf-8", errors="replace").lower()
    for sign, (reason, remedy) in REASONS.items():
        if sign.lower() in words:
            raise NoEnvironmentError(f"{reason}\n  {remedy}\n  pip's own words: {LOG}")
    raise NoEnvironmentError(f"pip failed\n  Its own words: {LOG}")


def clean() -> dict[str, str]:
    """This process's variables without those that would send Python or pip elsewhere."""
    away = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
    kept = {name: value for name, value in os.environ.items() if name not in away}
    return {**kept, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def named_version() -> str:
    """What .python-version names, such as "3.13"."""
    return (ROOT / ".python-version").read_text(encoding="utf-8").split()[0]


def find_python(version: str) -> str:
    """An interpreter of that version that really runs."""
    for candidate in candidates(version):
        found = probe(candidate, version)
        if found:
            return found
    running = ".".join(str(part) for part in sys.version_info[:2])
    raise NoEnvironmentError(
        f"no Python {version} found; this one is {running}\n"
        f"  Install it, with `uv python install {version}`, `pyenv install {version}` or otherwise,\n"
        f"  {AGAIN}."
    )


def candidates(version: str) -> Iterator[list[str]]:
    """Commands that may be that Python, the likeliest first."""
    yield [sys.executable]
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in (f"python{version}", "python3", "python"):
        for folder in folders:
            yield [str(folder / f"{name}{EXE}")]
    for pyenv in filter(None, [os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")]):
        found = Path(pyenv).glob(f"versions/{version}*")
        for folder in sorted(found, key=lambda path: (len(path.name), path.name), reverse=True):
            yield [str(folder / "python.exe" if WINDOWS else folder / "bin" / "python")]
    if WINDOWS:
        yield ["py", f"-{version}"]
    answer = ask(["uv", "python", "find", "--system", "--no-python-downloads", version])
    if not answer.returncode:
        yield [answer.stdout.strip()]
    yield [f"/opt/homebrew/bin/python{version}"]
    yield [f"/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}"]


def probe(candidate: list[str], version: str) -> str | None:
    """The interpreter behind a command, when it runs and is CPython of that version with its global lock."""
    if Path(candidate[0]).is_absolute() and not Path(candidate[0]).exists():
        return None
    code = (
        "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name, 't' in getattr(sys, "
        "'abiflags', ''), getattr(sys, '_base_executable', 0) or sys.executable, sep='|')"
    )
    answer = ask([*candidate, "-I", "-c", code])
    facts = answer.stdout.strip().split("|")
    return facts[3] if not answer.returncode and facts[:3] == [version, "cpython", "False"] else None


def ask(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command for its answer."""
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=clean(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, str(error))


def run(command: list[str]) -> int:
    """Become the command, in the environment."""
    program = BIN / f"{command[0]}{EXE}"
    if not (program.parent == BIN and program.exists()):
        hint = "" if read_state().get("dev") else "\n  The development tools need: bootstrap.py --dev COMMAND"
        raise NoEnvironmentError(f'no command "{command[0]}" in {BIN}{hint}')
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV)}
    environment.pop("PYTHONHOME", None)
    sys.stdout.flush()
    if not WINDOWS:
        os.execve(program, [str(program), *command[1:]], environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the console sends it to the command as well
    return subprocess.run([str(program), *command[1:]], env=environment, check=False).returncode


def say(text: str) -> None:
    """To the person; stdout belongs to the command."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
