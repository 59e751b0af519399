"""The installed plugins, loaded once a process at the edge of the program."""

from __future__ import annotations

import contextlib
import sys
from functools import cache

from framework import plugins
from framework.catalog import builtin


@cache
def installed() -> plugins.Plugins:
    """What is installed, with what the framework itself offers through the same hooks."""
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints while it loads is no result
        return plugins.load([builtin])
