"""HTML that cannot be broken into: text becomes markup only by being escaped first."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

type Node = str | Markup | Iterable[Node] | None

_VOID = frozenset({"br", "meta", "hr"})


# Control characters but tab and line ends, which HTML may not hold, as the pictures that Unicode has of them.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}
_PICTURES |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


class Markup(str):
    """Text that is already HTML. Only this module makes one from parts it has not escaped."""

    __slots__ = ()


def tag(name: str, /, *children: Node, **attributes: str | int | bool | None) -> Markup:
    """An element.

    Args:
        name: The element's name.
        children: Text, which is escaped; markup, which is not; None, which is nothing; or several of these.
        attributes: A trailing underscore is dropped and the others become hyphens (`class_`, `aria_label`).
            True writes the bare name; False and None leave it out.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{name}>")


def join(nodes: Node) -> Markup:
    """The nodes one after another, text escaped."""
    if nodes is None:
        return Markup()
    if isinstance(nodes, Markup):
        return nodes
    if isinstance(nodes, str):
        return Markup(_escape(nodes))
    return Markup("".join(join(node) for node in nodes))


def trusted(text: str) -> Markup:
    """Text this package ships itself, taken as it is. Never for anything a person or a plugin wrote."""
    return Markup(text)


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escape(str(value))}"'


def _escape(text: str) -> str:
    return html.escape(text.translate(_PICTURES))
