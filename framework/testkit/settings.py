"""What must hold for the settings of any plugin: closed, documented, and the same after a YAML trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from framework import config as configuration
from framework.config import document as documents
from framework.config.values import to_plain
from framework.errors import ConfigError
from framework.explain import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework.specs import PluginConfig


def not_closed(config: type[PluginConfig]) -> str | None:
    """Which of the config's structs can be changed or take unknown keys."""
    problems = []
    for struct in _structs(config):
        how = struct.__struct_config__
        if not how.frozen:
            problems.append(f"{struct.__name__} can be changed after it was read: remove frozen=False")
        if not how.forbid_unknown_fields:
            problems.append(f"{struct.__name__} accepts unknown keys: remove forbid_unknown_fields=False")
    return "\n".join(problems) or None


def not_documented(config: type[PluginConfig]) -> str | None:
    """Which of the config's fields have no description."""
    problems = [
        f"{struct.__name__}.{row['name']} has no description: "
        "write Annotated[type, msgspec.Meta(description=...)]"
        for struct in _structs(config)
        for row in settings(struct)
        if not row["description"]
    ]
    return "\n".join(problems) or None


def not_readable(config: PluginConfig) -> str | None:
    """What becomes of the settings when they are written to YAML, defaults filled in, and read again."""
    text = documents.dump(to_plain(config))
    try:
        again = configuration.decode(documents.parse(text, "settings.yaml"), (), type(config))
    except ConfigError as error:
        return f"{error}\n\n{text}"
    return None if again == config else f"{config}\nbecame\n{again}"


def takes_unknown(config: PluginConfig) -> str | None:
    """Whether a misspelt key is let through."""
    plain = {**to_plain(config), "no_such_setting": 1}
    try:
        configuration.decode(documents.parse(documents.dump(plain), "settings.yaml"), (), type(config))
    except ConfigError:
        return None
    return f"{type(config).__name__} accepted the key no_such_setting"


def _structs(config: type[Any]) -> Iterator[type[Any]]:
    """The struct and those inside its fields, each once."""
    found: dict[type, None] = {}
    waiting: list[Any] = [config]
    while waiting:
        kind = waiting.pop()
        kind = getattr(kind, "__value__", kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if kind not in found:
                found[kind] = None
                waiting += [field.type for field in msgspec.structs.fields(kind)]
        else:
            waiting += [
                arg for arg in get_args(kind) if not isinstance(arg, str | int | float | msgspec.Meta)
            ]
    yield from found
