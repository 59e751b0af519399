"""What a reader copies out of the README works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import framework_models
import msgspec
import pytest
from framework_models.recipe import Recipe
from framework_models.registry import Registry

from framework import read_settings
from framework.testkit import ReadmeKit

README = Path(__file__).parents[1] / "README.md"


class TestReadme(ReadmeKit):
    folder = README.parent
    specs = tuple(framework_models.register_filters())

    @pytest.fixture(autouse=True)
    def _registry(self, tmp_path, monkeypatch, trained, signing, signing_file):
        """What its node names is there, relative to the folder the kit writes the node to."""
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setattr("tempfile.TemporaryDirectory", lambda: Here(tmp_path))
        manifest = msgspec.structs.replace(trained.manifest, name="eurusd-hourly")
        Registry(tmp_path / "registry").add(manifest, trained.model, signing[0])
        shutil.copy(f"{signing_file}.pub", tmp_path / "model.key.pub")

    def _surroundings(self, market):
        return {**super()._surroundings(market), "start": "2024-01-01"}


class Here:
    """A folder that is there already, and stays."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        return str(self.folder)

    def __exit__(self, *error):
        return None


def test_its_recipe_is_one(tmp_path):
    (recipe,) = re.findall(r"```yaml\n(name:.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "train.yaml").write_text(recipe)
    assert read_settings(tmp_path / "train.yaml", Recipe).name == "eurusd-hourly"


def test_every_feature_is_in_its_table_with_its_defaults():
    from typing import get_args

    from framework_models.features import FeatureEntry

    table = README.read_text().split("| `use` | settings | columns |")[1].split("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(FeatureEntry.__value__)}
    assert told.keys() == kinds.keys()
    for name, kind in kinds.items():
        for field in msgspec.structs.fields(kind):
            if field.name in {"every", "means", "deviations", "transitions"}:
                continue
            assert f"`{field.encode_name}`" in told[name], name
            if field.default is not msgspec.NODEFAULT and field.default is not None:
                shown = f'"{field.default}"' if ":" in str(field.default) else str(field.default)
                assert f"`{field.encode_name}` {shown}" in told[name], (name, field.encode_name)


def test_every_setting_of_a_model_over_a_window_is_in_its_table():
    from framework_models.sequences import Cnn1d, Lstm, Transformer

    table = README.read_text().split("## Models over a window")[1].split("\n\n- ")[0]
    told = set(re.findall(r"`(\w+)`", table))
    for kind in (Lstm, Cnn1d, Transformer):
        assert {field.encode_name for field in msgspec.structs.fields(kind)} <= told, kind
