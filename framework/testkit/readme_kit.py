"""The conformance kit for a plugin's README: what a reader copies out of it works.

A plugin's tests hold one subclass:

    class TestReadme(ReadmeKit):
        folder = Path(__file__).parents[1]
        specs = tuple(framework_quiet.register_risk())
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from framework.config import document
from framework.config.values import dec_hook, to_plain
from framework.errors import FrameworkError
from framework.explain import settings
from framework.testkit.kit import Kit, expect
from framework.testkit.market import VENUE, simulate
from framework.testkit.nodes import VENUE as TEST_VENUE
from framework.testkit.nodes import run_node
from framework.testkit.traders import RANDOM_FLOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from framework.specs import PluginConfig
    from framework.testkit.market import SimulatedMarket
    from framework.testkit.nodes import Spec

YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
TABLE = re.compile(r"^\| setting \| default \|.*\n\|[-| ]+\|\n((?:\|.*(?:\n|\Z))*)", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|", re.MULTILINE)


class ReadmeKit(Kit):
    """What every plugin's README must hold; subclass it in the plugin's tests.

    Its first YAML block is the part of a `node.yaml` that uses the plugin. The kit writes the rest: a
    simulated market, and as far as the block names none, a margin account at venue `SIM` and a strategy
    that sends a random flow of orders. For each thing the plugin offers there is a table that begins with
    `| setting | default |`, under a heading `## name` when it offers more than one.
    """

    folder: ClassVar[Path]
    """The package's folder, which holds `README.md`."""

    specs: ClassVar[tuple[Spec, ...]]
    """All that the plugin registers."""

    presets: ClassVar[tuple[str, ...]] = ("EURUSD",)
    """What the simulated market trades, all at `venue`."""

    venue: ClassVar[str] = VENUE
    """The name of the venue, where the plugin allows only one."""

    step: ClassVar[str] = "1-HOUR"
    """The size of a bar: `EUR/USD.SIM-1-HOUR-LAST-EXTERNAL` in the README's settings."""

    length: ClassVar[int] = 2_000
    """Bars of each instrument."""

    sizes: ClassVar[tuple[int, int]] = (1_000, 100_000)
    """The smallest and the largest order of the random flow, in size steps."""

    seed: ClassVar[int] = 0
    """Another seed, another market and another flow."""

    least_fills: ClassVar[int] = 10
    """Fewer fills are no run worth showing."""

    def test_its_yaml_runs(self, tmp_path: Path) -> None:
        """The first YAML block uses the plugin, and in a run with it orders fill and its rules intervene."""
        expect(
            self._unfit(tmp_path), if_fails="the first thing that a reader of the README tries does not work."
        )

    def test_its_tables_are_the_settings(self) -> None:
        """Every setting has a row, in order, with its default; no row is of a setting that is gone."""
        problems = [problem for spec in self.specs for problem in self._mistold(spec)]
        expect("\n".join(problems) or None, if_fails="the README promises settings that the plugin has not.")

    def _text(self) -> str:
        return (self.folder / "README.md").read_text(encoding="utf-8")

    def _unfit(self, folder: Path) -> str | None:
        """What is wrong with the run of the README's YAML."""
        block = YAML.search(self._text())
        if block is None:
            return "README.md has no block that begins with ```yaml"
        written = document.parse(block[1], "README.md").value
        names = {spec.name for spec in self.specs}
        entries = [entry for part in written.values() if isinstance(part, list) for entry in part]
        asked = [name for entry in entries for name in (entry.get("use"), entry.get("filter", {}).get("use"))]
        used = {str(name) for name in asked if name is not None}
        if not used & names:
            return f"its YAML uses {', '.join(sorted(used))}, and the plugin offers {', '.join(names)}"
        market = simulate(
            folder / "catalog",
            self.presets,
            step=self.step,
            length=self.length,
            seed=self.seed,
            venue=self.venue,
        )
        try:
            result = run_node(
                {**self._surroundings(market), **written}, specs=(*self.specs, TEST_VENUE, RANDOM_FLOW)
            )
        except FrameworkError as error:
            return str(error)
        if len(result.fills) < self.least_fills:
            return f"{len(result.fills)} orders filled, and least_fills is {self.least_fills}"
        rules = {entry.get("id", entry["use"]) for entry in written.get("risk", ()) if entry["use"] in names}
        if rules and not rules & {decision.rule for decision in result.decisions}:
            return f"none of {', '.join(sorted(rules))} intervened: change `sizes`, or the README's limits"
        return None

    def _surroundings(self, market: SimulatedMarket) -> dict[str, Any]:
        """All of a node but what the plugin is."""
        smallest, largest = self.sizes
        flow = {
            "bar_types": [str(bar_type) for bar_type in market.bar_types],
            "smallest": smallest,
            "largest": largest,
            "seed": self.seed,
        }
        return {
            "mode": "backtest",
            "name": "readme",
            "catalog": str(market.catalog),
            "venues": [{"name": self.venue, "use": TEST_VENUE.name}],
            "data": list(market.streams()),
            "strategies": [{"id": "flow", "use": RANDOM_FLOW.name, "config": flow}],
            "log": {"level": "off"},
        }

    def _mistold(self, spec: Spec) -> Iterator[str]:
        """How the README's table of one spec differs from its settings."""
        text = self._text()
        section = re.search(rf"^## {spec.name}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
        if section is None and len(self.specs) > 1:
            yield f"README.md has no heading ## {spec.name}"
            return
        table = TABLE.search(section[1] if section else text)
        told = ROW.findall(table[1]) if table else []
        rows = settings(spec.config)
        names, known = [name for name, _ in told], [row["name"] for row in rows]
        if names != known:
            yield f"{spec.name} has the settings {', '.join(known)}; the table has {', '.join(names)}"
            return
        for row, (_, shown) in zip(rows, told, strict=True):
            default = "required" if row["required"] else "none" if row["default"] is None else row["default"]
            if default not in (shown, _read(spec.config, row["name"], shown)):
                yield f"{spec.name}: the default of {row['name']} is {default}; the table says {shown}"


def _read(config: type[PluginConfig], name: str, shown: str) -> Any:
    """A default as the table shows it, read as the setting and written plainly."""
    if not (shown.startswith("`") and shown.endswith("`")):
        return None
    (kind,) = (field.type for field in msgspec.structs.fields(config) if field.encode_name == name)
    value = document.parse(f"value: {shown[1:-1]}", "README.md").value["value"]
    try:
        return to_plain(msgspec.convert(value, kind, dec_hook=dec_hook))
    except msgspec.ValidationError:
        return None
