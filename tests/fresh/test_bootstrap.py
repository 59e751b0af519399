"""bootstrap.py on machines as people have them: an old python3, no ensurepip, a managed pip, an interrupt."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
POSIX = pytest.mark.skipif(os.name == "nt", reason="imitates a Unix machine")

pytestmark = [pytest.mark.fresh, POSIX]


def clone(folder):
    """What a user has after `git clone`: tracked files only, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer has
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = CHECKOUT / name
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def thin(folder):
    """A checkout whose framework needs nothing: the way there is the same, and quicker."""
    folder.mkdir(parents=True)
    for name in ("bootstrap.py", ".python-version", "constraints.txt"):
        shutil.copy2(CHECKOUT / name, folder)
    (folder / "framework").mkdir()
    (folder / "framework" / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "framework"\nversion = "0"\n'
    )
    return folder


def bootstrap(checkout, *arguments, python=BASE, cwd=None, **variables):
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_", "COVERAGE_"))}
    return subprocess.run(
        [str(python), str(checkout / "bootstrap.py"), *arguments],
        cwd=cwd or checkout,
        env={**keep, **variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """One environment, made once, in a path with a space."""
    folder = clone(tmp_path_factory.mktemp("a checkout") / "with a space")
    made = bootstrap(folder, "framework", "--version")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("framework "), "stdout is the command's alone"
    assert "making" in made.stderr
    return folder


def imitation(folder, *, without=()):
    """A Python with the standard library of this one, less some modules, that refuses `pip install`."""
    library = Path(sysconfig.get_path("stdlib"))
    own = folder / "lib" / library.name
    own.mkdir(parents=True)
    for entry in library.iterdir():
        if entry.name not in {*without, "EXTERNALLY-MANAGED"}:
            (own / entry.name).symlink_to(entry)
    for shared in library.parent.glob("libpython3*"):
        (folder / "lib" / shared.name).symlink_to(shared)
    (own / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=The system owns these packages.\n")
    python = folder / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python.parent.mkdir()
    shutil.copy2(BASE, python)
    prefix = subprocess.run(
        [python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=False
    )
    if prefix.stdout.strip() != str(folder):
        pytest.skip(f"this Python cannot be imitated: its copy says {prefix.stdout or prefix.stderr}")
    return python


def test_a_second_run_adds_next_to_nothing(checkout):
    times = []  # of the processor: what else the machine does is not counted
    for _ in range(3):
        before = os.times()
        assert bootstrap(checkout, "python", "-S", "-c", "pass").returncode == 0
        times.append(sum(os.times()[2:4]) - sum(before[2:4]))
    assert min(times) < 0.3, times


def test_the_exit_code_and_the_arguments_are_the_commands(checkout):
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    done = bootstrap(checkout, "python", "-c", code, "a b", "--dev", "")
    assert (done.returncode, done.stdout) == (7, "['a b', '--dev', '']\n")


def test_the_command_runs_where_the_user_stands(checkout, tmp_path):
    done = bootstrap(checkout, "python", "-c", "import os; print(os.getcwd())", cwd=tmp_path)
    assert done.stdout.strip() == str(tmp_path.resolve())


def test_a_signal_reaches_the_command(checkout):
    code = "import signal, time; print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [BASE, checkout / "bootstrap.py", "python", "-c", code], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.stdout.close()


def test_an_unknown_command_says_what_is_missing(checkout):
    done = bootstrap(checkout, "pytest")
    assert done.returncode == 69
    assert 'no command "pytest"' in done.stderr
    assert "bootstrap.py --dev" in done.stderr


def test_every_plugin_of_the_checkout_that_trading_needs_is_installed(checkout):
    done = bootstrap(checkout, "framework", "plugins", "list", "--json")
    found = json.loads(done.stdout)
    assert found["broken"] == []
    names = {plugin["distribution"] for plugin in found["plugins"]}
    projects = [p for p in checkout.glob("plugins/*/*/pyproject.toml") if p.parts[-3] != "research"]
    folders = [p.parent.name for p in projects if "entry-points.framework" in p.read_text(encoding="utf-8")]
    assert folders
    assert {f"framework-{name.replace('_', '-')}" for name in folders} <= names


def test_the_libraries_of_research_stay_out_of_a_trading_environment(checkout):
    assert list(checkout.glob("plugins/research/*/pyproject.toml"))
    done = bootstrap(checkout, "python", "-m", "pip", "list", "--format", "json")
    names = {package["name"] for package in json.loads(done.stdout)}
    assert "framework-vwap" in names
    assert not names & {"framework-models", "scikit-learn", "xgboost-cpu", "onnxruntime", "optuna", "shap"}


def test_dev_installs_research_plugins_too(tmp_path):
    folder = thin(tmp_path / "dev")
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n[dependency-groups]\ndev = []\n")
    for kind in ("risk", "research"):
        plugin = folder / "plugins" / kind / "own"
        (plugin / f"own_{kind}").mkdir(parents=True)
        (plugin / f"own_{kind}" / "__init__.py").write_text("")
        (plugin / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
            f'[project]\nname = "own-{kind}"\nversion = "0"\n'
        )
    assert bootstrap(folder, "python", "-c", "import own_risk").returncode == 0
    assert bootstrap(folder, "python", "-c", "import own_research").returncode == 1
    done = bootstrap(folder, "--dev", "python", "-c", "import own_risk, own_research")
    assert done.returncode == 0, done.stderr
    assert "making" not in done.stderr
    again = bootstrap(folder, "python", "-c", "import own_research")
    assert (again.returncode, again.stderr) == (0, ""), "what --dev added stays"


def test_a_new_plugin_folder_is_noticed_and_a_removed_one_too(tmp_path, checkout):
    folder = checkout / "plugins" / "risk" / "limits"
    away = tmp_path / "limits"
    shutil.move(folder, away)
    try:
        done = bootstrap(checkout, "framework", "plugins", "list", "--json")
        assert "installing" in done.stderr
        found = json.loads(done.stdout)
        assert found["broken"] == []
        assert "framework-limits" not in {plugin["distribution"] for plugin in found["plugins"]}
    finally:
        shutil.move(away, folder)
    done = bootstrap(checkout, "framework", "plugins", "list", "--json")
    assert "making" not in done.stderr, "only what changed is installed again"
    assert "framework-limits" in {plugin["distribution"] for plugin in json.loads(done.stdout)["plugins"]}


def test_an_interrupted_environment_is_made_again(tmp_path):
    folder = thin(tmp_path / "interrupted")
    process = subprocess.Popen(
        [BASE, folder / "bootstrap.py", "python", "-c", "import framework"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "installing" not in process.stderr.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (folder / ".venv").is_dir()

    done = bootstrap(folder, "python", "-c", "import framework")
    assert done.returncode == 0, done.stderr
    assert "making" in done.stderr


def test_a_control_c_is_no_traceback(tmp_path):
    folder = thin(tmp_path / "interrupted")
    process = subprocess.Popen(
        [BASE, folder / "bootstrap.py", "python", "-c", "import framework"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "making" not in process.stderr.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "bootstrap: interrupted" in said
    assert 'bootstrap.py", line' not in said


def test_an_externally_managed_python_without_ensurepip_serves(tmp_path):
    folder = thin(tmp_path / "managed")
    python = imitation(tmp_path / "system", without={"ensurepip"})
    done = bootstrap(folder, "python", "-c", "import framework", python=python)
    assert done.returncode == 0, done.stderr
    pip = bootstrap(folder, "python", "-m", "pip", "--version")
    assert str(folder) in pip.stdout, "the environment has a pip of its own"


def test_a_python_with_neither_ensurepip_nor_pip_is_told_what_to_install(tmp_path):
    folder = thin(tmp_path / "bare")
    python = imitation(tmp_path / "system", without={"ensurepip", "site-packages"})
    done = bootstrap(folder, "python", "-c", "import framework", python=python)
    assert done.returncode == 69
    assert "apt install python3.13-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_python_finds_the_one_that_is_named(tmp_path):
    old = next((p for v in range(8, 13) if (p := shutil.which(f"python3.{v}")) and runs(p)), None)
    if old is None:
        pytest.skip("no Python from 3.8 to 3.12 here")
    folder = thin(tmp_path / "old")
    beside = tmp_path / "bin"
    beside.mkdir()
    (beside / "python3.13").symlink_to(BASE)
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / "python3.13").write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2; exit 127\n")
    (dead / "python3.13").chmod(0o755)
    path = f"{dead}{os.pathsep}{beside}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = bootstrap(folder, "python", "-c", "import sys; print(sys.version_info[:2])", python=old, PATH=path)
    assert (done.returncode, done.stdout) == (0, "(3, 13)\n"), done.stderr


def test_no_python_of_that_version_is_an_error_with_a_remedy(tmp_path):
    folder = thin(tmp_path / "none")
    (folder / ".python-version").write_text("3.99\n")
    done = bootstrap(folder, "python", "-c", "import framework", PATH="/usr/bin:/bin")
    assert done.returncode == 69
    assert "no Python 3.99 found" in done.stderr
    assert "uv python install 3.99" in done.stderr


def test_an_unreachable_index_is_named_as_such(tmp_path):
    folder = thin(tmp_path / "offline")
    done = bootstrap(
        folder,
        "python",
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_CACHE_DIR="1",
        PIP_RETRIES="0",
        PIP_INDEX_URL="http://127.0.0.1:9/",
        PIP_FIND_LINKS="",
    )
    assert done.returncode == 69
    assert "the package index cannot be reached" in done.stderr


def test_somebody_elses_environment_is_left_alone(tmp_path):
    folder = thin(tmp_path / "taken")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").write_text("home = elsewhere\n")
    done = bootstrap(folder, "python", "-c", "import framework")
    assert done.returncode == 69
    assert "made by something else" in done.stderr
    assert (folder / ".venv" / "pyvenv.cfg").read_text() == "home = elsewhere\n"


def runs(python):
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
