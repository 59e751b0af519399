"""Fault 9: a full disk ends the journal, loses nothing that was acknowledged, and nothing is pretended."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from framework.errors import JournalError
from framework.journal import Journal, read, verify

FILL = textwrap.dedent("""
    import json, resource, signal, sys
    from pathlib import Path
    from framework.errors import JournalError
    from framework.journal import Journal

    if int(sys.argv[2]):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    journal = Journal.open(Path(sys.argv[1]), session="s1")
    told, refused = 0, []
    while not refused:
        try:
            journal.append(sys.argv[3], {"x": "y" * 3_000})
            told += 1
        except JournalError as error:
            refused.append(str(error))
    for attempt in (lambda: journal.append("event", {}), lambda: journal.append("intent", {}), journal.flush):
        try:
            attempt()
        except JournalError as error:
            refused.append(str(error))
    try:
        journal.close()
    except JournalError as error:
        print(error, file=sys.stderr)
    print(json.dumps([told, refused]))
""")


def filled(path, limit, kind):
    done = subprocess.run(
        [sys.executable, "-c", FILL, path, str(limit), kind], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["intent", "event"])
def test_a_file_that_may_grow_no_more_ends_the_journal(tmp_path, kind):
    path = tmp_path / "journal.db"
    told, refused = filled(path, 300_000, kind)
    assert told > 10
    assert len(refused) == 4, "every later append and flush is refused as well"
    assert all("can no longer be written" in message for message in refused)
    assert verify(path).errors == ()
    assert len(list(read(path))) == told
    with Journal.open(path, session="s2") as journal:
        journal.append("intent", {})


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, or of what the machine allows us to make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("mounting needs root; the same is tested with a limit on the size of files")
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S607


@pytest.mark.parametrize("kind", ["intent", "event"])
def test_a_full_disk_ends_the_journal_until_there_is_room(small_disk, kind):
    path = small_disk / "journal.db"
    told, refused = filled(path, 0, kind)
    assert told > 10
    assert len(refused) == 4
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize < 64_000
    assert verify(path).errors == ()
    assert len(list(read(path))) == told
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)  # noqa: S607
    with Journal.open(path, session="s2") as journal:
        journal.append("intent", {})
    assert verify(path).errors == ()


def test_a_day_that_cannot_be_given_its_head_ends_the_journal(tmp_path):
    """Where the heads of the days go there is a file."""
    path = tmp_path / "journal.db"
    now = [0]
    with Journal.open(path, session="s1", clock=lambda: now[0]) as journal:
        journal.append("intent", {})
        path.with_name("journal.db.heads").write_text("in the way")
        now[0] = 86_400_000_000_000
        with pytest.raises(JournalError, match="can no longer be written"):
            journal.append("intent", {})
        with pytest.raises(JournalError, match="can no longer be written"):
            journal.append("intent", {})
    assert [row.ts for row in read(path)] == [0]
