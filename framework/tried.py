"""Which settings of a node's strategies were tried on the past: what a proof of any has to answer for.

Every command that runs a backtest for its figures says so, one line for each different setting, in
`tried.jsonl` in the node's promotions folder. What was looked at and put aside is forgotten by people first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from framework.errors import ConfigError
from framework.promotion import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from framework.compose import Plan

FILE = "tried.jsonl"
_log = logging.getLogger("framework.tried")


def settings_hash(plan: Plan) -> str:
    """SHA-256 over the settings of every strategy, as `settings_of` has them, whatever the data."""
    facts = {strategy.id: settings_of(strategy) for strategy in plan.strategies}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def note_tried(plans: Iterable[Plan], by: str) -> None:
    """Put settings on record that were run for their figures, each once.

    A folder that cannot be written is said in the log: a backtest is no less right for it.

    Args:
        plans: What was run, all of one node.
        by: The command.
    """
    fresh = {settings_hash(plan): plan for plan in plans}
    if not fresh:
        return
    file = _file(next(iter(fresh.values())))
    at = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        known = {_settings(line) for line in _lines(file)}
        lines = [
            {"settings": one, "strategies": [each.id for each in plan.strategies], "by": by, "at": at}
            for one, plan in fresh.items()
            if one not in known
        ]
        if lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as stream:
                stream.write("".join(json.dumps(line) + "\n" for line in lines))
    except OSError as error:
        _log.warning("not counted as tried, because %s cannot be written: %s", file, error)


def tried_before(plan: Plan) -> frozenset[str]:
    """The `settings_hash` of everything that was tried with any strategy of the plan, by its `id:`.

    A line that cannot be read counts as something that was tried.

    Raises:
        ConfigError: The record is there and cannot be read.
    """
    ours = {strategy.id for strategy in plan.strategies}
    try:
        lines = _lines(_file(plan))
    except OSError as error:
        raise ConfigError(
            f"what was tried before cannot be read, so it cannot be answered for: {error}",
            where=str(_file(plan)),
        ) from error
    return frozenset(
        _settings(line)
        for line in lines
        if line["strategies"] is None or not ours.isdisjoint(line["strategies"])
    )


def _file(plan: Plan) -> Path:
    return plan.promotions / FILE


def _settings(line: dict[str, Any]) -> str:
    return str(line["settings"])


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [_line(written) for written in text.splitlines() if written.strip()]


def _line(written: str) -> dict[str, Any]:
    try:
        line = json.loads(written)
        return {"settings": str(line["settings"]), "strategies": [str(one) for one in line["strategies"]]}
    except (ValueError, KeyError, TypeError):
        return {"settings": hashlib.sha256(written.encode()).hexdigest(), "strategies": None}
