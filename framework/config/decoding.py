"""From what a file says to a config class: every value checked by itself, so that every error has a place.

The class is taken apart down to its leaves, each leaf is converted alone, and the class is put together from
the converted parts. Whatever is wrong is therefore known by its path, several problems are found at once, and
the engine's values are read the same as keys of a mapping as anywhere else.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from framework.config import values
from framework.config.scalars import short
from framework.config.strict_yaml import yaml_path
from framework.config.wording import Problem, Shape, error_of, members, nearest, shape_of, shown, told, worded
from framework.errors import PluginBroken

if TYPE_CHECKING:
    from framework.config.document import Document
    from framework.config.strict_yaml import YamlPath

STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
NAMED = re.compile(r"`([^`]+)`")
MAPPING = "Write `key: value` lines, indented below it, or {key: value}."
LISTS = (list, tuple, set, frozenset)


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """Carries every problem found below one value."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


def decode[T](document: Document, path: YamlPath, kind: type[T], owner: str | None = None) -> T:
    """The value at a path of a document as a config class.

    Args:
        document: What the file says.
        path: Where the settings are; settings that are not written at all count as an empty mapping.
        kind: The config class.
        owner: Whose settings they are, for messages.

    Raises:
        ConfigError: A key is unknown, missing or has a wrong value. It cites the first problem and
            lists further ones.
        PluginBroken: The class declares a type that cannot be read from YAML.
    """
    try:
        result: T = _value(kind, document.get(path, {}), path)
    except _Wrong as wrong:
        problems = wrong.problems
    except TypeError as error:
        raise PluginBroken(
            f"{owner or kind.__name__}: its config class cannot be read from YAML: {error}",
            where=document.where(path),
            path=yaml_path(path),
        ) from error
    else:
        return result
    raise error_of(document, problems, owner)


def _value(kind: Any, value: Any, path: YamlPath) -> Any:
    shape = shape_of(kind)
    chosen = _member(shape, value, path)
    origin = get_origin(chosen) or chosen
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        return _struct(chosen, value, path)
    if origin is Decimal or (isinstance(value, float) and _takes_decimal(shape)):
        return _decimal(value, path, shape)
    if origin in LISTS and isinstance(value, list):
        value = _items(chosen, value, path)
    elif origin in {dict, Mapping} and isinstance(value, dict):
        value = _entries(chosen, value, path)
    return _convert(kind, value, path, shape)


def _member(shape: Shape, value: Any, path: YamlPath) -> Any:
    """The alternative of a union that a value is meant for, or the type itself."""
    choices = members(shape.bare)
    if len(choices) == 1:
        return choices[0]
    if isinstance(value, dict):
        structs = [m for m in choices if isinstance(m, type) and issubclass(m, msgspec.Struct)]
        if len(structs) > 1:
            return _tagged(structs, value, path)
        return next(iter(structs), next((m for m in choices if get_origin(m) is dict), shape.bare))
    if isinstance(value, list):
        return next((member for member in choices if (get_origin(member) or member) in LISTS), shape.bare)
    if isinstance(value, str | int) and not isinstance(value, bool) and _takes_decimal(shape):
        return next((m for m in choices if m is type(value)), Decimal)
    return shape.bare


def _tagged(structs: list[Any], value: dict[str, Any], path: YamlPath) -> Any:
    """The class of a union that a mapping's tag names."""
    field = structs[0].__struct_config__.tag_field
    named = {struct.__struct_config__.tag: struct for struct in structs}
    allowed = ", ".join(str(tag) for tag in named)
    if field not in value:
        raise _Wrong(
            Problem(path, f'missing key "{field}", which says which kind this is', f"One of: {allowed}.")
        )
    tag = value[field]
    if not isinstance(tag, str | int) or tag not in named:
        hint = nearest(str(tag), [str(name) for name in named])
        raise _Wrong(
            Problem((*path, field), f"{shown(tag)} is not one of the choices{hint}", f"One of: {allowed}.")
        )
    return named[tag]


def _struct(kind: Any, value: Any, path: YamlPath) -> Any:
    if not isinstance(value, dict):
        got = "nothing" if value is None else shown(value)
        raise _Wrong(Problem(path, f"expected a mapping of settings, got {got}", MAPPING))
    fields = _fields(kind)
    config = kind.__struct_config__
    known = [*([config.tag_field] if config.tag_field else []), *fields]
    unknown = {key: nearest(key, known) for key in value if key not in known}
    problems = [
        Problem(
            (*path, key), f'unknown key "{short(key)}"{hint}', f"Allowed: {', '.join(known)}.", at_key=True
        )
        for key, hint in unknown.items()
    ]
    # A required key that is there under a misspelt name is one mistake, not two.
    problems += [
        _missing(path, name, field.type)
        for name, field in fields.items()
        if field.required and name not in value and not any(f'"{name}"' in hint for hint in unknown.values())
    ]
    parts = {key: value[key] for key in value if key == config.tag_field}
    for name, field in fields.items():
        if name in value:
            try:
                parts[name] = _value(field.type, value[name], (*path, name))
            except _Wrong as wrong:
                problems += wrong.problems
    if problems:
        raise _Wrong(*problems)
    return _build(kind, parts, path)


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a class by the keys they are written as; working them out costs most of reading one."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _missing(path: YamlPath, name: str, kind: Any) -> Problem:
    remedy = shape_of(kind).remedy
    return Problem(
        path, f'missing key "{name}"', f"Write `{name}: ...` here.{f' {remedy}' if remedy else ''}"
    )


def _build(kind: Any, parts: dict[str, Any], path: YamlPath) -> Any:
    """The class from its converted parts; what remains to go wrong is the class's own verdict on them."""
    try:
        return msgspec.convert(parts, kind, dec_hook=values.dec_hook, str_keys=True)
    except ArithmeticError as error:
        # Decimals signal a comparison with NaN or a division by zero in this way, not as a ValueError.
        problem = Problem(
            path,
            "the plugin cannot compute with these settings",
            f"Check the numbers ({type(error).__name__}).",
        )
    except msgspec.ValidationError as error:
        message, below = _split(str(error))
        named = next((name for name in NAMED.findall(message) if name in parts), None)
        problem = Problem((*path, *(below or ((named,) if named else ()))), *told(message))
    raise _Wrong(problem)


def _items(kind: Any, value: list[Any], path: YamlPath) -> list[Any]:
    arguments = get_args(kind) or (Any,)
    if get_origin(kind) is tuple and arguments[-1] is not ...:
        kinds = [*arguments, *[Any] * len(value)]
    else:
        kinds = [arguments[0]] * len(value)
    return [
        item for _, item in _each(((index, kinds[index], item) for index, item in enumerate(value)), path)
    ]


def _entries(kind: Any, value: dict[str, Any], path: YamlPath) -> dict[Any, Any]:
    key_kind, item_kind = get_args(kind) or (str, Any)
    items = dict(_each(((key, item_kind, item) for key, item in value.items()), path))
    decoded: dict[Any, Any] = {}
    problems: list[Problem] = []
    for key, item in items.items():
        at = (*path, key)
        try:
            real = key if shape_of(key_kind).bare in {str, Any} else _key(key_kind, key, at)
        except _Wrong as wrong:
            problems += [Problem(at, problem.message, problem.remedy, True) for problem in wrong.problems]
            continue
        if real in decoded:
            problems.append(Problem(at, f'"{key}" is the same key as another one here', "Keep one.", True))
        decoded[real] = item
    if problems:
        raise _Wrong(*problems)
    return decoded


def _key(kind: Any, key: str, path: YamlPath) -> Any:
    shape = shape_of(kind)
    return (
        _decimal(key, path, shape)
        if shape.bare is Decimal
        else _convert(kind, key, path, shape, strict=False)
    )


def _each(parts: Iterable[tuple[Any, Any, Any]], path: YamlPath) -> list[tuple[Any, Any]]:
    """Every part converted, or every problem of every part."""
    done: list[tuple[Any, Any]] = []
    problems: list[Problem] = []
    for step, kind, value in parts:
        try:
            done.append((step, _value(kind, value, (*path, step))))
        except _Wrong as wrong:
            problems += wrong.problems
    if problems:
        raise _Wrong(*problems)
    return done


def _takes_decimal(shape: Shape) -> bool:
    choices = members(shape.bare)
    return Decimal in choices and float not in choices


def _decimal(value: Any, path: YamlPath, shape: Shape) -> Decimal:
    try:
        return values.to_decimal(value)
    except ValueError as error:
        problem = Problem(path, *told(str(error), shape))
    raise _Wrong(problem)


def _convert(kind: Any, value: Any, path: YamlPath, shape: Shape, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, kind, dec_hook=values.dec_hook, str_keys=True, strict=strict)
    except msgspec.ValidationError as error:
        message, below = _split(str(error))
    raise _Wrong(worded(message, value, (*path, *below), shape))


def _split(text: str) -> tuple[str, YamlPath]:
    """Msgspec's message, and the path it ends in."""
    message, _, place = text.rpartition(" - at `$")
    if not message:
        return text, ()
    return message, tuple(int(number) if number else name for name, number in STEP.findall(place))
