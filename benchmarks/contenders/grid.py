"""What the framework's sweep and screen share: a node.yaml, its axes, and what composes a point."""

import json
from pathlib import Path

from with_framework import node_of, specs

from framework import config
from framework.sweep.grid import Grid, compose_point, parse
from framework.testkit.nodes import offered


def of(job, folder):
    """The grid, and from a point of it to its plan; composing is part of what is timed."""
    file = Path(job["out"]) / "node.yaml"
    file.write_text(json.dumps(node_of({**job, "rule": "cross"}, folder)), encoding="utf-8")  # JSON is YAML
    loaded, plugins = config.load(file), offered(specs())
    axes = []
    for place, name in enumerate(("fast", "slow")):
        values = ",".join(str(value) for value in dict.fromkeys(point[place] for point in job["points"]))
        axes.append(parse(f"strategies.subject.config.{name}={values}"))
    return Grid(tuple(axes)), lambda point: compose_point(loaded, plugins, point)
