"""The stand-in beside the official wheel, which is read as text and never imported."""

import ast
import subprocess
import sys
import zipfile

import framework_mt5_terminal as mt5
import pytest

pytestmark = pytest.mark.fresh


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The official wheel for Windows, as pip gives it."""
    folder = tmp_path_factory.mktemp("official")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--platform", "win_amd64", "--python-version", "313", "--dest", str(folder), "MetaTrader5"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        names = archive.namelist()
        text = archive.read("MetaTrader5/__init__.py").decode()
        core = archive.read(next(name for name in names if name.endswith(".pyd")))
    return text, core


def constants(text):
    """Every upper-case name that the text gives a number, and the number."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id.isupper():
            found[node.targets[0].id] = eval(ast.unparse(node.value), {"__builtins__": {}})  # noqa: S307
    return found


def test_every_constant_of_the_official_package_has_its_number_and_there_are_no_others(wheel):
    from framework_mt5_terminal import constants as own

    official = constants(wheel[0])
    assert len(official) > 200
    assert {name: getattr(own, name) for name in dir(own) if name.isupper()} == official


def test_every_field_of_every_record_occurs_in_the_official_binary_in_that_order(wheel):
    core = wheel[1]
    start = core.index(b"time_update_msc\0")
    for record in mt5.RECORDS:
        missing = [name for name in record._fields if name.encode() + b"\0" not in core]
        assert missing == [], record.__name__
    # The binary names fields where they first occur; a record whose fields are all its own shows its order.
    for record in (mt5.SymbolInfo, mt5.AccountInfo, mt5.TerminalInfo, mt5.TradeOrder):
        firsts = {name: core.index(b"\0" + name.encode() + b"\0", start - 200) for name in record._fields}
        own = [name for name in record._fields if firsts[name] > start and _only_in(name, record)]
        assert own == sorted(own, key=firsts.get), record.__name__


def _only_in(name, record):
    return all(name not in other._fields for other in mt5.RECORDS if other is not record)


def test_every_function_of_the_official_package_exists(wheel):
    core = wheel[1]
    for function in mt5.FUNCTIONS:
        assert function.__name__.encode() + b"\0" in core
    named = {f.__name__ for f in mt5.FUNCTIONS}
    for name in (
        "order_send",
        "history_deals_get",
        "copy_ticks_range",
        "market_book_add",
        "order_calc_profit",
    ):
        assert name in named
