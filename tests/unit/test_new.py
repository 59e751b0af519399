"""`framework new` writes packages that pass their conformance kit as they are."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from framework.cli import main
from framework.cli.new import check_name, next_commands, render, write
from framework.errors import ConfigError, PluginConflict

KINDS = ("strategy", "risk", "venue")
HOOKS = {"strategy": "register_strategies", "risk": "register_risk", "venue": "register_venues"}


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["new", *arguments])
    return ended.value.code or 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_has_what_a_package_needs(kind, tmp_path, capsys):
    assert run(kind, "night_owl", "--directory", str(tmp_path), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    folder = tmp_path / "framework-night-owl"
    assert facts["distribution"] == "framework-night-owl"
    assert facts["written"] is True
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == set(facts["files"])
    assert {
        "README.md",
        "node.yaml",
        "pyproject.toml",
        "src/framework_night_owl/__init__.py",
        "src/framework_night_owl/py.typed",
        "tests/test_conformance.py",
    } <= written
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["framework"] == {"night_owl": "framework_night_owl"}


@pytest.mark.parametrize(
    "kind", ["strategy", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("risk", "venue"))]
)
def test_the_package_is_installed_and_its_own_tests_and_the_readme_kit_pass_untouched(kind, tmp_path):
    name = f"fresh_{kind}_idea"
    folder = tmp_path / f"framework-fresh-{kind}-idea"
    write(folder, render(kind, name))
    (folder / "tests" / "test_readme.py").write_text(
        f"""
from pathlib import Path
import framework_{name}
from framework.testkit import ReadmeKit

class TestReadme(ReadmeKit):
    folder = Path(__file__).parents[1]
    specs = tuple(framework_{name}.{HOOKS[kind]}())
""",
        encoding="utf-8",
    )
    installed = _as_if_installed(folder, name, tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (installed, folder / "src")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " failed" not in done.stdout


def _as_if_installed(folder, name, site):
    """The metadata an installer would write, so that entry points are found without one."""
    info = site / f"framework_{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {project['version']}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    (info / "METADATA").write_text("\n".join(metadata) + "\n", encoding="utf-8")
    ((entry, module),) = project["entry-points"]["framework"].items()
    (info / "entry_points.txt").write_text(f"[framework]\n{entry} = {module}\n", encoding="utf-8")
    return site


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("class", "keyword"),
        ("match", "keyword"),
        ("Trend", "lower-case"),
        ("trend-following", "lower-case"),
        ("2fast", "lower-case"),
        ("trend__x", "lower-case"),
        ("../evil", "lower-case"),
        ("", "lower-case"),
        ("a" * 41, "longer"),
        ("random", "Python itself"),
        ("nautilus_trend", "trademark"),
        ("tests", "framework's own"),
    ],
)
def test_a_bad_name_is_refused_with_a_way_out(name, problem):
    with pytest.raises(ConfigError, match=problem) as refused:
        check_name("strategy", name)
    assert refused.value.remedy


def test_a_nearly_good_name_is_put_right():
    with pytest.raises(ConfigError) as refused:
        check_name("strategy", "Trend-Following")
    assert refused.value.remedy == 'Did you mean "trend_following"?'


def test_the_name_of_an_installed_plugin_is_refused():
    with pytest.raises(PluginConflict, match="installed already"):
        check_name("venue", "simulated")


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    folder = tmp_path / "framework-trend-line"
    folder.mkdir()
    (folder / "mine.txt").write_text("precious", encoding="utf-8")
    assert run("strategy", "trend_line", "--directory", str(tmp_path)) == ConfigError.exit_code
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    assert run("risk", "night_owl", "--directory", str(tmp_path), "--dry-run") == 0
    assert "would write" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_it_says_what_to_type_next(tmp_path, capsys):
    assert run("strategy", "night_owl", "--directory", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "python -m pytest" in printed
    assert "framework plugins show night_owl" in printed


def test_what_to_type_next_is_quoted_where_a_folder_has_a_space():
    install, test, _, start = next_commands("strategy", "owl", PurePosixPath("my plugins/framework-owl"))
    assert shlex.split(install)[-1] == "my plugins/framework-owl[test]"
    assert shlex.split(test)[-1] == "my plugins/framework-owl"
    assert shlex.split(start)[3] == "my plugins/framework-owl/node.yaml"


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot write"):
        write(blocker / "framework-x", {"README.md": ""})


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_language_is_left(kind):
    for path, text in render(kind, "night_owl").items():
        assert "$" not in text.replace("$ ", ""), path
        assert "PACKAGE" not in path
        assert Path(path).suffix != ".tmpl"


@pytest.mark.slow
def test_generated_code_is_clean_and_typed(tmp_path):
    config = Path(__file__).parents[2] / "pyproject.toml"

    def passes(folder, *command):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    for kind in KINDS:
        folder = tmp_path / kind
        write(folder, render(kind, f"night_owl_{kind}"))
        passes(folder, "ruff", "check", "--config", config, "--no-cache", "src", "tests")
        passes(folder, "ruff", "format", "--config", config, "--no-cache", "--check", "src", "tests")
    # In one go: what it learns of the engine it learns once.
    sources = [f"{kind}/src" for kind in KINDS]
    cache = tmp_path / "mypy"
    passes(tmp_path, "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", cache, *sources)
