"""The exchange: a process of its own that knows nothing of the node that trades on it."""
