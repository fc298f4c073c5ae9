"""Releases: frozen bundles of everything that predicts a video.

A release is two files: the bundle ``<name>.posewright``, which is all of it, and beside it a small ``release.json``
that says what the bundle is and carries its digest. ``release.json`` is written last; without it there is no release.
The release's own digest covers what decides the poses and not the name, so two releases of the same weights share their
products.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputError
from posewright.files import digest_of, file_digest, read_json, write_json, write_text
from posewright.labels.skeleton import Skeleton
from posewright.prediction.bundle import CARD, PROVENANCE, SCHEMA, SUFFIX, read_manifest, unpacked, write_bundle
from posewright.prediction.card import model_card, provenance_of, scores_of
from posewright.prediction.fetch import fetch
from posewright.prediction.thresholds import read_thresholds
from posewright.shapes import DecodeOptions

if TYPE_CHECKING:
    from posewright.prediction.backends import BackendName
    from posewright.prediction.contracts import Estimator

WORKING_PREFIX = "dev-"

#: The model type whose single node is none of the animal's.
_FINDS_CENTROIDS = "centroid"
#: What a model's card tells of its making; the rest of it decides what the model answers.
_OF_THE_MAKING = ("seed", "split_digest", "training")
#: What ``release.json`` says of the bundle's content.
_CONTENT = ("models", "skeleton", "options", "backend", "dtype", "split_digest", "stages")
_STAGES = ("train_model", "make_release", "predict_videos")
_LEDGER_HEAD = "name\tdigest\n"


@dataclass(frozen=True)
class Release:
    """A release as it lies on disk.

    Attributes:
        name: its name; not part of the digest.
        bundle: the file that holds it.
        bundle_sha256: digest of that file.
        models: names of its model folders in the bundle.
        skeleton: the body parts it finds.
        options: how maps are read.
        backend: ``torch`` or ``openvino``.
        dtype: number type of the weights and maps.
        digest: of everything that decides the poses.
        is_refit: it learnt from all labels, and no score is of its own weights.
    """

    name: str
    bundle: Path
    bundle_sha256: str
    models: tuple[str, ...]
    skeleton: Skeleton
    options: DecodeOptions
    backend: BackendName
    dtype: str
    digest: str
    is_refit: bool = False

    def unpacked(self, into: Path) -> tuple[Path, ...]:
        """Return its model folders, unpacked below ``into``, once for all who need them."""
        return unpacked(self.bundle, self.bundle_sha256, self.models, into)


def read_release(path: Path) -> Release:
    """Read a ``release.json`` or a bundle.

    Raises:
        InputError: it is no release, is damaged, or needs another version.
    """
    if path.suffix != ".json":
        return _release(read_manifest(path), path, file_digest(path))
    value = read_json(path)
    if value.get("schema") != SCHEMA:
        raise InputError(f"{str(path)!r} is no release of schema {SCHEMA}; make it again or update posewright.")
    return _release(value, path.with_name(value["bundle"]["file"]), value["bundle"]["sha256"])


def _release(value: Mapping[str, Any], bundle: Path, sha256: str) -> Release:
    """Return the release that a manifest tells of."""
    try:
        release = Release(
            name=str(value["name"]),
            bundle=bundle,
            bundle_sha256=sha256,
            models=tuple(model["folder"] for model in value["models"]),
            skeleton=Skeleton.from_json(value["skeleton"]),
            options=DecodeOptions(**value["options"]),
            backend=cast("BackendName", value["backend"]),
            dtype=value["dtype"],
            digest=value["digest"],
            is_refit=bool(value.get("refit")),
        )
        digest = digest_of(_science({key: value[key] for key in _CONTENT}))
    except (AttributeError, KeyError, TypeError) as fault:
        raise InputError(
            f"What {str(bundle)!r} says of itself cannot be read ({fault!r}); use the version of Posewright that wrote "
            "it, or get it again from where it came."
        ) from None
    if release.backend not in ("torch", "openvino") or release.dtype != "float32":
        raise InputError(
            f"{str(bundle)!r} runs with {release.backend!r} in {release.dtype!r}, which this version does not know; "
            "use the version of Posewright that wrote it."
        )
    if digest != release.digest:
        raise InputError(f"{str(bundle)!r} was changed after it was made; get it again from where it came.")
    return release


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
    evaluations: Sequence[Path] = (),
) -> None:
    """Freeze trained models into a release; it appears whole or not at all.

    Args:
        name: the release's name; ``dev-…`` for a working release, which may be made again with other content.
        definition: method, fold and seed it was made from.
        models: model folders, in the order of the method's recipes.
        out: the ``release.json`` to write; the bundle is written beside it.
        ledger: table of the names and digests of all releases ever made here.
        backend: ``auto``, ``torch`` or ``openvino``; what ``auto`` means is chosen here, once for all.
        dtype: number type.
        peak_threshold: smallest map value that counts as a node; ``auto`` takes that of the thresholds or the options.
        options: how maps are read.
        thresholds: ``thresholds.json`` of these models, tuned on validation frames; None leaves those of the options.
        gpu: the site predicts on GPUs, whether or not this machine has one.
        evaluations: ``metrics.json`` files for the model card, there or not; those of other weights are left out.

    Raises:
        InputError: the models do not fit each other, are damaged, or the name was given to other content before.
    """
    from posewright.prediction.export import export_model

    options = options or DecodeOptions()
    if thresholds is not None:
        options = replace(options, **read_thresholds(thresholds))
    if peak_threshold != "auto":
        options = replace(options, peak_threshold=float(peak_threshold))
    backend = _chosen_backend(backend, gpu)
    content = _content(models, backend, dtype, options)
    digest = digest_of(_science(content))
    if _stands(name, digest, out, ledger):
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)  # from here on, and until the end, there is no release
    cards = [_card(folder) for folder in models]
    refit_of = [card["training"]["refit"]["of_weights"] for card in cards if card.get("training", {}).get("refit")]
    manifest = {"schema": SCHEMA, "name": name, "definition": dict(definition), "digest": digest, **content}
    if refit_of:
        manifest["refit"] = {"evaluated": False, "scores_are_of_weights": refit_of}
    folders = {entry["folder"]: folder for entry, folder in zip(content["models"], models, strict=True)}
    scores = scores_of(evaluations, refit_of or [entry["weights_sha256"] for entry in content["models"]])
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".build.") as build:
        for entry, folder in folders.items():
            export_model(folder, Path(build, entry), backend)
        write_text(Path(build, CARD), model_card(manifest, cards, scores))
        write_json(Path(build, PROVENANCE), provenance_of(folders))
        write_bundle(_beside(out, name), Path(build), manifest)
    _finish(manifest, _beside(out, name), out, ledger)


def import_release(name: str, definition: Mapping[str, Any], source: str, sha256: str, out: Path, ledger: Path) -> None:
    """Bring a release here from a bundle made elsewhere, after a look at everything in it.

    Args:
        name: what it is called here.
        definition: what the config says of it.
        source: path or address of the bundle.
        sha256: digest that it must have.
        out: the ``release.json`` to write; the bundle is copied beside it.
        ledger: table of the names and digests of all releases ever made here.

    Raises:
        InputError: the bundle is not there, is another one, is damaged or hostile, or cannot run here.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".import.") as folder:
        brought = Path(folder, _beside(out, name).name)
        fetch(source, sha256, brought)
        release = read_release(brought)
        try_out(release, Path(folder, "models"))
        if _stands(name, release.digest, out, ledger):
            return
        manifest = read_manifest(brought)
        brought.replace(_beside(out, name))
    made_of = {"name": manifest["name"], "definition": manifest["definition"]}
    here = {**manifest, "name": name, "definition": dict(definition), "origin": made_of}
    _finish(here, _beside(out, name), out, ledger)


def try_out(release: Release, into: Path, threads: int | None = None) -> Estimator:
    """Open a release that may come from anyone; whatever is wrong with it is told as a sentence.

    Raises:
        InputError: its models are not what it says, hold more than arrays, or do not open.
    """
    from posewright.networks.weights import read_weights
    from posewright.prediction.estimator import load_estimator

    folders = release.unpacked(into)
    entries = {model["folder"]: model for model in read_manifest(release.bundle)["models"]}
    try:
        for folder in folders:
            card, entry = read_json(folder / "model.json"), entries[folder.name]
            if (card["weights_sha256"], _card_digest(card)) != (entry["weights_sha256"], entry["card_digest"]):
                raise InputError(f"{folder.name} in {str(release.bundle)!r} is not the model of its release.json.")
            read_weights(folder / "best.ckpt", entry["weights_sha256"])
        return load_estimator(folders, release.options, release.backend, threads)
    except (InputError, MemoryError, OSError):
        raise
    except Exception as fault:  # a strange file makes readers fail in any way
        raise InputError(
            f"The models in {str(release.bundle)!r} cannot be opened ({type(fault).__name__}: {str(fault)[:300]}); get "
            "the bundle again from where it came, or use the version of Posewright that wrote it."
        ) from fault


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
        "card_digest": _card_digest(card),
    }


def _card_digest(card: Mapping[str, Any]) -> str:
    """Return a digest of what ``model.json`` says that decides the model's answers."""
    return digest_of({key: value for key, value in card.items() if key not in _OF_THE_MAKING})


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


def _stands(name: str, digest: str, out: Path, ledger: Path) -> bool:
    """Return whether a frozen release is there already.

    Raises:
        InputError: the name was ever given to other content.
    """
    if name.startswith(WORKING_PREFIX):
        return False
    known = read_ledger(ledger).get(name)
    if known is None and out.exists():
        known = read_json(out)["digest"]
    if known is not None and known != digest:
        raise InputError(
            f"A release named {name!r} was made before with other content (digest {known[:12]}, now {digest[:12]}), "
            f"and releases never change. Give this one a new name, or bring back the old folder {str(out.parent)!r}."
        )
    if not out.exists():
        return False
    _enter_in_ledger(name, digest, ledger)  # where an earlier run ended just before this line
    return True


def _beside(out: Path, name: str) -> Path:
    """Return the place of the bundle."""
    return out.with_name(name + SUFFIX)


def _finish(manifest: Mapping[str, Any], bundle: Path, out: Path, ledger: Path) -> None:
    """Write ``release.json``: with it, the release is there."""
    file = {"file": bundle.name, "sha256": file_digest(bundle), "bytes": bundle.stat().st_size}
    told = {key: value for key, value in manifest.items() if key != "files"}
    if not manifest["name"].startswith(WORKING_PREFIX):
        _enter_in_ledger(manifest["name"], manifest["digest"], ledger)
    write_json(out, {**told, "bundle": file})


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
