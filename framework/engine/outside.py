"""A running node from outside: what its folder says, and what an operator may do to it there.

Nothing here needs the node's process or loads the engine, so it works while the node hangs, and a latch is
set whether it runs or not.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from framework.engine.patience import COUNT, PAGE
from framework.engine.session import HEARTBEAT, born
from framework.errors import RunError
from framework.journal.latch import Latches, LatchRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LATCHES = "latch"
DISABLED = "disabled"
COMMANDS = "commands"
ANSWER = ".answer"
"""What the node says of a command, beside where the command was."""
BEGUN = ".begun"
"""What a command is called while the node carries it out."""
GOOD_SECONDS = 60.0
"""Seconds after which a command is not begun: whoever gave it was killed before it could withdraw it."""
LONGEST_ANSWER = 60.0
"""Seconds for which an answer to a command that was begun is waited for."""
TURN = "turn"
STALE_SECONDS = 5.0
"""A heartbeat older than this means that the node hangs or is gone."""
STARTING_SECONDS = 60.0
"""The same for a node that starts: it connects and recovers before it has a loop to beat on."""
ALIVE = {"starting", "running", "silent"}
"""The states of a node that has a process."""
type State = Literal["starting", "running", "silent", "stopped", "failed", "gone", "never"]


@dataclass(frozen=True, slots=True)
class Status:
    """What can be known of a node from its folder.

    Attributes:
        state: `running`, `silent` when it has not been heard of for too long, `stopped` when it ended,
            `failed` when it ended because of an error, `gone` when its process died without a word,
            `starting` until its loop runs, `never` when it has not run.
        heartbeat: The last one, or an empty mapping.
        latches: What is stopped, by scope.
        disabled: The strategies that are not called, by scope.
    """

    state: State
    heartbeat: dict[str, Any]
    latches: dict[str, LatchRecord]
    disabled: dict[str, LatchRecord]


def status(folder: Path) -> Status:
    """What a node's folder says, whether the node runs or not."""
    latches, disabled = (
        Latches(folder / name).current() if (folder / name).is_dir() else {} for name in (LATCHES, DISABLED)
    )
    try:
        heartbeat = json.loads((folder / HEARTBEAT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Status("never", {}, latches, disabled)
    state: State = heartbeat["state"]
    if state in ALIVE:
        patience = STARTING_SECONDS if state == "starting" else STALE_SECONDS
        if not is_process(heartbeat):
            state = "gone"
        elif time.time_ns() - int(heartbeat["at"]) > patience * 1e9:
            state = "silent"
    return Status(state, heartbeat, latches, disabled)


def kill(folder: Path, scope: str, *, who: str, why: str) -> bool:
    """Latch, whether the node runs or not; True when the scope was not latched before."""
    folder.mkdir(parents=True, exist_ok=True)
    return Latches(folder / LATCHES).set(scope, who=who, why=why)


def resume(folder: Path, scope: str, *, who: str, why: str) -> LatchRecord | None:
    """Take a latch off; the latch that was there, or None."""
    return Latches(folder / LATCHES).resume(scope, who=who, why=why)


def disable(folder: Path, strategy_id: str, *, who: str, why: str) -> bool:
    """Latch a strategy and have it not called any more, now and after a restart; True when it was not so."""
    scope = f"strategy:{strategy_id}"
    kill(folder, scope, who=who, why=why)
    return Latches(folder / DISABLED).set(scope, who=who, why=why)


def enable(folder: Path, strategy_id: str, *, who: str, why: str) -> LatchRecord | None:
    """Have a disabled strategy called again, and let it trade; what it was disabled for, or None."""
    scope = f"strategy:{strategy_id}"
    record = Latches(folder / DISABLED).resume(scope, who=who, why=why)
    if record is not None:
        resume(folder, scope, who=who, why=why)
    return record


def flatten(folder: Path, scope: str, *, who: str, why: str) -> Path:
    """Latch, and ask the running node to close what the scope covers.

    Returns:
        The command's file, for `begun`; what comes of it is in `closed`.

    Raises:
        RunError: No node runs in the folder.
    """
    if status(folder).state not in ALIVE:
        raise RunError(
            "no node runs here, so nothing can be closed",
            where=str(folder),
            remedy="Start the node, or close the positions at the venue.",
        )
    kill(folder, scope, who=who, why=why)
    return _drop(folder, {"command": "flatten", "scope": scope, "who": who, "why": why})


def reload(folder: Path, text: str, *, who: str, why: str, approve: bool, dry: bool) -> Path:
    """Give the running node a new configuration.

    Args:
        folder: The node's.
        text: The whole node.yaml.
        who: Who asks.
        why: For the record.
        approve: Whether it may loosen a limit.
        dry: Whether only to ask what would change.

    Returns:
        The command's file, for `answered`.

    Raises:
        RunError: No node runs in the folder.
    """
    if status(folder).state not in ALIVE:
        raise RunError("no node runs here; it will read the file when it starts", where=str(folder))
    said = {"command": "reload", "scope": "", "text": text, "who": who, "why": why}
    return _drop(folder, said | {"approve": approve, "dry": dry})


def begin(command: Path) -> bool:
    """Take a command up, for the node; False when whoever gave it has withdrawn it."""
    try:
        command.rename(command.with_suffix(BEGUN))
    except FileNotFoundError:
        return False
    return True


def begun(command: Path, patience: float) -> bool:
    """Wait until the node takes a command up; False when it had not within so many seconds, and never will.

    Whoever is interrupted meanwhile has withdrawn it too.
    """
    deadline = time.monotonic() + patience
    try:
        while command.exists() and time.monotonic() <= deadline:
            time.sleep(0.02)
    finally:
        withdrawn = _withdraw(command)
    return not withdrawn


def _withdraw(command: Path) -> bool:
    """Take a command back; False when the node has begun."""
    try:
        command.unlink()
    except FileNotFoundError:
        return False
    return True


def answer(command: Path, said: Mapping[str, Any]) -> None:
    """Say what was decided on a command that was begun, to whoever asked."""
    file = command.with_suffix(ANSWER)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(said), encoding="utf-8")
    draft.replace(file)
    command.with_suffix(BEGUN).unlink()


def answered(command: Path, patience: float) -> dict[str, Any] | None:
    """What the node decided on a command; None when it had not begun within so many seconds, and never will.

    Raises:
        RunError: It began and does not say how it ended.
    """
    if not begun(command, patience):
        return None
    file, deadline = command.with_suffix(ANSWER), time.monotonic() + LONGEST_ANSWER
    while not file.exists():
        if time.monotonic() > deadline:
            raise RunError(
                "the node began to take the file, and has not said whether it did",
                where=str(command.parent.parent),
                remedy="Its journal will say: framework journal show --kind operator.",
            )
        time.sleep(0.02)
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return said


def _drop(folder: Path, command: Mapping[str, Any]) -> Path:
    """Put a command where the node looks for it, whole."""
    file = folder / COMMANDS / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json"
    draft = file.with_suffix(".part")
    until = time.time_ns() + int(GOOD_SECONDS * 1e9)
    draft.write_text(json.dumps({**command, "until": until}), encoding="utf-8")
    draft.replace(file)
    return file


def closed(command: Path) -> dict[str, Any] | None:
    """What the node says of a flatten: `flat`, and `why`; None when it has said nothing yet.

    `flat` is true only when the venue itself has shown it.
    """
    try:
        said: dict[str, Any] = json.loads(command.with_suffix(ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said


def stop(folder: Path, *, patience: float = 30.0) -> Status:
    """Ask a running node to stop, and wait until it has.

    Raises:
        RunError: No node runs in the folder, or it does not stop.
    """
    now = status(folder)
    if now.state not in ALIVE:
        raise RunError(f"no node runs here; it is {now.state}", where=str(folder))
    os.kill(int(now.heartbeat["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        now = status(folder)
        if now.state not in ALIVE:
            return now
        time.sleep(0.05)
    raise RunError(
        f"the node did not stop within {patience:.0f} s",
        where=str(folder),
        remedy=f"`kill -9 {now.heartbeat['pid']}` ends it; what was on record stays on record.",
    )


def turn_page(folder: Path) -> mmap.mmap:
    """The page on which a node says whose code it is running; other processes see it at once."""
    with (folder / TURN).open("w+b") as file:
        file.truncate(mmap.PAGESIZE)
        return mmap.mmap(file.fileno(), mmap.PAGESIZE)


def turn(folder: Path) -> tuple[str, int]:
    """The `id:` of the strategy whose code a node is running now, empty for none, and which call it is."""
    try:
        with (folder / TURN).open("rb") as file:
            page = file.read(PAGE + COUNT)
    except FileNotFoundError:
        return "", 0
    return page[:PAGE].rstrip(b"\0").decode(errors="replace"), int.from_bytes(page[PAGE:])


def is_process(heartbeat: Mapping[str, Any]) -> bool:
    """True when the process of a heartbeat lives; another one that was given its number since is not it."""
    pid = int(heartbeat["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return heartbeat.get("born") in {None, born(pid)}
