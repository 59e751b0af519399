"""Promotion: the record that a strategy's configuration was proven, demanded before it trades live.

A record is one JSON file a strategy, `ID.json` in the node's promotions folder. Whoever proves a
configuration writes it; `framework walkforward` does. It is sealed with a SHA-256 over its content, and with
an HMAC-SHA256 where node.yaml names a key, so that a figure changed by hand is a record that is not believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from framework.catalog.manifest import write_durably
from framework.config.values import to_plain
from framework.errors import CompositionError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework.compose import Plan, StrategyPlan

CODE = {".py", ".so", ".pyd"}
SHORTEST_KEY = 16
"""Bytes of a key that signs."""
HOW = "Prove it with `framework walkforward`, or say --unproven REASON, which goes into the journal."


class Hurdle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that had to hold.

    Attributes:
        name: What was looked at.
        value: What it was; None when it could not be worked out.
        bound: What it had to keep, as `>= 0.95`.
        passed: Whether it did.
    """

    name: str
    value: float | None
    bound: str
    passed: bool


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found out about one strategy's configuration.

    Attributes:
        strategy: Its `id:`.
        configuration: `configuration_hash` of it.
        verdict: `passed`, `failed` or `not enough evidence`; only the first lets it trade live.
        made: When, ISO 8601.
        by: The distribution that judged, with its version.
        settings: `settings_of` it.
        beside: `configuration_hash` of every other strategy of the node, by its `id:`; they were judged
            together, and so they trade together.
        code: SHA-256 of the code of the package of the strategy, and of its filter, by its name.
        versions: Distribution to version of everything that took part.
        data: SHA-256 of every data file, by its path in the catalog.
        hurdles: Everything that had to hold.
        figures: What else was measured.
        method: How, so that it can be repeated.
    """

    strategy: str
    configuration: str
    verdict: str
    made: str
    by: str
    settings: dict[str, Any]
    beside: dict[str, str]
    code: dict[str, str]
    versions: dict[str, str]
    data: dict[str, str]
    hurdles: list[Hurdle]
    figures: dict[str, Any]
    method: dict[str, Any]


class _Sealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    promotion: dict[str, Any]
    sha256: str
    mac: str | None = None


def settings_of(strategy: StrategyPlan) -> dict[str, Any]:
    """What `node.yaml` says of a strategy and its filter, every default filled in, wherever its files lie.

    A setting declared with `msgspec.Meta(extra={"place": True})` is left out: it says where something is, and
    another setting says what it is.
    """
    settings: dict[str, Any] = {"use": strategy.spec.name, "config": _placeless(strategy.config)}
    if strategy.filter is not None:
        settings["filter"] = {
            "use": strategy.filter.spec.name,
            "config": _placeless(strategy.filter.config),
        }
    return settings


def _placeless(config: Any) -> dict[str, Any]:
    places = {
        field.encode_name
        for field in msgspec.structs.fields(config)
        for meta in getattr(field.type, "__metadata__", ())
        if isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("place")
    }
    return {name: value for name, value in to_plain(config).items() if name not in places}


def configuration_hash(strategy: StrategyPlan) -> str:
    """SHA-256 over what a strategy is and `settings_of` it, whatever its `id:`."""
    facts = [_distributions(strategy), settings_of(strategy)]
    return hashlib.sha256(_canonical(facts)).hexdigest()


def source_hash(package: str) -> str:
    """SHA-256 of an imported package's files of code, names and contents, or of a module that is one file.

    Args:
        package: Its name, without a dot.
    """
    module = sys.modules[package]
    roots = [Path(folder) for folder in getattr(module, "__path__", ())]
    origin = getattr(module, "__file__", None)
    alone = [Path(origin)] if origin is not None and not roots else []
    found = [(file.relative_to(root), file) for root in roots for file in root.rglob("*")]
    found += [(Path(file.name), file) for file in alone]
    digest = hashlib.sha256()
    for name, file in sorted(found):
        if file.suffix in CODE and file.is_file():
            content = file.read_bytes()
            digest.update(f"{name.as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def subject_of(plan: Plan, strategy: StrategyPlan) -> dict[str, Any]:
    """What a record of a strategy is of: the fields of a `Promotion` that are no finding."""
    others = (other for other in plan.strategies if other.id != strategy.id)
    return {
        "strategy": strategy.id,
        "configuration": configuration_hash(strategy),
        "settings": settings_of(strategy),
        "beside": {other.id: configuration_hash(other) for other in others},
        "code": _code(strategy),
        "versions": dict(plan.versions),
    }


def _code(strategy: StrategyPlan) -> dict[str, str]:
    classes = [strategy.spec.strategy, *(() if strategy.filter is None else (strategy.filter.spec.filter,))]
    packages = {made.__module__.partition(".")[0] for made in classes}
    return {package: source_hash(package) for package in sorted(packages)}


def write_promotion(plan: Plan, promotion: Promotion) -> Path:
    """Seal a record and put it where a live start of the plan looks for it.

    Raises:
        ConfigError: The key is not there or too short, or the file cannot be written.
    """
    facts = msgspec.to_builtins(promotion)
    content = _canonical(facts)
    key = _key(plan)
    sealed = _Sealed(
        promotion=facts,
        sha256=hashlib.sha256(content).hexdigest(),
        mac=None if key is None else hmac.digest(key, content, "sha256").hex(),
    )
    path = plan.promotions / f"{promotion.strategy}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, msgspec.json.format(msgspec.json.encode(sealed), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"the promotion record cannot be written: {error}", where=str(path)) from error
    return path


def demand(
    plan: Plan, unproven: str | None = None, strategies: Sequence[StrategyPlan] | None = None
) -> list[dict[str, str]]:
    """Ask for a passing record of every strategy; what to note in the journal of the session.

    Args:
        plan: What is about to trade live.
        unproven: Why it may without; the reason is noted.
        strategies: Those of it to ask for; all when left out.

    Raises:
        CompositionError: A strategy has no record, or one that does not hold, and no reason was given.
        ConfigError: The reason is empty, or the key is missing.
    """
    if unproven is not None and not unproven.strip():
        raise ConfigError("--unproven needs a reason", where="--unproven", remedy="Say why; it is kept.")
    key = _key(plan)
    notes = []
    for strategy in plan.strategies if strategies is None else strategies:
        path = plan.promotions / f"{strategy.id}.json"
        try:
            sealed = _believed(path, key)
            _fits(sealed.promotion, plan, strategy)
        except _NotPromotedError as error:
            if unproven is None:
                raise CompositionError(
                    f'strategy "{strategy.id}" may not trade live: {error}', where=str(path), remedy=HOW
                ) from None
            notes.append(
                {"command": "unproven", "scope": strategy.id, "why": unproven, "because": str(error)}
            )
        else:
            held = "; ".join(f"{each['name']} {each['bound']}" for each in sealed.promotion["hurdles"])
            note = {"command": "promoted", "scope": strategy.id, "why": sealed.sha256, "because": held}
            notes.append(note)
    return notes


class _NotPromotedError(Exception):
    """Why a record does not let a strategy trade; turned into an error or a note above."""


def _believed(path: Path, key: bytes | None) -> _Sealed:
    """A record whose seal is whole."""
    try:
        sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
    except FileNotFoundError:
        raise _NotPromotedError("it has no promotion record") from None
    except (OSError, msgspec.DecodeError) as error:
        raise _NotPromotedError(f"its promotion record cannot be read: {error}") from error
    content = _canonical(sealed.promotion)
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), sealed.sha256):
        raise _NotPromotedError("its promotion record was changed after it was made")
    if key is not None and not hmac.compare_digest(
        hmac.digest(key, content, "sha256").hex(), sealed.mac or ""
    ):
        raise _NotPromotedError("its promotion record is not signed with this node's key")
    return sealed


def _fits(facts: dict[str, Any], plan: Plan, strategy: StrategyPlan) -> None:
    """Refuse a record of something else than is about to trade."""
    try:
        promotion = msgspec.convert(facts, Promotion)
    except msgspec.ValidationError as error:
        raise _NotPromotedError(f"its promotion record cannot be read: {error}") from error
    if not promotion.hurdles:
        raise _NotPromotedError("its promotion record names nothing that had to hold")
    if promotion.verdict != "passed" or not all(hurdle.passed for hurdle in promotion.hurdles):
        missed = ", ".join(hurdle.name for hurdle in promotion.hurdles if not hurdle.passed)
        raise _NotPromotedError(f"it was tried, and the verdict is {promotion.verdict} ({missed})")
    for difference in _differences(promotion, plan, strategy):
        raise _NotPromotedError(difference)


def _differences(promotion: Promotion, plan: Plan, strategy: StrategyPlan) -> Iterator[str]:
    """What a record is of that is not what would trade."""
    now = subject_of(plan, strategy)
    if promotion.strategy != strategy.id:
        yield f'its promotion record is of strategy "{promotion.strategy}"'
    if promotion.configuration != now["configuration"]:
        changed = ", ".join(_changed(promotion.settings, now["settings"])) or "of another plugin of that name"
        yield f"its promotion record is of other settings: {changed}"
    for name, configuration in promotion.beside.items():
        if now["beside"].get(name) != configuration:
            how = "has other settings" if name in now["beside"] else "is not in the node"
            yield f'it was proven together with strategy "{name}", which {how}'
    for name, code in now["code"].items():
        if promotion.code.get(name) != code:
            yield f"the code of {name} is not the code that was proven"
    for name in ("framework", "nautilus_trader", *_distributions(strategy)):
        if promotion.versions.get(name) != plan.versions.get(name):
            was = promotion.versions.get(name)
            yield f"it was promoted with {name} {was}, and this is {plan.versions.get(name)}"


def _changed(was: dict[str, Any], now: dict[str, Any], place: str = "") -> Iterator[str]:
    """Every setting that differs, with what it was and is."""
    for name in sorted(was.keys() | now.keys()):
        if isinstance(was.get(name), dict) and isinstance(now.get(name), dict):
            yield from _changed(was[name], now[name], f"{place}{name}.")
        elif name not in was:
            yield f"{place}{name} was not there and is {json.dumps(now[name])}"
        elif name not in now:
            yield f"{place}{name} was {json.dumps(was[name])} and does not count now"
        elif was[name] != now[name]:
            yield f"{place}{name} was {json.dumps(was[name])} and is {json.dumps(now[name])}"


def _distributions(strategy: StrategyPlan) -> list[str]:
    filters = [] if strategy.filter is None else [strategy.filter.offer.distribution]
    return [strategy.offer.distribution, *filters]


def _key(plan: Plan) -> bytes | None:
    reference = plan.config.promotion.key
    if reference is None:
        return None
    key = reference.reveal().encode(errors="surrogateescape")
    if len(key) < SHORTEST_KEY:
        raise ConfigError(
            f"the key of promotion records, {reference}, is shorter than {SHORTEST_KEY} bytes",
            path="promotion.key",
        )
    return key


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
