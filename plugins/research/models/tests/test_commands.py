"""`framework model` as a user types it."""

from __future__ import annotations

import json

import pytest
from framework_models.commands import build
from typer.testing import CliRunner

from framework import CheckFailed, ConfigError, DataError, FrameworkError
from framework.testkit import simulate

RECIPE = """\
name: tried
catalog: catalog
bars: EUR/USD.SIM-1-HOUR-LAST-EXTERNAL
end: "2024-12-31"
features:
  - {use: rsi}
  - {use: z_score, period: 20, every: 2h}
label: {use: triple_barrier, horizon: 6}
model: {use: linear}
validation: {folds: 4, embargo: 10}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recipe beside a catalog, a key and a trained model."""
    home = tmp_path_factory.mktemp("research")
    simulate(home / "catalog", ("EURUSD",), step="1-HOUR", length=900)
    (home / "train.yaml").write_text(RECIPE)
    assert run("keygen", home / "my.key").exit_code == 0
    done = run(
        "train", home / "train.yaml", "--key", home / "my.key", "--registry", home / "registry", "--json"
    )
    assert done.exit_code == 0, done.output
    return home, json.loads(done.stdout)


def run(*words):
    return CliRunner().invoke(build(), [str(word) for word in words])


def refusal(*words):
    """What the command line prints and turns into an exit code."""
    error = run(*words).exception
    assert isinstance(error, FrameworkError), error
    return error


def test_training_leaves_a_signed_model_and_pictures_and_says_how_it_was_judged(folder):
    home, said = folder
    model = home / "registry" / said["id"]
    assert {path.name for path in model.iterdir()} == {
        "manifest.json",
        "manifest.sig",
        "model.onnx",
        "importance.png",
        "reliability.png",
        "shap_down.png",
        "shap_up.png",
    }
    for picture in model.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
        assert picture.stat().st_size > 10_000
    assert said["knows_until"].startswith("2024-02-07")
    assert 0.4 < said["scores"]["auc_up"] < 0.75


def test_list_and_show_say_what_there_is(folder):
    home, said = folder
    (row,) = json.loads(run("list", "--registry", home / "registry", "--json").stdout)
    assert (row["id"], row["name"], row["newest"]) == (said["id"], "tried", True)
    shown = json.loads(run("show", "tried", "--registry", home / "registry", "--json").stdout)
    assert shown["manifest"]["columns"] == ["rsi_14", "z_score_20@2h"]
    assert len(shown["pictures"]) == 4
    assert "knows until" in run("show", "tried", "--registry", home / "registry").stdout
    assert said["id"][:12] in run("list", "--registry", home / "registry").stdout


def test_verify_tells_a_sound_model_from_a_changed_one(folder, tmp_path):
    import shutil

    home, said = folder
    words = ("--trust", home / "my.key.pub")
    sound = run("verify", *words, "--registry", home / "registry")
    assert sound.exit_code == 0
    assert "sound: signed, unchanged, loads" in sound.stdout
    shutil.copytree(home / "registry", tmp_path / "registry")
    file = tmp_path / "registry" / said["id"] / "model.onnx"
    file.write_bytes(file.read_bytes() + b"x")
    error = refusal("verify", *words, "--registry", tmp_path / "registry")
    assert isinstance(error, CheckFailed)
    assert error.message == "1 of 1 models refused"
    as_json = run("verify", "tried", *words, "--registry", tmp_path / "registry", "--json")
    assert as_json.exit_code == CheckFailed.exit_code
    assert "is not the file that was signed" in json.loads(as_json.stdout)[0]["error"]
    assert "is not the file that was signed" in run("list", "--registry", tmp_path / "registry").stdout


def test_a_dry_run_says_what_there_is_and_writes_nothing(folder, tmp_path):
    home, _ = folder
    done = run(
        "train", home / "train.yaml", "--key", home / "my.key", "--registry", tmp_path / "none", "--dry-run"
    )
    assert done.stdout.startswith("would train on ")
    assert not (tmp_path / "none").exists()


def test_training_again_makes_the_same_model(folder):
    home, said = folder
    again = run(
        "train",
        home / "train.yaml",
        "--key",
        home / "my.key",
        "--registry",
        home / "registry",
        "--json",
        "--no-pictures",
    )
    assert json.loads(again.stdout)["id"] == said["id"]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (("use: rsi", "use: rsj"), ConfigError, "rsj"),
        (("period: 20", "perod: 20"), ConfigError, r"wrong\.yaml:7:.*perod"),
        (("2024-12-31", "2024-13-31"), ConfigError, "2024-13-31"),
        (("catalog: catalog", "catalog: nowhere"), DataError, "no catalog at"),
        (("2024-12-31", "2023-12-31"), DataError, "no bars of"),
        (("name: tried", "name: ../tried"), ConfigError, "name"),
        (("{use: rsi}", "{use: rsi}\n  - {use: rsi, period: 14}"), ConfigError, "rsi_14 is named twice"),
    ],
)
def test_a_wrong_recipe_is_an_error_with_a_place(folder, tmp_path, change, kind, message):
    home, _ = folder
    file = home / "wrong.yaml"
    file.write_text(RECIPE.replace(*change))
    error = refusal("train", file, "--key", home / "my.key", "--registry", tmp_path / "none")
    assert type(error) is kind
    import re

    assert re.search(message, str(error)), error


def test_no_key_and_no_model_are_errors_that_say_what_makes_one(folder, tmp_path):
    home, _ = folder
    error = refusal("train", home / "train.yaml", "--key", tmp_path / "none")
    assert "keygen" in str(error)
    assert "means no models" in str(refusal("show", "nobody", "--registry", home / "registry"))
    assert "no models in" in str(refusal("verify", "--trust", home / "my.key.pub", "--registry", tmp_path))
    assert "no models in" in run("list", "--registry", tmp_path).stdout
