"""A Plan in words: what runs, from which plugin, with which settings, and who judges whom."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec
from msgspec import NODEFAULT

from framework.config.values import to_plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from framework.compose import Plan
    from framework.specs import PluginConfig


def explanation(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, every default filled in."""
    return {
        "name": plan.name,
        "mode": plan.mode,
        "catalog": str(plan.catalog),
        "start": plan.config.start,
        "end": plan.config.end,
        "seed": plan.seed,
        "report": str(plan.report),
        "venues": [
            {"name": part.name, **_origin(part), "config": to_plain(part.config)} for part in plan.venues
        ],
        "data": [{"kind": stream.kind, "name": stream.name} for stream in plan.streams],
        "strategies": [
            {
                "id": part.id,
                **_origin(part),
                "config": to_plain(part.config),
                "filter": None
                if part.filter is None
                else {**_origin(part.filter), "config": to_plain(part.filter.config)},
                "judged_by": [rule.id for rule in _order_of_judgement(plan) if part.id in rule.strategies],
            }
            for part in plan.strategies
        ],
        "risk": [
            {
                "id": part.id,
                **_origin(part),
                "config": to_plain(part.config),
                "strategies": list(part.strategies),
                "sizes": part.spec.rule.sizes,
                "judges_exits": part.spec.rule.judges_exits,
            }
            for part in _order_of_judgement(plan)
        ],
        "versions": dict(plan.versions),
    }


def render(plan: Plan) -> RenderableType:
    """The plan as a tree for the terminal."""
    from rich.text import Text  # noqa: PLC0415 - only when a person reads
    from rich.tree import Tree  # noqa: PLC0415

    facts = explanation(plan)
    span = f"{facts['start'] or 'first row'} to {facts['end'] or 'last row'}"
    tree = Tree(Text(f"{plan.name}: {plan.mode}, {span}, seed {plan.seed}", style="bold"))
    data = tree.add(Text(f"data from {facts['catalog']}"))
    for stream in facts["data"]:
        data.add(Text(f"{stream['kind']} {stream['name']}"))
    for section, key in (("venues", "name"), ("strategies", "id"), ("risk", "id")):
        branch = tree.add(Text(section))
        for part in facts[section]:
            leaf = branch.add(Text(f"{part[key]}: {part['use']} ({part['distribution']} {part['version']})"))
            for name, value in part["config"].items():
                leaf.add(Text(f"{name}: {in_yaml(value)}", style="dim"))
            if part.get("filter"):
                asked = part["filter"]
                below = leaf.add(
                    Text(f"filtered by: {asked['use']} ({asked['distribution']} {asked['version']})")
                )
                for name, value in asked["config"].items():
                    below.add(Text(f"{name}: {in_yaml(value)}", style="dim"))
            if part.get("judged_by"):
                leaf.add(Text(f"judged by, in order: {', '.join(part['judged_by'])}"))
            if part.get("strategies"):
                leaf.add(Text(f"covers: {', '.join(part['strategies'])}"))
    tree.add(Text(f"report to {facts['report']}"))
    return tree


def in_yaml(value: Any) -> str:
    """A plain value the way one writes it in node.yaml, on one line."""
    import yaml  # noqa: PLC0415 - only when a person reads

    # In a list, because YAML ends a bare scalar with a line of its own.
    text: str = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text.strip()[1:-1]


def settings(config: type[PluginConfig]) -> list[dict[str, Any]]:
    """One row a field of a config class: name, type, whether required, default, description."""
    rows = []
    for field in msgspec.structs.fields(config):
        required = field.default is NODEFAULT and field.default_factory is NODEFAULT
        default = None
        if not required:
            value = field.default if field.default is not NODEFAULT else field.default_factory()
            default = to_plain(value)
        rows.append(
            {
                "name": field.encode_name,
                "type": _type_name(field.type),
                "required": required,
                "default": default,
                "description": " ".join(_descriptions(field.type)),
            }
        )
    return rows


def _order_of_judgement(plan: Plan) -> list[Any]:
    """Sizers first, as the gate runs them."""
    return sorted(plan.rules, key=lambda part: not part.spec.rule.sizes)


def _origin(part: Any) -> dict[str, str]:
    return {
        "use": part.offer.spec.name,
        "distribution": part.offer.distribution,
        "version": part.offer.version,
    }


def _descriptions(annotation: Any) -> list[str]:
    annotation = getattr(annotation, "__value__", annotation)
    if get_origin(annotation) is not Annotated:
        return []
    inner, *notes = get_args(annotation)
    return [
        *(note.description for note in notes if isinstance(note, msgspec.Meta) and note.description),
        *_descriptions(inner),
    ]


def _type_name(annotation: Any) -> str:
    """A type as a reader of YAML would say it."""
    annotation = getattr(annotation, "__value__", annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(args[0])
    if origin is types.UnionType or str(origin) == "typing.Union":
        return " or ".join(dict.fromkeys(_type_name(arg) for arg in args))
    if str(origin) == "typing.Literal":
        return " | ".join(str(arg) for arg in args)
    if origin in (list, tuple, set, frozenset):
        return f"list of {', '.join(dict.fromkeys(_type_name(arg) for arg in args if arg is not ...))}"
    if origin is dict:
        return f"mapping of {_type_name(args[0])} to {_type_name(args[1])}"
    return _plain_name(annotation)


def _plain_name(kind: Any) -> str:
    if kind is type(None):
        return "null"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        tag = kind.__struct_config__.tag
        return f"{kind.__struct_config__.tag_field}: {tag}" if tag else kind.__name__
    return getattr(kind, "__name__", str(kind))
