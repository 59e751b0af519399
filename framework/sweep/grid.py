"""The settings a sweep goes through: axes over a node.yaml, their points, and the Plan of each.

An axis is written `PATH=VALUES`, the way `--set` takes it. The path is that of the file, with an entry of a
list named by its `id:`, `name:` or `use:`, or by its number: `strategies.vwap-eurusd.config.band`,
`strategies[0].config.band`, `risk.order_limits.config.limits["EUR/USD.SIM"]`. The values are separated by
commas, `1.5,2,2.5`, or counted from first to last by a step, `10:30:5`, both ends included.
"""

from __future__ import annotations

import copy
import itertools
import math
import random
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from framework import config as configuration
from framework.compose import compose
from framework.config import document as documents
from framework.config.document import Document
from framework.config.scalars import short
from framework.errors import ConfigError, FrameworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from framework.compose import Plan
    from framework.config import LoadedConfig
    from framework.config.strict_yaml import YamlPath
    from framework.plugins import Plugins
    from framework.specs import Mode

type Point = dict[str, str]
"""The path of every axis, with the value it has at this point, both as they were written."""

STEP = re.compile(r'(?:^|\.)(?P<key>[^.\[\]"=]+)|\[(?P<index>[0-9]{1,6})\]|\["(?P<quoted>[^"]*)"\]')
VALUE = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,"']?[^,]*?)\s*(?:,|$)""")
NAMES = {"venues": ("name",), "strategies": ("id",), "risk": ("id", "use")}
"""What an entry of a section is called by, in the order it is looked for."""
MOST_VALUES = 100_000
"""Values of one axis; a range beyond it is a slip of the keyboard."""
FEW_ENOUGH = 2**62
"""Points that Python can count as a range."""
HOW = "Write PATH=VALUE,VALUE or PATH=FIRST:LAST:STEP, as in strategies.vwap.config.band=1.5,2,2.5."


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting, and the values it takes.

    Attributes:
        path: Where the setting stands in the file.
        values: As `node.yaml` would have them, in the order given.
    """

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of the axes' values; the last axis changes fastest.

    Raises:
        ConfigError: Two axes set the same thing.
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        for one, other in itertools.combinations(self.axes, 2):
            first, second = _steps(one.path, one.path), _steps(other.path, other.path)
            if first[: len(second)] == second[: len(first)]:
                raise ConfigError(
                    f"{one.path} and {other.path} set the same thing",
                    where=f"--set {short(other.path)}",
                    remedy="Give all values of a setting in one --set.",
                )

    def __len__(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def points(self) -> Iterator[Point]:
        """Every point, in a fixed order."""
        paths = [axis.path for axis in self.axes]
        for values in itertools.product(*(axis.values for axis in self.axes)):
            yield dict(zip(paths, values, strict=True))

    def point(self, number: int) -> Point:
        """The point that `points` gives at this place, counted from 0."""
        values: Point = {}
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis.values))
            values[axis.path] = axis.values[place]
        return dict(reversed(values.items()))

    def choose(self, *, sample: int | None = None, seed: int = 0, most: int) -> Sequence[int]:
        """The numbers of the points to run, ascending: all of them, or a sample drawn without repeats.

        Args:
            sample: How many to draw; all when the grid has no more.
            seed: The same seed draws the same points.
            most: Points that may be run.

        Raises:
            ConfigError: They are more than `most`, or the sample is not a number of points.
        """
        if sample is not None and sample < 1:
            raise ConfigError("a sample has at least one point", where=f"--sample {sample}")
        size = math.prod(len(axis.values) for axis in self.axes)  # len() stops at 64 bits
        wanted = size if sample is None else min(sample, size)
        if wanted > most:
            raise ConfigError(
                f"{wanted} points are more than {most}",
                where="--set" if sample is None else f"--sample {sample}",
                remedy=f"Take fewer values, draw some with --sample, or allow --max-points {wanted}.",
            )
        if wanted == size:
            return range(size)
        dice = random.Random(seed)  # noqa: S311 - no secret is drawn
        if size <= FEW_ENOUGH:
            return sorted(dice.sample(range(size), wanted))
        drawn: set[int] = set()
        while len(drawn) < wanted:
            drawn.add(dice.randrange(size))
        return sorted(drawn)


def parse(text: str) -> Axis:
    """An axis as `--set` takes it.

    Raises:
        ConfigError: It is not PATH=VALUES, names a value twice, or counts a range without end.
    """
    where = f"--set {short(text)}"
    end = _end_of_path(text)
    if end is None:
        raise ConfigError(f"{short(text)} sets nothing", where=where, remedy=HOW)
    path, written = text[:end].strip(), text[end + 1 :].strip()
    _steps(path, text)
    values = _range(written, where) or _listed(written, where)
    seen: set[tuple[type, Any]] = set()
    for value in values:
        meant = meaning(path, value, where)
        if (type(meant), meant) in seen:
            raise ConfigError(f"the value {short(value)} is given twice", where=where, remedy="Keep one.")
        seen.add((type(meant), meant))
    return Axis(path, values)


def compose_point(
    loaded: LoadedConfig, plugins: Plugins, point: Mapping[str, str], mode: Mode | None = None
) -> Plan:
    """The Plan of a node.yaml with the point's settings in place of its own.

    Args:
        loaded: What `config.load` gave.
        plugins: What `plugins.load` gave.
        point: Values by path; an empty point gives the file's own Plan.
        mode: Overrides the file's mode.

    Raises:
        ConfigError: As for the file; `where` is the `--set` whose value is wrong, or the line of the file.
        PluginError: As `compose`.
        CompositionError: As `compose`.
    """
    document = loaded.document
    value = copy.deepcopy(document.value)
    places: dict[str, YamlPath] = {}
    for path, written in point.items():
        where = f"--set {short(path)}={short(written)}"
        place = _place(value, _steps(path, path), where)
        if place in places.values():
            raise ConfigError(
                f"{configuration.yaml_path(place)} is set twice, under two names",
                where=where,
                remedy="Give all values of a setting in one --set.",
            )
        _put(value, place, meaning(path, written, where), where)
        places[f"{path}={written}"] = place
    changed = Document(document.file, value, document._values, document._keys)  # noqa: SLF001 - same places
    try:
        return compose(configuration.understand(changed, loaded.directory), plugins, mode)
    except FrameworkError as error:
        _blame(error, places)
        raise


def _blame(error: FrameworkError, places: Mapping[str, YamlPath]) -> None:
    """Say which `--set` an error is about, and at which point it was met."""
    if not places:
        return
    at = error.path or ""
    for text, place in places.items():
        own = configuration.yaml_path(place)
        if own == at or at.startswith((f"{own}.", f"{own}[")):
            error.where = f"--set {short(text)}"
            break
    else:
        said = ", ".join(places)
        error.remedy = f"{error.remedy or ''}\n  Met at the point {said}.".lstrip("\n ")


def _end_of_path(text: str) -> int | None:
    """Where the `=` after the path stands; an `=` in a quoted key is not it."""
    quoted = False
    for index, char in enumerate(text):
        quoted ^= char == '"'
        if char == "=" and not quoted:
            return index
    return None


def _steps(path: str, text: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = STEP.match(path, position)
        if match is None or match.end() == position:
            break
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(match["key"] if match["key"] is not None else match["quoted"])
        position = match.end()
    if not steps or position < len(path):
        raise ConfigError(
            f'"{short(path)}" is not a path of node.yaml', where=f"--set {short(text)}", remedy=HOW
        )
    return tuple(steps)


def _listed(written: str, where: str) -> tuple[str, ...]:
    values: list[str] = []
    position = 0
    while position <= len(written):
        match = VALUE.match(written, position)
        if match is None:
            raise ConfigError("a quote is not closed", where=where, remedy="Close it, or write none.")
        if not match[1]:
            raise ConfigError(
                "a value is missing", where=where, remedy='Remove the comma; write "" for empty text.'
            )
        values.append(match[1])
        if not match[0].endswith(",") or match.end() == match.end(1):
            break
        position = match.end()
    return tuple(values)


def _range(written: str, where: str) -> tuple[str, ...]:
    """The values of FIRST:LAST:STEP as decimals, or nothing when it is no range."""
    parts = written.split(":")
    if len(parts) != 3:  # noqa: PLR2004 - first, last, step
        return ()
    try:
        first, last, step = (Decimal(part.strip()) for part in parts)
    except InvalidOperation:
        return ()
    if not (first.is_finite() and last.is_finite() and step.is_finite()):
        return ()
    if step == 0 or (last - first) / step < 0:
        raise ConfigError(
            f"{short(written)} counts from {first} by {step} and never meets {last}",
            where=where,
            remedy="Write FIRST:LAST:STEP; a time of day goes in quotes.",
        )
    count = (last - first) / step
    if count >= MOST_VALUES:
        raise ConfigError(
            f"{short(written)} is more than {MOST_VALUES} values", where=where, remedy="Take a larger step."
        )
    places = min(0, *(int(number.as_tuple().exponent) for number in (first, step)))
    return tuple(
        f"{(first + step * index).quantize(Decimal(1).scaleb(places)):f}" for index in range(int(count) + 1)
    )


def meaning(path: str, written: str, where: str | None = None) -> Any:
    """A value as the file would have it: quoted text is text, and a word with two readings is refused.

    Raises:
        ConfigError: It has two readings, or is not one value.
    """
    where = where or f"--set {short(path)}={short(written)}"
    quoted = written[:1] in {'"', "'"}
    single = written.isprintable() and (quoted or not re.search(r"^[\[{]| #", written))
    try:
        value = documents.parse(f"- {written}").value if single else []
    except ConfigError as error:
        raise ConfigError(error.message, where=where, path=path, remedy=error.remedy) from None
    if len(value) != 1 or isinstance(value[0], dict | list):
        raise ConfigError(
            f"{short(written)} is not one value",
            where=where,
            path=path,
            remedy="A --set varies single values; put text with brackets or colons in quotes.",
        )
    return value[0]


def _place(value: Any, steps: Sequence[str | int], where: str) -> YamlPath:
    """The path of a setting, with names of entries replaced by their numbers."""
    if len(steps) < 2 or steps[0] not in NAMES or isinstance(steps[1], int):  # noqa: PLR2004
        return tuple(steps)
    section = str(steps[0])
    entries = value.get(section) if isinstance(value, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"the file has no {section}", where=where, remedy="Add the entry to the file.")
    if str(steps[1]).isdecimal():
        return (section, int(steps[1]), *steps[2:])
    for keys in (NAMES[section], ("use",)):
        held = [index for index, entry in enumerate(entries) if steps[1] in _names(entry, keys)]
        if len(held) == 1:
            return (section, held[0], *steps[2:])
        if held:
            raise ConfigError(
                f'{len(held)} entries of {section} are called "{steps[1]}"',
                where=where,
                remedy=f"Name one by its id, or by its number: {section}[{held[0]}].",
            )
    known = dict.fromkeys(name for entry in entries for name in _names(entry, (*NAMES[section], "use")))
    raise ConfigError(
        f'no entry of {section} is called "{short(str(steps[1]))}"',
        where=where,
        remedy=f"In {section}: {', '.join(known)}.",
    )


def _names(entry: Any, keys: Sequence[str]) -> list[str]:
    return [str(entry[key]) for key in keys if isinstance(entry, dict) and key in entry]


def _put(value: Any, place: YamlPath, setting: Any, where: str) -> None:
    """Write a setting into the file's value, with the mappings around it when they are not there."""
    for depth, step in enumerate(place):
        last = depth == len(place) - 1
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            inner = value[step]
        elif isinstance(value, dict) and isinstance(step, str):
            inner = value.get(step)
        else:
            around = configuration.yaml_path(place[:depth]) or "the file"
            count = f" of {len(value)}" if isinstance(value, list) else ""
            kind = (
                "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "a value"
            )
            raise ConfigError(
                f"{around} is {kind}{count}, which has no {step}",
                where=where,
                path=configuration.yaml_path(place[: depth + 1]),
                remedy="See the file; entries of a list are counted from 0.",
            )
        if last:
            value[step] = setting
        elif inner is None:
            value[step] = inner = {}
        value = inner
