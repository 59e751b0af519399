"""`keyring:SERVICE/NAME`, with the library `keyring` and a backend that keeps its entries in a file."""

import json
import os
import subprocess
import sys

import pytest

CANARY = "hunter2-CANARY-hunter2"
BACKEND = """
import json, os, pathlib
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

FILE = pathlib.Path(os.environ["FILED_KEYRING"])


class Filed(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        if service == "locked":
            raise KeyringLocked("the user did not unlock it")
        entries = json.loads(FILE.read_text()) if FILE.exists() else {}
        if service == "angry":
            raise RuntimeError(f"what I know is {entries}")
        return entries.get(f"{service} {username}")

    def set_password(self, service, username, password):
        entries = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps(entries | {f"{service} {username}": password}))
"""
LOOK = """
import json, sys
from framework import ConfigError, Secret
from framework.secret import Mask

found = {}
for reference in sys.argv[1:]:
    try:
        secret = Secret(reference)
        value = secret.reveal()
        found[reference] = [value[::-1], Mask([secret])(f"is {value}")]
    except ConfigError as error:
        found[reference] = str(error)
print(json.dumps(found))
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "filed.py").write_text(BACKEND)

    def call(*command, backend="filed.Filed", given=None):
        environment = os.environ | {
            "PYTHONPATH": str(tmp_path),
            "FILED_KEYRING": str(tmp_path / "entries.json"),
            "PYTHON_KEYRING_BACKEND": backend,
        }
        done = subprocess.run(
            [sys.executable, *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        assert "CANARY" not in done.stdout + done.stderr
        return done.stdout

    return call


def look(run, *references, before="", **options):
    return json.loads(run("-c", before + LOOK, *references, **options))


def test_what_keyring_keeps_is_found_under_its_service_and_name(run):
    run("-m", "keyring", "set", "binance", "key", given=CANARY)
    run("-m", "keyring", "set", "https://broker.example/api", "me", given=CANARY)
    run("-m", "keyring", "set", "empty", "key", given=" ")
    services = ("keyring:binance/key", "keyring:https://broker.example/api/me")
    found = look(
        run,
        *services,
        "keyring:binance/other",
        "keyring:empty/key",
        "keyring:locked/key",
        "keyring:angry/key",
    )
    for reference in services:
        assert found[reference] == [CANARY[::-1], f"is [{reference}]"]
    assert found["keyring:binance/other"].startswith("keyring:binance/other: the keyring holds nothing there")
    assert "keyring set binance other" in found["keyring:binance/other"]
    assert "holds an empty text" in found["keyring:empty/key"]
    assert "the keyring is locked" in found["keyring:locked/key"]
    assert "Unlock it" in found["keyring:locked/key"]
    assert "its backend raised RuntimeError" in found["keyring:angry/key"]
    assert "keyring diagnose" in found["keyring:angry/key"]


@pytest.mark.parametrize(
    ("backend", "says", "remedy"),
    [
        ("keyring.backends.fail.Keyring", "this process has no keyring", "use env: or vault:"),
        ("keyring.backends.null.Keyring", "the keyring holds nothing there", "keyring set binance key"),
        ("no_such_module.Keyring", "its backend raised ModuleNotFoundError", "keyring diagnose"),
        ("filed.NoSuchClass", "its backend raised AttributeError", "keyring diagnose"),
    ],
)
def test_a_keyring_that_is_not_there_is_told_with_what_to_do(run, backend, says, remedy):
    said = look(run, "keyring:binance/key", backend=backend)["keyring:binance/key"]
    assert said.startswith("keyring:binance/key: ")
    assert says in said
    assert remedy in said


def test_without_the_library_it_is_said_which_extra_to_install(run):
    before = "import sys; sys.modules['keyring'] = None\n"
    said = look(run, "keyring:binance/key", before=before)["keyring:binance/key"]
    assert 'pip install "framework[keyring]"' in said
