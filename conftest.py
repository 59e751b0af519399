"""What holds for every test of the checkout."""

import os
import signal
import time

import pytest
from hypothesis import settings

# How long an example takes says nothing on a busy machine.
settings.register_profile("here", deadline=None)
settings.load_profile("here")

# Nodes that tests start live trade with simulators, and need no proof of what they do there.
os.environ.setdefault("FRAMEWORK_UNPROVEN", "a test of the project, on a simulator")

# A shell that runs the tests in the background has its children ignore Ctrl-C, and theirs would as well. Said
# here and not between a child's fork and its program: code that runs there, in a copy of a process with
# threads, can stand still for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--more-until",
        type=float,
        metavar="EPOCH",
        help="begin no test marked `more` after this time, in seconds since 1970; those begun end",
    )


def pytest_collection_modifyitems(items):
    """More of the same comes last: what has a name of its own is run first."""
    items.sort(key=lambda item: item.get_closest_marker("more") is not None)


def pytest_runtest_setup(item):
    until = item.config.getoption("--more-until")
    if until is not None and item.get_closest_marker("more") is not None and time.time() > until:
        pytest.skip("NOT RUN: the time for more of the same was up")
