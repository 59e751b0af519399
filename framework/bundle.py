"""The run bundle: what repeats a run, kept beside its report.

A bundle is the resolved configuration (`node.yaml`, every default filled in) and `bundle.json`: the versions
of everything that took part, the hash of every data file, and the hash of what happened.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from framework.config import document
from framework.errors import CheckFailed, CompositionError, ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.compose import Plan
    from framework.result import Result

NODE = "node.yaml"
FACTS = "bundle.json"


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bundle.json`: what must be equal for a run to be the same run."""

    name: str
    seed: int
    versions: dict[str, str]
    data: dict[str, str]
    result_hash: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk.

    Attributes:
        folder: Where it is.
        node: Its configuration file.
        facts: What must be equal for a run to be the same run.
    """

    folder: Path
    node: Path
    facts: Facts


def write(folder: Path, plan: Plan, result: Result) -> None:
    """Write `node.yaml` and `bundle.json` into a run's folder; the catalog is named relative to it."""
    config = dict(result.config)
    config["catalog"] = _relative(plan.catalog, folder)
    config["report"] = {**dict(config.get("report") or {}), "directory": _relative(plan.report, folder)}
    text = document.dump(config)
    (folder / NODE).write_text(
        f"# The resolved configuration of this run. Repeat it: framework node run --bundle FOLDER\n{text}",
        encoding="utf-8",
    )
    facts = Facts(
        name=plan.name,
        seed=plan.seed,
        versions=dict(result.versions),
        data=dict(result.data),
        result_hash=result.result_hash,
    )
    (folder / FACTS).write_text(json.dumps(msgspec.to_builtins(facts), indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> Bundle:
    """The bundle in a run's folder.

    Raises:
        ConfigError: The folder holds no bundle, or a damaged one.
    """
    file = folder / FACTS
    try:
        facts = msgspec.json.decode(file.read_bytes(), type=Facts)
    except OSError as error:
        raise ConfigError(
            f"no run bundle in {folder}", remedy=f"A bundle is a run's report folder, with {FACTS} in it."
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"not a run bundle: {error}", where=str(file)) from error
    return Bundle(folder, folder / NODE, facts)


def check_versions(bundle: Bundle, versions: Mapping[str, str]) -> None:
    """Refuse to repeat a run with other versions than it was made with."""
    differ = _differences(bundle.facts.versions, versions)
    if differ:
        raise CompositionError(
            f"this is not the software the run was made with: {differ}",
            where=str(bundle.folder / FACTS),
            remedy="Install the versions named, or run its node.yaml as a new run.",
        )


def check_data(bundle: Bundle, hashes: Mapping[str, str]) -> None:
    """Refuse to repeat a run on other data than it was made on."""
    differ = _differences(bundle.facts.data, hashes)
    if differ:
        raise DataError(
            f"this is not the data the run was made on: {differ}",
            where=str(bundle.folder / FACTS),
            remedy="Point --catalog at the catalog of that run.",
        )


def check_result(bundle: Bundle, result_hash: str) -> None:
    """Refuse to call two runs the same when something else happened."""
    if result_hash != bundle.facts.result_hash:
        raise CheckFailed(
            f"the run did not repeat: {result_hash}, not {bundle.facts.result_hash}",
            where=str(bundle.folder / FACTS),
            remedy="Same data, same versions, another result: a plugin is not deterministic. "
            "`framework plugins list` names them.",
        )


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    shown = [f"{name} was {_short(then.get(name))}, is {_short(now.get(name))}" for name in names[:3]]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - three are enough to act on
    return "; ".join(shown) + more


def _short(value: Any) -> str:
    return "absent" if value is None else str(value)[:12]


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # pragma: no cover - another drive, on Windows
        return path.as_posix()
