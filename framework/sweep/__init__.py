"""One node.yaml run at many settings: the grid of settings, and the workers that run it."""
