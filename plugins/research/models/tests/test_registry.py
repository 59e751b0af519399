"""Nothing of a model runs before it is known to be the one that was signed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil

import msgspec
import pytest
from framework_models import keys, registry
from framework_models.filter import ModelFilterConfig, settle
from framework_models.predictor import Predictor
from framework_models.registry import LARGEST_MODEL, Registry

from framework import CheckFailed, CompositionError, ConfigError, Deployment


class Bomb:
    """What a pickle can do: on being loaded, it writes a file."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return (os.system, (f"touch '{self.proof}'",))


@pytest.fixture
def store(tmp_path, trained, signing):
    """A registry of its own with one model, and the folder of the model."""
    key, public = signing
    held = Registry(tmp_path / "registry")
    model_id = held.add(trained.manifest, trained.model, key)
    return held, held.folder / model_id, public


def signed_again(folder, key, model, **changes):
    """What an insider with the key could write: another file with a manifest that fits it."""
    content = json.loads((folder / "manifest.json").read_text())
    name = changes.pop("file", content["file"])
    content |= {
        "file": name,
        "file_sha256": hashlib.sha256(model).hexdigest(),
        "file_bytes": len(model),
        **changes,
    }
    text = json.dumps(content, indent=2).encode()
    home = folder.parent / hashlib.sha256(text).hexdigest()
    home.mkdir()
    (home / "manifest.json").write_bytes(text)
    (home / "manifest.sig").write_text(key.sign(text).hex())
    (home / (os.path.basename(name) or "nameless")).write_bytes(model)  # noqa: PTH119 - the name is hostile
    return home.name


def test_a_sound_model_opens_by_name_by_id_and_by_the_beginning_of_it(store, trained):
    held, folder, public = store
    for asked in (trained.manifest.name, folder.name, folder.name[:8]):
        checked = held.open(asked, public)
        assert (checked.id, checked.model, checked.manifest) == (folder.name, trained.model, trained.manifest)


def test_a_flipped_bit_anywhere_is_refused(store, trained):
    held, folder, public = store
    for name in ("manifest.json", "manifest.sig", trained.manifest.file):
        file = folder / name
        whole = file.read_bytes()
        for at in {0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2}:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(CheckFailed, match=r"model refused|not signed"):
                held.open(folder.name, public)
        file.write_bytes(whole)
    held.open(folder.name, public)


@pytest.mark.parametrize("change", ["cut", "longer", "empty", "gone", "folder"])
def test_a_file_that_is_not_whole_is_refused(store, trained, change):
    held, folder, public = store
    for name in ("manifest.json", "manifest.sig", trained.manifest.file):
        file = folder / name
        whole = file.read_bytes()
        file.unlink()
        if change == "folder":
            file.mkdir()
        elif change != "gone":
            file.write_bytes({"cut": whole[:-10], "longer": whole + b"ab", "empty": b""}[change])
        with pytest.raises(CheckFailed, match="model refused"):
            held.open(folder.name, public)
        shutil.rmtree(file) if change == "folder" else file.unlink(missing_ok=True)
        file.write_bytes(whole)


def test_a_pickle_in_place_of_the_model_is_refused_and_does_not_run(store, trained, tmp_path):
    held, folder, public = store
    proof = tmp_path / "proof"
    payload = pickle.dumps(Bomb(proof))
    (folder / trained.manifest.file).write_bytes(payload)
    with pytest.raises(CheckFailed, match="is not the file that was signed"):
        held.open(folder.name, public)
    assert not proof.exists()
    pickle.loads(payload)  # noqa: S301 - the payload is live: only its refusal kept it from running
    assert proof.exists()


@pytest.mark.parametrize("file", ["model.ubj", "model.onnx"])
def test_a_signed_pickle_with_the_extension_of_a_model_does_not_run_either(store, signing, tmp_path, file):
    held, folder, public = store
    proof = tmp_path / "proof"
    model_id = signed_again(folder, signing[0], pickle.dumps(Bomb(proof)), file=file)
    with pytest.raises(CheckFailed, match="does not begin like"):
        Predictor(held.open(model_id, public))
    assert not proof.exists()


@pytest.mark.parametrize(
    "file", ["model.pkl", "model.joblib", "../model.ubj", "/etc/passwd", "model.ubj.pkl", ""]
)
def test_a_signed_file_with_another_name_is_refused(store, signing, trained, file):
    held, folder, public = store
    model_id = signed_again(folder, signing[0], trained.model, file=file)
    with pytest.raises(CheckFailed, match="is no file of a model"):
        held.open(model_id, public)


@pytest.mark.parametrize("swap", [("model.ubj", b"{nonsense"), ("model.onnx", b"\x08\x08nonsense")])
def test_a_signed_file_that_is_no_model_is_refused_without_a_traceback(store, signing, swap):
    held, folder, public = store
    model_id = signed_again(folder, signing[0], swap[1], file=swap[0])
    with pytest.raises(CheckFailed, match="cannot be loaded"):
        Predictor(held.open(model_id, public))


def test_a_huge_file_is_refused_without_being_read(store, trained):
    held, folder, public = store
    with (folder / trained.manifest.file).open("r+b") as file:
        file.truncate(40 * 2**30)  # sparse: it takes no room on the disk, and more than there is in memory
    with pytest.raises(CheckFailed, match=f"larger than {LARGEST_MODEL:,} bytes"):
        held.open(folder.name, public)


def test_somebody_elses_signature_is_refused(store, tmp_path):
    held, folder, _ = store
    other = keys.public_key(keys.make(tmp_path / "other.key"))
    with pytest.raises(CheckFailed, match="not signed by the key that is trusted"):
        held.open(folder.name, other)


def test_a_manifest_signed_again_by_somebody_else_is_refused(store, tmp_path, trained):
    held, folder, public = store
    keys.make(tmp_path / "other.key")
    model_id = signed_again(folder, keys.signing_key(tmp_path / "other.key"), trained.model, trials=1)
    with pytest.raises(CheckFailed, match="not signed by the key that is trusted"):
        held.open(model_id, public)


def test_a_manifest_with_an_unknown_key_or_format_is_refused(store, signing, trained):
    held, folder, public = store
    with pytest.raises(CheckFailed, match="unknown field"):
        held.open(signed_again(folder, signing[0], trained.model, run="rm -rf"), public)
    with pytest.raises(CheckFailed, match="has format 2"):
        held.open(signed_again(folder, signing[0], trained.model, format=2), public)


def test_a_feature_of_another_version_is_refused(store, signing, trained):
    held, folder, public = store
    model_id = signed_again(
        folder, signing[0], trained.model, feature_versions={**trained.manifest.feature_versions, "rsi": 99}
    )
    with pytest.raises(CompositionError, match="trained on version 99 of the feature rsi; this is 1"):
        Predictor(held.open(model_id, public))


@pytest.mark.parametrize("asked", ["nothing", "../..", "/etc", "", "00000000", "..", "names"])
def test_a_name_that_means_nothing_is_said_to(store, asked):
    held, _, public = store
    with pytest.raises(ConfigError, match=re.escape(f'"{asked}" means no models')):
        held.open(asked, public)


def test_keys_are_not_overwritten_and_are_private(tmp_path):
    keys.make(tmp_path / "a.key")
    assert (tmp_path / "a.key").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="is there already"):
        keys.make(tmp_path / "a.key")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_said_to_be_none(tmp_path, content):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is no signing key"):
        keys.signing_key(file)
    with pytest.raises(ConfigError, match="is no public key"):
        keys.public_key(file)


def deployment(folder, *, start, mode="backtest", bar_types=("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL",)):
    return Deployment(folder=folder, mode=mode, start=start, end=None, bar_types=bar_types)


@pytest.fixture
def settings(store, signing_file):
    held, _, _ = store
    return ModelFilterConfig(
        registry=held.folder.name, model="test-model", trust=f"{signing_file}.pub", threshold=0.5
    )


def test_a_run_that_begins_in_what_the_model_has_seen_is_refused(store, settings, trained):
    held, _, _ = store
    knows = trained.manifest.knows_until
    for start in (None, 0, trained.manifest.train_end + 1, knows):
        for mode in ("backtest", "paper"):
            with pytest.raises(CompositionError, match="learnt from data up to"):
                settle(settings, deployment(held.folder.parent, start=start, mode=mode))
    for allowed in ({"start": knows + 1}, {"start": None, "mode": "live"}):
        settled = settle(settings, deployment(held.folder.parent, **allowed))
        assert settled.model == held.find("test-model"), "what the name meant is pinned"
        assert settled.registry == str(held.folder.resolve())


def test_bars_of_another_length_are_refused(store, settings, trained):
    held, _, _ = store
    wanted = deployment(
        held.folder.parent,
        start=trained.manifest.knows_until + 1,
        bar_types=("EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL",),
    )
    with pytest.raises(CompositionError, match="learnt from bars 1-HOUR"):
        settle(settings, wanted)


def test_a_changed_model_is_refused_at_composition(store, settings, trained):
    held, folder, _ = store
    with (folder / trained.manifest.file).open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckFailed, match="is not the file that was signed"):
        settle(settings, deployment(held.folder.parent, start=trained.manifest.knows_until + 1))


def test_a_missing_registry_or_key_is_named(store, settings):
    held, _, _ = store
    where = deployment(held.folder.parent, start=2**62)
    with pytest.raises(ConfigError, match="no registry at"):
        settle(msgspec.structs.replace(settings, registry="nowhere"), where)
    with pytest.raises(ConfigError, match=r"nobody\.pub cannot be read"):
        settle(msgspec.structs.replace(settings, trust="nobody.pub"), where)


def test_a_second_model_of_a_name_becomes_the_newest_and_the_first_stays(store, signing, trained):
    held, folder, public = store
    other = msgspec.structs.replace(trained.manifest, trials=2)
    newer = held.add(other, trained.model, signing[0])
    assert held.open("test-model", public).id == newer
    assert held.open(folder.name, public).id == folder.name
    assert not [path for path in held.folder.iterdir() if path.name.startswith(".")], "no draft is left"


def test_registry_files_are_what_the_module_says():
    assert set(registry.FILES) == {"model.ubj", "model.onnx"}
