"""From a Plan to a Result: the only package that builds the engine's nodes."""
