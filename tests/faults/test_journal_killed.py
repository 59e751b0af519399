"""Faults 1 and 8: a writer killed at any moment loses no row that it was told was safe."""

import json
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from framework.errors import JournalError
from framework.journal import Journal, read, verify

WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from framework.journal import Journal

    journal = Journal.open(Path(sys.argv[1]), session=sys.argv[2])
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        body = {"n": number, "x": "y" * (number % 900)}
        if number % 7 == 0:
            rows = journal.append_many([("intent", body, "vwap", f"O-{number}-{leg}") for leg in range(3)])
        else:
            rows = [journal.append("event" if number % 3 else "intent", body)]
        # What the process says here it was told: the row is safe.
        sys.stdout.write("".join(f"{row.seq} {row.hash.hex()}\\n" for row in rows))
        sys.stdout.flush()
""")


def killed_writer(path, session, after):
    """Runs a writer, kills it, and gives the rows it had been told were safe."""
    said = path.with_name("said.txt")
    with said.open("w") as out:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path, session], stdout=out)
    while not said.read_text().startswith("ready\n"):
        assert writer.poll() is None, "the writer did not start"
        time.sleep(0.005)
    time.sleep(after)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    # A last line that the kill cut short tells nothing.
    lines = said.read_text().splitlines(keepends=True)[1:]
    return dict(line.split() for line in lines if line.endswith("\n"))


def kill(path, times, seed):
    draw = random.Random(seed)
    told = {}
    for turn in range(times):
        told |= killed_writer(path, f"s{turn}", draw.uniform(0, 0.08))
        rows = {str(row.seq): row.hash.hex() for row in read(path)}
        missing = {seq: hashed for seq, hashed in told.items() if rows.get(seq) != hashed}
        assert not missing, f"seed {seed}, kill {turn}: acknowledged rows are gone: {sorted(missing)}"
        assert verify(path).errors == (), f"seed {seed}, kill {turn}"
    assert len(told) > times
    with Journal.open(path, session="last") as journal:
        assert journal.append("intent", {}).seq == len(rows) + 1
    assert verify(path).errors == ()


def test_ten_kills_lose_nothing_acknowledged(tmp_path):
    kill(tmp_path / "journal.db", 10, seed=1)


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.parametrize("seed", range(2, 10))
def test_two_hundred_kills_lose_nothing_acknowledged(tmp_path, seed):
    kill(tmp_path / "journal.db", 25, seed)


BIRTH = textwrap.dedent("""
    import itertools, os, signal, sys
    from pathlib import Path
    import apsw
    from framework.journal import Journal

    left = 0

    def step(result):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    class Killing(apsw.VFS):
        def __init__(self):
            super().__init__("killing", "unix", makedefault=True)

        def xOpen(self, name, flags):
            return step(File(name, flags))

        def xDelete(self, name, sync):
            return step(super().xDelete(name, sync))

    class File(apsw.VFSFile):
        def __init__(self, name, flags):
            super().__init__("unix", name, flags)

        def xWrite(self, content, offset):
            return step(super().xWrite(content, offset))

        def xSync(self, flags):
            return step(super().xSync(flags))

        def xTruncate(self, size):
            return step(super().xTruncate(size))

    vfs = Killing()
    folder = Path(sys.argv[1])
    for number in itertools.count(1):
        child = os.fork()
        if not child:
            left = number
            Journal.open(folder / f"{number:02}" / "journal.db", session="s1")
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            break
""")


def rows_of(path):
    """What `framework journal verify` makes of it: how many rows, or that there is no journal."""
    try:
        return verify(path).rows
    except JournalError as error:
        return error.message.partition(":")[0]


def test_a_kill_after_any_step_of_making_a_journal_leaves_one_that_opens(tmp_path):
    """The process kills itself after the n-th thing it did to a file of the journal, for every n there is."""
    done = subprocess.run(
        [sys.executable, "-c", BIRTH, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    births = sorted(tmp_path.iterdir())
    kinds = set()
    for birth in births:
        path = birth / "journal.db"
        kinds.add(frozenset(file.name.removeprefix("journal.db") for file in birth.iterdir()))
        assert rows_of(path) in {"there is no journal", 0}, birth.name
        with Journal.open(path, session="s2") as journal:
            journal.append("intent", {})
        assert verify(path).errors == (), birth.name
        assert [row.kind for row in read(path)] == ["intent"], birth.name
    # SQLite's own steps are in it: the first page under a rollback journal, the tables in the log.
    assert {"", "-journal", ".lock", ".lock-journal"} in kinds
    assert {"", "-wal", "-shm", ".lock", ".lock-journal"} in kinds
    assert len(births) > 20


SYNCS = textwrap.dedent("""
    import json, sys
    from pathlib import Path
    import apsw

    synced = []

    class Counting(apsw.VFS):
        def __init__(self):
            super().__init__("counting", "unix", makedefault=True)

        def xOpen(self, name, flags):
            return File(name, flags)

    class File(apsw.VFSFile):
        def __init__(self, name, flags):
            self.name = name.filename() if isinstance(name, apsw.URIFilename) else name
            super().__init__("unix", name, flags)

        def xSync(self, flags):
            synced.append(Path(self.name).name)
            return super().xSync(flags)

    vfs = Counting()
    from framework.journal import Journal

    counts = {}
    with Journal.open(Path(sys.argv[1]), session="s") as journal:
        journal.append("intent", {})
        journal.append("event", {})
        for kind in ("intent", "operator", "decision", "event", "sent", "mark", "clock", "flush", "flush"):
            synced.clear()
            journal.flush() if kind == "flush" else journal.append(kind, {})
            counts.setdefault(kind, []).append(synced[:])
    print(json.dumps(counts))
""")


def test_an_intent_is_synced_to_the_disk_before_append_returns_and_an_event_is_not(tmp_path):
    """Counted below SQLite, where it asks the system to put the log on the disk."""
    done = subprocess.run(
        [sys.executable, "-c", SYNCS, tmp_path / "journal.db"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    log = ["journal.db-wal"]
    assert json.loads(done.stdout) == {
        "intent": [log],
        "operator": [log],
        "decision": [log],
        "event": [[]],
        "sent": [[]],
        "mark": [[]],
        "clock": [[]],
        "flush": [log, []],
    }
