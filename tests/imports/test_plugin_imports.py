"""Who a plugin may import, for every plugin there is; the framework's own floors stand in pyproject.toml."""

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in CHECKOUT.glob("plugins/*/*/pyproject.toml"))
FRAMEWORK = sorted((CHECKOUT / "framework").rglob("*.py"))
IDS = [plugin.relative_to(CHECKOUT).as_posix() for plugin in PLUGINS]


def imports(file):
    """Every module a file imports, at any depth, with the line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def offences(files, allowed):
    return [
        f"{file.relative_to(CHECKOUT)}:{line} imports {module}"
        for file in files
        for module, line in imports(file)
        if not allowed(module)
    ]


def own(plugin):
    return {path.name for path in (plugin / "src").iterdir() if path.is_dir() and path.suffix == ""}


def in_framework(module):
    return module == "framework" or module.startswith("framework.")


@pytest.mark.parametrize("plugin", PLUGINS, ids=IDS)
def test_a_plugin_imports_only_the_frameworks_public_names(plugin):
    import framework

    public = {"framework", *(f"framework.{name}" for name in framework.__all__)}
    assert offences((plugin / "src").rglob("*.py"), lambda m: not in_framework(m) or m in public) == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=IDS)
def test_a_plugins_tests_may_add_the_testkit(plugin):
    import framework

    public = {"framework", *(f"framework.{name}" for name in framework.__all__)}

    def allowed(module):
        return not in_framework(module) or module in public or f"{module}.".startswith("framework.testkit.")

    assert offences((plugin / "tests").rglob("*.py"), allowed) == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=IDS)
def test_a_plugin_imports_no_other_plugin(plugin):
    mine = own(plugin)

    def allowed(module):
        top = module.partition(".")[0]
        return not top.startswith("framework_") or top in mine

    assert offences((plugin / "src").rglob("*.py"), allowed) == []


def test_the_framework_imports_no_plugin():
    assert offences(FRAMEWORK, lambda module: not module.startswith("framework_")) == []


def test_only_the_engines_folder_builds_the_engines_nodes():
    nodes = {
        "nautilus_trader.backtest.BacktestNode",
        "nautilus_trader.backtest.BacktestEngine",
        "nautilus_trader.live",
    }
    elsewhere = [
        file for file in FRAMEWORK if file.relative_to(CHECKOUT).parts[1] not in {"engine", "testkit"}
    ]
    assert offences(elsewhere, lambda module: module not in nodes) == []


def test_an_offence_is_seen(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("def f():\n    from framework.engine import backtest\n    import framework_vwap.config\n")
    assert {module for module, _ in imports(file)} == {
        "framework.engine",
        "framework.engine.backtest",
        "framework_vwap.config",
    }
