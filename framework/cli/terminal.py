"""The person at the terminal, asked for something that is not to be seen."""

from __future__ import annotations

import getpass
import os
import sys

from framework.cli.plain import plain


def ask_unseen(question: str) -> str | None:
    """What the person types, without showing it; nothing when there is nobody to ask, so no script waits.

    Somebody is there when stderr is a terminal and this command is in its foreground, also when its input
    comes from a pipe.
    """
    if not _somebody():
        return None
    try:
        return getpass.getpass(plain(question))
    except EOFError:
        return None


def _somebody() -> bool:
    if sys.stderr is None or not sys.stderr.isatty():
        return False
    if sys.platform == "win32":
        return sys.stdin is not None and sys.stdin.isatty()
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
