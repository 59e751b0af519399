"""The simulated broker, which knows nothing of who trades with it."""
