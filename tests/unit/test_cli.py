"""The command line: what it prints, what it writes, and the code it ends with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from framework import bundle as bundles
from framework import cli
from framework.cli import installed as installed_module
from framework.compose import compose
from framework.config import load

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "catalog" / "sample"
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


def node(**changes):
    base = {
        "catalog": str(SAMPLE),
        "start": "2017-03-01",
        "end": "2017-03-31",
        "venues": [
            {
                "name": "SIM",
                "use": "simulated",
                "config": {"account_type": "margin", "balances": ["100000 USD"], "fees": {"model": "none"}},
            }
        ],
        "data": [{"bars": BARS}],
        "strategies": [
            {"id": "fade", "use": "mean_reversion", "config": {"bar_types": [BARS], "quantity": "1000"}}
        ],
        "log": {"level": "off"},
    }
    return base | changes


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "desk" / "node.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(node()))
    return path


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def framework(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(ended.value.code or 0, captured.out, captured.err)

    return run


def test_check_says_ok_and_counts(framework, file):
    done = framework("node", "check", file)
    assert done.code == 0
    assert "ok (1 venue, 1 strategy, 0 risk rules, 1 data stream)" in done.out
    assert framework("node", "check", file, "--json").json["strategies"] == ["fade"]


def test_an_error_is_one_message_with_a_place_and_no_traceback(framework, file):
    file.write_text(yaml.safe_dump(node(strategies=[{"id": "a", "use": "mean_revresion"}])))
    done = framework("node", "check", file)
    assert done.code == 3
    assert 'no strategy "mean_revresion"; did you mean "mean_reversion"?' in done.err
    assert "Traceback" not in done.err
    as_json = framework("node", "check", file, "--json")
    assert as_json.code == 3
    assert as_json.json["error"] == "PluginNotFound"
    assert as_json.json["path"] == "strategies[0].use"


def test_explain_fills_in_every_default(framework, file):
    told = framework("node", "explain", file, "--json").json
    assert told["strategies"][0]["config"]["lookback"] == 50
    assert "fade: mean_reversion" in framework("node", "explain", file).out


def test_run_prints_a_summary_and_leaves_a_report(framework, file):
    done = framework("node", "run", file)
    assert done.code == 0, done.err
    (folder,) = [path for path in (file.parent / "reports").iterdir() if not path.is_symlink()]
    assert {path.name for path in folder.iterdir()} >= {
        "report.html",
        "result.json",
        "orders.parquet",
        "fills.parquet",
        "positions.parquet",
        "bundle.json",
        "node.yaml",
    }


def test_run_json_is_only_json_and_runs_agree(framework, file):
    first, second = (framework("node", "run", file, "--json").json for _ in range(2))
    assert first["result_hash"] == second["result_hash"]
    assert first["report"] != second["report"]
    keys = {"instruments", "start", "end", "bars", "orders", "fills", "denials", "statistics", "report"}
    assert keys <= first.keys()
    assert first["instruments"] == ["EUR/USD.SIM"]
    assert first["bars"] > 500
    assert first["fills"] > 0


def test_quiet_prints_nothing(framework, file):
    done = framework("node", "run", file, "--quiet")
    assert (done.code, done.out) == (0, "")


def test_report_and_catalog_can_be_elsewhere(framework, file, tmp_path):
    done = framework("node", "run", file, "--json", "--report", tmp_path / "out", "--catalog", SAMPLE)
    assert Path(done.json["report"]).parent == tmp_path / "out"


def test_the_page_can_be_left_out(framework, file):
    file.write_text(yaml.safe_dump(node(report={"html": False, "directory": "here"})))
    folder = Path(framework("node", "run", file, "--json").json["report"])
    assert folder.parent == file.parent / "here"
    assert not (folder / "report.html").exists()


def test_dry_run_checks_the_data_and_writes_nothing(framework, file):
    done = framework("node", "run", file, "--dry-run", "--json")
    assert done.json["rows"]["bars"] > 500
    assert "would run on 5" in framework("node", "run", file, "--dry-run").out
    assert not (file.parent / "reports").exists()


def test_a_run_without_data_is_a_data_error(framework, file):
    file.write_text(yaml.safe_dump(node(start="2031-01-01", end="2031-02-01")))
    done = framework("node", "run", file, "--json")
    assert done.code == 5
    assert done.json["error"] == "DataError"


def test_a_bundle_repeats_its_run_wherever_it_lies(framework, file, tmp_path):
    made = framework("node", "run", file, "--json").json
    again = framework("node", "run", "--bundle", made["report"], "--json")
    assert again.code == 0, again.out
    assert again.json["result_hash"] == made["result_hash"]
    moved = tmp_path / "desk" / "kept"
    shutil.copytree(made["report"], moved)
    elsewhere = framework(
        "node", "run", "--bundle", moved, "--catalog", SAMPLE, "--report", tmp_path / "r", "--json"
    )
    assert elsewhere.json["result_hash"] == made["result_hash"]
    assert "The run repeated" in framework("node", "run", "--bundle", made["report"]).out


def test_a_bundle_names_its_catalog_and_reports_relative_to_itself(framework, file):
    folder = Path(framework("node", "run", file, "--json").json["report"])
    kept = yaml.safe_load((folder / "node.yaml").read_text())
    assert (folder / kept["catalog"]).resolve() == SAMPLE
    assert kept["report"]["directory"] == ".."
    assert all(
        not Path(name).is_absolute() for name in json.loads((folder / "bundle.json").read_text())["data"]
    )


def changed(folder, change):
    facts = json.loads((folder / "bundle.json").read_text())
    change(facts)
    (folder / "bundle.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda facts: facts["versions"].update(framework="0.0.1"), 4, "framework was 0.0.1, is 0.1.0"),
        (
            lambda facts: facts["versions"].update({"framework-gone": "1.0"}),
            4,
            "framework-gone was 1.0, is absent",
        ),
        (
            lambda facts: facts["data"].update(dict.fromkeys(facts["data"], "0" * 64)),
            5,
            "not the data the run was made on",
        ),
        (lambda facts: facts.update(result_hash="0" * 64), 7, "the run did not repeat"),
        (lambda facts: facts.update(surprise=1), 2, "not a run bundle"),
    ],
)
def test_a_bundle_that_cannot_repeat_says_why(framework, file, change, code, says):
    folder = Path(framework("node", "run", file, "--json").json["report"])
    changed(folder, change)
    done = framework("node", "run", "--bundle", folder)
    assert done.code == code
    assert says in done.err


def test_a_folder_without_a_bundle_is_a_config_error(framework, tmp_path):
    done = framework("node", "run", "--bundle", tmp_path)
    assert done.code == 2
    assert "no run bundle" in done.err


def test_run_wants_one_file_or_one_bundle(framework, file):
    assert framework("node", "run").code == 2
    assert framework("node", "run", file, "--bundle", file.parent).code == 2


def test_an_unknown_mode_is_a_config_error(framework, file):
    done = framework("node", "check", file, "--mode", "demo")
    assert done.code == 2
    assert "One of: backtest, paper, live." in done.err


def test_live_is_refused_while_no_venue_supports_it(framework, file):
    done = framework("node", "run", file, "--mode", "live")
    assert done.code == 4
    assert "supports: backtest, paper." in done.err


def test_plugins_are_listed_shown_and_examined(framework):
    listed = framework("plugins", "list", "--json").json
    assert {"kind": "venue", "name": "simulated"}.items() <= {
        key: value
        for plugin in listed["plugins"]
        if plugin["name"] == "simulated"
        for key, value in plugin.items()
    }.items()
    assert "mean_reversion" in framework("plugins", "list").out
    assert {p["kind"] for p in framework("plugins", "list", "--kind", "risk", "--json").json["plugins"]} == {
        "risk"
    }
    assert "lookback" in framework("plugins", "show", "mean_reversion").out
    (shown,) = framework("plugins", "show", "mean_reversion", "--json").json
    assert shown["offers"][0]["settings"][0]["name"] == "bar_types"
    assert framework("plugins", "show", "nothing").code == 3
    assert "all load" in framework("plugins", "doctor").out
    assert framework("plugins", "doctor", "--json").json["broken"] == []


@pytest.fixture
def with_broken_plugins(monkeypatch):
    """An installation with one broken plugin and one name offered twice."""
    from framework import plugins

    class Point:
        def __init__(self, name, distribution, loaded):
            self.name, self.value, self.loaded = name, name, loaded
            self.dist = type("D", (), {"name": distribution, "version": "1", "requires": []})()

        def load(self):
            if isinstance(self.loaded, Exception):
                raise self.loaded
            return self.loaded

    import framework_mean_reversion

    class Again:
        register_strategies = staticmethod(framework_mean_reversion.register_strategies)

    def swap(*points):
        found = plugins.load(found=points)
        monkeypatch.setattr(installed_module, "installed", lambda: found)

    good, twice = Point("mean_reversion", "one", framework_mean_reversion), Point("again", "two", Again())
    return swap, good, twice, Point("broken", "three", ImportError("no module named lost"))


def test_doctor_tells_broken_and_doubled_plugins_with_an_error_code(framework, with_broken_plugins):
    swap, good, twice, broken = with_broken_plugins
    swap(good, broken)
    done = framework("plugins", "doctor")
    assert done.code == 3
    assert "no module named lost" in done.err
    assert framework("plugins", "doctor", "--json").code == 3
    assert "broken" in framework("plugins", "list").out
    shown = framework("plugins", "show", "broken")
    assert "Traceback" in shown.out
    swap(good, twice)
    done = framework("plugins", "doctor")
    assert done.code == 3
    assert "mean_reversion: one, two" in done.err


def test_help_names_every_group(framework):
    done = framework("--help")
    assert done.code == 0
    for group in ("node", "plugins", "data", "report", "new"):
        assert group in done.out
    assert framework("node", "--help").code == 0


def test_version(framework):
    assert framework("--version").out.strip() == "framework 0.1.0"


def test_an_unknown_command_is_a_usage_error(framework):
    assert framework("nod").code == 2


def test_a_plugins_command_is_a_group_like_the_others(framework, monkeypatch):
    import typer

    from framework import CommandSpec, hookimpl, plugins

    def build():
        group = typer.Typer()

        @group.callback()
        def root():
            """Greetings."""

        @group.command()
        def hello():
            typer.echo("hello from a plugin")

        return group

    class Offers:
        @hookimpl
        def register_commands(self):
            return [CommandSpec(name="greet", app=build, summary="Says hello.")]

    class Point:
        name, value, dist = (
            "greet",
            "greet",
            type("D", (), {"name": "greet", "version": "1", "requires": []})(),
        )

        def load(self):
            return Offers()

    found = plugins.load(found=[Point()])
    monkeypatch.setattr(installed_module, "installed", lambda: found)
    assert "Says hello." in framework("--help").out
    assert framework("greet", "hello").out.strip() == "hello from a plugin"


def test_a_hook_that_fails_after_the_run_does_not_mask_the_result(framework, file, monkeypatch):
    from framework import hookimpl, plugins

    class Observer:
        started = []

        @hookimpl
        def run_started(self, plan, node):
            self.started.append(plan.name)

        @hookimpl
        def run_finished(self, plan, result):
            raise RuntimeError(f"saw {len(result.fills)} fills in {result.report.name}")

    class Point:
        name, value, dist = (
            "watch",
            "watch",
            type("D", (), {"name": "watch", "version": "1", "requires": []})(),
        )

        def load(self):
            return Observer()

    from importlib.metadata import entry_points

    found = plugins.load(found=[*entry_points(group="framework"), Point()])
    monkeypatch.setattr(installed_module, "installed", lambda: found)
    done = framework("node", "run", file, "--json")
    assert done.code == 0
    assert done.json["fills"] > 0
    assert Observer.started == ["desk"]
    assert "a run_finished hook failed: RuntimeError: saw" in done.err


def command(*arguments, **options):
    return [sys.executable, "-c", "from framework.cli import main; main()", *map(str, arguments)]


def test_it_runs_from_any_folder(file, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        command("node", "run", file, "--json"),
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["report"]).parent == file.parent / "reports"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_hash_is_the_same_in_fresh_processes_with_other_hash_seeds(file):
    hashes = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            command("node", "run", file, "--json"),
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.add(json.loads(done.stdout)["result_hash"])
    assert len(hashes) == 1


def test_ctrl_c_ends_a_run_at_once_with_no_report_and_no_traceback(tmp_path):
    """A strategy that writes a file on its first bar tells the test that the run is under way."""
    package = tmp_path / "slow_plugin"
    package.mkdir()
    (package / "slow_plugin.py").write_text(
        "import time, pathlib\n"
        "from nautilus_trader.model import BarType\n"
        "from nautilus_trader.trading import Strategy\n"
        "from framework import PluginConfig, StrategySpec, hookimpl\n"
        "class Config(PluginConfig, frozen=True, kw_only=True):\n"
        "    bar_type: BarType\n"
        "    flag: str\n"
        "class Slow(Strategy):\n"
        "    def on_start(self):\n"
        "        self.subscribe_bars(self.config.bar_type)\n"
        "    def on_bar(self, bar):\n"
        "        pathlib.Path(self.config.flag).touch()\n"
        "        time.sleep(0.05)\n"
        "@hookimpl\n"
        "def register_strategies():\n"
        "    return [StrategySpec(name='slow', strategy=Slow, config=Config)]\n"
    )
    info = package / "slow_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nslow = slow_plugin\n")
    flag = tmp_path / "running"
    path = tmp_path / "node.yaml"
    path.write_text(
        yaml.safe_dump(
            node(strategies=[{"id": "slow", "use": "slow", "config": {"bar_type": BARS, "flag": str(flag)}}])
        )
    )
    running = subprocess.Popen(
        command("node", "run", path),
        env=os.environ | {"PYTHONPATH": str(package)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, (out, err)
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (tmp_path / "reports").exists()


def test_a_failing_strategy_ends_with_its_own_traceback_and_no_report(tmp_path):
    path = tmp_path / "node.yaml"
    path.write_text(yaml.safe_dump(node()))
    code = (
        "import framework_mean_reversion.strategy as s\n"
        "def broken(self, bar): raise LookupError('lost my way')\n"
        f"s.{'MeanReversion'}.on_bar = broken\n"
        "from framework.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "node", "run", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 6
    assert "lost my way" in done.stderr
    assert "in broken" in done.stderr
    assert "RunError: strategy fade, on_bar: LookupError: lost my way" in done.stderr
    assert not (tmp_path / "reports").exists()


def test_a_reader_that_goes_away_is_no_error(file):
    told = subprocess.Popen(
        command("node", "explain", file, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    told.stdout.close()
    assert b"Traceback" not in told.stderr.read()
    told.stderr.close()
    assert told.wait(timeout=60) in {0, 1}


def test_resolved_config_of_a_bundle_composes_to_the_same_plan(framework, file):
    folder = Path(framework("node", "run", file, "--json").json["report"])
    kept = bundles.read(folder)
    first = compose(load(file), installed_module.installed())
    second = compose(load(kept.node), installed_module.installed())
    assert second.catalog == first.catalog
    assert second.report == first.report
    assert second.strategies[0].config == first.strategies[0].config
    assert second.venues[0].config == first.venues[0].config
    assert (second.name, second.start, second.end) == (first.name, first.start, first.end)


def test_stdout_is_only_json_however_much_the_engine_says(file):
    file.write_text(yaml.safe_dump(node(log={"level": "info"})))
    done = subprocess.run(command("node", "run", file, "--json"), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["fills"] > 0
    assert "OrderFilled" in done.stderr


def test_a_closed_stdout_does_not_stop_a_run(file):
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command("node", "run", file, "--quiet")],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (file.parent / "reports" / "latest" / "result.json").is_file()


def test_a_report_that_cannot_be_written_is_known_before_the_run(framework, file):
    (file.parent / "reports").write_text("in the way")
    done = framework("node", "run", file, "--json")
    assert done.code == 6
    assert "no folder" in done.json["message"]
    assert (file.parent / "reports").read_text() == "in the way"


def test_what_a_file_says_cannot_drive_the_terminal(framework, file):
    file.write_text(yaml.safe_dump(node(strategies=[{"id": "a", "use": "\x1b[31mred\x1b]0;title\x07"}])))
    done = framework("node", "check", file)
    assert done.code == 3
    assert "\x1b" not in done.err
    assert "\\x1b[31mred" in done.err


def test_what_a_plugin_prints_while_it_loads_is_no_result(tmp_path):
    (tmp_path / "talks.py").write_text("print('hello from an import')\n")
    info = tmp_path / "talks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: talks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\ntalks = talks\n")
    done = subprocess.run(
        command("plugins", "list", "--json"),
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["plugins"]
    assert "hello from an import" in done.stderr


def test_python_dash_m_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "framework", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "framework 0.1.0"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout_is_said_in_words(file):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("node", "explain", file, "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hook_that_cannot_start_stops_the_run(framework, file, monkeypatch):
    from importlib.metadata import entry_points

    from framework import hookimpl, plugins

    class Refuses:
        @hookimpl
        def run_started(self, plan, node):
            raise ConnectionError("no dashboard")

    class Point:
        name, value, dist = "dash", "dash", type("D", (), {"name": "dash", "version": "1", "requires": []})()

        def load(self):
            return Refuses()

    found = plugins.load(found=[*entry_points(group="framework"), Point()])
    monkeypatch.setattr(installed_module, "installed", lambda: found)
    done = framework("node", "run", file)
    assert done.code == 6
    assert "a run_started hook failed: ConnectionError: no dashboard" in done.err
