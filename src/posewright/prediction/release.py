"""Releases: frozen bundles of everything that predicts a video.

A release is a folder: ``release.json`` and one folder ``<k>_<recipe>/`` for each model. ``release.json`` is written
last; a folder without it is no release. Its digest covers what decides the poses and not the name, so two releases of
the same weights share their products.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputError
from posewright.files import digest_of, read_json, write_json
from posewright.labels.skeleton import Skeleton
from posewright.prediction.thresholds import read_thresholds
from posewright.shapes import DecodeOptions

if TYPE_CHECKING:
    from posewright.prediction.backends import BackendName

SCHEMA = 1
WORKING_PREFIX = "dev-"

#: The model type whose single node is none of the animal's.
_FINDS_CENTROIDS = "centroid"
#: What a model's card tells of its making; the rest of it decides what the model answers.
_OF_THE_MAKING = ("seed", "split_digest", "training")
_STAGES = ("train_model", "make_release", "predict_videos")
_LEDGER_HEAD = "name\tdigest\n"


@dataclass(frozen=True)
class Release:
    """A release as it lies on disk.

    Attributes:
        name: its name; not part of the digest.
        folder: where ``release.json`` lies.
        models: its model folders.
        skeleton: the body parts it finds.
        options: how maps are read.
        backend: ``torch`` or ``openvino``.
        dtype: number type of the weights and maps.
        digest: of everything that decides the poses.
    """

    name: str
    folder: Path
    models: tuple[Path, ...]
    skeleton: Skeleton
    options: DecodeOptions
    backend: BackendName
    dtype: str
    digest: str


def read_release(path: Path) -> Release:
    """Read a ``release.json``."""
    value = read_json(path)
    if value.get("schema") != SCHEMA:
        raise InputError(f"{str(path)!r} is no release of schema {SCHEMA}; make it again or update posewright.")
    return Release(
        name=value["name"],
        folder=path.parent,
        models=tuple(path.parent / model["folder"] for model in value["models"]),
        skeleton=Skeleton.from_json(value["skeleton"]),
        options=DecodeOptions(**value["options"]),
        backend=cast("BackendName", value["backend"]),
        dtype=value["dtype"],
        digest=value["digest"],
    )


def make_release(
    name: str,
    definition: Mapping[str, Any],
    models: Sequence[Path],
    out: Path,
    ledger: Path,
    backend: BackendName = "auto",
    dtype: str = "float32",
    peak_threshold: float | Literal["auto"] = "auto",
    options: DecodeOptions | None = None,
    thresholds: Path | None = None,
    gpu: bool = False,
) -> None:
    """Freeze trained models into a release; it appears whole or not at all.

    Args:
        name: the release's name; ``dev-…`` for a working release, which may be made again with other content.
        definition: method, fold and seed it was made from.
        models: model folders, in the order of the method's recipes.
        out: the ``release.json`` to write.
        ledger: table of the names and digests of all releases ever made here.
        backend: ``auto``, ``torch`` or ``openvino``; what ``auto`` means is chosen here, once for all.
        dtype: number type.
        peak_threshold: smallest map value that counts as a node; ``auto`` takes that of the thresholds or the options.
        options: how maps are read.
        thresholds: ``thresholds.json`` of these models, tuned on validation frames; None leaves those of the options.
        gpu: the site predicts on GPUs, whether or not this machine has one.

    Raises:
        InputError: the models do not fit each other, are damaged, or the name was given to other content before.
    """
    options = options or DecodeOptions()
    if thresholds is not None:
        options = replace(options, **read_thresholds(thresholds))
    if peak_threshold != "auto":
        options = replace(options, peak_threshold=float(peak_threshold))
    backend = _chosen_backend(backend, gpu)
    content = _content(models, backend, dtype, options)
    digest = digest_of(_science(content))
    if not name.startswith(WORKING_PREFIX):
        _require_new_or_same(name, digest, out, ledger)
        if out.exists():
            _enter_in_ledger(name, digest, ledger)  # where an earlier run ended just before this line
            return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)  # from here on, and until the end, there is no release
    build = Path(tempfile.mkdtemp(dir=out.parent, prefix=".build."))
    try:
        _export(models, content, build, backend)
        _move_in(build, out.parent, [model["folder"] for model in content["models"]])
    finally:
        shutil.rmtree(build, ignore_errors=True)
    write_json(out, {"schema": SCHEMA, "name": name, "definition": dict(definition), "digest": digest, **content})
    if not name.startswith(WORKING_PREFIX):
        _enter_in_ledger(name, digest, ledger)


def read_ledger(path: Path) -> dict[str, str]:
    """Return the digest of each release ever made; empty if there is no ledger."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines if line.strip()]
    return {row[0]: row[1] for row in rows}


def _content(models: Sequence[Path], backend: BackendName, dtype: str, options: DecodeOptions) -> dict[str, Any]:
    """Return what ``release.json`` says of the bundle, from the models' own ``model.json``."""
    cards = [_card(folder) for folder in models]
    skeletons = [card["skeleton"] for card in cards if card["model_type"] != _FINDS_CENTROIDS]
    if not skeletons:
        raise InputError("A release needs a model that finds the animal's nodes; name its model folders.")
    if any(skeleton["nodes"] != skeletons[0]["nodes"] for skeleton in skeletons):
        raise InputError(f"The models {_names(models)} have different nodes; train them on the same labels.")
    splits = {card["split_digest"] for card in cards if card.get("split_digest")}
    if len(splits) > 1:
        raise InputError(f"The models {_names(models)} were trained on different splits; train them on the same one.")
    return {
        "models": [_entry(i, *pair) for i, pair in enumerate(zip(models, cards, strict=True))],
        "skeleton": skeletons[0],
        "options": asdict(options),
        "backend": backend,
        "dtype": dtype,
        "split_digest": splits.pop() if splits else None,
        "stages": {stage: STAGE_VERSION[stage] for stage in _STAGES},
    }


def _card(folder: Path) -> dict[str, Any]:
    """Return the ``model.json`` of a finished model."""
    for name in ("model.json", "best.ckpt"):
        if not (folder / name).is_file():
            raise InputError(f"{str(folder)!r} is no finished model: it has no {name}; train the model again.")
    card: dict[str, Any] = read_json(folder / "model.json")
    return card


def _entry(number: int, folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Return what ``release.json`` says of one model."""
    recipe = re.sub(r"[^A-Za-z0-9._-]+", "-", _recipe_name(folder))
    return {
        "folder": f"{number}_{recipe}",
        "recipe": recipe,
        "model_type": card["model_type"],
        "weights_sha256": card["weights_sha256"],
        "card_digest": digest_of({key: value for key, value in card.items() if key not in _OF_THE_MAKING}),
    }


def _recipe_name(folder: Path) -> str:
    """Return the recipe of ``…/models/<recipe>/fold0_seed0``; for any other folder its own name."""
    folder = folder.absolute()
    return folder.parent.name if re.fullmatch(r"fold\d+_seed\d+", folder.name) else folder.name


def _science(content: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the content that decides the poses."""
    deciding = ("model_type", "weights_sha256", "card_digest")
    models = sorted([model[key] for key in deciding] for model in content["models"])
    return {"schema": SCHEMA, **{k: v for k, v in content.items() if k != "split_digest"}, "models": models}


def _chosen_backend(backend: BackendName, gpu: bool) -> BackendName:
    """Return the backend to freeze: torch where there are GPUs, else OpenVINO where it is installed."""
    from posewright.prediction.backends import torch_sees_gpu

    if backend != "auto":
        return backend
    if gpu or torch_sees_gpu() or importlib.util.find_spec("openvino") is None:
        return "torch"
    return "openvino"


def _require_new_or_same(name: str, digest: str, out: Path, ledger: Path) -> None:
    """Raise if the name was ever given to other content."""
    known = read_ledger(ledger).get(name)
    if known is None and out.exists():
        known = read_json(out)["digest"]
    if known is not None and known != digest:
        raise InputError(
            f"A release named {name!r} was made before with other content (digest {known[:12]}, now {digest[:12]}), "
            f"and releases never change. Give this one a new name, or bring back the old folder {str(out.parent)!r}."
        )


def _export(models: Sequence[Path], content: dict[str, Any], build: Path, backend: BackendName) -> None:
    from posewright.prediction.export import export_model

    for folder, entry in zip(models, content["models"], strict=True):
        export_model(folder, build / entry["folder"], backend)


def _move_in(build: Path, target: Path, names: list[str]) -> None:
    """Move the built folders into place and remove those of an earlier working release."""
    for old in target.iterdir():
        if old.is_dir() and re.match(r"\d+_", old.name):
            shutil.rmtree(old)
    for name in names:
        (build / name).rename(target / name)


def _enter_in_ledger(name: str, digest: str, ledger: Path) -> None:
    """Append a release; one short write, so that two jobs do not mix their lines."""
    if name in read_ledger(ledger):
        return
    ledger.parent.mkdir(parents=True, exist_ok=True)
    head = "" if ledger.exists() and ledger.stat().st_size else _LEDGER_HEAD
    handle = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(f"{head}{name}\t{digest}\n")


def _names(models: Sequence[Path]) -> str:
    return ", ".join(repr(str(folder)) for folder in models)
