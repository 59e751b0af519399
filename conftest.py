"""For every test of the checkout."""

import os

# Nodes that tests start live trade with simulators, and need no proof of what they do there.
os.environ.setdefault("FRAMEWORK_UNPROVEN", "a test of the project, on a simulator")
