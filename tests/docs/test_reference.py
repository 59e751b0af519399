"""The documentation against the code: nothing promised that is not there."""

import inspect
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framework import config, errors, hookspecs

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "framework_spec")]


def read(path):
    return (CHECKOUT / path).read_text(encoding="utf-8")


def test_the_generated_pages_are_what_the_code_says_today():
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_with_its_exact_signature_and_a_runnable_example(hook):
    source = inspect.getsource(getattr(hookspecs, hook))
    signature = re.search(rf"def {hook}\(.*?\) -> [^:]+:", source, re.DOTALL)[0]
    page = read("docs/reference/hooks.md")
    section = page.split(f"## `{hook}`\n")[1].split("\n## ")[0]
    assert signature in section
    assert re.search(r"^Since \d+\.\d+\.$", section, re.MULTILINE)
    example = section.split("```python\n")[2].split("```")[0]
    assert f"def {hook}(" in example
    compile(example, hook, "exec")


def test_every_hook_there_is_was_looked_at():
    assert len(HOOKS) == 8
    assert re.findall(r"^## `(\w+)`$", read("docs/reference/hooks.md"), re.MULTILINE) == HOOKS


def test_every_top_level_key_has_a_row():
    page = read("docs/reference/node-yaml.md")
    for key in config.NodeConfig.__struct_fields__:
        assert f"| `{key}` |" in page


def test_every_error_has_its_exit_code():
    page = read("docs/reference/errors.md")
    for name in (name for name in dir(errors) if isinstance(getattr(errors, name), type)):
        error = getattr(errors, name)
        if issubclass(error, errors.FrameworkError):
            assert f"| {error.exit_code} | `{name}` |" in page


def test_the_build_machine_runs_the_readmes_commands_letter_by_letter():
    commands = re.findall(r"^python3 bootstrap\.py .*$", read("README.md"), re.MULTILINE)
    assert len(commands) == 2
    script = read(".ci/run")
    workflow = read(".github/workflows/checks.yaml")
    for command in commands:
        assert command in script
        assert command in workflow


def test_the_readmes_plugin_table_is_complete():
    page = read("README.md")
    for project in CHECKOUT.glob("plugins/*/*/pyproject.toml"):
        assert f"]({project.parent.relative_to(CHECKOUT).as_posix()}/README.md)" in page


def test_the_readmes_node_is_one(tmp_path):
    node = re.search(r"```yaml\n(.*?)```", read("README.md"), re.DOTALL)[1]
    folder = tmp_path / "examples" / "mine"
    folder.mkdir(parents=True)
    (folder / "node.yaml").write_text(node)
    done = framework("node", "check", folder / "node.yaml")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *(p.relative_to(CHECKOUT).as_posix() for p in DOCS.rglob("*.md"))],
)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", read(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert ((CHECKOUT / page).parent / target).exists(), target


@pytest.mark.parametrize(
    "page", ["README.md", *(p.relative_to(CHECKOUT).as_posix() for p in DOCS.rglob("*.md"))]
)
def test_every_command_shown_exists(page):
    for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", read(page), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["framework"] and len(words) > 2:
                assert f"### `framework {words[1]} {words[2]}`" in read("docs/reference/cli.md"), line


def test_the_first_tutorial_works_as_written(tmp_path):
    """Its blocks, in its order, in a copy of what they need; the run itself is tested with the examples."""
    # Never by a link: `cp -R` would copy the link, and the typo of the page would go into the checkout.
    for name in ("examples/quickstart", "catalog/sample"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    text = read("docs/tutorials/first-backtest.md")
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "examples/mine" in block]
    assert len(blocks) == 2
    shown = f'framework() {{ "{sys.executable}" -c "from framework.cli import main; main()" "$@"; }}\n'
    broken = subprocess.run(
        ["sh", "-c", f"{shown}{blocks[0]}"],  # noqa: S607 - the shell a reader has
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert broken.returncode == 2
    assert "entry_bnad" in broken.stderr
    assert 'did you mean "entry_band"' in broken.stderr
    subprocess.run(["sh", "-c", blocks[1]], cwd=tmp_path, check=True)  # noqa: S607 - the shell a reader has
    assert framework("node", "check", tmp_path / "examples" / "mine" / "node.yaml").returncode == 0


def framework(*arguments):
    command = [sys.executable, "-c", "from framework.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
