"""`framework plugins`: what is installed, and whether it loads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.plain import plain
from framework.errors import ConfigError, PluginBroken, PluginConflict, PluginNotFound

if TYPE_CHECKING:
    from framework.plugins import Offer, Plugin

KINDS = ("strategy", "filter", "risk", "venue", "importer", "command")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("doctor")(doctor)
    return group


def list_(
    kind: Annotated[
        str | None, typer.Option(help="Only strategy, filter, risk, venue, importer or command plugins.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every installed plugin and what it offers; broken ones are listed too."""
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    if kind is not None and kind not in KINDS:
        raise ConfigError(f'no kind "{kind}"', where="--kind", remedy=f"One of: {', '.join(KINDS)}.")
    found = installed()
    offers = [offer for plugin in found.installed for offer in plugin.offers if kind in (None, offer.kind)]
    broken = [plugin for plugin in found.installed if plugin.error]
    if as_json:
        facts = {"plugins": [_offer(offer) for offer in offers], "broken": [_broken(p) for p in broken]}
        typer.echo(json.dumps(facts, indent=2))
        return
    _print_offers(offers)
    for plugin in broken:
        typer.echo(plain(f"broken: {plugin.name} ({plugin.distribution} {plugin.version}): {plugin.error}"))


def show(
    name: Annotated[str, typer.Argument(help="A plugin's name, as `use:` or `plugins list` has it.")],
    as_json: AsJson = False,
) -> None:
    """Show one plugin: where it comes from, its settings, or why it does not load."""
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    plugins = [
        plugin
        for plugin in installed().installed
        if plugin.name == name or any(offer.spec.name == name for offer in plugin.offers)
    ]
    if not plugins:
        known = sorted({o.spec.name for p in installed().installed for o in p.offers})
        raise PluginNotFound(f'no plugin "{name}"', remedy=f"Installed: {', '.join(known) or 'none'}.")
    if as_json:
        typer.echo(json.dumps([_plugin(plugin, name) for plugin in plugins], indent=2))
        return
    for plugin in plugins:
        typer.echo(f"{plugin.distribution} {plugin.version} ({plugin.module})")
        if plugin.error:
            typer.echo(plain(f"broken: {plugin.error}\n{plugin.detail}"))
        for offer in plugin.offers:
            if name in (plugin.name, offer.spec.name):
                _print_settings(offer)


def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong with the installation; exit with an error when something is."""
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    found = installed()
    broken = [plugin for plugin in found.installed if plugin.error]
    conflicts = found.conflicts()
    slow = [plugin for plugin in found.installed if plugin.seconds > 1.0]
    if as_json:
        facts = {
            "broken": [_broken(plugin) for plugin in broken],
            "conflicts": [[_offer(offer) for offer in many] for many in conflicts],
            "slow": [{"name": plugin.name, "seconds": round(plugin.seconds, 3)} for plugin in slow],
        }
        typer.echo(json.dumps(facts, indent=2))
        raise typer.Exit(PluginBroken.exit_code if broken or conflicts else 0)
    for plugin in slow:
        typer.echo(f"slow: {plugin.name} takes {plugin.seconds:.1f} s to import, at every command")
    if broken:
        plugin = broken[0]
        names = ", ".join(f"{p.name} ({p.error})" for p in broken)
        raise PluginBroken(f"{len(broken)} broken: {names}", remedy=f"framework plugins show {plugin.name}")
    if conflicts:
        claims = "; ".join(
            f"{many[0].kind} {many[0].spec.name}: {', '.join(offer.distribution for offer in many)}"
            for many in conflicts
        )
        raise PluginConflict(f"offered twice: {claims}", remedy="Uninstall all but one of each.")
    typer.echo(f"{len(found.installed)} plugins, all load")


def _print_offers(offers: list[Offer]) -> None:
    """By distribution, which is what gets installed, with the summaries folded beside the names."""
    from itertools import groupby  # noqa: PLC0415 - only when a person reads

    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    widest = max((len(offer.spec.name) for offer in offers), default=0)
    for owner, group in groupby(offers, key=lambda offer: f"{offer.distribution} {offer.version}"):
        console.print(Text(plain(owner), style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        for width in (0, max(len(kind) for kind in KINDS), widest, 0):
            table.add_column(min_width=width, overflow="fold")
        for offer in group:
            summary = getattr(offer.spec, "summary", "")
            table.add_row("", *(Text(plain(cell)) for cell in (offer.kind, offer.spec.name, summary)))
        console.print(table)


def _print_settings(offer: Offer) -> None:
    from framework.explain import in_yaml  # noqa: PLC0415 - only for this command

    typer.echo(plain(f"\n{offer.kind} {offer.spec.name}: {getattr(offer.spec, 'summary', '')}"))
    for field in _settings(offer):
        default = "required" if field["required"] else f"default {in_yaml(field['default'])}"
        typer.echo(plain(f"  {field['name']}: {field['type']}, {default}. {field['description']}".rstrip()))


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "kind": offer.kind,
        "name": offer.spec.name,
        "distribution": offer.distribution,
        "version": offer.version,
        "summary": getattr(offer.spec, "summary", ""),
    }


def _broken(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "error": plugin.error,
    }


def _plugin(plugin: Plugin, name: str) -> dict[str, Any]:
    offers = [offer for offer in plugin.offers if name in (plugin.name, offer.spec.name)]
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "error": plugin.error,
        "detail": plugin.detail,
        "offers": [{**_offer(offer), "settings": _settings(offer)} for offer in offers],
    }


def _settings(offer: Offer) -> list[dict[str, Any]]:
    from framework.explain import settings  # noqa: PLC0415 - only for this command

    config = getattr(offer.spec, "config", None)
    return settings(config) if config is not None else []
