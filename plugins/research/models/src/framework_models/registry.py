"""The registry: a folder of models, each named by its content and signed by whoever trained it.

    registry/
      names/NAME                the newest model of that name: its id
      ID/manifest.json          what it is made of; ID is the SHA-256 of this file
      ID/manifest.sig           an Ed25519 signature of it
      ID/model.ubj, model.onnx  the model, whose SHA-256 the manifest holds
      ID/*.png                  pictures, which nothing reads back

Nothing of a model is interpreted before its signature and its hash are those that were asked for: bytes are
read once, checked, and handed on. There is no kind of file that holds a program.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from framework import CheckFailed, ConfigError, PluginConfig
from framework_models.keys import check_signature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework_models.keys import PublicKey, SigningKey

MANIFEST, SIGNATURE, NAMES = "manifest.json", "manifest.sig", "names"
FILES = ("model.ubj", "model.onnx")
LARGEST_MANIFEST = 2**20
LARGEST_MODEL = 256 * 2**20
"""Bytes. A forest of a thousand deep trees has some 50 million."""
ID = re.compile(r"[0-9a-f]{64}")
SHORT = re.compile(r"[0-9a-f]{8,64}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Manifest(PluginConfig, frozen=True, kw_only=True):
    """What a model is, what it was made of, and what it has seen.

    Attributes:
        format: Of this file.
        name: What the recipe calls it.
        file: The model's file, and so its format.
        file_sha256: Of the file.
        file_bytes: Its size.
        columns: What it looks at, in the order of its inputs.
        window: At how many bars it looks at once, the last ones.
        features: The features that make the columns, with what they learnt, as a recipe has them.
        feature_versions: The version of each feature's numbers.
        label: What it foretells, as the recipe has it.
        classes: The labels its outputs stand for, in order.
        calibration: What is done to its outputs; fitted on predictions of single models for samples not seen.
        parameters: Of the model, as found by the search.
        trials: Sets of parameters that were judged to choose these; 1 without a search.
        seed: Of the training.
        bars: The bar type it learnt from.
        samples: Bars it learnt from.
        data_sha256: Of those bars, times and all columns.
        first: Close of the first bar, nanoseconds since the epoch, UTC.
        train_end: Close of the last bar with a label.
        label_horizon: How many bars ahead a label looks.
        knows_until: Close of the last bar there was to look at, by a label too: a test must begin after it.
        scores: Figures of the cross-validation, of single models; the `calibrated_` ones with maps that were
            fitted without the part of the samples that is scored.
        versions: Of the software, and a hash of this package's own code.
    """

    format: int = 1
    name: str
    file: str
    file_sha256: str
    file_bytes: int
    columns: list[str]
    window: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    features: list[dict[str, Any]]
    feature_versions: dict[str, int]
    label: dict[str, Any]
    classes: list[int]
    calibration: dict[str, Any]
    parameters: dict[str, Any]
    trials: Annotated[int, msgspec.Meta(ge=1)]
    seed: int
    bars: str
    samples: int
    data_sha256: str
    first: int
    train_end: int
    label_horizon: int
    knows_until: int
    scores: dict[str, float]
    versions: dict[str, str]


class Checked(msgspec.Struct, frozen=True):
    """A model whose signature and hash are right.

    Attributes:
        id: SHA-256 of the manifest.
        manifest: What it is.
        model: The bytes of its file.
        folder: Where it was read.
    """

    id: str
    manifest: Manifest
    model: bytes
    folder: Path


class Registry:
    """A folder of models.

    Args:
        folder: It need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, manifest: Manifest, model: bytes, key: SigningKey, pictures: Mapping[str, bytes] | None = None
    ) -> str:
        """Write a model, whole or not at all, and let its name mean it; its id.

        Raises:
            ConfigError: The folder cannot be written to.
        """
        content = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2) + b"\n"
        model_id = hashlib.sha256(content).hexdigest()
        home = self.folder / model_id
        files = {
            MANIFEST: content,
            SIGNATURE: key.sign(content).hex().encode() + b"\n",
            manifest.file: model,
            **(pictures or {}),
        }
        try:
            draft = self.folder / f".{model_id}.{os.getpid()}"
            draft.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (draft / name).write_bytes(data)
            if home.exists():  # the same model, signed or pictured again
                for name in files:
                    (draft / name).replace(home / name)
                draft.rmdir()
            else:
                draft.rename(home)
            names = self.folder / NAMES
            names.mkdir(exist_ok=True)
            note = names / f".{manifest.name}.{os.getpid()}"
            note.write_text(f"{model_id}\n", encoding="utf-8")
            note.replace(names / manifest.name)
        except OSError as error:
            raise ConfigError(
                f"the model cannot be written: {error}",
                where=str(self.folder),
                remedy="Name another --registry.",
            ) from error
        return model_id

    def find(self, asked: str) -> str:
        """The id that a name, an id or the beginning of one means.

        Raises:
            ConfigError: It means none, or several.
        """
        known = sorted(self.ids())
        named = self.folder / NAMES / asked
        if NAME.fullmatch(asked) and named.is_file():
            model_id = named.read_bytes()[:65].decode("ascii", "replace").strip()
            if model_id in known:
                return model_id
        found = [model_id for model_id in known if SHORT.fullmatch(asked) and model_id.startswith(asked)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(self.names())) or "none"
        raise ConfigError(
            f'"{asked}" means {len(found) or "no"} models in {self.folder}',
            remedy=f"Names there: {names}. `framework model list --registry {self.folder}` shows their ids.",
        )

    def ids(self) -> Iterator[str]:
        """Every model there, whether sound or not."""
        if self.folder.is_dir():
            yield from (path.name for path in self.folder.iterdir() if ID.fullmatch(path.name))

    def names(self) -> dict[str, str]:
        """Every name, and the id it means."""
        folder = self.folder / NAMES
        if not folder.is_dir():
            return {}
        return {
            path.name: path.read_bytes()[:65].decode("ascii", "replace").strip()
            for path in sorted(folder.iterdir())
            if NAME.fullmatch(path.name)
        }

    def open(self, asked: str, trusted: PublicKey | None) -> Checked:
        """A model, checked: signature first, then content, then the model's file.

        Args:
            asked: A name, an id, or the beginning of one.
            trusted: Whose signature is accepted; None checks everything else.

        Raises:
            ConfigError: There is no such model.
            CheckFailed: It is not what it says it is, or is signed by somebody else.
        """
        model_id = self.find(asked)
        folder = self.folder / model_id
        content = _read(folder / MANIFEST, LARGEST_MANIFEST)
        if hashlib.sha256(content).hexdigest() != model_id:
            raise refused(folder, f"{MANIFEST} was changed")
        if trusted is not None:
            check_signature(trusted, content, _read(folder / SIGNATURE, 200), folder)
        try:
            manifest = msgspec.json.decode(content, type=Manifest)
        except msgspec.MsgspecError as error:
            raise refused(folder, f"{MANIFEST} is none: {error}") from error
        if manifest.format != 1:
            raise refused(folder, f"{MANIFEST} has format {manifest.format}, and this version reads 1")
        if manifest.file not in FILES:
            raise refused(folder, f'"{manifest.file}" is no file of a model; {" and ".join(FILES)} are')
        model = _read(folder / manifest.file, LARGEST_MODEL)
        if len(model) != manifest.file_bytes or hashlib.sha256(model).hexdigest() != manifest.file_sha256:
            raise refused(folder, f"{manifest.file} is not the file that was signed")
        _check_format(folder, manifest.file, model)
        return Checked(model_id, manifest, model, folder)


def refused(folder: Path, problem: str) -> CheckFailed:
    """The error for a model that must not be used."""
    return CheckFailed(
        f"model refused: {problem}",
        where=str(folder),
        remedy="Train it again, or get it again from where it was trained. Nothing of it was run.",
    )


def _read(path: Path, most: int) -> bytes:
    """A file's content, never more than that many bytes of it."""
    try:
        if not path.is_file():
            raise refused(path.parent, f"{path.name} is missing")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise refused(path.parent, f"{path.name} cannot be read: {error}") from error
    if len(content) > most:
        raise refused(path.parent, f"{path.name} is larger than {most:,} bytes")
    return content


def _check_format(folder: Path, name: str, model: bytes) -> None:
    """Whether the bytes begin as the name promises; a pickle, a zip or a program does not."""
    # UBJ is an object; an ONNX model begins with its field 1, the version, as a small number.
    begins = model[:1] == b"{" if name.endswith(".ubj") else model[:1] == b"\x08"
    if not begins:
        raise refused(folder, f"{name} does not begin like a {Path(name).suffix[1:].upper()} file")
